package state

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/sourcegraph/conc/pool"

	"s1graph/alerts/outbox"
	"s1graph/graph/jsonstore"
)

// atOnce is how many objects are put at once.
const atOnce = 4

func (r *Replica) object(name string) string { return r.instance + "/objects/" + name }

// upload puts what the bucket lacks of a run, and says which objects the run has, by part. What a run of the last record has
// with the same content is not put again.
func (r *Replica) upload(ctx context.Context, committed *jsonstore.Run) (map[string]string, error) {
	var mu sync.Mutex
	objects := map[string]string{}
	p := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError().WithMaxGoroutines(atOnce)
	for part, paths := range committed.Parts() {
		p.Go(func(ctx context.Context) error {
			object, err := r.uploadPart(ctx, part, committed.Dir(), paths)
			mu.Lock()
			defer mu.Unlock()
			objects[part] = object
			return err
		})
	}
	return objects, p.Wait()
}

func (r *Replica) uploadPart(ctx context.Context, part, dir string, paths []string) (string, error) {
	if linked := r.linked(part, dir, paths); linked != "" {
		return linked, nil
	}
	beginning, err := nameOf(part, dir, paths)
	if err != nil {
		return "", err
	}
	for _, run := range r.hand.Runs {
		if isOf(run.Objects[part], beginning) {
			return run.Objects[part], nil
		}
	}
	name := beginning + r.Random()
	return name, putFiles(ctx, r.bucket, r.object(name), dir, paths)
}

// linked is the object of a part whose files are those of the last run, which spares reading them; "" where they are not.
func (r *Replica) linked(part, dir string, paths []string) string {
	if len(r.hand.Runs) == 0 {
		return ""
	}
	last := r.hand.Runs[len(r.hand.Runs)-1]
	for _, name := range paths {
		a, err := os.Lstat(filepath.Join(dir, name))
		b, gone := os.Lstat(filepath.Join(r.dir, "runs", last.ID, name))
		if err != nil || gone != nil || !os.SameFile(a, b) {
			return ""
		}
	}
	return last.Objects[part]
}

// bring brings the directory to the record in hand; where it wrote that, only its runs may be missing. p is what the directory
// knew of the log. What is said is what the directory did not have.
func (r *Replica) bring(ctx context.Context, p position, wrote bool) (restored string, err error) {
	to := r.hand
	last, err := jsonstore.OpenLast(r.dir)
	isThere := to.last() == "" || err == nil && last.Manifest().ID == to.last()
	if wrote && isThere {
		return "", nil
	}
	fetched, err := r.fetchRuns(ctx, to.Runs)
	if err == nil && !wrote {
		err = errors.Join(r.fetchBeside(ctx, to), r.fetchChanges(ctx))
	}
	if err == nil && !isThere {
		err = jsonstore.MakeLast(r.dir, to.last())
	}
	if err != nil {
		return "", fmt.Errorf("bringing %s to record %d of the bucket: %w", r.dir, to.Number, err)
	}
	aside, err := r.removeOthers(p)
	if err == nil {
		err = r.note(to.position())
	}
	if fetched > 0 {
		restored = fmt.Sprintf("The run %s came from the bucket.", to.last())
	}
	if aside > 0 {
		restored = strings.TrimSpace(fmt.Sprintf("%s The bucket never had %d of the runs in %s: they are kept in %s.", restored, aside, r.dir, filepath.Join(r.dir, "set-aside")))
	}
	return restored, err
}

// fetchRuns makes sure that runs are in the directory as the record names them, and says how many were not.
func (r *Replica) fetchRuns(ctx context.Context, runs []run) (fetched int, err error) {
	have := map[string][2]string{} // by object: run directory and part
	for _, one := range runs {
		dir := filepath.Join(r.dir, "runs", one.ID)
		if !isSame(dir, one) {
			fetched++
			if err := jsonstore.Receive(r.dir, dir, func(into string) error { return r.fetchRun(ctx, one, into, have) }); err != nil {
				return fetched, err
			}
		}
		for part, object := range one.Objects {
			have[object] = [2]string{dir, part}
		}
	}
	return fetched, nil
}

// isSame says whether all of a run is in a directory.
func isSame(dir string, one run) bool {
	there, err := jsonstore.OpenRun(dir)
	if err != nil {
		return false
	}
	parts := there.Parts()
	for part, object := range one.Objects {
		beginning, err := nameOf(part, dir, parts[part])
		if err != nil || !isOf(object, beginning) {
			return false
		}
	}
	return true
}

// fetchRun fills a folder with a run; what another run has it links.
func (r *Replica) fetchRun(ctx context.Context, one run, into string, have map[string][2]string) error {
	for _, part := range slices.Sorted(maps.Keys(one.Objects)) {
		object := one.Objects[part]
		from, err := jsonstore.OpenRun(have[object][0])
		if err == nil && part != jsonstore.OwnPart {
			for _, name := range from.Parts()[part] {
				to := filepath.Join(into, name)
				if err = errors.Join(os.MkdirAll(filepath.Dir(to), 0o700), jsonstore.LinkOrCopy(filepath.Join(from.Dir(), name), to)); err != nil {
					return err
				}
			}
			continue
		}
		if _, err := getFiles(ctx, r.bucket, r.object(object), into); err != nil {
			return err
		}
	}
	return nil
}

// Mend puts types of a run of the last record in place as the bucket has them.
func (r *Replica) Mend(ctx context.Context, damaged *jsonstore.Run, types []string) (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.measure("mend", &err)()
	if r.hand == nil {
		return errNotTaken
	}
	at := slices.IndexFunc(r.hand.Runs, func(one run) bool { return one.ID == damaged.Manifest().ID })
	if at < 0 {
		return fmt.Errorf("the bucket has no run %s", damaged.Manifest().ID)
	}
	temporary, err := os.MkdirTemp(filepath.Join(r.dir, "tmp"), "received-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	for _, name := range types {
		paths, err := getFiles(ctx, r.bucket, r.object(r.hand.Runs[at].Objects[name]), temporary)
		if err != nil {
			return err
		}
		for _, name := range paths {
			to := filepath.Join(damaged.Dir(), name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o700), os.Rename(filepath.Join(temporary, name), to)); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeOthers removes the runs that the record in hand does not have. Those that no record ever named are set aside.
func (r *Replica) removeOthers(p position) (aside int, err error) {
	ids, err := jsonstore.IDs(r.dir)
	if err != nil {
		return 0, err
	}
	var unknown, pruned []string
	for _, id := range ids {
		_, draft := os.Lstat(filepath.Join(r.dir, "runs", id, "run.json"))
		switch {
		case slices.ContainsFunc(r.hand.Runs, func(one run) bool { return one.ID == id }):
		case errors.Is(draft, os.ErrNotExist), slices.Contains(p.Runs, id):
			pruned = append(pruned, id)
		default:
			unknown = append(unknown, id)
		}
	}
	if len(unknown) > 0 {
		err = jsonstore.SetAside(r.dir, unknown...)
	}
	return len(unknown), errors.Join(err, jsonstore.RemoveRuns(r.dir, slices.Concat(unknown, pruned)...))
}

// appliedJSON goes along with alerts.db: a store that is away cannot say which run it has.
const appliedJSON = "applied.json"

// uploadBeside puts what lies beside the runs, unless the last record has it, and has the next one name it.
func (r *Replica) uploadBeside(ctx context.Context, next *record) error {
	if err := r.uploadHistory(ctx, next); err != nil {
		return err
	}
	temporary := filepath.Join(r.dir, "tmp")
	if err := os.MkdirAll(temporary, 0o700); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(temporary, "received-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var names []string
	queue := outbox.In(r.dir)
	if _, err := os.Lstat(queue.Path()); err == nil {
		f, err := os.Create(filepath.Join(dir, filepath.Base(queue.Path())))
		if err != nil {
			return err
		}
		if err := errors.Join(queue.CopyTo(ctx, f), f.Close()); err != nil {
			return err
		}
		names = append(names, filepath.Base(queue.Path()))
	}
	if _, err := os.Lstat(filepath.Join(r.dir, appliedJSON)); err == nil {
		if err := jsonstore.LinkOrCopy(filepath.Join(r.dir, appliedJSON), filepath.Join(dir, appliedJSON)); err != nil {
			return err
		}
		names = append(names, appliedJSON)
	}
	next.Outbox = ""
	if len(names) == 0 {
		return nil
	}
	beginning, err := nameOf("outbox", dir, names)
	if err != nil {
		return err
	}
	if next.Outbox = r.hand.Outbox; !isOf(next.Outbox, beginning) {
		next.Outbox = beginning + r.Random()
		return putFiles(ctx, r.bucket, r.object(next.Outbox), dir, names)
	}
	return nil
}

// pieceBytes is how long a piece of the history is: what is full does not change any more, and is not put again.
const pieceBytes = 256 << 10

// uploadHistory puts the pieces of history.jsonl that the last record does not have.
func (r *Replica) uploadHistory(ctx context.Context, next *record) error {
	next.History = nil
	f, err := jsonstore.OpenPlain(jsonstore.HistoryPath(r.dir))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	in, piece := bufio.NewReader(f), make([]byte, pieceBytes)
	for {
		n, err := io.ReadFull(in, piece[:pieceBytes])
		if n == 0 && err == io.EOF {
			return nil
		}
		whole := piece[:n]
		if err == nil { // up to the end of its last line
			var rest []byte
			rest, err = in.ReadBytes('\n')
			whole = append(whole, rest...)
		}
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return err
		}
		name := beginningOf("history", sha256.Sum256(whole))
		if at := slices.IndexFunc(r.hand.History, func(object string) bool { return isOf(object, name) }); at >= 0 {
			name = r.hand.History[at]
		} else {
			name += r.Random()
			if err := put(ctx, r.bucket, r.object(name), func(w io.Writer) error { _, err := w.Write(whole); return err }); err != nil {
				return err
			}
		}
		next.History = append(next.History, name)
	}
}

// fetchBeside puts what lies beside the runs in place of what the directory has.
func (r *Replica) fetchBeside(ctx context.Context, of *record) error {
	queue := filepath.Base(outbox.In(r.dir).Path())
	history := filepath.Base(jsonstore.HistoryPath(r.dir))
	dir := filepath.Join(r.dir, "tmp", "received-0")
	if err := jsonstore.Receive(r.dir, dir, func(into string) error {
		if of.Outbox != "" {
			if _, err := getFiles(ctx, r.bucket, r.object(of.Outbox), into); err != nil {
				return err
			}
		}
		if len(of.History) == 0 {
			return nil
		}
		f, err := os.Create(filepath.Join(into, history))
		for _, object := range of.History {
			if err == nil {
				err = get(ctx, r.bucket, r.object(object), func(piece io.Reader) error { _, err := io.Copy(f, piece); return err })
			}
		}
		return errors.Join(err, f.Close())
	}); err != nil {
		return err
	}
	for _, name := range []string{queue, appliedJSON, history} {
		err := os.Rename(filepath.Join(dir, name), filepath.Join(r.dir, name))
		if errors.Is(err, os.ErrNotExist) {
			err = remove(filepath.Join(r.dir, name))
		}
		if err != nil {
			return err
		}
	}
	return os.RemoveAll(dir)
}

func (r *Replica) changes(id string) string { return r.instance + "/changes/" + id + ".zst" }

// loggedRuns are the runs whose changes are in the bucket. Only those of committed runs ever are.
func (r *Replica) loggedRuns(ctx context.Context) (map[string]bool, error) {
	if r.logged == nil {
		names, err := r.bucket.List(ctx, r.instance+"/changes/")
		if err != nil {
			return nil, err
		}
		r.logged = map[string]bool{}
		for _, name := range names {
			r.logged[strings.TrimSuffix(path.Base(name), ".zst")] = true
		}
	}
	return r.logged, nil
}

// uploadChanges puts the changes that the directory has of committed runs and the bucket has not.
func (r *Replica) uploadChanges(ctx context.Context) error {
	logged, err := r.loggedRuns(ctx)
	if err != nil {
		return err
	}
	ids, err := jsonstore.LoggedIDs(r.dir)
	for _, id := range ids {
		if err == nil && !logged[id] {
			err = put(ctx, r.bucket, r.changes(id), func(w io.Writer) error {
				f, err := jsonstore.OpenPlain(jsonstore.LoggedPath(r.dir, id))
				if err != nil {
					return err
				}
				defer f.Close()
				_, err = io.Copy(w, f)
				return err
			})
			logged[id] = err == nil
		}
	}
	return err
}

// fetchChanges puts into the directory what the bucket has of changes and the directory has not.
func (r *Replica) fetchChanges(ctx context.Context) error {
	r.logged = nil // another worker may have put some
	logged, err := r.loggedRuns(ctx)
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(logged)) {
		to := jsonstore.LoggedPath(r.dir, id)
		if _, err := os.Lstat(to); err == nil {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		if err := get(ctx, r.bucket, r.changes(id), func(content io.Reader) error {
			return jsonstore.ReplaceBy(to, func(w io.Writer) error {
				_, err := io.Copy(w, content)
				return err
			})
		}); err != nil {
			return err
		}
	}
	return nil
}

// sweepChanges removes from the bucket what the directory has let go: what is older than all that it has.
func (r *Replica) sweepChanges(ctx context.Context) error {
	ids, err := jsonstore.LoggedIDs(r.dir)
	if err != nil || len(ids) == 0 {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(r.logged)) {
		if jsonstore.Precedes(id, ids[0]) {
			if err := r.bucket.Delete(ctx, r.changes(id)); err != nil {
				return err
			}
			delete(r.logged, id)
		}
	}
	return nil
}
