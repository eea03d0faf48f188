// Package queries has the saved queries: what analysts ask of the graph in Neo4j, one query a .cypher
// file, each with a title, a description, parameters and columns in the comment that it begins with. The
// files are part of the program. Connecting, printing and asking a person for parameters are left to others.
//
// The queries are over the classes (Device, HostAgent, Finding…) of docs/data-model.md, and every one of
// them takes the parameter scope: the instance it is limited to, or null for all that the database holds.
package queries

import (
	"embed"
	"errors"
	"io/fs"
	"slices"
	"strings"
)

// Question is one .cypher file.
type Question struct {
	Name        string // of the file, without its ending
	Title       string // one line, without a full stop
	Description string // one paragraph
	Parameters  []Parameter
	Columns     []Column
	Cypher      string // the statement, without the comment before it
}

// Column is a column of a question's rows. Moments are Cypher's DATETIME, in UTC; what is unknown is null.
type Column struct {
	Name string
	Doc  string // one sentence
}

//go:embed *.cypher
var files embed.FS

// all are the questions, sorted by name.
var all = func() []Question {
	questions, err := parseAll(files)
	if err != nil {
		panic(err) // the files are part of the program
	}
	return questions
}()

// All are the questions, sorted by name.
func All() []Question { return slices.Clone(all) }

// Find is the question of that name; false if there is none.
func Find(name string) (Question, bool) {
	i, found := slices.BinarySearchFunc(all, name, func(q Question, name string) int { return strings.Compare(q.Name, name) })
	if !found {
		return Question{}, false
	}
	return all[i], true
}

// parseAll reads all files, and tells all that is wrong with them.
func parseAll(files fs.ReadDirFS) ([]Question, error) {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	var questions []Question
	var faults []error
	for _, entry := range entries {
		text, err := fs.ReadFile(files, entry.Name())
		if err != nil {
			return nil, err
		}
		q, err := Parse(strings.TrimSuffix(entry.Name(), ".cypher"), string(text))
		questions, faults = append(questions, q), append(faults, err)
	}
	slices.SortFunc(questions, func(a, b Question) int { return strings.Compare(a.Name, b.Name) })
	return questions, errors.Join(faults...)
}
