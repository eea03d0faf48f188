package neo4jstore_test

import (
	"bytes"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph/neo4jstore"
	"s1graph/graph/neo4jstore/neo4jtest"
)

// boltRollback is Bolt's ROLLBACK message.
var boltRollback = []byte{0x00, 0x02, 0xB0, 0x13, 0x00, 0x00}

// turns hears what a store says while it writes batches of agents, and can hold it up.
type turns struct {
	mu       sync.Mutex
	creates  int                       // statements that create agents
	markers  int                       // statements that take the marker for a batch
	onMarker map[int]func(creates int) // called before these arrive
	backed   chan struct{}             // closed when a transaction is taken back after the second of them
}

func (s *turns) listen(b []byte) {
	s.mu.Lock()
	s.creates += bytes.Count(b, []byte("CREATE (n:`HostAgent`:`sentinelone_agent`)"))
	if bytes.HasSuffix(b, boltRollback) && s.markers >= 2 {
		select {
		case <-s.backed:
		default:
			close(s.backed)
		}
	}
	var do func(int)
	if bytes.Contains(b, []byte("m.batch = $batch - 1")) {
		s.markers++
		do = s.onMarker[s.markers]
	}
	creates := s.creates
	s.mu.Unlock()
	if do != nil {
		do(creates)
	}
}

func (s *turns) begun() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.markers > 0
}

// The first batch of agents takes the marker before it writes its rows. The second one writes its rows while the first commits, and then takes
// the marker: just before that somebody else takes it.
func TestABatchThatIsWrittenWhileAnotherCommitsIsFenced(t *testing.T) {
	t.Parallel()
	server := neo4jtest.Shared(t)
	scope, written := server.Scope(t), 0
	other := open(t, server, scope)
	said := &turns{backed: make(chan struct{}), onMarker: map[int]func(int){2: func(creates int) {
		written = creates
		apply(t, other, target("2", span(100, 112, "Windows")))
	}}}
	store := openWith(t, server, neo4jstore.Config{URI: through(t, server, &proxy{listen: said.listen}), Scope: scope, BatchRows: 10})
	_, err := store.Apply(t.Context(), target("1", numbered(30, "Linux")))
	var fenced *neo4jstore.FencedError
	require.ErrorAs(t, err, &fenced)
	assert.Equal(t, 2, written, "statements that had created agents by then")
	requireClean(t, server, scope, span(100, 112, "Windows"))
}

// The commit of the first batch goes wrong when the rows of the second one are written. The first one is not tried again before the second has ended.
func TestABatchWhoseCommitGoesWrongWhileTheNextOneIsWritten(t *testing.T) {
	t.Parallel()
	server := neo4jtest.Shared(t)
	for name, c := range map[string]struct {
		fate    fate
		commits int // that were tried when the second batch had ended
	}{
		"if it is lost the next one is taken back":                         {lost, 1},
		"if it goes unanswered the next one stays, and it is written once": {unanswered, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			await := func(some ...<-chan struct{}) {
				select {
				case <-some[0]:
				case <-some[len(some)-1]:
				case <-t.Context().Done():
				}
			}
			ahead, second := make(chan struct{}), make(chan struct{})
			var commits []int // as they were counted when the first batch was tried again
			tried := 0        // commits since the first batch began
			said := &turns{backed: make(chan struct{})}
			said.onMarker = map[int]func(int){
				2: func(int) { close(ahead) },
				3: func(int) {
					await(said.backed, second)
					select {
					case <-second:
						commits = append(commits, 2)
					default:
						commits = append(commits, 1)
					}
				},
			}
			between := &proxy{listen: said.listen, commit: func(int) fate {
				if !said.begun() {
					return arrives
				}
				switch tried++; tried {
				case 1:
					await(ahead)
					return c.fate
				case 2:
					close(second)
				}
				return arrives
			}}
			store := openWith(t, server, neo4jstore.Config{URI: through(t, server, between), Scope: server.Scope(t), BatchRows: 10})
			result := apply(t, store, target("1", numbered(30, "Linux")))
			assert.Equal(t, []int{c.commits}, commits)
			assert.False(t, result.Compared, "there was nothing to heal")
			assert.EqualValues(t, 30+3+30, result.Rows)
			requireClean(t, server, store.Scope(), numbered(30, "Linux"))
		})
	}
}

// The second batch is written while the first commits, and then gets no answer either: nothing is written when it is tried again.
func TestABatchThatWasWrittenAheadAndGetsNoAnswerIsCounted(t *testing.T) {
	t.Parallel()
	server := neo4jtest.Shared(t)
	said, tried := &turns{backed: make(chan struct{})}, 0 // commits since the first batch began
	between := &proxy{listen: said.listen, commit: func(int) fate {
		if !said.begun() {
			return arrives
		}
		if tried++; tried == 2 {
			return unanswered
		}
		return arrives
	}}
	store := openWith(t, server, neo4jstore.Config{URI: through(t, server, between), Scope: server.Scope(t), BatchRows: 10})
	assert.EqualValues(t, 30+3+30, apply(t, store, target("1", numbered(30, "Linux"))).Rows)
	requireClean(t, server, store.Scope(), numbered(30, "Linux"))
}

// Who is told of the first batch takes as long as another apply. Batches that were written meanwhile would all be in memory until he is done.
func TestASlowProgressHoldsTheBatchesUp(t *testing.T) {
	t.Parallel()
	server := neo4jtest.Shared(t)
	between, other := &proxy{}, open(t, server, server.Scope(t))
	store := openWith(t, server, neo4jstore.Config{URI: through(t, server, between), Scope: server.Scope(t), BatchRows: 10})
	next, ahead := target("1", numbered(200, "Linux")), 0
	next.Progress = once(func() {
		before := between.count()
		apply(t, other, target("1", numbered(200, "Linux")))
		ahead = between.count() - before
	})
	apply(t, store, next)
	assert.LessOrEqual(t, ahead, 1, "commits of batches")
}
