package jsonstore_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"s1graph/gotest"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/graph/storetest"
)

// Some tests need a process of their own, which they kill or whose disk they fill. It is this test program again, with
// what it is to do in its environment.
const childVariable = "S1GRAPH_TEST_CHILD"

var children = map[string]func(dir string) error{}

func TestMain(m *testing.M) {
	if child := children[os.Getenv(childVariable)]; child != nil {
		if err := child(os.Args[1]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	gotest.VerifyTestMain(m)
}

func TestTheStorePassesTheSuite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store {
		return suiteStore{open(t, t.TempDir())}
	})
}

// suiteStore is how the suite sees the store.
type suiteStore struct{ *jsonstore.Store }

func (s suiteStore) Apply(ctx context.Context, after graph.Snapshot) error {
	_, err := commit(ctx, s.Store, after)
	return err
}

func (s suiteStore) Load(context.Context) (graph.Snapshot, error) { return s.Last(), nil }

func (s suiteStore) State(context.Context) (string, error) {
	root, err := filepath.EvalSymlinks(filepath.Join(s.Dir(), "graph"))
	if err != nil {
		return "", err
	}
	var state string
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		state += fmt.Sprintf("%s %x\n", path[len(root):], sha256.Sum256(b))
		return err
	})
	return state, err
}

// open opens a directory until the test ends.
func open(t testing.TB, dir string) *jsonstore.Store {
	t.Helper()
	s, err := jsonstore.Open(dir, jsonstore.Options{Instance: "acme"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// commit makes a graph the last run, which is to have made these changes.
func commit(ctx context.Context, s *jsonstore.Store, g graph.Snapshot, changes ...graph.Change) (*jsonstore.Run, error) {
	d, err := s.Begin(time.Now())
	if err != nil {
		return nil, err
	}
	defer d.Abort()
	for _, t := range g.Types() {
		if _, err := d.Write(ctx, t, graph.All(ctx, g, t.Name)); err != nil {
			return nil, err
		}
	}
	for _, c := range changes {
		if err := d.Changes().Write(c); err != nil {
			return nil, err
		}
	}
	if err := d.Commit(jsonstore.CommitInfo{Summary: []byte("{}")}); err != nil {
		return nil, err
	}
	return s.Last(), nil
}

// numbered is a graph of n agents in groups of a hundred.
func numbered(n int) graph.Snapshot {
	var records []graph.Record
	for i := range n {
		g := entity(group, fmt.Sprint(i/100))
		if i%100 == 0 {
			records = append(records, g)
		}
		a := entity(agent, fmt.Sprintf("%06d", i))
		a.Set("computerName", graph.String(fmt.Sprintf("host %d of %d", i, n)))
		r := graph.Record{Type: hasAgent, From: g.Key, To: a.Key, Key: graph.RelationshipKey(g.Key, "HAS", a.Key)}
		records = append(records, a, r)
	}
	return storetest.NewSnapshot(model, records...)
}

func requireNames(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	require.Equal(t, names, got)
}
