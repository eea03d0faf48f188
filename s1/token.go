package s1

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"s1graph/token"
)

// TokenSource gives the API token. It is safe for concurrent use.
type TokenSource interface {
	// Token returns the token. stale is the token that the console has just refused, else "". The source then looks whether
	// there is a newer one. Where there is none, it returns the same again. Errors never contain a token.
	Token(ctx context.Context, stale string) (string, error)
}

// StaticToken is a token that never changes, such as one from the environment.
func StaticToken(token string) TokenSource { return staticToken(token) }

type staticToken string

func (t staticToken) Token(context.Context, string) (string, error) {
	return checkToken(string(t), "the API token")
}

// FileToken is a token in a file. The file is read when the token is first needed, and again after the
// console refused it, since it may have been renewed meanwhile.
func FileToken(path string) TokenSource {
	return &renewedToken{read: func(context.Context) (string, error) {
		content, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("token file: %w", err)
		}
		return checkToken(string(content), "token file "+path+":")
	}}
}

// renewedToken is a token that something else renews, where it is read again after the console refused it.
type renewedToken struct {
	read func(context.Context) (string, error)

	reads atomic.Int64 // so far

	mu    sync.Mutex
	token string
}

var _, _ TokenSource = staticToken(""), (*renewedToken)(nil)

func (r *renewedToken) Token(ctx context.Context, stale string) (string, error) {
	reads := r.reads.Load()
	r.mu.Lock()
	defer r.mu.Unlock()
	// Requests that were refused at the same time share what the first of them read.
	if r.token != "" && (r.token != stale || r.reads.Load() > reads) {
		return r.token, nil
	}
	token, err := r.read(ctx)
	if err != nil {
		return "", err
	}
	r.token = token
	r.reads.Add(1)
	return token, nil
}

// checkToken trims a token and refuses what cannot be one, which the console would answer with 401. name is what holds it.
func checkToken(content, name string) (string, error) {
	checked, err := token.Check(content)
	if err != nil {
		return "", fmt.Errorf("%s %w", name, err)
	}
	return checked, nil
}
