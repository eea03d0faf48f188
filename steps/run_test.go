package steps_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/entities"
	"s1graph/gotest"
	"s1graph/graph/sorter"
	"s1graph/graph/storetest"
	"s1graph/model"
	"s1graph/s1"
	"s1graph/s1/s1test"
	"s1graph/steps"
)

func TestMain(m *testing.M) { gotest.VerifyTestMain(m) }

// run runs steps on an empty last graph, with a client of the console at url.
func run(t testing.TB, url string, list []steps.Step, skip ...string) ([]steps.Result, error) {
	t.Helper()
	client, err := s1.New(s1.Config{URL: url, Token: s1.StaticToken(s1test.DefaultToken), Limiter: new(s1.Limiter)})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	in, err := steps.NewInput(t.Context(), steps.Input{
		Client: client, Last: storetest.NewSnapshot(nil), Logger: slog.New(slog.DiscardHandler), Applications: steps.AutoSource,
	})
	require.NoError(t, err)
	rows, err := sorter.New(sorter.Config{
		Dir: t.TempDir(), Types: steps.GraphTypes(),
	})
	require.NoError(t, err)
	defer rows.Close()
	return steps.Run(t.Context(), in, steps.Plan{
		Steps: list, Sorter: rows,
		Skip:     func(id string) bool { return slices.Contains(skip, id) },
		Progress: func(steps.Progress) {},
	})
}

// step is one that reads nothing and notes when it runs.
func step(id string, ended *order, err error, dependsOn ...string) steps.Step {
	return steps.Step{ID: id, DependsOn: dependsOn, Run: func(context.Context, *steps.Input, *steps.Emitter) error {
		ended.add(id)
		return err
	}}
}

type order struct {
	mu  sync.Mutex
	ids []string
}

func (o *order) add(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ids = append(o.ids, id)
}

const nowhere = "https://nowhere.example"

func TestAStepRunsAfterThoseThatItDependsOnHoweverTheyEnd(t *testing.T) {
	for range 20 {
		var ran order
		results, err := run(t, nowhere, []steps.Step{
			step("d", &ran, nil, "b", "c"),
			step("b", &ran, errors.New("fault"), "a"),
			step("c", &ran, &s1.Error{Status: http.StatusForbidden}, "a"),
			step("a", &ran, nil),
		})
		require.NoError(t, err)
		assert.Equal(t, "a", ran.ids[0])
		assert.Equal(t, "d", ran.ids[3])
		var states []string
		for _, r := range results {
			states = append(states, r.Step.ID+" "+string(r.State))
		}
		assert.Equal(t, []string{"d ok", "b failed", "c refused", "a ok"}, states, "results are in the order of the plan")
	}
}

func TestSeedStandsInForAStepThatDidNotRunToItsEnd(t *testing.T) {
	var ran, seeded order
	seeds := func(s steps.Step) steps.Step {
		s.Seed = func(context.Context, *steps.Input) error {
			seeded.add(s.ID)
			return nil
		}
		return s
	}
	results, err := run(t, nowhere, []steps.Step{
		seeds(step("a", &ran, nil)),
		seeds(step("b", &ran, errors.New("fault"), "a")),
		seeds(step("c", &ran, nil, "b")),
	}, "c")
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b"}, ran.ids, "a skipped step does not run")
	assert.Equal(t, []string{"b", "c"}, seeded.ids)
	assert.Equal(t, steps.Skipped, results[2].State)
}

func TestARefusedTokenEndsAllSteps(t *testing.T) {
	var ran order
	unauthorized := &s1.Error{Status: http.StatusUnauthorized}
	waits := steps.Step{ID: "waits", Run: func(ctx context.Context, _ *steps.Input, _ *steps.Emitter) error {
		<-ctx.Done()
		return ctx.Err()
	}}
	results, err := run(t, nowhere, []steps.Step{waits, step("a", &ran, unauthorized)})
	require.ErrorIs(t, err, unauthorized)
	require.EqualError(t, results[0].Err, "not read: the token was refused")
	require.ErrorIs(t, results[1].Err, unauthorized)
}

func TestAStepMayNotEmitWhatItDoesNotDeclare(t *testing.T) {
	site := entities.Site.Entity(&s1.Site{ID: "1", Name: "Berlin"})
	emits := func(types ...*model.Description) steps.Step {
		return steps.Step{ID: "s", Types: types, Run: func(_ context.Context, _ *steps.Input, out *steps.Emitter) error {
			return out.Row("list", "1", 0, site)
		}}
	}
	_, err := run(t, nowhere, []steps.Step{emits(entities.Group.Description())})
	require.ErrorContains(t, err, "step s: it emits a sentinelone_site, which it does not declare")
	_, err = run(t, nowhere, []steps.Step{emits(entities.Site.Description())})
	require.NoError(t, err)
}

// Each type is one step's, or the connector could not tell whether it is complete.
func TestEachTypeOfTheModelIsDeclaredByTheStepThatItNames(t *testing.T) {
	declared := make(map[string]string)
	for _, s := range steps.All() {
		for _, typ := range s.Types {
			assert.Empty(t, declared[typ.Name], "%s is declared twice", typ.Name)
			declared[typ.Name] = s.ID
			assert.Equal(t, s.ID, typ.Step, typ.Name)
		}
	}
	for folder, types := range map[string][]*model.Description{"entities": steps.Entities(), "relationships": steps.Relationships()} {
		assert.Len(t, types, declarations(t, "../"+folder), "of %s", folder)
	}
}

// declarations counts the types that a folder declares.
func declarations(t *testing.T, folder string) (n int) {
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	require.NoError(t, err)
	for _, file := range files {
		if content, err := os.ReadFile(file); assert.NoError(t, err) && !strings.HasSuffix(file, "_test.go") {
			n += strings.Count(string(content), "\n}.Define()\n")
		}
	}
	require.Positive(t, n)
	return n
}

// chainsOf are the values of a filter in the first requests of the cursor chains of a list.
func chainsOf(t *testing.T, tenant s1test.Tenant, path, filter string) (chains [][]string, results []steps.Result) {
	t.Helper()
	console := s1test.New(tenant)
	var mu sync.Mutex
	console.OnRequest(func(r *http.Request) {
		q := r.URL.Query()
		if strings.HasSuffix(r.URL.Path, path) && s1test.Rows(r) && !q.Has("cursor") && q.Has(filter) {
			mu.Lock()
			defer mu.Unlock()
			chains = append(chains, strings.Split(q.Get(filter), ","))
		}
	})
	server := httptest.NewServer(console)
	defer server.Close()
	results, err := run(t, server.URL, steps.All())
	require.NoError(t, err)
	for _, r := range results {
		if r.State != steps.Unavailable { // there are no vulnerabilities where there are no applications
			require.NoError(t, r.Err, r.Step.ID)
		}
	}
	return chains, results
}

func TestALongListIsDividedBySitesIntoAFewChains(t *testing.T) {
	chains, _ := chainsOf(t, s1test.Tenant{Seed: 1, Sites: 40, Agents: 4100}, "/agents", "siteIds")
	assert.Len(t, chains, 2, "five pages are read in two chains")
	assert.Len(t, slices.Compact(slices.Sorted(slices.Values(slices.Concat(chains...)))), 40, "each site is in one")
	assert.InDelta(t, len(chains[0]), len(chains[1]), 1, "sites of one size are dealt out evenly")
}

func TestALongListOfOneSiteIsDividedByGroups(t *testing.T) {
	chains, _ := chainsOf(t, s1test.Tenant{Seed: 1, Sites: 1, Groups: 6, Agents: 4100}, "/agents", "groupIds")
	assert.Len(t, chains, 2)
	assert.Len(t, slices.Concat(chains...), 6)
}

func TestAShortListIsReadInOneChain(t *testing.T) {
	chains, results := chainsOf(t, s1test.Tenant{Seed: 1, Sites: 10, Agents: 300}, "/agents", "siteIds")
	assert.Empty(t, chains)
	of := slices.IndexFunc(results, func(r steps.Result) bool { return r.Step.ID == "agents" })
	assert.EqualValues(t, 2, results[of].Requests, "the count and one page")
}

func Example() {
	for _, s := range steps.All() {
		if s.ID == "sites" || s.ID == "agents" {
			fmt.Println(s.ID, s.DependsOn)
		}
	}
	// Output:
	// sites [accounts]
	// agents [sites groups]
}
