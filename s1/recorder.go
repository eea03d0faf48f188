package s1

import (
	"errors"
	"maps"
	"net/url"
)

// Recorder is told all that a Client learns of lists, counts and the token's user. Raw is not
// recorded. It is called by many goroutines; the pages of one list come one after another.
type Recorder interface {
	// Record keeps the answer. An error ends the list that the answer is part of.
	Record(Answer) error
}

// Answer is a page of a list, the count of a list, the token's user, or why there is none.
type Answer struct {
	Path    string
	Filters url.Values // of the list, without cursor and limit; not to be changed

	Page  int // number of the page in the list, from 0
	Rows  any // []T of the Endpoint; []User of one for /user; nil of a count and of an error
	Total int // the list's totalItems, -1 where the console did not say

	CountOnly bool   // Total is all that was asked for
	Err       *Error // in place of the page, final
}

// record hands an answer to the recorder, if there is one. It returns err, or what kept the answer
// from being recorded. A request that was cancelled is no answer.
func (c *Client) record(a Answer, err error) error {
	if c.recorder == nil || err != nil && !errors.As(err, &a.Err) {
		return err
	}
	if a.Err != nil {
		a.Rows = nil
	}
	a.Filters = maps.Clone(a.Filters)
	a.Filters.Del("cursor")
	a.Filters.Del("limit")
	if failed := c.recorder.Record(a); failed != nil {
		return failed
	}
	return err
}
