package state

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/sourcegraph/conc/pool"
)

// Bucket is where state is kept. Names are relative paths with slashes. It is safe for concurrent use, by several processes
// too, and what was put or created is there for all, and not lost with power, when that returns.
type Bucket interface {
	// Get reads what was put last under a name. The error is fs.ErrNotExist where there is nothing; reading may end in another.
	Get(ctx context.Context, name string) (io.ReadCloser, error)

	// Put stores what content yields, whole or not at all, in place of what is there.
	Put(ctx context.Context, name string, content io.Reader) error

	// Create stores content where there is nothing: of all who try one succeeds, and the others' error is fs.ErrExist. After any
	// other error it may be there or not, or be there later.
	Create(ctx context.Context, name string, content []byte) error

	// List gives the names that begin with prefix, which ends with a slash, in ascending order: all whose Put or Create
	// returned before.
	List(ctx context.Context, prefix string) ([]string, error)

	// Delete removes what is there, if anything is.
	Delete(ctx context.Context, name string) error
}

// ErrOverwrites says that a store lets several create one name, so that nothing can rely on it.
var ErrOverwrites = errors.New("it lets a name be written twice, so that two workers could both commit a run")

// AdviceOnOverwriting is what to do about ErrOverwrites.
const AdviceOnOverwriting = "use a store with conditional writes (If-None-Match), or a newer version of this one"

// AddressError says that nothing can be kept at an address. It names no secret.
type AddressError struct {
	Address string
	Err     error
}

func (e *AddressError) Error() string { return fmt.Sprintf("the bucket %s: %v", e.Address, e.Err) }

// Unwrap is what is wrong with it.
func (e *AddressError) Unwrap() error { return e.Err }

// Open opens the bucket at file:///PATH or s3://BUCKET/PREFIX?endpoint=HOST&region=REGION, and makes sure that of many who
// create one name one succeeds. An endpoint with http:// on another machine needs &insecure=true. Credentials of S3 are found as AWS' tools find them. Errors are *AddressError.
func Open(ctx context.Context, address string) (Bucket, error) {
	b, err := open(ctx, address)
	if err == nil {
		err = probe(ctx, b)
	}
	if err != nil {
		return nil, &AddressError{address, err}
	}
	return b, nil
}

// Reach says whether a bucket answers.
func Reach(ctx context.Context, b Bucket) error {
	_, err := b.List(ctx, probes)
	return err
}

// Warnings are on how a bucket is set up: what costs space, and what would lose state. Behind a colon stands what to do.
func Warnings(ctx context.Context, b Bucket) []string {
	if s, is := b.(*s3); is {
		return s.warnings(ctx)
	}
	return nil
}

// CheckAddress says what is wrong with an address, without asking who is there.
func CheckAddress(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return errors.New("must be file:///PATH or s3://BUCKET/PREFIX")
	case u.User != nil:
		return errors.New("must have no user name or password in it: they come from the environment, as AWS' tools have them")
	case u.Scheme == "file" && (u.Host != "" || len(u.Path) < 2):
		return errors.New("must have three slashes and the whole path, as in file:///var/lib/s1graph-state")
	case u.Scheme == "s3" && u.Host == "":
		return errors.New("must name the bucket, as in s3://BUCKET/PREFIX")
	case u.Scheme != "file" && u.Scheme != "s3":
		return errors.New("must begin with file:// or s3://")
	}
	for name := range u.Query() {
		if u.Scheme != "s3" || name != "endpoint" && name != "region" && name != "insecure" {
			return fmt.Errorf("must not have %s=: s3:// takes endpoint, region and insecure", name)
		}
	}
	host, inTheClear := endpointOf(u)
	if at, _, err := net.SplitHostPort(host); err == nil {
		host = at
	}
	isThisMachine := strings.EqualFold(host, "localhost") || net.ParseIP(strings.Trim(host, "[]")).IsLoopback()
	if inTheClear && !isThisMachine && u.Query().Get("insecure") != "true" {
		return fmt.Errorf("must have an endpoint with https://, since the state of the tenants goes to %s; if you trust the network between, say so by &insecure=true", host)
	}
	return nil
}

// endpointOf is the host, maybe with a port, of the store that an address of S3 names, and whether it is spoken to unencrypted.
func endpointOf(u *url.URL) (host string, inTheClear bool) {
	host = u.Query().Get("endpoint")
	host, inTheClear = strings.CutPrefix(host, "http://")
	host = strings.TrimSuffix(strings.TrimPrefix(host, "https://"), "/")
	return host, inTheClear
}

func open(ctx context.Context, address string) (Bucket, error) {
	if err := CheckAddress(address); err != nil {
		return nil, err
	}
	u, _ := url.Parse(address) // it was checked
	if u.Scheme == "file" {
		return openFolder(u.Path)
	}
	return openS3(ctx, u)
}

// probes is where names are created to find out what a bucket does.
const probes = ".probe/"

// racers is how many create one name at once in a probe.
const racers = 16

// probe makes sure that of many who create one name one succeeds, and that its content is what is there then.
func probe(ctx context.Context, b Bucket) error {
	name := probes + rand.Text()
	content := func(i int) []byte { return []byte(fmt.Sprintf("%s of %d", name, i)) }
	errs := make([]error, racers)
	p := pool.New()
	for i := range errs {
		p.Go(func() { errs[i] = b.Create(ctx, name, content(i)) })
	}
	p.Wait()
	winners, winner := 0, 0
	for i, err := range errs {
		switch {
		case err == nil:
			winners, winner = winners+1, i
		case !errors.Is(err, fs.ErrExist):
			return errors.Join(err, b.Delete(ctx, name))
		}
	}
	there, err := read(ctx, b, name)
	names, unlisted := b.List(ctx, probes)
	if err := errors.Join(err, unlisted, b.Delete(ctx, name)); err != nil {
		return err
	}
	switch {
	case winners > 1 || winners == 1 && !bytes.Equal(there, content(winner)):
		return ErrOverwrites
	case winners == 0: // an answer was lost, and the try after it found what the first had made
		return errors.New("it did not say who created a name: try again")
	case len(names) == 0:
		return errors.New("it does not list what is there")
	}
	return nil
}

// mostBytes is more than any record, identity or ask has.
const mostBytes = 64 << 20

// read reads what is small.
func read(ctx context.Context, b Bucket, name string) ([]byte, error) {
	r, err := b.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, mostBytes))
}

// unfinishedKept is how long what was not put whole may stay.
const unfinishedKept = 24 * time.Hour
