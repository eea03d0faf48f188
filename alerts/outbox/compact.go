package outbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// CopyTo writes the file as it is between two transactions, and nothing where there is none. All others wait meanwhile.
func (o *Outbox) CopyTo(ctx context.Context, w io.Writer) error {
	return o.View(ctx, func(tx *Tx) error {
		if tx.bolt == nil {
			return nil
		}
		_, err := tx.bolt.WriteTo(w)
		return err
	})
}

// leastWaste is how many bytes a file may have that hold nothing.
const leastWaste = 1 << 20

// Shrink gives back to the disk what the file does not need any more, if that is at least half of it: bbolt keeps for
// later what was taken out. Where it cannot be done the file stays as it is.
func (o *Outbox) Shrink(ctx context.Context) error {
	if info, err := plain(o.path); err != nil || info.Size() <= leastWaste {
		return nil // there is none, or it is small
	}
	return o.withFile(ctx, false, func(db *bbolt.DB) error {
		info, err := os.Stat(o.path)
		if err != nil {
			return err
		}
		var used int64
		if err := db.View(func(tx *bbolt.Tx) error { used = tx.Size(); return nil }); err != nil {
			return err
		}
		s := db.Stats()
		free := int64(s.FreePageN+s.PendingPageN)*int64(db.Info().PageSize) + info.Size() - used
		if free < leastWaste || free < info.Size()/2 {
			return nil
		}
		return o.rewrite(db)
	})
}

// rewrite puts a smaller file in the place of the open one. Who waits for the old one finds that it is another now.
func (o *Outbox) rewrite(db *bbolt.DB) (err error) {
	draft, err := o.draft()
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(draft) }()
	smaller, err := bbolt.Open(draft, fileMode, nil)
	if err != nil {
		return err
	}
	const atOnce = 1 << 20 // bytes in one transaction
	if err := errors.Join(bbolt.Compact(smaller, db, atOnce), smaller.Sync(), smaller.Close()); err != nil {
		return fmt.Errorf("it was not made smaller: %w", err)
	}
	if err := os.Rename(draft, o.path); err != nil {
		return err
	}
	syncDir(filepath.Dir(o.path))
	return nil
}

// syncDir lets a power cut not undo what happened to a folder's files; not every system can.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = errors.Join(d.Sync(), d.Close())
	}
}
