package queries_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/queries"
	"s1graph/steps"
)

func TestTheLibraryIsSortedAndEachQuestionIsFoundByItsName(t *testing.T) {
	all := queries.All()
	assert.GreaterOrEqual(t, len(all), 18)
	assert.True(t, slices.IsSortedFunc(all, func(a, b queries.Question) int { return strings.Compare(a.Name, b.Name) }))
	for _, q := range all {
		found, ok := queries.Find(q.Name)
		assert.True(t, ok)
		assert.Equal(t, q, found)
	}
	_, ok := queries.Find("nothing")
	assert.False(t, ok)
}

var update = flag.Bool("update", false, "write the classes of recent-changes.cypher anew")

// An index is found by a label, and the entities have no label in common but those of their classes.
func TestWhatChangedLatelyIsAskedOfAllClasses(t *testing.T) {
	const file = "recent-changes.cypher"
	var classes []string
	for _, d := range steps.Entities() {
		classes = append(classes, d.Class)
	}
	slices.Sort(classes)
	match := "MATCH (n:" + strings.Join(slices.Compact(classes), "|") + ")"
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	if *update {
		content = regexp.MustCompile(`(?m)^MATCH \(n:.*\)$`).ReplaceAll(content, []byte(match))
		require.NoError(t, os.WriteFile(file, content, 0o644))
	}
	assert.Contains(t, string(content), "\n"+match+"\n", "run go test ./queries -run Classes -update, then make docs")
}

// What all questions have in common is the same in all of them.
func TestEachQuestionCanBeLimitedToAnInstanceAndToSoManyRows(t *testing.T) {
	common := map[string]queries.Parameter{
		"scope": {Name: "scope", Type: queries.String, Default: queries.Null, Doc: "Instance that is asked about; null for all."},
		"limit": {Name: "limit", Type: queries.Integer, Default: "100", Doc: "How many rows at most."},
		"now":   {Name: "now", Type: queries.Moment, Default: "now"},
	}
	for _, q := range queries.All() {
		names := map[string]bool{}
		for _, p := range q.Parameters {
			assert.False(t, names[p.Name], "%s: %s twice", q.Name, p.Name)
			names[p.Name] = true
			if want, isCommon := common[p.Name]; isCommon {
				if p.Name == "now" {
					want.Doc = p.Doc
				}
				if p.Name == "limit" {
					want.Default = p.Default
				}
				assert.Equal(t, want, p, q.Name)
			}
		}
		assert.True(t, names["scope"] && names["limit"], q.Name)
		assert.Contains(t, q.Cypher, "\nLIMIT $limit", q.Name)
		assert.Contains(t, q.Cypher, "$scope IS NULL OR ", q.Name)
		last := q.Columns[len(q.Columns)-1]
		assert.Equal(t, queries.Column{Name: "scope", Doc: "Instance."}, last, q.Name)
		assert.False(t, strings.HasSuffix(q.Title, "."), q.Title)
		assert.True(t, strings.HasSuffix(q.Description, "."), q.Description)
		assert.NotContains(t, q.Cypher, "\t", q.Name)
		assert.NotContains(t, q.Cypher, "now()", "%s: the moment is a parameter", q.Name)
		assert.NotContains(t, q.Cypher, "timestamp()", "%s: the moment is a parameter", q.Name)
	}
}

const wellFormed = `// A title
//
// A description of
// two lines.
//
// Parameters:
//   days  integer  14  How many.
//
// Columns:
//   name  What it is called.

// A comment of the statement's.
MATCH (n) WHERE n.days > $days
RETURN n.name AS name
`

func TestAQuestionIsReadFromItsFile(t *testing.T) {
	q, err := queries.Parse("mine", wellFormed)
	require.NoError(t, err)
	assert.Equal(t, queries.Question{
		Name: "mine", Title: "A title", Description: "A description of two lines.",
		Parameters: []queries.Parameter{{Name: "days", Type: queries.Integer, Default: "14", Doc: "How many."}},
		Columns:    []queries.Column{{Name: "name", Doc: "What it is called."}},
		Cypher:     "// A comment of the statement's.\nMATCH (n) WHERE n.days > $days\nRETURN n.name AS name",
	}, q)
}

func TestAFileThatIsNotAsItMustBeIsRefusedWithAllThatIsWrong(t *testing.T) {
	for _, test := range []struct{ name, old, new, want string }{
		{"no description", "// A description of\n// two lines.\n//\n", "", "mine.cypher: the comment before the statement must be a title, a description, Parameters: and Columns:, with an empty line between them"},
		{"a title of two lines", "// A title\n", "// A title\n// goes on\n", "mine.cypher: the comment before the statement must be a title, a description, Parameters: and Columns:, with an empty line between them"},
		{"no default", "integer  14  How", "integer  How", "mine.cypher: a parameter must read `name  type  default  What it says.`, not \"days  integer  How many.\""},
		{"a type that is none", "integer", "int", "mine.cypher: days: there is no type int"},
		{"a default that is none", "14", "some", `mine.cypher: days: the default must be a whole number such as 14, not "some"`},
		{"a column without a full stop", "called.", "called", "mine.cypher: a column must read `name  What it is.`, not \"name  What it is called\""},
		{"a parameter that is not used", "$days", "14", "mine.cypher: days: the statement does not use it"},
		{"a parameter that is not told", "$days", "$days + $more", "mine.cypher: $more: there is no such parameter"},
		{"no statement", "\nMATCH", "\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.want == "" {
				text, _, _ := strings.Cut(wellFormed, "\n\n")
				_, err := queries.Parse("mine", text)
				assert.EqualError(t, err, "mine.cypher: there is no statement\nmine.cypher: days: the statement does not use it")
				return
			}
			require.Contains(t, wellFormed, test.old)
			_, err := queries.Parse("mine", strings.Replace(wellFormed, test.old, test.new, 1))
			assert.EqualError(t, err, test.want)
		})
	}
}

// typed has a parameter of each type.
func typed(t *testing.T) queries.Question {
	q, err := queries.Parse("typed", `// Types
//
// One of each.
//
// Parameters:
//   text     string   required  A text.
//   maybe    string   null      A text or nothing.
//   words    strings  a,b       Texts.
//   count    integer  14        A whole number.
//   share    number   0.5       A number.
//   strict   boolean  false     Whether.
//   since    moment   7d        When.
//
// Columns:
//   ok  Whether.

RETURN [$text, $maybe, $words, $count, $share, $strict, $since] IS NOT NULL AS ok
`)
	require.NoError(t, err)
	return q
}

func TestParametersBecomeWhatTheirTypeSays(t *testing.T) {
	q := typed(t)
	now := time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)
	byDefault := map[string]any{
		"text": "x", "maybe": nil, "words": []string{"a", "b"}, "count": int64(14), "share": 0.5, "strict": false,
		"since": now.AddDate(0, 0, -7).UnixMilli(),
	}
	for _, test := range []struct {
		name, given string
		want        any
	}{
		{"maybe", "", ""},
		{"maybe", "null", "null"}, // a text that is given is what it is
		{"text", "required", "required"},
		{"text", " a=b,c ", " a=b,c "},
		{"words", "critical", []string{"critical"}},
		{"words", "a,,b", []string{"a", "", "b"}},
		{"count", "0", int64(0)},
		{"count", "2147483647", int64(2147483647)},
		{"share", "1e3", 1000.0},
		{"share", "-7", -7.0},
		{"strict", "true", true},
		{"since", "now", now.UnixMilli()},
		{"since", "0d", now.UnixMilli()},
		{"since", "36h", now.Add(-36 * time.Hour).UnixMilli()},
		{"since", "1h30m", now.Add(-90 * time.Minute).UnixMilli()},
		{"since", "2026-11-20", time.Date(2026, time.November, 20, 0, 0, 0, 0, time.UTC).UnixMilli()},
		{"since", "2026-11-20T18:00:00+02:00", time.Date(2026, time.November, 20, 16, 0, 0, 0, time.UTC).UnixMilli()},
		{"", "", nil},
	} {
		t.Run(test.name+"="+test.given, func(t *testing.T) {
			given := map[string]string{"text": "x"}
			want := map[string]any{}
			for name, value := range byDefault {
				want[name] = value
			}
			if test.name != "" {
				given[test.name] = test.given
				want[test.name] = test.want
			}
			got, err := q.Arguments(given, now)
			require.NoError(t, err)
			assert.Equal(t, want, got)
		})
	}
}

func TestAllThatIsWrongWithParametersIsToldByTheirNames(t *testing.T) {
	q := typed(t)
	_, err := q.Arguments(map[string]string{
		"count": "-1", "share": "NaN", "strict": "yes", "since": "yesterday", "dyas": "1", "text2": "",
	}, time.Now())
	assert.EqualError(t, err, strings.Join([]string{
		"text: must be given: A text.",
		`count: must be a whole number such as 14, not "-1"`,
		`share: must be a number such as 7.5, not "NaN"`,
		`strict: must be true or false, not "yes"`,
		`since: must be now, a duration such as 7d or 36h, or a time such as 2026-11-20 or 2026-11-20T18:00:00Z, not "yesterday"`,
		"dyas: typed has no such parameter; it has text, maybe, words, count, share, strict, since",
		"text2: typed has no such parameter; it has text, maybe, words, count, share, strict, since",
	}, "\n"))
	for _, text := range []string{"2147483648", "1.5", "", " 1", "0x10", "1_000"} {
		_, err := q.Arguments(map[string]string{"text": "", "count": text}, time.Now())
		assert.Error(t, err, text)
	}
	for _, text := range []string{"-1d", "-1h", "", "d", "2026-13-01", "70000d", "1795150689741"} {
		_, err := q.Arguments(map[string]string{"text": "", "since": text}, time.Now())
		assert.Error(t, err, text)
	}
}

func ExampleFind() {
	q, _ := queries.Find("silent-agents")
	arguments, err := q.Arguments(map[string]string{"days": "30", "scope": "acme", "now": "2026-11-22"}, time.Now())
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(q.Title)
	fmt.Println(arguments["days"], arguments["scope"], arguments["now"], arguments["limit"])
	// Output:
	// Agents silent for N days
	// 30 acme 1795305600000 100
}
