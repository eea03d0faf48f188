package connector

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"s1graph/graph/jsonstore"
	"s1graph/steps"
)

// state is what a run leaves for the next one, beside the graph.
type state struct {
	Host   string      `json:"host"`             // of the console
	Source string      `json:"source,omitempty"` // console or replay; "" where an older version committed the run
	Scope  steps.Scope `json:"scope"`            // what the run could see when it began

	// Applications is the source that was found, so that it is kept until it is unavailable; "" or auto while none was.
	Applications string `json:"applications"`

	// Established has the types that were read whole at least once as the model maps them now, of
	// relationships with both their ends. Until then a type is a baseline: nothing of it makes a change
	// event.
	Established map[string]bool `json:"established"`

	// Complete has the types that the run's graph has whole: a store may delete records of them that the graph does not have.
	Complete map[string]bool `json:"complete"`

	AgentsReadAt time.Time `json:"agentsReadAt,omitzero"` // when all agents of the graph were last read
	// ReadAt is when the list of each step was last read whole, and Unavailable are the steps whose lists the console's license
	// or version does not have, as a notice said.
	ReadAt      map[string]time.Time `json:"readAt,omitempty"`
	Unavailable []string             `json:"unavailable,omitempty"`
	Steps       map[string]reading   `json:"steps,omitempty"` // by ID

	VerifiedAt time.Time `json:"verifiedAt,omitzero"` // when Neo4j was last compared with what it really holds, before this run was committed

	Policies string `json:"policies,omitempty"` // hash of what posture demanded; "" where it demanded nothing

	Tag string `json:"tag,omitempty"` // the account name on every entity

	Taken      []string  `json:"taken,omitempty"`     // files of accepted deletions that the run took over
	ReleasedAt time.Time `json:"releasedAt,omitzero"` // when the newest was released of what the run lists as released

	ClockDoubted time.Time `json:"clockDoubted,omitzero"` // since when nothing was removed for its age; zero: the clock is believed

	// Unclaimed says that Neo4j could not be asked yet, since the folder's first run, whose graph it holds.
	Unclaimed bool `json:"unclaimed,omitempty"`

	// Adopted is the run whose graph was read back from Neo4j, where this run did nothing but that; else it is empty.
	Adopted string `json:"adopted,omitempty"`

	Version string `json:"version,omitempty"` // of s1graph
}

// stateOf is what a committed run left for the next one.
func stateOf(run *jsonstore.Run) (state, error) {
	was, err := readState(run.Manifest().State)
	if err != nil {
		err = fmt.Errorf("%s/run.json: %w", run.Dir(), err)
	}
	return was, err
}

// readState reads a state as run.json and the marker in Neo4j have it.
func readState(written []byte) (was state, err error) {
	err = json.Unmarshal(written, &was)
	return was, err
}
