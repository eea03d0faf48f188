package steps

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"s1graph/s1"
)

// unavailableError says that the console's license or version does not have a step's list.
type unavailableError struct{ err error }

func (e *unavailableError) Error() string { return e.err.Error() }
func (e *unavailableError) Unwrap() error { return e.err }

// IsUnavailable says whether err, with which the list was answered, means that the console's license or version does not
// have it: a refusal that names a feature, or that there is no such list where not all consoles have it. A list of a module
// of its own is also not there where it is refused, or where an error names the license. That is no fault.
func (l List) IsUnavailable(err error) bool {
	answer, ok := errors.AsType[*s1.Error](err)
	return s1.IsUnlicensed(err) || ok && l.Optional && slices.Contains([]int{http.StatusNotFound, http.StatusGone, http.StatusNotImplemented}, answer.Status) ||
		l.Permission != "" && (s1.IsRefused(err) || s1.NamesFeature(err))
}

// isUnavailable is IsUnavailable, and holds too for a list that was refused while another one of the same right answers: then
// the role is not in the way.
func (in *Input) isUnavailable(ctx context.Context, l *List, err error) bool {
	if l.IsUnavailable(err) {
		return true
	}
	if l.Right == "" || !s1.IsRefused(err) {
		return false
	}
	for _, other := range in.lists {
		if other.Right != l.Right || other.Path == l.Path {
			continue
		}
		_, err := s1.Count(ctx, in.Client, s1.Endpoint[struct{}]{Path: other.Path}, withFilters(in.Scope.queriesOfOne(other.Scope)[0], other.Filters))
		if err == nil || errors.Is(err, s1.ErrNoTotal) {
			return true
		}
	}
	return false
}
