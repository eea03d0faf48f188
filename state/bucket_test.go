package state_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/state"
)

// s3 is an S3 server whose requests the handler may see first, and answers itself where it says so.
func s3(t *testing.T, handles func(w http.ResponseWriter, r *http.Request, serve http.Handler) bool) (address string) {
	t.Helper()
	backend := s3mem.New()
	require.NoError(t, backend.CreateBucket("states"))
	fake := gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if handles == nil || !handles(w, r, fake) {
			fake.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	return "s3://states/tenants?region=us-east-1&endpoint=" + url.QueryEscape(server.URL)
}

func mustOpen(t *testing.T, address string) state.Bucket {
	t.Helper()
	b, err := state.Open(t.Context(), address)
	require.NoError(t, err)
	return b
}

func content(t *testing.T, b state.Bucket, name string) string {
	t.Helper()
	r, err := b.Get(t.Context(), name)
	require.NoError(t, err)
	defer r.Close()
	content, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(content)
}

func TestABucketKeepsItsPromises(t *testing.T) {
	for name, address := range map[string]func(*testing.T) string{
		"folder": func(t *testing.T) string { return "file://" + filepath.Join(t.TempDir(), "states") },
		"s3":     func(t *testing.T) string { return s3(t, nil) },
		"real":   realS3,
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			b := mustOpen(t, address(t))
			names, err := b.List(ctx, "acme/")
			require.NoError(t, err)
			assert.Empty(t, names)
			_, err = b.Get(ctx, "acme/log/1")
			require.ErrorIs(t, err, fs.ErrNotExist)

			require.NoError(t, b.Put(ctx, "acme/objects/a", strings.NewReader("one")))
			require.NoError(t, b.Put(ctx, "acme/objects/a", strings.NewReader("two")))
			assert.Equal(t, "two", content(t, b, "acme/objects/a"))
			require.NoError(t, b.Create(ctx, "acme/log/2", []byte("first")))
			require.ErrorIs(t, b.Create(ctx, "acme/log/2", []byte("second")), fs.ErrExist)
			assert.Equal(t, "first", content(t, b, "acme/log/2"))
			require.NoError(t, b.Create(ctx, "acme/log/10", []byte("ten")))
			require.NoError(t, b.Put(ctx, "acme2/log/1", strings.NewReader("other")))
			names, err = b.List(ctx, "acme/")
			require.NoError(t, err)
			assert.Equal(t, []string{"acme/log/10", "acme/log/2", "acme/objects/a"}, names)

			require.NoError(t, b.Delete(ctx, "acme/log/2"))
			require.NoError(t, b.Delete(ctx, "acme/log/2"))
			require.NoError(t, b.Create(ctx, "acme/log/2", []byte("again")))

			big := bytes.Repeat([]byte("0123456789abcdef"), 20<<16) // more than a part
			require.NoError(t, b.Put(ctx, "acme/objects/big", bytes.NewReader(big)))
			assert.Equal(t, len(big), len(content(t, b, "acme/objects/big")))

			broken := errors.New("the disk is gone")
			err = b.Put(ctx, "acme/objects/broken", io.MultiReader(bytes.NewReader(big), &failing{broken}))
			require.ErrorIs(t, err, broken)
			_, err = b.Get(ctx, "acme/objects/broken")
			assert.ErrorIs(t, err, fs.ErrNotExist)
		})
	}
}

func TestWhatS3RefusesIsToldWithTheRightThatIsMissingOrWhatToSet(t *testing.T) {
	var status int
	var code string
	b := mustOpen(t, s3(t, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
		if status == 0 {
			return false
		}
		w.WriteHeader(status)
		_, err := fmt.Fprintf(w, "<Error><Code>%s</Code><Message>So it is.</Message></Error>", code)
		assert.NoError(t, err)
		return true
	}))
	for name, do := range map[string]func() error{
		"s3:GetObject of tenants/acme/log/1 in the bucket states":     func() error { _, err := b.Get(t.Context(), "acme/log/1"); return err },
		"s3:PutObject of tenants/acme/objects/a in the bucket states": func() error { return b.Put(t.Context(), "acme/objects/a", strings.NewReader("one")) },
		"s3:PutObject of tenants/acme/log/2 in the bucket states":     func() error { return b.Create(t.Context(), "acme/log/2", []byte("two")) },
		"s3:ListBucket of tenants/acme/log/ in the bucket states":     func() error { _, err := b.List(t.Context(), "acme/log/"); return err },
		"s3:DeleteObject of tenants/acme/log/1 in the bucket states":  func() error { return b.Delete(t.Context(), "acme/log/1") },
	} {
		for refusal, advice := range map[string]string{
			"403 AccessDenied":                 "give the credentials this right",
			"403 RequestTimeTooSkewed":         "set this machine's clock, which says 20",
			"400 AuthorizationHeaderMalformed": "look at region and endpoint in the address of state",
			"400 InvalidRequest":               "So it is.",
		} {
			if strings.HasPrefix(name, "s3:GetObject") && !strings.HasSuffix(refusal, "AccessDenied") {
				continue // who gets an object asks for its head first, and answers to that have no words
			}
			_, err := fmt.Sscan(refusal, &status, &code)
			require.NoError(t, err)
			err = do()
			require.ErrorContains(t, err, name+": ", refusal)
			assert.ErrorContains(t, err, advice, refusal)
		}
		status = 0
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

func TestOfManyWhoCreateANameOneSucceeds(t *testing.T) {
	address := "file://" + t.TempDir()
	var won atomic.Int64
	var racing sync.WaitGroup
	for range 4 {
		b := mustOpen(t, address) // as another process has it
		for i := range 8 {
			racing.Go(func() {
				for n := range 25 {
					err := b.Create(t.Context(), fmt.Sprintf("race/%d", n), fmt.Append(nil, i))
					if err == nil {
						won.Add(1)
					} else {
						assert.ErrorIs(t, err, fs.ErrExist)
					}
				}
			})
		}
	}
	racing.Wait()
	assert.EqualValues(t, 25, won.Load())
}

func TestAStoreThatLetsANameBeWrittenTwiceIsRefused(t *testing.T) {
	address := s3(t, func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		r.Header.Del("If-None-Match") // as SeaweedFS did before 2025-08
		return false
	})
	_, err := state.Open(t.Context(), address)
	require.ErrorIs(t, err, state.ErrOverwrites)
	assert.NotContains(t, err.Error(), "secret")
}

func TestAStoreThatLetsANameBeWrittenTwiceNowAndThenIsRefused(t *testing.T) {
	var writes atomic.Int64
	address := s3(t, func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.Method == http.MethodPut && writes.Add(1) == 7 {
			r.Header.Del("If-None-Match")
		}
		return false
	})
	_, err := state.Open(t.Context(), address)
	require.ErrorIs(t, err, state.ErrOverwrites)
}

func TestACreationIsTriedAgainWhereTheStoreSpeaksOfAConflictOrLosesItsAnswer(t *testing.T) {
	var fault atomic.Pointer[func(w http.ResponseWriter, r *http.Request, serve http.Handler)]
	address := s3(t, func(w http.ResponseWriter, r *http.Request, serve http.Handler) bool {
		f := fault.Swap(nil)
		if f == nil {
			return false
		}
		(*f)(w, r, serve)
		return true
	})
	b := mustOpen(t, address)
	conflict := func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.WriteHeader(http.StatusConflict)
		fmt.Fprint(w, `<Error><Code>ConditionalRequestConflict</Code></Error>`)
	}
	fault.Store(&conflict)
	require.NoError(t, b.Create(t.Context(), "acme/log/1", []byte("1")))

	lost := func(_ http.ResponseWriter, r *http.Request, serve http.Handler) {
		serve.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}
	fault.Store(&lost)
	err := b.Create(t.Context(), "acme/log/2", []byte("2"))
	require.ErrorIs(t, err, fs.ErrExist, "the second try finds what the first has made; the log then looks whose it is")
	assert.Equal(t, "2", content(t, b, "acme/log/2"))
}

func TestAnAddressThatCannotBeIsRefusedInWords(t *testing.T) {
	for address, want := range map[string]string{
		"/var/lib/state":         "must begin with file:// or s3://",
		"gs://bucket":            "must begin with file:// or s3://",
		"file://var/lib/state":   "must have three slashes",
		"s3:///prefix":           "must name the bucket",
		"s3://key:secret@bucket": "must have no user name or password",
		"s3://bucket?acl=public": "must not have acl=",
		"file:///tmp/x?region=1": "must not have region=",

		"s3://bucket/a?endpoint=http://minio.example:9000":              "must have an endpoint with https://, since the state of the tenants goes to minio.example; if you trust the network between, say so by &insecure=true",
		"s3://bucket/a?endpoint=http://localhost.example":               "must have an endpoint with https://",
		"s3://bucket/a?endpoint=http%3A%2F%2F10.0.0.9:9000&insecure=no": "must have an endpoint with https://",
	} {
		assert.ErrorContains(t, state.CheckAddress(address), want, address)
	}
	for _, address := range []string{"file:///var/lib/state", "s3://bucket", "s3://bucket/a/b?endpoint=minio.example:9000&region=eu-central-1",
		"s3://bucket?endpoint=https://minio.example", "s3://bucket?endpoint=http://127.0.0.1:9000", "s3://bucket?endpoint=http://[::1]:9000", "s3://bucket?endpoint=http://localhost/",
		"s3://bucket?endpoint=http://minio.example:9000&insecure=true"} {
		assert.NoError(t, state.CheckAddress(address))
	}
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := state.Open(t.Context(), "file://"+file+"/sub")
	_, ok := errors.AsType[*state.AddressError](err)
	assert.True(t, ok, "%v", err)
}

func TestWhatAKilledProcessLeftInAFolderIsRemovedAfterADay(t *testing.T) {
	dir := t.TempDir()
	mustOpen(t, "file://"+dir)
	old, fresh := filepath.Join(dir, ".unfinished", "OLD"), filepath.Join(dir, ".unfinished", "FRESH")
	for _, path := range []string{old, fresh} {
		require.NoError(t, os.WriteFile(path, []byte("half"), 0o600))
	}
	require.NoError(t, os.Chtimes(old, time.Time{}, time.Now().Add(-25*time.Hour)))
	mustOpen(t, "file://"+dir)
	assert.NoFileExists(t, old)
	assert.FileExists(t, fresh)
}

func TestAnInstanceMovesThroughS3ThatFailsNowAndThen(t *testing.T) {
	var n atomic.Int64
	address := s3(t, func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if n.Add(1)%5 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		return false
	})
	b := mustOpen(t, address)
	one, two := newWorker(t, b, "w1"), newWorker(t, b, "w2")
	mustRun(t, one, "a")
	mustRun(t, two, "a", "b")
	_, err := one.run(t.Context(), "x")
	require.ErrorIs(t, err, state.ErrFenced)
	dir := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, state.Fetch(context.WithoutCancel(t.Context()), b, "acme", dir))
	assert.Equal(t, []string{"a", "b"}, graphOf(t, dir))
}

func TestABucketThatKeepsOldVersionsOrLetsObjectsExpireIsWarnedOf(t *testing.T) {
	set := map[string]string{}
	address := s3(t, func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		for query, document := range set {
			if r.URL.Query().Has(query) {
				fmt.Fprint(w, document)
				return true
			}
		}
		return false
	})
	b := mustOpen(t, address)
	assert.Empty(t, state.Warnings(t.Context(), b))
	set["versioning"] = `<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`
	set["lifecycle"] = `<LifecycleConfiguration>
		<Rule><ID>tidy</ID><Status>Enabled</Status><Filter><Prefix>ten</Prefix></Filter><Expiration><Days>30</Days></Expiration></Rule>
		<Rule><ID>off</ID><Status>Disabled</Status><Filter><Prefix></Prefix></Filter><Expiration><Days>30</Days></Expiration></Rule>
		<Rule><ID>others</ID><Status>Enabled</Status><Filter><Prefix>logs/</Prefix></Filter><Expiration><Days>30</Days></Expiration></Rule>
	</LifecycleConfiguration>`
	warnings := state.Warnings(t.Context(), b)
	require.Len(t, warnings, 2)
	assert.Contains(t, warnings[0], "old versions")
	assert.Contains(t, warnings[1], `"tidy"`)
}
