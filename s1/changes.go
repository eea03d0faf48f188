package s1

import (
	"context"
	"slices"
	"sync"
)

// TokenChange tells that the console answered requests with another token than the one that it answered User
// with. What was read since User is then of both tokens.
type TokenChange struct {
	User      User  // what /user says of the new token
	Err       error // why it does not say it; nil where it does
	SameScope bool  // it says that both tokens see the same accounts and sites
}

// TokenChanges are the changes since User, in their order: one for each token that the console took. It is
// called when the requests that it is about have ended.
func (c *Client) TokenChanges() []TokenChange {
	c.tokens.mu.Lock()
	defer c.tokens.mu.Unlock()
	return slices.Clone(c.tokens.changes)
}

// tokens are those that the console answered since it was first asked who the user is.
type tokens struct {
	asking chan struct{} // holds a value while /user is asked about a token; one is asked about at a time

	mu      sync.Mutex
	known   map[string]bool // those that /user was asked about; nil: User was not called yet
	first   *User           // of the first of them; nil where /user did not tell
	changes []TokenChange
}

// begin notes what /user said when it was first asked, with which token.
func (t *tokens) begin(token string, user *User) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil {
		t.known, t.first = map[string]bool{token: true}, user
	}
}

// isNew says whether nothing is known yet of a token that takes another one's place.
func (t *tokens) isNew(token string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.known != nil && !t.known[token]
}

// note asks /user about a token that the console took and that takes another one's place, once for each token
// however many requests find it. Until that is done the answer to none of them is used. The error is that of ctx
// or of the Recorder.
func (c *Client) note(ctx context.Context, token string) error {
	if !c.tokens.isNew(token) {
		return nil
	}
	select {
	case c.tokens.asking <- struct{}{}:
		defer func() { <-c.tokens.asking }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if !c.tokens.isNew(token) {
		return nil
	}
	c.logger.WarnContext(ctx, "the API token changed")
	var change TokenChange
	// It is this token that was used, whatever lies in the file by now.
	_, change.Err = c.ask(ctx, StaticToken(token), request{path: userPath}, readUser(&change.User))
	if err := ctx.Err(); err != nil {
		return err // nothing was found out, and the next request tries
	}
	t := &c.tokens
	t.mu.Lock()
	change.SameScope = change.Err == nil && t.first != nil && change.User.seesSameAs(t.first)
	t.known[token] = true
	t.changes = append(t.changes, change)
	t.mu.Unlock()
	if change.SameScope || t.first == nil {
		return nil
	}
	// What is recorded is what both tokens saw: a recording that named the scope of either would be taken for whole.
	unknown := *t.first
	unknown.Scope, unknown.ScopeRoles = "", nil
	return c.record(Answer{Path: userPath, Rows: []User{unknown}, Total: 1}, nil)
}
