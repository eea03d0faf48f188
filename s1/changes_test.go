package s1_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sourcegraph/conc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1"
)

// renewals is a console that takes one token at a time, and says of each what it sees.
type renewals struct {
	*httptest.Server
	file  string
	valid atomic.Value // string
	users sync.Map     // answer of /user by token, a string, or a function to call
	asked atomic.Int64 // how often /user was answered
}

func newRenewals(t *testing.T) *renewals {
	c := &renewals{file: filepath.Join(t.TempDir(), "token")}
	c.Server = serve(t, func(w http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "ApiToken ")
		switch {
		case token != c.valid.Load():
			refuse(w, 401, 4010010, "Authentication Failed")
		case strings.HasSuffix(r.URL.Path, "/user"):
			c.asked.Add(1)
			user, _ := c.users.Load(token)
			if wait, ok := user.(func(*http.Request)); ok {
				wait(r)
				return
			}
			fmt.Fprintf(w, `{"data":%s}`, user)
		default:
			io.WriteString(w, answer(1, "", "1"))
		}
	})
	return c
}

// renew makes another token the valid one, of which /user says what is given.
func (c *renewals) renew(t *testing.T, token string, user any) {
	c.users.Store(token, user)
	require.NoError(t, os.WriteFile(c.file, []byte(token), 0o600))
	c.valid.Store(token)
}

const (
	twoSites = `{"id":"1","scope":"site","scopeRoles":[{"id":"10"},{"id":"11"}]}`
	oneSite  = `{"id":"2","scope":"site","scopeRoles":[{"id":"10"}]}`
)

// begun is a client that asked who its user is.
func (c *renewals) begun(t *testing.T, change func(*s1.Config)) *s1.Client {
	c.renew(t, "first", twoSites)
	client, _ := connect(t, c.URL, func(cfg *s1.Config) {
		cfg.Token = s1.FileToken(c.file)
		if change != nil {
			change(cfg)
		}
	})
	_, err := client.User(t.Context())
	require.NoError(t, err)
	return client
}

func TestOneOfManyRequestsAsksWhatANewTokenSees(t *testing.T) {
	console := newRenewals(t)
	client := console.begun(t, nil)
	require.Empty(t, client.TokenChanges())
	console.renew(t, "second", oneSite)
	var lists conc.WaitGroup
	for range 24 {
		lists.Go(func() {
			got, err := ids(t.Context(), client, nil)
			assert.NoError(t, err)
			assert.Equal(t, []string{"1"}, got)
		})
	}
	lists.Wait()
	changes := client.TokenChanges()
	require.Len(t, changes, 1)
	assert.Equal(t, "2", changes[0].User.ID)
	assert.False(t, changes[0].SameScope)
	assert.NoError(t, changes[0].Err)
	assert.EqualValues(t, 2, console.asked.Load())
}

func TestEachNewTokenIsAskedAboutOnce(t *testing.T) {
	console := newRenewals(t)
	client := console.begun(t, nil)
	for _, token := range []struct {
		name, user string
		same       bool
	}{
		{"of another user", `{"id":"9","scope":"site","scopeRoles":[{"id":"11"},{"id":"10"}]}`, true},
		{"narrower", oneSite, false},
		{"wider", `{"scope":"tenant"}`, false},
		{"of an account with the ID of a site", `{"scope":"account","scopeRoles":[{"id":"10"},{"id":"11"}]}`, false},
		{"without a scope", `{"id":"1"}`, false},
		{"first", twoSites, true},
	} {
		name := strings.ReplaceAll(token.name, " ", "-")
		console.renew(t, name, token.user)
		before := len(client.TokenChanges())
		for range 2 {
			_, err := ids(t.Context(), client, nil)
			require.NoError(t, err)
		}
		if name == "first" {
			assert.Len(t, client.TokenChanges(), before, "it was asked about when all began")
			continue
		}
		changes := client.TokenChanges()
		require.Len(t, changes, before+1, token.name)
		assert.Equal(t, token.same, changes[before].SameScope, token.name)
	}
	assert.EqualValues(t, 6, console.asked.Load())
}

// A list that is given up while /user is asked leaves the question to the next request.
func TestATokenThatCouldNotBeAskedAboutInTimeIsAskedAboutNext(t *testing.T) {
	console := newRenewals(t)
	client := console.begun(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	console.renew(t, "second", func(r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	_, err := ids(ctx, client, nil)
	require.ErrorIs(t, err, context.Canceled, "what was read with a token that nobody knows is not used")
	require.Empty(t, client.TokenChanges())

	console.users.Store("second", oneSite)
	_, err = ids(t.Context(), client, nil)
	require.NoError(t, err)
	require.Len(t, client.TokenChanges(), 1)
}

func TestAClientThatNeverAskedForItsUserDoesNotAskLaterEither(t *testing.T) {
	console := newRenewals(t)
	console.renew(t, "first", twoSites)
	client, _ := connect(t, console.URL, func(cfg *s1.Config) { cfg.Token = s1.FileToken(console.file) })
	_, err := ids(t.Context(), client, nil)
	require.NoError(t, err)
	console.renew(t, "second", oneSite)
	_, err = ids(t.Context(), client, nil)
	require.NoError(t, err)
	assert.Empty(t, client.TokenChanges())
	assert.Zero(t, console.asked.Load())
}

// users notes what is recorded of /user.
type users struct {
	mu       sync.Mutex
	recorded []s1.User
}

func (u *users) Record(a s1.Answer) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if rows, ok := a.Rows.([]s1.User); ok {
		u.recorded = append(u.recorded, rows...)
	}
	return nil
}

func TestARecordingOfTwoScopesNamesNone(t *testing.T) {
	console := newRenewals(t)
	recorder := &users{}
	client := console.begun(t, func(cfg *s1.Config) { cfg.Recorder = recorder })
	console.renew(t, "second", twoSites)
	_, err := ids(t.Context(), client, nil)
	require.NoError(t, err)
	require.Len(t, recorder.recorded, 1, "a renewed token is not recorded anew")
	console.renew(t, "third", oneSite)
	_, err = ids(t.Context(), client, nil)
	require.NoError(t, err)
	require.Len(t, recorder.recorded, 2)
	assert.Equal(t, s1.User{ID: "1", Scope: s1.ScopeMixed}, recorder.recorded[1])
}
