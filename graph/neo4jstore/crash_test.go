package neo4jstore_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
	"s1graph/graph/neo4jstore"
	"s1graph/graph/neo4jstore/neo4jtest"
)

// Some tests kill a process that writes, or have several. It is this test program again, with what it is to do in its
// environment.
const (
	childScope = "S1GRAPH_TEST_SCOPE"
	childRun   = "S1GRAPH_TEST_RUN"    // the name of the run and of its graph
	childKept  = "S1GRAPH_TEST_KEPT"   // those of a run that is kept
	childAsks  = "S1GRAPH_TEST_ASKS"   // whether it waits, after the first batch that it wrote, for a line to read
	childURI   = "S1GRAPH_TEST_SERVER" // with user and password in the variables of neo4jtest
	batchRows  = 7                     // so that everything takes several batches
)

// named are the graphs of the runs that children apply. From one to the next there is all to be done: nodes and
// relationships come, change and go.
var named = map[string]graph.Snapshot{
	"Linux":   span(0, 12, "Linux"),
	"Windows": span(9, 21, "Windows"),
	"Unix":    span(2, 14, "Unix"),
}

// applyInChild applies one of the named graphs.
func applyInChild() error {
	ctx := context.Background()
	s, err := neo4jstore.Open(ctx, neo4jstore.Config{
		URI: os.Getenv(childURI), Username: os.Getenv("NEO4J_TEST_USERNAME"), Password: os.Getenv("NEO4J_TEST_PASSWORD"),
		Scope: os.Getenv(childScope), BatchRows: batchRows,
	})
	if err != nil {
		return err
	}
	defer s.Close(ctx)
	run, kept := os.Getenv(childRun), os.Getenv(childKept)
	t := following(run, named[run], kept, named[kept])
	if os.Getenv(childAsks) != "" {
		t.Progress = once(func() {
			fmt.Println("one batch is written")
			_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		})
	}
	_, err = s.Apply(ctx, t)
	return err
}

// child is a process that applies a run, and knows another one that is kept; not yet started.
func child(server *neo4jtest.Server, uri, scope, run, kept string) *exec.Cmd {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), childScope+"="+scope, childRun+"="+run, childKept+"="+kept, childURI+"="+uri,
		"NEO4J_TEST_USERNAME="+server.Username, "NEO4J_TEST_PASSWORD="+server.Password)
	return c
}

// A process is killed in the middle of each of its transactions, one after the other: while it looks what is there, takes
// the marker, writes nodes and relationships, removes them, and writes the marker again.
func TestKilledInAnyPhaseTheNextApplyHeals(t *testing.T) {
	t.Parallel()
	server := neo4jtest.Shared(t)
	for name, test := range map[string]struct{ holds, run, kept string }{ // what the scope holds, what is applied, what is kept
		"the first load":       {"", "Linux", ""},
		"following a run":      {"Linux", "Windows", "Linux"},
		"healing the database": {"Linux", "Windows", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := cleanly(t, server, named[test.run])
			for at := 1; ; at++ {
				scope := server.Scope(t)
				store := openWith(t, server, neo4jstore.Config{Scope: scope, BatchRows: batchRows})
				if test.holds != "" {
					apply(t, store, target(test.holds, named[test.holds]))
					query(t, server, scope, "MATCH (n:sentinelone_agent {_scope: $s, _key: 'sentinelone_agent:3'}) CREATE (:Person {testScope: $s})-[:USES {testScope: $s}]->(n)")
				}
				reached, killed := make(chan struct{}), make(chan struct{})
				between := &proxy{commit: func(commit int) fate {
					if commit != at {
						return arrives
					}
					close(reached)
					<-killed
					return lost
				}}
				c := child(server, through(t, server, between), scope, test.run, test.kept)
				c.Stderr = os.Stderr
				require.NoError(t, c.Start())
				ended := make(chan error, 1)
				go func() { ended <- c.Wait() }()
				select {
				case err := <-ended:
					require.NoError(t, err)
					require.Greater(t, at, 6, "the child was to be killed")
					requireHolds(t, server, scope, want)
					return
				case <-reached:
					require.NoError(t, c.Process.Kill())
					assert.EqualError(t, <-ended, "signal: killed")
					close(killed)
				}
				apply(t, store, following(test.run, named[test.run], test.holds, named[test.holds]))
				requireHolds(t, server, scope, want)
				if test.holds != "" {
					tied := query(t, server, scope, "MATCH (:Person {testScope: $s})-[:USES]->(n {_scope: $s, _key: 'sentinelone_agent:3'}) RETURN n:S1GraphGone, n:HostAgent")
					require.Equal(t, [][]any{{true, false}}, tied)
				}
			}
		})
	}
}

func TestOfTwoProcessesThatApplyAtOnceTheLaterOneWins(t *testing.T) {
	t.Parallel()
	server, store := scoped(t)
	c := child(server, server.URI, store.Scope(), "Linux", "")
	c.Env = append(c.Env, childAsks+"=1")
	var stderr bytes.Buffer
	c.Stderr = &stderr
	stdin, err := c.StdinPipe()
	require.NoError(t, err)
	stdout, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "one batch is written\n", line)
	apply(t, store, target("Windows", named["Windows"]))
	require.NoError(t, stdin.Close())
	var exit *exec.ExitError
	require.ErrorAs(t, c.Wait(), &exit)
	assert.Equal(t, 1, exit.ExitCode())
	assert.Contains(t, stderr.String(), fmt.Sprintf("another process has begun to write to the scope %q", store.Scope()))
	requireClean(t, server, store.Scope(), named["Windows"])
}

func TestAnApplyThatIsOvertakenIsToldSo(t *testing.T) {
	t.Parallel()
	server, store := scoped(t)
	other := open(t, server, store.Scope())
	first := target("Linux", named["Linux"])
	first.Progress = once(func() { apply(t, other, target("Windows", named["Windows"])) })
	_, err := store.Apply(t.Context(), first)
	var fenced *neo4jstore.FencedError
	require.ErrorAs(t, err, &fenced)
	assert.Equal(t, store.Scope(), fenced.Scope)
	requireClean(t, server, store.Scope(), named["Windows"])
}

func TestAWipeEndsAnApply(t *testing.T) {
	t.Parallel()
	server, store := scoped(t)
	other := open(t, server, store.Scope())
	first := target("Linux", named["Linux"])
	first.Progress = once(func() {
		_, err := other.Wipe(t.Context(), model, nil)
		assert.NoError(t, err)
	})
	_, err := store.Apply(t.Context(), first)
	var fenced *neo4jstore.FencedError
	require.ErrorAs(t, err, &fenced)
	assert.Empty(t, contents(t, server, store.Scope()))
}

// disturbed does something once, when the digests of agents have been compared and no agent has been read.
type disturbed struct {
	graph.Snapshot
	do func()
}

func (d *disturbed) Digests(ctx context.Context, typeName string) iter.Seq2[graph.KeyDigest, error] {
	return func(yield func(graph.KeyDigest, error) bool) {
		for digest, err := range d.Snapshot.Digests(ctx, typeName) {
			if !yield(digest, err) {
				return
			}
		}
		if typeName == agent.Name && d.do != nil {
			d.do()
			d.do = nil
		}
	}
}

func TestWhatGoesWhileItIsReadEndsAnApplyThatIsOvertakenAndIsElseHealed(t *testing.T) {
	t.Parallel()
	server, store := scoped(t)
	other := open(t, server, store.Scope())
	apply(t, store, target("Linux", span(0, 12, "Linux")))
	next := target("Windows", &disturbed{span(0, 12, "Windows"), func() {
		query(t, server, store.Scope(), "MATCH (a:HostAgent {_scope: $s, _key: 'sentinelone_agent:7'}) DETACH DELETE a RETURN 1")
	}})
	apply(t, store, next)
	requireClean(t, server, store.Scope(), span(0, 12, "Windows"))

	next = target("Unix", &disturbed{span(0, 12, "Unix"), func() {
		_, err := other.Wipe(t.Context(), model, nil)
		assert.NoError(t, err)
	}})
	_, err := store.Apply(t.Context(), next)
	var fenced *neo4jstore.FencedError
	require.ErrorAs(t, err, &fenced)
	assert.Empty(t, contents(t, server, store.Scope()))
}

func TestProcessesThatApplyAllTheTimeLeaveAGraphThatCanBeHealed(t *testing.T) {
	t.Parallel()
	server, store := scoped(t)
	runs := []string{"Linux", "Windows", "Unix"}
	var all sync.WaitGroup
	for i := range 2 {
		all.Go(func() {
			for n := range 6 {
				c := child(server, server.URI, store.Scope(), runs[(n+i)%3], runs[(n+2*i)%3])
				if out, err := c.CombinedOutput(); err != nil {
					assert.Regexp(t, "another process (has begun to write|wrote) to the scope", string(out))
				}
			}
		})
	}
	all.Wait()
	apply(t, store, target("after", named["Windows"]))
	requireClean(t, server, store.Scope(), named["Windows"])
}

func TestABatchWhoseCommitGetsNoAnswerIsWrittenOnce(t *testing.T) {
	t.Parallel()
	server := neo4jtest.Shared(t)
	for name, commit := range map[string]func(int) fate{
		"every other goes unanswered":      func(n int) fate { return []fate{arrives, unanswered}[n%2] },
		"every third does not arrive":      func(n int) fate { return []fate{arrives, arrives, lost}[n%3] },
		"two go wrong one after the other": func(n int) fate { return []fate{lost, unanswered, arrives, arrives, arrives}[n%5] },
	} {
		t.Run(name, func(t *testing.T) {
			between := &proxy{commit: commit}
			uri := through(t, server, between)
			scope := server.Scope(t)
			store := openWith(t, server, neo4jstore.Config{URI: uri, Scope: scope, BatchRows: batchRows})
			assert.False(t, apply(t, store, target("1", named["Linux"])).Compared)
			requireClean(t, server, scope, named["Linux"])
			assert.False(t, apply(t, store, following("2", named["Windows"], "1", named["Linux"])).Compared)
			requireClean(t, server, scope, named["Windows"])
			_, err := store.Wipe(t.Context(), model, nil)
			require.NoError(t, err)
			assert.Empty(t, contents(t, server, scope))
			assert.Greater(t, between.count(), 30)
		})
	}
}

// What needs a server that is killed, restored and set otherwise shares one, since each start takes seconds.
func TestServersThatComeAndGo(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	server := neo4jtest.Own(t, neo4jtest.Options{Dir: home, Password: "not a secret"})
	data, backup := filepath.Join(home, "data"), filepath.Join(t.TempDir(), "data")
	restored := open(t, server, "restored")
	apply(t, restored, target("Linux", named["Linux"]))

	t.Run("a server that is killed is waited for, or is an error that the next apply heals", func(t *testing.T) {
		// On a machine with much else to do a start was seen to take more than a minute, as long as is waited otherwise.
		waits := openWith(t, server, neo4jstore.Config{Scope: "waits", BatchRows: batchRows, RetryFor: 20 * time.Minute, AnswerWithin: 20 * time.Minute})
		doesNot := openWith(t, server, neo4jstore.Config{Scope: "does not wait", BatchRows: batchRows, RetryFor: time.Millisecond})
		underWay, killed, waited := make(chan struct{}), make(chan struct{}), make(chan struct{})
		var result neo4jstore.Result
		var failed error
		go func() {
			defer close(waited)
			next := target("Linux", named["Linux"])
			next.Progress = after(3, func() {
				close(underWay)
				select {
				case <-killed:
				case <-t.Context().Done():
				}
			})
			result, failed = waits.Apply(t.Context(), next)
		}()
		next := target("Linux", named["Linux"])
		next.Progress = after(4, func() {
			select {
			case <-underWay:
			case <-waited:
			}
			require.NoError(t, server.Kill())
			close(killed)
		})
		_, err := doesNot.Apply(t.Context(), next)
		require.ErrorContains(t, err, "neo4j: ")
		var fault *neo4jstore.OpenError
		_, err = neo4jstore.Open(t.Context(), neo4jstore.Config{URI: server.URI, Username: server.Username, Password: server.Password, Scope: "x", RetryFor: time.Millisecond})
		require.ErrorAs(t, err, &fault)
		assert.Equal(t, neo4jstore.Unreachable, fault.Fault)

		require.NoError(t, os.CopyFS(backup, os.DirFS(data)))
		require.NoError(t, server.Restart(t.Context(), nil))
		<-waited
		require.NoError(t, failed)
		assert.EqualValues(t, 2+12+12, result.Rows, "what was written before is not written again")
		requireClean(t, server, "waits", named["Linux"])
		assert.True(t, apply(t, doesNot, target("Linux", named["Linux"])).Compared)
		requireClean(t, server, "does not wait", named["Linux"])
	})

	t.Run("a database that is restored to an older state is healed", func(t *testing.T) {
		apply(t, restored, following("Windows", named["Windows"], "Linux", named["Linux"]))
		require.NoError(t, server.Kill())
		require.NoError(t, os.RemoveAll(data))
		require.NoError(t, os.CopyFS(data, os.DirFS(backup)))
		require.NoError(t, server.Restart(t.Context(), nil))
		assert.Len(t, query(t, server, "restored", "MATCH (n:HostAgent {_scope: $s}) RETURN n"), 12)
		assert.True(t, apply(t, restored, following("Unix", named["Unix"], "Windows", named["Windows"])).Compared)
		requireClean(t, server, "restored", named["Unix"])
	})

	t.Run("a database that is wiped is filled again", func(t *testing.T) {
		store := open(t, server, "wiped")
		apply(t, store, target("Linux", named["Linux"]))
		query(t, server, "wiped", "MATCH (n) DETACH DELETE n")
		for _, row := range query(t, server, "wiped", "SHOW CONSTRAINTS YIELD name RETURN name") {
			query(t, server, "wiped", "DROP CONSTRAINT `"+row[0].(string)+"`")
		}
		assert.False(t, apply(t, store, following("Windows", named["Windows"], "Linux", named["Linux"])).Compared, "nothing was there")
		requireClean(t, server, "wiped", named["Windows"])
	})

	t.Run("a database in read-only mode is told when it is opened", func(t *testing.T) {
		// It is not killed before: started in this mode after a kill it was seen not to answer.
		require.NoError(t, server.Restart(t.Context(), map[string]string{"server.databases.default_to_read_only": "true"}))
		c := neo4jstore.Config{URI: server.URI, Username: server.Username, Password: server.Password, Scope: "x"}
		_, err := neo4jstore.Open(t.Context(), c)
		var fault *neo4jstore.OpenError
		require.ErrorAs(t, err, &fault)
		assert.Equal(t, neo4jstore.ReadOnly, fault.Fault)
		assert.ErrorContains(t, err, `the database "neo4j" is in read-only mode: make it writable`)
		driver, err := neo4jstore.Connect(t.Context(), c) // it can be read
		require.NoError(t, err)
		require.NoError(t, driver.Close(t.Context()))
		require.NoError(t, server.Kill())
	})
}

// once is a progress that does something after the first batch, and after when so many were written.
func once(do func()) func(string, int64, int64) { return after(1, do) }

func after(batches int, do func()) func(string, int64, int64) {
	return func(string, int64, int64) {
		if batches--; batches == 0 {
			do()
		}
	}
}
