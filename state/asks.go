package state

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"s1graph/graph/jsonstore"
)

// acceptedDir has the accepted deletions of a directory, which are the connector's to read and to remove.
const acceptedDir = "accepted"

// asked matches the names in it of what came from the bucket.
var asked = regexp.MustCompile(`^[0-9]+-[0-9TZ]+-[0-9a-f]{4}-[0-9a-z]{26}(-out-of-scope)?\.jsonl$`)

// Accept lets the worker that has the instance delete what a run withheld, or with outOfScope what it kept out of scope: the
// keys in content, which is what a file of accepted deletions is. No lock is needed. An error says that nobody knows whether it
// was accepted; it may be asked again.
func Accept(ctx context.Context, b Bucket, instance, runID string, outOfScope bool, content io.Reader) error {
	name := runID + "-" + strings.ToLower(Of(b, instance, "", "").Random())
	if outOfScope {
		name += "-out-of-scope"
	}
	if !asked.MatchString(name + ".jsonl") {
		return fmt.Errorf("%q is no run", runID)
	}
	return b.Put(ctx, instance+"/asks/"+name+".jsonl", content)
}

// takeAsks brings into the directory what was accepted and no run has taken over yet, and removes what has been.
func (r *Replica) takeAsks(ctx context.Context) error {
	names, err := r.bucket.List(ctx, r.instance+"/asks/")
	if err != nil {
		return err
	}
	r.asks = map[string]bool{}
	for _, name := range names {
		base := path.Base(name)
		if !asked.MatchString(base) {
			continue // of a later version
		}
		r.asks[base] = !slices.Contains(r.hand.Answered, base)
		if r.asks[base] {
			if err := r.takeAsk(ctx, name); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	stale, err := os.ReadDir(filepath.Join(r.dir, acceptedDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range stale {
		if asked.MatchString(e.Name()) && !r.asks[e.Name()] {
			err = errors.Join(err, remove(filepath.Join(r.dir, acceptedDir, e.Name())))
		}
	}
	return err
}

func (r *Replica) takeAsk(ctx context.Context, name string) error {
	to := filepath.Join(r.dir, acceptedDir, path.Base(name))
	if _, err := os.Lstat(to); err == nil {
		return nil
	}
	content, err := read(ctx, r.bucket, name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return jsonstore.Replace(to, content)
}

// answered are the asks that are there and that a run has taken over: then the connector has removed the file.
func (r *Replica) answered() (names []string) {
	for base, open := range r.asks {
		if _, err := os.Lstat(filepath.Join(r.dir, acceptedDir, base)); !open || errors.Is(err, fs.ErrNotExist) {
			names = append(names, base)
		}
	}
	slices.Sort(names)
	return names
}

func (r *Replica) sweepAsks(ctx context.Context) error {
	for _, base := range r.hand.Answered {
		if err := r.bucket.Delete(ctx, r.instance+"/asks/"+base); err != nil {
			return err
		}
	}
	return nil
}
