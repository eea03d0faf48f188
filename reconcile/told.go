package reconcile

import (
	"context"
	"strings"

	"s1graph/entities"
	"s1graph/graph"
)

// What this run's rows say of a thing replaces what was known of it, whatever else is in doubt: a type that is incomplete or
// withheld, or things out of scope. This file finds where rows say all of a thing, and what they contradict.

// findJoined finds the entities of a type that this run's rows tell of in part. A row of /agents says all of its agent. A
// device may be derived from several agents: if the last graph knows of one on it that was not read, the device is what both
// say. Entities that are made of rows of a list of their own, such as applications, are also told of in part where that list
// was not read whole.
func (r *reconciler) findJoined(ctx context.Context, s *Type) error {
	ownList := len(r.derivedFrom[s.Name]) == 0
	if ownList && r.placedBy[s.Name] == nil || s.Before == 0 || s.Skipped {
		return nil
	}
	unrelated := make(map[string]bool)
	isUnread := r.types[entities.Agent.GraphType().Name].unread || r.placedBy[s.Name] != nil && r.types[placing(r.placedBy[s.Name])].unread
	if isUnread || len(r.moved) > 0 || len(r.untold[s.Step]) > 0 || ownList && s.Failed { // or all was read that the last graph knew
		for d, err := range r.Draft.Digests(ctx, s.Name) {
			if err != nil {
				return err
			}
			unrelated[d.Key] = true
		}
	}
	if ownList && s.Failed || len(unrelated) == 0 {
		for key := range unrelated {
			r.joined[key] = true
		}
		return nil
	}
	err := r.eachSource(ctx, s.Name, func(source, key string) {
		if r.unread[source] || r.joined[source] || r.moved[source] || r.untold[s.Step][source] {
			r.joined[strings.Clone(key)] = true
		}
		delete(unrelated, key)
	})
	if ownList {
		for key := range unrelated { // nobody can say which rows made them
			r.joined[key] = true
		}
	}
	return err
}

// isToldBySubject says whether the rows that tell of a relationship's subject say where it leads: the row of an agent names its
// group, and none of its device's applications.
func (r *reconciler) isToldBySubject(s *Type) bool {
	name := s.subjectOf(s.From, s.To)
	return r.types[name] != nil && r.types[name].Step == s.Step
}

// contradicted are the keys of the relationships of the last graph that this run's rows contradict: they tell of the
// subject, and say that it leads elsewhere, or, where the type could not be evaluated otherwise, that it leads nowhere.
func (r *reconciler) contradicted(ctx context.Context, s *Type) (map[string]bool, error) {
	contradicted := make(map[string]bool)
	if !r.isToldBySubject(s) || s.Skipped {
		return contradicted, nil
	}
	subjects := make(map[string]bool) // of missing relationships, and whether the rows say where they lead
	missing := make(map[string]string)
	_, err := graph.Compare(ctx, r.Last, r.Draft, s.Name, func(key string) {
		from, to, ok := graph.RelationshipEnds(key)
		subject := s.subjectOf(from, to)
		if ok && r.hasEnds(key) && !r.unread[subject] && !r.describedBefore[subject] {
			subject = strings.Clone(subject)
			missing[strings.Clone(key)], subjects[subject] = subject, false
		}
	})
	if err != nil || len(missing) == 0 {
		return contradicted, err
	}
	for d, err := range r.Fresh.Sorted(ctx, s.Name) {
		if err != nil {
			return nil, err
		}
		from, to, _ := graph.RelationshipEnds(d.Key)
		if _, found := subjects[s.subjectOf(from, to)]; found {
			subjects[s.subjectOf(from, to)] = true
		}
	}
	// What a row does not say may be in a list that was not read whole.
	silent := s.KeepsAll() && (!s.Failed || len(r.derivedFrom[s.subjectOf(s.From, s.To)]) == 0)
	for _, end := range []string{s.From, s.To} {
		other := r.types[end]
		silent = silent && (other.Step == s.Step || !other.Failed && !other.Skipped)
	}
	var saidNothing int64
	for key, subject := range missing {
		if contradicted[key] = subjects[subject]; !subjects[subject] {
			saidNothing++
		}
	}
	if silent && !s.guard.Withholds(saidNothing, s.Before, s.Fresh) {
		for key := range missing {
			contradicted[key] = true
		}
	}
	return contradicted, nil
}
