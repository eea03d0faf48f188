package s1

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/go-json-experiment/json"
)

// TokenChange tells that the console answered requests with another token than the one that it answered User
// with, or that CheckUser did not get the answer that User got. What was read since User is then of both.
type TokenChange struct {
	User      User  // what /user says now
	Err       error // why it does not say it; nil where it does
	SameScope bool  // it says that the same part of the tenant is seen as before, or says as little of the same token
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
	token   string          // the first of them
	first   told            // what /user said of it
	changes []TokenChange
}

// told is what /user said: the user, or why it said nothing.
type told struct {
	user User
	err  error
}

// text is the part of it that does not move while nobody changes what the token may see.
func (t *told) text() string {
	if t.err != nil {
		if answer, ok := errors.AsType[*Error](t.err); ok {
			return fmt.Sprint(answer.Status)
		}
		return "no answer"
	}
	u := t.user
	text, err := json.Marshal(User{ID: u.ID, Scope: u.Scope, ScopeRoles: u.ScopeRoles, SiteRoles: u.SiteRoles, LowestRole: u.LowestRole}, json.Deterministic(true))
	if err != nil {
		panic(err) // it is texts
	}
	return string(text)
}

// begin notes what /user said when it was first asked, with which token.
func (t *tokens) begin(token string, first told) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil {
		t.known, t.token, t.first = map[string]bool{token: true}, token, first
	}
}

// Fingerprint stands for what User answered, or that it did not, and for the token that it was asked with: of another token,
// user or role it is another one. It is a hash with the given key, in 64 hexadecimal digits: whoever lacks the key learns
// nothing from it.
func (c *Client) Fingerprint(key []byte) string {
	c.tokens.mu.Lock()
	defer c.tokens.mu.Unlock()
	hash := hmac.New(sha256.New, key)
	fmt.Fprintf(hash, "%q %q", c.tokens.first.text(), c.tokens.token)
	return hex.EncodeToString(hash.Sum(nil))
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
// another one came already. The error is that of ctx or of the Recorder.
func (c *Client) CheckUser(ctx context.Context) error {
	if !c.tokens.isToldOnce() {
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

// isToldOnce says whether /user was asked, and said of each token the same.
func (t *tokens) isToldOnce() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	another := func(change TokenChange) bool { return !change.SameScope }
	return t.known != nil && !slices.ContainsFunc(t.changes, another)
}

// keep compares what /user says now with what it said first, and keeps it where anything differs.
func (c *Client) keep(token string, change TokenChange) error {
	t := &c.tokens
	t.mu.Lock()
	now := told{change.User, change.Err}
	if t.first.err == nil && t.first.user.TellsScope() {
		change.SameScope = change.Err == nil && change.User.seesSameAs(&t.first.user)
	} else { // the scope is what the lists have, and of another token nobody knows what that is
		change.SameScope = change.SameToken && now.text() == t.first.text()
	}
	t.known[token] = true
	if !change.SameToken || !change.SameScope {
		t.changes = append(t.changes, change)
	}
	t.mu.Unlock()
	if change.SameScope {
		return nil
	}
	// What is recorded was seen before and after: a recording that named either scope would be taken for whole.
	mixed := t.first.user
	mixed.Scope, mixed.ScopeRoles, mixed.SiteRoles = ScopeMixed, nil, nil
	return c.record(Answer{Path: userPath, Rows: []User{mixed}, Total: 1}, nil)
}
