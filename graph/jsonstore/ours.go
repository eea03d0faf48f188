package jsonstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
)

// ForeignError says that a directory is not one that a Store may write to: it is another program's or another user's,
// or something that is not ours stands where we would write. Nothing in it was changed. The text says what to do.
type ForeignError struct {
	Path   string // of the directory, or of what is in the way
	Reason string
}

func (e *ForeignError) Error() string { return e.Path + " " + e.Reason }

// NewerError says that a newer version of the program wrote a file in a way that this one does not know.
type NewerError struct {
	File          string
	Format, Known int
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("%s is of format %d, and this s1graph knows the formats up to %d: use a newer s1graph", e.File, e.Format, e.Known)
}

// made has what we make in a directory, by name, with its kind. alerts.db and what is accepted are the business of
// others: here they are only told from a stranger's files.
var made = map[string]fs.FileMode{
	"runs": fs.ModeDir, "tmp": fs.ModeDir, "changes": fs.ModeDir, "accepted": fs.ModeDir, "set-aside": fs.ModeDir,
	"current": fs.ModeSymlink, "graph": fs.ModeSymlink, "summary.json": fs.ModeSymlink,
	"identity.json": 0, "identity.json.new": 0,
	"lock": 0, "lock.json": 0, "lock.json.new": 0,
	"accepted.json": 0, "accepted.json.new": 0,
	"applied.json": 0, "applied.json.new": 0,
	"history.jsonl": 0, "history.jsonl.new": 0,
	"replica.json": 0, "replica.json.new": 0,
	"alerts.db": 0, "alerts.db.lock": 0,
}

var (
	madeBesides  = regexp.MustCompile(`^alerts\.db\.(new-[0-9]+|damaged-[0-9TZ.]+)$`)
	madeInTmp    = regexp.MustCompile(`^(current|(spill|salvaged|received)-[0-9]+)$`)
	madeInRuns   = regexp.MustCompile(`^[0-9]{6,}-[0-9]{8}T[0-9]{6}Z-[0-9a-f]{4}$`)
	madeInLogged = regexp.MustCompile(strings.TrimSuffix(madeInRuns.String(), "$") + `\.jsonl(\.new)?$`)
	madeAccepted = regexp.MustCompile(strings.TrimSuffix(madeInRuns.String(), "$") + `(-[0-9a-z]{26})?(-out-of-scope)?\.jsonl(\.new)?$`)
)

// Inspect says whether Open may take the directory, which need not be there, and changes nothing. It is ours if it has
// an identity.json or a run.json of ours, or if it is empty or holds nothing but what we make. The error is a
// *ForeignError if it is not ours, a *NewerError if a newer version wrote it, and a *BlockedError if something is where
// a link must be.
func Inspect(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR): // who makes it is told what is in the way
		return nil
	case err != nil:
		return err
	case !info.IsDir():
		return &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR}
	}
	if err := checkOwner(dir, info); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := checkKind(dir, e); err != nil {
			return err
		}
	}
	ours, err := isOurs(dir)
	if err != nil {
		return err
	}
	if !ours {
		if err := onlyLeftovers(dir, entries); err != nil {
			return err
		}
	}
	return checkLinks(dir)
}

// checkKind refuses what is a link, or of another kind or owner than what we make under that name, so that nothing is
// followed out of the directory, and nothing is waited for.
func checkKind(dir string, e fs.DirEntry) error {
	kind, ours := made[e.Name()]
	if !ours || kind == fs.ModeSymlink { // checkLinks sees to those
		return nil
	}
	path := filepath.Join(dir, e.Name())
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist): // another process has just removed it
		return nil
	case err != nil:
		return err
	}
	switch is := info.Mode().Type(); {
	case is == kind:
		return checkOwner(path, info)
	case is == fs.ModeSymlink:
		return &ForeignError{path, "is a link, and s1graph follows none there: move it away, or give another --dir"}
	}
	want := "a file"
	if kind == fs.ModeDir {
		want = "a folder"
	}
	return &ForeignError{path, "is in the way, where s1graph has " + want + ": move it away, or give another --dir"}
}

// isOurs says whether the directory has an identity, or a run of a version that made none. A directory that has
// both runs and an identity.json that cannot be read is ours, and refused.
func isOurs(dir string) (bool, error) {
	_, unidentified := ReadIdentity(dir)
	if unidentified == nil || !isLost(unidentified) {
		return unidentified == nil, unidentified
	}
	ids, err := runIDs(dir)
	if err != nil {
		return false, err
	}
	hasRun := slices.ContainsFunc(ids, func(id string) bool { return isRun(filepath.Join(dir, "runs", id)) })
	if hasRun && !errors.Is(unidentified, fs.ErrNotExist) {
		return true, &ForeignError{identityPath(dir), fmt.Sprintf("cannot be read (%v): put it back from a backup, or remove it, and the folder gets a new identity", unidentified)}
	}
	return hasRun, nil
}

// isRun says whether a directory has a run.json of ours.
func isRun(dir string) bool {
	info, err := os.Lstat(filepath.Join(dir, "run.json"))
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	_, err = OpenRun(dir)
	_, newer := errors.AsType[*NewerError](err)
	return err == nil || newer
}

// onlyLeftovers refuses a directory that holds anything but what we make: a first run that was killed, or that failed,
// leaves such. lost+found is the file system's.
func onlyLeftovers(dir string, entries []fs.DirEntry) error {
	var strange []string
	for _, e := range entries {
		ours, err := isLeftover(dir, e)
		if err != nil {
			return err
		}
		if !ours {
			strange = append(strange, e.Name())
		}
	}
	if len(strange) == 0 {
		return nil
	}
	const shown = 3
	names := strings.Join(strange[:min(len(strange), shown)], ", ")
	if len(strange) > shown {
		names += fmt.Sprintf(" and %d more", len(strange)-shown)
	}
	return &ForeignError{dir, "is not empty, and no folder of s1graph: it holds " + names + ". Give --dir a new folder or an empty one"}
}

func isLeftover(dir string, e fs.DirEntry) (bool, error) {
	path := filepath.Join(dir, e.Name())
	switch e.Name() {
	case "lost+found":
		return e.IsDir(), nil
	case "runs", "set-aside":
		return hasOnly(path, madeInRuns)
	case "tmp":
		return hasOnly(path, madeInTmp)
	case "changes":
		return hasOnly(path, madeInLogged)
	case "accepted":
		return hasOnly(path, madeAccepted)
	case "lock.json": // the name is not ours alone, and the file is written over
		held, err := readHolder(path)
		return err == nil && held.PID > 0 || errors.Is(err, fs.ErrNotExist), nil
	case "lock":
		info, err := e.Info()
		return err == nil && info.Size() == 0, nil
	case "identity.json": // it cannot be read, or the directory would be ours
		return false, nil
	}
	kind, known := made[e.Name()]
	return known && e.Type() == kind || madeBesides.MatchString(e.Name()) && e.Type().IsRegular(), nil
}

// hasOnly says whether all that lies in a directory has such a name.
func hasOnly(dir string, names *regexp.Regexp) (bool, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return !names.MatchString(e.Name()) }), err
}

// removeMade removes from a directory what has a name that we make, if which says so.
func removeMade(dir string, names *regexp.Regexp, which func(fs.DirEntry) bool) error {
	info, err := os.Lstat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.IsDir():
		return &ForeignError{dir, "is no longer a folder, so nothing in it is removed: move it away"}
	}
	entries, err := os.ReadDir(dir)
	errs := []error{err}
	for _, e := range entries {
		if names.MatchString(e.Name()) && which(e) {
			errs = append(errs, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}
