package connector

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-json-experiment/json"

	"s1graph/config"
)

// Withheld is what the last committed run of an instance kept although it was not found, by type.
type Withheld struct {
	Run       string           `json:"run"`       // ID of the run
	Deletions map[string]int64 `json:"deletions"` // that the deletion guard withheld
	Outside   map[string]int64 `json:"outside"`   // entities outside the scope that is read
}

// IsEmpty says whether nothing was kept.
func (w Withheld) IsEmpty() bool { return len(w.Deletions)+len(w.Outside) == 0 }

// ReadWithheld reads what the last committed run of an instance withheld. The error is fs.ErrNotExist where
// there is no run yet.
func ReadWithheld(c *config.Config) (Withheld, error) {
	summary, err := ReadSummary(c.Dir)
	if err != nil {
		return Withheld{}, err
	}
	return Withheld{Run: summary.Run, Deletions: summary.WithheldDeletions, Outside: summary.KeptOutside}, nil
}

// AcceptDeletions lets the next run that is committed delete what w says, once, and what is made of that. It
// needs no lock: an instance may be synced meanwhile. The run after w.Run heeds it alone, so that neither a
// crash nor a late hand makes it pass twice.
func AcceptDeletions(c *config.Config, w Withheld) error {
	content, err := json.Marshal(w, json.Deterministic(true))
	if err != nil {
		return err
	}
	path := acceptedFile(c.Dir)
	fresh := path + ".new"
	if err := os.WriteFile(fresh, append(content, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}

func acceptedFile(dir string) string { return filepath.Join(dir, "accepted.json") }

// readAccepted reads which deletions of the run before this one were accepted; nil: none.
func readAccepted(dir, lastRun string) (map[string]int64, error) {
	content, err := os.ReadFile(acceptedFile(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var w Withheld
	if err := json.Unmarshal(content, &w); err != nil {
		return nil, fmt.Errorf("%s: %w; remove it, and say s1graph accept-deletions again", acceptedFile(dir), err)
	}
	if w.Run != lastRun || lastRun == "" {
		return nil, nil
	}
	accepted := make(map[string]int64)
	for _, kept := range []map[string]int64{w.Deletions, w.Outside} {
		for name, n := range kept {
			accepted[name] += n
		}
	}
	return accepted, nil
}

// forgetAccepted removes what was used; it counts for one run alone, whether it can be removed or not.
func forgetAccepted(dir string) { _ = os.Remove(acceptedFile(dir)) }
