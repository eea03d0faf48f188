package connector

import (
	"context"
	"strings"
	"time"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/plural"
	"s1graph/reconcile"
	"s1graph/steps"
)

var (
	agentType  = entities.Agent.GraphType().Name
	deviceType = entities.Device.GraphType().Name

	vulnerabilityType = entities.Vulnerability.GraphType().Name
)

// outsideOf yields the entities of a run's graph that the run did not read, since they are out of scope. Earlier versions
// did not list them apart, nor since when.
func outsideOf(run *jsonstore.Run) reconcile.Keys {
	if run != nil {
		if _, listed := run.Manifest().Files[outsideFile]; listed {
			return keysOf(run, outsideFile)
		}
	}
	return graph.Filter(keysOf(run, withheldFile), func(k reconcile.Key) bool { return k.OutOfScope })
}

// listOutside writes the run's list of what is out of scope, and says how much that is and since when.
func (r *run) listOutside(ctx context.Context, draft *jsonstore.Draft, result *reconcile.Result) (err error) {
	before := r.datedBefore()
	if _, err := reconcile.NewKeySet(before); err != nil {
		r.notice("The file that says since when things are out of scope cannot be read (%v): they count from this run on.", err)
		before = graph.None
	}
	keys := reconcile.Dated(result.OutsideKeys(ctx), before, r.summary.StartedAt)
	since := r.summary.KeptOutsideSince
	r.outside, err = reconcile.NewKeySet(graph.Map(keys, func(k reconcile.Key) reconcile.Key {
		if first := since[k.Type]; r.summary.KeptOutside[k.Type] > 0 && (first.IsZero() || k.Since.Before(first)) {
			since[k.Type] = k.Since
		}
		return k
	}))
	if err != nil {
		return err
	}
	r.noteOutside()
	return writeKeysFile(draft, outsideFile, keys)
}

// datedBefore is what the last run listed as out of scope, each with the time since when.
func (r *run) datedBefore() reconcile.Keys {
	return graph.Map(outsideOf(r.last.run), func(k reconcile.Key) reconcile.Key {
		if k.Since.IsZero() {
			k.Since = r.last.manifest().StartedAt
		}
		k.Since = believed(k.Since, r.summary.StartedAt)
		return k
	})
}

// noteOutside says in a notice how much is kept that is out of scope.
func (r *run) noteOutside() {
	if len(r.summary.KeptOutside) == 0 {
		return
	}
	var kept []string
	first := r.summary.StartedAt
	for _, d := range steps.Entities() {
		if n := r.summary.KeptOutside[d.Name]; n > 0 {
			kept = append(kept, plural.Of(n, strings.ReplaceAll(strings.TrimPrefix(d.Name, "sentinelone_"), "_", " ")))
			if since := r.summary.KeptOutsideSince[d.Name]; since.Before(first) {
				first = since
			}
		}
	}
	r.notice("Out of scope: %s; the oldest since %s. They stay as they were last read, and state rules and posture leave them out. If they are really gone, run s1graph accept-deletions --out-of-scope.",
		strings.Join(kept, ", "), first.Format(time.DateOnly))
}

// DevicesOutside has the keys of the devices in a run's graph that posture did not evaluate, since they are out of scope.
func DevicesOutside(run *jsonstore.Run) (map[string]bool, error) {
	devices := graph.Filter(outsideOf(run), func(k reconcile.Key) bool { return k.Type == deviceType })
	return graph.SetOf(graph.Map(devices, func(k reconcile.Key) string { return k.Key }))
}
