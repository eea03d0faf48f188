package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/sourcegraph/conc/iter"

	"s1graph/connector"
	"s1graph/s1"
	"s1graph/steps"
)

func (c *checker) client() (*s1.Client, error) {
	return connector.NewClient(c.Config, func(s *s1.Config) {
		s.Transport, s.Logger = c.Transport, c.Logger
		s.Sleep = c.shortly
	})
}

// errTooLong ends a wait that is too long for somebody who sits before the screen.
var errTooLong = errors.New("gave up")

// shortly waits as the client asks for, but not for long: somebody sits before the screen.
func (c *checker) shortly(ctx context.Context, d time.Duration) error {
	const patience = 5 * time.Second
	if d > patience {
		return fmt.Errorf("%w: the next try would only be in %s", errTooLong, d.Round(time.Second))
	}
	return c.Sleep(ctx, d)
}

// answer is what came of the question how many rows a list has.
type answer struct {
	list
	rows int
	err  error

	// Of a list that is asked for by account:
	refusing []string // accounts that refuse it while others do not, each with the refusal
	bound    string   // how many of the accounts were asked; "": all
}

// answers are those of /user and of all lists that a run would read.
type answers struct {
	user  s1.User
	err   error // of /user
	lists []answer
}

// longest is how long one question may take, with all tries.
const longest = time.Minute

// ask asks for the user and then for all lists at once. A token that is not accepted is tried with one list alone.
func (c *checker) ask(ctx context.Context, client *s1.Client) answers {
	var a answers
	limit, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	a.user, a.err = client.User(limit)
	c.user = a.user
	var asked []list
	for _, l := range lists() {
		if !c.leavesOut(l) {
			asked = append(asked, l)
		}
	}
	if kindOf(a.err) == unauthorized && len(asked) > 1 {
		first := c.askList(ctx, client, asked[0])
		if kindOf(first.err) == unauthorized {
			a.lists = []answer{first}
			return a
		}
	}
	a.lists = iter.Map(asked, func(l *list) answer { return c.askList(ctx, client, *l) })
	return a
}

// askList asks how many rows a list has, or the one that is read in its place.
func (c *checker) askList(ctx context.Context, client *s1.Client, l list) answer {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	if l.hasChoice() && c.Config.Applications == steps.InventorySource {
		l = l.standIn()
	}
	if l.OfOne {
		return c.askByAccount(ctx, client, l)
	}
	filters := l.Scope.Query(c.Config.Accounts, c.Config.Sites, c.Config.Groups)
	maps.Copy(filters, l.Filters)
	n, err := rowsOf(ctx, client, l, filters)
	if l.hasChoice() && c.Config.Applications == steps.AutoSource && (steps.CannotBeHad(err) || kindOf(err) == fine && n == 0) {
		other := c.askList(ctx, client, l.standIn())
		if other.err == nil || err != nil {
			return other
		}
	}
	return answer{list: l, rows: n, err: err}
}

// rowsOf asks how many rows a list has. One that does not say so, or says that it has none, is asked for a row: if that comes, the
// error is s1.ErrNoTotal.
func rowsOf(ctx context.Context, client *s1.Client, l list, filters url.Values) (int, error) {
	n, counted := client.RawCount(ctx, l.Path, filters)
	if n > 0 || kindOf(counted) != fine {
		return n, counted
	}
	n, err := client.RawFirst(ctx, l.Path, filters)
	if n > 0 {
		counted = s1.ErrNoTotal
	}
	return n, cmp.Or(err, counted)
}

// kind is how a question was answered.
type kind int

const (
	fine         kind = iota
	unauthorized      // 401
	refused           // 403
	notFound          // 404
	failing           // 5xx
	limited           // 429
	redirected        // 3xx
	foreign           // not by the API
	broken            // not at all
	tokenless         // it was not sent, as there is no token
	invalid           // with anything else, such as 400
)

func kindOf(err error) kind {
	if err == nil || errors.Is(err, s1.ErrNoTotal) {
		return fine
	}
	e, ok := errors.AsType[*s1.Error](err)
	switch {
	case errors.Is(err, errTooLong): // the console's limits are all that a request waits for before it is sent
		return limited
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return broken
	case !ok: // of the errors of a question those of the token's source alone are no *s1.Error then
		return tokenless
	case e.Status == http.StatusTooManyRequests:
		return limited
	case e.Status >= http.StatusInternalServerError:
		return failing
	case e.Status >= 300 && e.Status < 400:
		return redirected
	case e.Foreign != "":
		return foreign
	case e.Status == 0 || errors.Is(err, s1.ErrBeyondBound):
		return broken
	}
	kinds := map[int]kind{http.StatusUnauthorized: unauthorized, http.StatusForbidden: refused, http.StatusNotFound: notFound}
	if k, ok := kinds[e.Status]; ok {
		return k
	}
	return invalid
}

// said is what an error says, without what s1 advises on a 401.
func said(err error) string {
	switch kindOf(err) {
	case unauthorized:
		e, _ := errors.AsType[*s1.Error](err)
		return fmt.Sprintf("sentinelone api 401 on %s", e.Path)
	case broken:
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Sprintf("no answer within %s", longest)
		}
	}
	return err.Error()
}

// whole finds the one kind behind all: that of each list or, where no list is asked for, of the user; it is fine where
// there is none. Where nothing that needs the token was answered well, one 401 says that the token is the cause.
func (a *answers) whole() (kind, error) {
	kinds := make([]kind, len(a.lists))
	for i := range a.lists {
		kinds[i] = kindOf(a.lists[i].err)
	}
	user := kindOf(a.err)
	switch {
	case len(kinds) == 0:
		return user, a.err
	case !slices.ContainsFunc(kinds, func(k kind) bool { return k != kinds[0] }):
		return kinds[0], a.lists[0].err
	case user == unauthorized && !slices.Contains(kinds, fine):
		return user, a.err
	}
	return fine, nil
}

// accepted is a path whose answer shows that the token is accepted; "" where there is none.
func (a *answers) accepted() string {
	if kindOf(a.err) == fine {
		return "/user"
	}
	for _, l := range a.lists {
		if kindOf(l.err) == fine {
			return l.Path
		}
	}
	return ""
}
