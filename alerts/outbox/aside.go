package outbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// asideBucket has the names of files that were found damaged, until AsideTold.
const asideBucket = "aside"

// asidesKept is how many damaged files are kept: the newest.
const asidesKept = 3

// replaced is the error of a damaged file once another has taken its place: the file is kept beside it, under its name and
// when it was last written to. Whoever evaluates the next run reads in Asides that it was. Where that cannot be done the error
// says why.
func (o *Outbox) replaced(ctx context.Context) error {
	info, err := plain(o.path)
	if err != nil || o.damaged == nil || !os.SameFile(info, o.damaged) {
		return ErrDamaged // another process has done it
	}
	aside := o.path + ".damaged-" + info.ModTime().UTC().Format("20060102T150405.000000000Z")
	if err := os.Rename(o.path, aside); err != nil {
		return fmt.Errorf("%w, and cannot be moved aside: move it away yourself, and a new one is made: %w", ErrDamaged, err)
	}
	syncDir(filepath.Dir(o.path))
	err = o.note(ctx, filepath.Base(aside))
	kept, _ := filepath.Glob(o.path + ".damaged-*")
	slices.Sort(kept)
	for _, old := range kept[:max(0, len(kept)-asidesKept)] {
		err = errors.Join(err, os.Remove(old))
	}
	return errors.Join(fmt.Errorf("%w: it is kept as %s, and a new one takes its place; what waited in it is not sent", ErrDamaged, aside), err)
}

func (o *Outbox) note(ctx context.Context, name string) error {
	if err := o.create(); err != nil {
		return err
	}
	f, err := o.open(ctx, false)
	if err != nil {
		return err
	}
	return errors.Join(guarded(func() error { return update(f.DB, func(tx *Tx) error { return tx.Put(asideBucket, name, nil) }) }), f.Close())
}

// Asides are the names of damaged files that this one has taken the place of, and that nobody was told of yet.
func (tx *Tx) Asides() (names []string) {
	for name := range tx.Each(asideBucket, "") {
		names = append(names, name)
	}
	return names
}

// AsidesTold forgets what Asides gave.
func (tx *Tx) AsidesTold(names []string) error {
	var errs []error
	for _, name := range names {
		errs = append(errs, tx.Delete(asideBucket, name))
	}
	return errors.Join(errs...)
}
