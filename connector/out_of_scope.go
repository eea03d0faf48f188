package connector

import (
	"context"
	"strings"
	"time"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/model"
	"s1graph/plural"
	"s1graph/reconcile"
	"s1graph/steps"
)

var (
	agentType  = entities.Agent.GraphType().Name
	deviceType = entities.Device.GraphType().Name

	vulnerabilityType = entities.Vulnerability.GraphType().Name
)

// outOfScopeOf yields the entities of a run's graph that the run did not read, since they are out of scope. Earlier versions
// did not list them apart, nor since when.
func outOfScopeOf(run *jsonstore.Run) reconcile.Keys {
	if run != nil {
		if _, listed := run.Manifest().Files[outOfScopeFile]; listed {
			return keysOf(run, outOfScopeFile)
		}
	}
	return graph.Filter(keysOf(run, withheldFile), func(k reconcile.Key) bool { return k.OutOfScope })
}

// listOutOfScope writes the run's list of what is out of scope, and says how much that is and since when.
func (r *run) listOutOfScope(ctx context.Context, draft *jsonstore.Draft, result *reconcile.Result) (err error) {
	before := r.datedBefore()
	if _, err := reconcile.NewKeySet(before); err != nil {
		r.notice("The file that says since when things are out of scope cannot be read (%v): they count from this run on.", err)
		before = graph.None
	}
	keys := reconcile.Dated(result.OutOfScopeKeys(ctx), before, r.summary.StartedAt)
	since := r.summary.KeptOutOfScopeSince
	r.outOfScope, err = reconcile.NewKeySet(graph.Map(keys, func(k reconcile.Key) reconcile.Key {
		if first := since[k.Type]; r.summary.KeptOutOfScope[k.Type] > 0 && (first.IsZero() || k.Since.Before(first)) {
			since[k.Type] = k.Since
		}
		return k
	}))
	if err != nil {
		return err
	}
	r.noteOutOfScope()
	return writeKeysFile(draft, outOfScopeFile, keys)
}

// datedBefore is what the last run listed as out of scope, each with the time since when.
func (r *run) datedBefore() reconcile.Keys {
	return graph.Map(outOfScopeOf(r.last.run), func(k reconcile.Key) reconcile.Key {
		if k.Since.IsZero() {
			k.Since = r.last.manifest().StartedAt
		}
		k.Since = believed(k.Since, r.summary.StartedAt)
		return k
	})
}

// noteOutOfScope says in a notice how much is kept that is out of scope.
func (r *run) noteOutOfScope() {
	if len(r.summary.KeptOutOfScope) == 0 {
		return
	}
	var kept []string
	first := r.summary.StartedAt
	for _, d := range steps.Entities() {
		if n := r.summary.KeptOutOfScope[d.Name]; n > 0 {
			kept = append(kept, plural.Of(n, strings.ReplaceAll(model.ShortName(d.Name), "_", " ")))
			if since := r.summary.KeptOutOfScopeSince[d.Name]; since.Before(first) {
				first = since
			}
		}
	}
	r.notice("Out of scope: %s; the oldest since %s. They stay as they were last read, and state rules and posture leave them out. If they are really gone, run s1graph accept-deletions --out-of-scope.",
		strings.Join(kept, ", "), first.Format(time.DateOnly))
}

// DevicesOutOfScope has the keys of the devices in a run's graph that posture did not evaluate, since they are out of scope.
func DevicesOutOfScope(run *jsonstore.Run) (map[string]bool, error) {
	devices := graph.Filter(outOfScopeOf(run), func(k reconcile.Key) bool { return k.Type == deviceType })
	return graph.SetOf(graph.Map(devices, func(k reconcile.Key) string { return k.Key }))
}
