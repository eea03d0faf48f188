package graph_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
)

// keysIn are the keys of the changes that are read before the error.
func keysIn(ctx context.Context, text string) (keys []string, err error) {
	for c, err := range graph.ReadChanges(ctx, strings.NewReader(text)) {
		if err != nil {
			return keys, err
		}
		keys = append(keys, c.Key)
	}
	return keys, nil
}

const lineOfA = `{"op":"created","type":"t","key":"a","after":{"x":1}}` + "\n"

func TestALineOfChangesThatIsNoneIsAnErrorThatNamesIt(t *testing.T) {
	for spoilt, reason := range map[string]string{
		"nonsense\n":                         "line 2: must be a JSON object",
		"{\n":                                "line 2: ",
		"\n":                                 "line 2: ",
		"{}\n":                               "line 2: a change must have op, type and key",
		`{"op":"created","type":"t"}` + "\n": "line 2: a change must have op, type and key",
		`{"op":"created","type":"t","key":"b","changed":[1]}` + "\n": "line 2: changed: a list may hold strings only",
		`{"op":"created"`:                 "line 2: it is cut off",
		strings.TrimSuffix(lineOfA, "\n"): "line 2: it is cut off",
	} {
		keys, err := keysIn(t.Context(), lineOfA+spoilt+lineOfA)
		if strings.Contains(reason, "cut off") {
			keys, err = keysIn(t.Context(), lineOfA+spoilt)
		}
		require.ErrorContains(t, err, reason, spoilt)
		assert.Equal(t, []string{"a"}, keys, spoilt)
	}
}

func TestALineOfChangesMayBeOfAnyLength(t *testing.T) {
	var lines []byte
	written := map[string]string{}
	for i, length := range []int{1, 300_000, 256<<10 - 90, 2_000_000, 1} {
		r := entity(groups, string(rune('a'+i)), is("name", graph.String(strings.Repeat("x", length))))
		lines = append(graph.AppendChange(lines, "", &graph.Change{Op: graph.Created, Type: groups, Key: r.Key, After: &r}), '\n')
		written[r.Key] = r.Get("name").Text()
	}
	read := map[string]string{}
	for c, err := range graph.ReadChanges(t.Context(), bytes.NewReader(lines)) {
		require.NoError(t, err)
		change, err := c.Change()
		require.NoError(t, err)
		read[c.Key] = change.After.Get("name").Text()
		assert.JSONEq(t, string(c.JSON), string(graph.AppendChange(nil, "", &change)))
	}
	assert.Equal(t, written, read)
}

func TestReadingChangesEndsWithItsContextAndWithItsFile(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := keysIn(ctx, lineOfA)
	require.ErrorIs(t, err, context.Canceled)

	gone := errors.New("the disk is gone")
	for _, err = range graph.ReadChanges(t.Context(), iotest.ErrReader(gone)) {
	}
	require.ErrorIs(t, err, gone)
}
