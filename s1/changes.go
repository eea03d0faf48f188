package s1

import (
	"context"
	"slices"
	"sync"
)

// TokenChange tells that the console answered requests with another token than the one that it answered User
// with, or that CheckUser did not get the answer that User got. What was read since User is then of both.
type TokenChange struct {
	User      User  // what /user says now
	Err       error // why it does not say it; nil where it does
	SameScope bool  // it says that the same accounts and sites are seen as before
	SameToken bool  // the token is the one that User was asked with
}

// TokenChanges are the changes since User, in their order: one for each token that the console took, and one where
// CheckUser found another answer. It is called when the requests that it is about have ended.
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
	return c.keep(token, change)
}

// CheckUser asks /user once more, after all else: what its user may see can be changed in the console without the token,
// and the lists then lack rows without an error. TokenChanges tells of another answer, and of none. It does not ask where
// nobody knows anyhow what the lists lack. The error is that of ctx or of the Recorder.
func (c *Client) CheckUser(ctx context.Context) error {
	if !c.tokens.isScopeKnown() {
		return nil
	}
	var change TokenChange
	token, err := c.ask(ctx, c.token, request{path: userPath}, readUser(&change.User))
	if err := ctx.Err(); err != nil {
		return err
	}
	change.Err, change.SameToken = err, token == "" || !c.tokens.isNew(token)
	return c.keep(token, change)
}

// isScopeKnown says whether /user told what is seen, of each token the same.
func (t *tokens) isScopeKnown() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	another := func(change TokenChange) bool { return !change.SameScope }
	return t.first != nil && t.first.Scope != "" && !slices.ContainsFunc(t.changes, another)
}

// keep compares what /user says now with what it said first, and keeps it where anything differs.
func (c *Client) keep(token string, change TokenChange) error {
	t := &c.tokens
	t.mu.Lock()
	change.SameScope = change.Err == nil && t.first != nil && change.User.seesSameAs(t.first)
	t.known[token] = true
	if !change.SameToken || !change.SameScope {
		t.changes = append(t.changes, change)
	}
	t.mu.Unlock()
	if change.SameScope || t.first == nil {
		return nil
	}
	// What is recorded was seen before and after: a recording that named either scope would be taken for whole.
	unknown := *t.first
	unknown.Scope, unknown.ScopeRoles = "", nil
	return c.record(Answer{Path: userPath, Rows: []User{unknown}, Total: 1}, nil)
}
