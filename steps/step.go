// Package steps reads a tenant: one file a step, and run.go, which runs them as a DAG. A step asks the
// Management API for one list, makes records of its rows through the entities and relationships
// packages, and hands them to its Emitter. It also finds out which things of the last graph are gone,
// by asking for them (collect.go). What becomes of the records is the connector's business.
package steps

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"s1graph/graph"
	"s1graph/model"
	"s1graph/s1"
)

// Step is a part of a run: what it is, and what it may emit.
type Step struct {
	ID        string // such as agents; also the name of its folder among the graph files
	Name      string // such as Agents, for people
	DependsOn []string

	// GoesWithout is the one of DependsOn that tells only of ends of relationships: what the others say stands without it.
	GoesWithout string

	// Every is how often polls read it where the configuration does not say that; 0: each of them does.
	Every time.Duration

	// ReadAlone says that polls read it without those that it depends on, where these are not due.
	ReadAlone bool

	// Lists are what Run reads of the console.
	Lists []List

	// Types are what Run emits. No other step emits any of them.
	Types []*model.Description

	// Run reads the list and emits the records. Its error says that not all of it was read; what was
	// emitted before stands.
	Run func(ctx context.Context, in *Input, out *Emitter) error

	// NotAsked gives what says of a record of the last graph, of one of Types, that the configuration no longer asks for it. It
	// is nil, or gives nil, where the configuration asks for all.
	NotAsked func(*Input) func(*graph.Record) bool

	// Seed fills the lookups that Run would have filled from the last graph instead. It is called when
	// Run failed or was skipped; nil where a step fills none.
	Seed func(ctx context.Context, in *Input) error
}

// Asks says which lists the step reads, and with what filters on the state of things. What was read with other filters says
// other things.
func (s Step) Asks() string {
	var asks []string
	for _, l := range s.Lists {
		asks = append(asks, l.Path+"?"+l.Filters.Encode())
	}
	return strings.Join(asks, " ")
}

// All are the steps, in the order in which a table shows them.
func All() []Step {
	return []Step{accounts, sites, groups, agents, threats, applications, vulnerabilities}
}

// Model is all types of the data model, which are those that the steps emit: entities first, each sorted by name.
func Model() []*model.Description { return slices.Concat(Entities(), Relationships()) }

// Entities are the entity types of the data model, sorted by name.
func Entities() []*model.Description { return emitted(false) }

// Relationships are the relationship types of the data model, sorted by name.
func Relationships() []*model.Description { return emitted(true) }

// GraphTypes are what the graph package is to know of the data model, in the order of Model.
func GraphTypes() []*graph.Type {
	var types []*graph.Type
	for _, d := range Model() {
		types = append(types, d.Type)
	}
	return types
}

func emitted(relationships bool) []*model.Description {
	var types []*model.Description
	for _, step := range All() {
		for _, d := range step.Types {
			if d.Relationship == relationships {
				types = append(types, d)
			}
		}
	}
	slices.SortFunc(types, func(a, b *model.Description) int { return cmp.Compare(a.Name, b.Name) })
	return types
}

// Input is what the steps of one run share. It is made by the connector, and lives as long as the run.
type Input struct {
	Client *s1.Client
	User   s1.User // as /user tells it, as far as it does
	Scope  Scope
	Last   graph.Snapshot // the graph of the last committed run; empty on a first run
	Logger *slog.Logger

	// Applications is the source of applications to read: auto, installed or inventory. Where it is
	// auto, the applications step puts what it found here, for the connector to remember.
	Applications string

	// Severities are those whose vulnerabilities are read, in lower case; empty: all.
	Severities []string

	// Risks says how the list of vulnerabilities was answered: by the last run that asked, and by this one once it has.
	Risks Answers

	// AccountsOfSites is set by the accounts step where the token may not read /accounts: the accounts
	// then hold what /sites says of them, and must not lose what is known from before.
	AccountsOfSites bool

	accountsRefused bool // /accounts was

	wanted         *wanted
	lists          []List // of all steps, with those that stand in for others
	lookups        lookups
	listed         listed
	types          map[string]*graph.Type        // by name, for reading records of Last
	model          map[string]*model.Description // by name
	accountsBefore map[string]string             // IDs of the accounts of the last graph's sites
}

// NewInput makes an Input ready to use of what the connector knows.
func NewInput(ctx context.Context, in Input) (*Input, error) {
	in.lookups, in.wanted = newLookups(), new(wanted)
	in.types = graph.TypesByName(in.Last)
	in.model = make(map[string]*model.Description)
	for _, d := range Model() {
		in.model[d.Name] = d
	}
	for _, step := range All() {
		for _, l := range step.Lists {
			for l := &l; l != nil; l = l.StandsIn {
				in.lists = append(in.lists, *l)
			}
		}
	}
	return &in, errors.Join(in.readAccountsBefore(ctx), in.listed.readBefore(ctx, in.Last))
}

// State is how a step ended, or that it runs.
type State string

// The states. The types of failed and refused steps are incomplete; those of skipped and unavailable ones are left
// alone. Unavailable is a step whose list the console's license or version does not have, which is not a fault.
const (
	OK          State = "ok"
	Failed      State = "failed"
	Refused     State = "refused"
	Unavailable State = "unavailable"
	Skipped     State = "skipped"
	Running     State = "running"
)
