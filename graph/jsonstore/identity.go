package jsonstore

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"

	"github.com/go-json-experiment/json"
)

// folderFormat is the version of the layout that the package's comment describes. A folder without identity.json has
// version 1.
const folderFormat = 2

// Identity is what tells a Store's directory from all others. It is made once, when the directory is made, or when an
// older one that lacks it is opened. A copy of the directory has the same one.
type Identity struct {
	ID     string `json:"id"`     // 32 hexadecimal digits, chosen at random
	Key    []byte `json:"key"`    // 32 random bytes for keyed hashes; secret, it is in no output
	Format int    `json:"format"` // version of the directory's layout
}

// String leaves the key out, for logs and errors.
func (i Identity) String() string { return i.ID }

var identityID = regexp.MustCompile(`^[0-9a-f]{32}$`)

func (i Identity) check() error {
	if !identityID.MatchString(i.ID) || len(i.Key) != 32 || i.Format < 1 {
		return errors.New("it is not the identity of a folder of s1graph")
	}
	return nil
}

func newIdentity() Identity {
	random := make([]byte, 16+32)
	_, _ = rand.Read(random) // it never fails
	return Identity{ID: hex.EncodeToString(random[:16]), Key: random[16:], Format: folderFormat}
}

func identityPath(dir string) string { return filepath.Join(dir, "identity.json") }

// ReadIdentity reads the identity of a Store's directory without its lock. The error is fs.ErrNotExist if it has none.
func ReadIdentity(dir string) (Identity, error) {
	path := identityPath(dir)
	b, err := ReadPlain(path)
	if err != nil {
		return Identity{}, err
	}
	var i Identity
	if err = json.Unmarshal(b, &i); err == nil && i.Format > folderFormat && identityID.MatchString(i.ID) {
		return Identity{}, &NewerError{path, i.Format, folderFormat}
	}
	if err == nil {
		err = i.check()
	}
	return i, err
}

// identify reads the directory's identity, and makes one where there is none. The caller has the lock.
func (s *Store) identify() (err error) {
	s.identity, err = ReadIdentity(s.dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.identity = newIdentity()
	return Identify(s.dir, s.identity)
}
