package s1_test

import (
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1"
	"s1graph/s1/s1test"
)

func TestAFingerprintIsThatOfTheAnswerTheTokenAndTheKey(t *testing.T) {
	t.Parallel()
	fingerprint := func(key, token string, faults ...s1test.Fault) string {
		console := s1test.New(s1test.Tenant{Agents: 3})
		console.Accept(s1test.Token{Value: "one"}, s1test.Token{Value: "two"})
		for _, fault := range faults {
			console.Break(fault)
		}
		web := httptest.NewServer(console)
		defer web.Close()
		client, err := s1.New(s1.Config{URL: web.URL, Token: s1.StaticToken(token), Limiter: new(s1.Limiter)})
		require.NoError(t, err)
		defer client.Close()
		_, _ = client.User(t.Context())
		return client.Fingerprint([]byte(key))
	}
	refused, missing := s1test.Fault{Path: "/user", Effect: s1test.Status(403)}, s1test.Fault{Path: "/user", Effect: s1test.Status(404)}
	all := map[string]string{}
	for name, got := range map[string]string{
		"refused":           fingerprint("key", "one", refused),
		"missing":           fingerprint("key", "one", missing),
		"another token":     fingerprint("key", "two", missing),
		"another key":       fingerprint("another", "one", missing),
		"told":              fingerprint("key", "one"),
		"told in part":      fingerprint("key", "one", s1test.UserWithScope("region")),
		"told in part else": fingerprint("key", "one", s1test.UserOfNulls()),
	} {
		assert.Regexp(t, `^[0-9a-f]{64}$`, got)
		assert.Empty(t, all[got], name)
		all[got] = name
	}
	// What moves by itself, such as the time of the last login, is no part of it.
	later := s1test.Fault{Path: "/user", Effect: s1test.ZeroTimes("2031-01-01T00:00:00Z")}
	assert.Equal(t, fingerprint("key", "one"), fingerprint("key", "one", later))
	assert.Equal(t, fingerprint("key", "one", missing), fingerprint("key", "one", missing))
}
