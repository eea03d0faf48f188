package s1_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1"
)

// assertRowsAreReadAsUnmarshalReadsThem reads rows that follow each other in one answer. Each must come out as Unmarshal
// reads it, one that does not fit its type as it does alone; and of what is no JSON the error must name the place.
func assertRowsAreReadAsUnmarshalReadsThem[T any](t *testing.T, endpoint s1.Endpoint[T], rows ...string) {
	t.Helper()
	answer := `{"data":[` + strings.Join(rows, ",") + `]}`
	d := jsontext.NewDecoder(strings.NewReader(answer), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for range 3 { // up to the list
		_, err := d.ReadToken()
		require.NoError(t, err)
	}
	var want []T
	for d.PeekKind() != ']' {
		var row T
		from := d.InputOffset()
		err := json.UnmarshalDecode(d, &row)
		if _, misfits := errors.AsType[*json.SemanticError](err); misfits {
			for err = nil; d.StackDepth() > 2 && err == nil; {
				_, err = d.ReadToken()
			}
			if err == nil {
				row = read(t, endpoint, `{"data":[`+strings.TrimLeft(answer[from:d.InputOffset()], ", \n\t")+`]}`)[0]
			}
		}
		if err != nil {
			assertNotJSON(t, endpoint, answer, err)
			return
		}
		want = append(want, row)
	}
	_, err := d.ReadToken()
	for err == nil && d.PeekKind() != '}' { // where a row ended the list
		if _, err = d.ReadToken(); err == nil {
			err = d.SkipValue()
		}
	}
	if err != nil {
		assertNotJSON(t, endpoint, answer, err)
		return
	}
	assert.Equal(t, want, read(t, endpoint, answer), "%q", rows)
}

func assertNotJSON[T any](t *testing.T, endpoint s1.Endpoint[T], answer string, why error) {
	t.Helper()
	says := "the answer was cut off"
	if notJSON, ok := errors.AsType[*jsontext.SyntacticError](why); ok && !errors.Is(why, io.ErrUnexpectedEOF) {
		says = fmt.Sprintf("the answer is not JSON, from byte %d on", notJSON.ByteOffset)
	}
	client, _ := connect(t, "https://acme.sentinelone.example", func(cfg *s1.Config) { cfg.Transport = body(answer) })
	for _, err := range s1.Pages(t.Context(), client, endpoint, nil) {
		require.ErrorContains(t, err, says, "%.30000q", answer)
	}
}

// pieces are what rows are changed with: names and values that fit and such that do not, and what is no JSON.
var pieces = []string{
	"null", "true", "false", "0", "-1", "7.5", "1e3", "01", "1.", "-", "9223372036854775808", `""`, `"x"`, `"\u00e9\ud83d\ude00"`, `"\ud800"`, `"\x"`, `"\`, "\"\xff\"", `"ü"`, "\"\x01\"",
	"[]", "{}", `["a"]`, `{"id":"1"}`, `{"id":"1","id":2}`, "[1,]", "[[[[[[1]]]]]]", "tru", "nul", `"id":"2",`, `"agentId":"2",`, `"size":3,`, `"signed":true,`, `"tags":{"sentinelone":[{"key":"k"}]},`,
	`"activeDirectory":{"mail":"x"},"activeDirectory":{"computerMemberOf":["y"]},`, `"\u0069d":"3",`, `"ID":"4",`, " ", "\n", ",", ":", "{", "}", "[", "]", `"`, `\`, "é", strings.Repeat("long ", 30), strings.Repeat("[", 60) + strings.Repeat("]", 60),
}

// changed is a row with a piece in place of some of it.
func changed(random *rand.Rand, row string) string {
	places := []int{random.IntN(len(row) + 1)}
	for i, c := range row {
		if strings.ContainsRune(`{}[],:`, c) {
			places = append(places, i+random.IntN(2))
		}
	}
	from := places[random.IntN(len(places))]
	to := from
	if random.IntN(2) == 0 { // a value, or part of it
		to = min(len(row), from+1+random.IntN(20))
		if end := strings.IndexAny(row[from:], ",}]"); end >= 0 && random.IntN(2) == 0 {
			to = from + end
		}
	}
	return row[:from] + pieces[random.IntN(len(pieces))] + row[to:]
}

func FuzzRowsAreReadAsUnmarshalReadsThem(f *testing.F) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		for _, row := range []string{applicationRow, agentRow} {
			one := changed(random, row)
			if random.IntN(3) == 0 {
				one = changed(random, one)
			}
			f.Add(row, one, changed(random, row))
		}
	}
	f.Add(`{"size":12}`, `{"size":123}`, `{"size":1}`) // begins as the one before
	f.Add(`{"id":"1","name":"a"}`, `{"name":"b","id":"2"}`, `{}`)
	f.Fuzz(func(t *testing.T, a, b, c string) {
		assertRowsAreReadAsUnmarshalReadsThem(t, s1.InstalledApplications, a, b, a, c)
		assertRowsAreReadAsUnmarshalReadsThem(t, s1.Agents, a, b, a, c)
	})
}
