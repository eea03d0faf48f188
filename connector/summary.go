package connector

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/overview"
	"s1graph/steps"
)

// Status is how a run ended.
type Status string

// A complete run read all that it was asked to read. A partial one was committed with incomplete types,
// withheld deletions, or a store that is behind. A failed one committed nothing.
const (
	Complete Status = "complete"
	Partial  Status = "partial"
	Failed   Status = "failed"
)

// Summary is what a run did: what `run --json` prints, and what summary.json and the tables are made of.
type Summary struct {
	Instance   string    `json:"instance"`
	Run        string    `json:"run"`                // ID of the run; empty for a dry run and for a run that failed before it began
	Previous   string    `json:"previous,omitempty"` // ID of the run that it was compared with; empty for a first run
	StartedAt  time.Time `json:"startedAt"`
	FinishedAt time.Time `json:"finishedAt"`
	Status     Status    `json:"status"`

	// NothingDue says that the run was to read what is due and nothing was, so that it committed nothing.
	NothingDue bool `json:"nothingDue,omitempty"`

	Steps []StepResult `json:"steps"`

	// IncompleteTypes were not read whole, so that nothing of them was deleted. Sorted.
	IncompleteTypes []string `json:"incompleteTypes"`

	// WithheldDeletions counts, by type, what the deletion guard kept.
	WithheldDeletions map[string]int64 `json:"withheldDeletions"`

	// KeptOutOfScope counts, by entity type, what was kept because it is out of the scope that was read.
	KeptOutOfScope map[string]int64 `json:"keptOutside,omitempty"`

	// KeptOutOfScopeSince says, by entity type, when the first run began that did not read the first of these.
	KeptOutOfScopeSince map[string]time.Time `json:"keptOutsideSince,omitempty"`

	// DanglingRelationships counts what was left out because one of its ends is not in the graph.
	DanglingRelationships int64 `json:"danglingRelationships"`

	Entities      map[string]int64        `json:"entities"`      // in the graph, by type
	Relationships map[string]int64        `json:"relationships"` // in the graph, by type
	Changes       map[string]graph.Counts `json:"changes"`       // against the last committed run, by type

	// Overview is what the graph comes to; nil where the run ended before that was counted.
	Overview *overview.Overview `json:"overview,omitempty"`

	// TokenExpiresAt is when the API token expires; zero where the console does not say.
	TokenExpiresAt time.Time `json:"tokenExpiresAt,omitzero"`

	// MovedOn is what stores and rules did not see and are moved past.
	MovedOn []MovedOn `json:"movedOn,omitempty"`

	// Stores are the stores besides the graph files.
	Stores []StoreResult `json:"stores,omitempty"`

	// Notices are sentences for the person who reads the summary: what is odd, and what to do about it.
	Notices []string `json:"notices,omitempty"`

	// Error says why a run failed.
	Error string `json:"error,omitempty"`
}

// StepResult is how one step ended.
type StepResult struct {
	ID            string  `json:"id"`
	Name          string  `json:"name"`
	State         string  `json:"state"` // ok, failed, refused, unavailable or skipped: see steps.State
	Seconds       float64 `json:"seconds"`
	Requests      int64   `json:"requests"`
	Entities      int64   `json:"entities"`
	Relationships int64   `json:"relationships"`
	Error         string  `json:"error,omitempty"`

	// LastReadAt is when the step's list was last read whole, by this run or an earlier one; zero where none did.
	LastReadAt time.Time `json:"lastReadAt,omitzero"`
}

// document is summary.json: the Summary, and beside it what JupiterOne's integrations write there.
type document struct {
	Summary                `json:",inline"`
	IntegrationStepResults []integrationStepResult `json:"integrationStepResults"`
	Metadata               metadata                `json:"metadata"`
}

// integrationStepResult is a step as JupiterOne's integration-sdk-core has it (StepResult).
type integrationStepResult struct {
	ID               string   `json:"id"`
	Name             string   `json:"name"`
	DeclaredTypes    []string `json:"declaredTypes"`
	PartialTypes     []string `json:"partialTypes"`
	EncounteredTypes []string `json:"encounteredTypes"`
	DependsOn        []string `json:"dependsOn,omitempty"`
	Status           string   `json:"status"`
}

type metadata struct {
	PartialDatasets struct {
		Types []string `json:"types"`
	} `json:"partialDatasets"`
}

// jupiterOneStatus maps the states of steps to JupiterOne's StepResultStatus.
var jupiterOneStatus = map[steps.State]string{
	steps.OK:          "success",
	steps.Failed:      "failure",
	steps.Refused:     "failure",
	steps.Unavailable: "disabled",
	steps.Skipped:     "disabled",
}

// ReadSummary reads the summary.json of an instance's directory, which is its last committed run's, or of the directory
// of one run. It needs no lock. The error is fs.ErrNotExist where there is none.
func ReadSummary(dir string) (Summary, error) {
	path := filepath.Join(dir, "summary.json")
	content, err := jsonstore.ReadPlain(path)
	if err != nil {
		return Summary{}, err
	}
	var summary Summary
	if err := json.Unmarshal(content, &summary); err != nil {
		return Summary{}, fmt.Errorf("%s: %w", path, err)
	}
	return summary, nil
}

// summaryFile is what stands in summary.json.
func summaryFile(s Summary, results []steps.Result) ([]byte, error) {
	d := document{Summary: s}
	d.Metadata.PartialDatasets.Types = s.IncompleteTypes
	for _, result := range results {
		r := integrationStepResult{
			ID: result.Step.ID, Name: result.Step.Name, DependsOn: result.Step.DependsOn, Status: jupiterOneStatus[result.State],
			DeclaredTypes: []string{}, PartialTypes: []string{}, EncounteredTypes: []string{},
		}
		for _, t := range result.Step.Types {
			r.DeclaredTypes = append(r.DeclaredTypes, t.Name)
			if slices.Contains(s.IncompleteTypes, t.Name) {
				r.PartialTypes = append(r.PartialTypes, t.Name)
			}
			if s.Entities[t.Name]+s.Relationships[t.Name] > 0 {
				r.EncounteredTypes = append(r.EncounteredTypes, t.Name)
			}
		}
		d.IntegrationStepResults = append(d.IntegrationStepResults, r)
	}
	return json.Marshal(d, json.Deterministic(true), jsontext.WithIndent("  "))
}
