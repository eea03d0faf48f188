package visualize_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/cli"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/model"
	"s1graph/steps"
	"s1graph/visualize"
)

// s1graph runs a command in the test's directory.
func s1graph(t *testing.T, args ...string) {
	t.Helper()
	var out bytes.Buffer
	code := cli.Run(t.Context(), cli.Process{Args: append([]string{"s1graph"}, args...), Stdout: &out, Stderr: &out, Width: func(io.Writer) int { return 0 }})
	require.Contains(t, []int{0, 3}, code, out.String())
}

// recorded is the page of the last of some recordings.
func recorded(t *testing.T, names ...string) string {
	t.Helper()
	recordings, err := filepath.Abs("../testdata/recordings")
	require.NoError(t, err)
	dir := t.TempDir()
	for _, name := range names {
		s1graph(t, "run", "--replay", filepath.Join(recordings, name), "--dir", filepath.Join(dir, "graph"))
	}
	page := filepath.Join(dir, "graph.html")
	s1graph(t, "visualize", "--dir", filepath.Join(dir, "graph"), "--output", page)
	return page
}

// record is an entity or a relationship of a graph folder.
type record map[string]any

func entity(typeName, class, id, name string, more record) record {
	r := record{"_key": typeName + ":" + id, "_type": typeName, "_class": []string{class}, "name": name, "displayName": name}
	for n, v := range more {
		r[n] = v
	}
	return r
}

func relationship(typeName, class string, from, to record, more record) record {
	key := fmt.Sprintf("%s|%s|%s", from["_key"], strings.ToLower(class), to["_key"])
	r := record{"_key": key, "_type": typeName, "_class": class, "_fromEntityKey": from["_key"], "_toEntityKey": to["_key"], "displayName": class}
	for n, v := range more {
		r[n] = v
	}
	return r
}

// folder writes a graph folder and opens it.
func folder(t *testing.T, entities, relationships []record) *jsonstore.Folder {
	t.Helper()
	dir := t.TempDir()
	for list, records := range map[string][]record{"entities": entities, "relationships": relationships} {
		content, err := json.Marshal(map[string]any{list: append([]record{}, records...)})
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, list+".json"), content, 0o600))
	}
	f, err := jsonstore.OpenFolder(dir, steps.GraphTypes())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, f.Close()) })
	return f
}

// write writes the page of one graph, or of several.
func write(t *testing.T, of ...visualize.Instance) (string, visualize.Report) {
	t.Helper()
	return writePage(t, visualize.Page{Instances: of})
}

func writePage(t *testing.T, of visualize.Page) (string, visualize.Report) {
	t.Helper()
	var page bytes.Buffer
	report, err := visualize.Write(t.Context(), &page, of)
	require.NoError(t, err)
	return page.String(), report
}

func TestThePolicyAllowsThePagesOwnScriptAndStyleAndNothingElse(t *testing.T) {
	page, _ := write(t, visualize.Instance{Graph: folder(t, []record{entity("sentinelone_agent", "HostAgent", "1", "A", nil)}, nil), Name: "x"})
	policy := regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(page)[1]
	hash := func(tag string) string {
		content := regexp.MustCompile(`(?s)<` + tag + `>(.*?)</` + tag + `>`).FindStringSubmatch(page)[1]
		sum := sha256.Sum256([]byte(content))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	assert.Equal(t, "default-src 'none'; script-src "+hash("script")+"; style-src "+hash("style")+
		"; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'", policy)
	assert.Empty(t, regexp.MustCompile(`(src|href)="[^#"]`).FindAllString(page, -1), "nothing is loaded")
	assert.Empty(t, regexp.MustCompile(` (on\w+|style)="`).FindAllString(page, -1), "no markup runs or styles by itself")
}

func TestNamesAreInNoMarkup(t *testing.T) {
	hostile := `</script><script>alert(1)</script><img src=x onerror=alert(1)>`
	page, _ := write(t, visualize.Instance{
		Graph: folder(t, []record{entity("sentinelone_agent", "HostAgent", "1", hostile, record{"osName": hostile})}, nil),
		Name:  hostile,
	})
	assert.False(t, strings.Contains(page, "<img"))
	assert.False(t, strings.Contains(page, "alert(1)</script>"))
}

func TestTheSameGraphGivesTheSamePage(t *testing.T) {
	f := folder(t, []record{entity("sentinelone_agent", "HostAgent", "1", "A", record{"osName": "x", "tag.b": "y"})}, nil)
	first, _ := write(t, visualize.Instance{Graph: f, Name: "x"})
	second, _ := write(t, visualize.Instance{Graph: f, Name: "x"})
	assert.True(t, first == second)
}

func TestWhatDoesNotFitIsLeftOutAndCounted(t *testing.T) {
	device := entity("sentinelone_device", "Device", "1", "D", nil)
	app := entity("sentinelone_application", "Application", "1", "A", nil)
	gone := entity("sentinelone_application", "Application", "2", "B", nil)
	has := func(to record) record {
		return relationship("sentinelone_device_has_application", "HAS", device, to, record{"size": 4096})
	}
	f := folder(t, []record{device, app}, []record{has(app), has(gone)})

	page, report := write(t, visualize.Instance{Graph: f, Name: "x"})
	assert.Equal(t, visualize.Report{Entities: 2, Relationships: 2, Dangling: 1}, report)
	place := slices.IndexFunc(steps.Relationships(), func(d *model.Description) bool { return d.Name == "sentinelone_device_has_application" })
	details := fmt.Sprintf(`<script type="text/plain" id="d%d.0">`, place)
	assert.True(t, strings.Contains(page, details))

	page, report = writePage(t, visualize.Page{Instances: []visualize.Instance{{Graph: f, Name: "x"}}, MostDetails: 1})
	assert.Equal(t, []string{"sentinelone_device_has_application"}, report.NoDetails)
	assert.False(t, strings.Contains(page, details))
	assert.True(t, strings.Contains(page, `"noDetails":["sentinelone_device_has_application"]`))

	weakness := entity("sentinelone_vulnerability", "Vulnerability", "CVE-2026-1000", "CVE-2026-1000", nil)
	weak := relationship("sentinelone_device_has_vulnerability", "HAS", device, weakness, record{"open": true})
	f = folder(t, []record{device, app, gone, weakness}, []record{has(app), has(gone), weak})
	page, report = writePage(t, visualize.Page{Instances: []visualize.Instance{{Graph: f, Name: "x"}}, MostDetails: 2})
	assert.Equal(t, []string{"sentinelone_device_has_application"}, report.NoDetails, "those of which there are most go first")
	assert.False(t, strings.Contains(page, details))
	place = slices.IndexFunc(steps.Relationships(), func(d *model.Description) bool { return d.Name == "sentinelone_device_has_vulnerability" })
	assert.True(t, strings.Contains(page, fmt.Sprintf(`<script type="text/plain" id="d%d.0">`, place)))
}

func TestWritingEndsWhenItIsToldTo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f := folder(t, []record{entity("sentinelone_agent", "HostAgent", "1", "A", nil)}, nil)
	_, err := visualize.Write(ctx, io.Discard, visualize.Page{Instances: []visualize.Instance{{Graph: f, Name: "x"}}})
	assert.ErrorIs(t, err, context.Canceled)
}

func TestALineOfChangesThatIsNoneIsNamed(t *testing.T) {
	f := folder(t, []record{entity("sentinelone_agent", "HostAgent", "1", "A", nil)}, nil)
	_, err := visualize.Write(t.Context(), io.Discard, visualize.Page{Instances: []visualize.Instance{{Graph: f, Name: "x", Changes: changeLines(`{"op":"created","type":"t","key":"k"}` + "\n{\n")}}})
	assert.ErrorContains(t, err, "changes: line 2: ")
}

// changeLines are changes as a run's file has them.
func changeLines(text string) func(context.Context) iter.Seq2[graph.ChangeLine, error] {
	return func(ctx context.Context) iter.Seq2[graph.ChangeLine, error] {
		return graph.ReadChanges(ctx, strings.NewReader(text))
	}
}

// TestATrendOfManyRunsIsThinned: poll runs every few minutes, and its history has 400 days.
func TestATrendOfManyRunsIsThinned(t *testing.T) {
	first := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, runs := range []int{1, 2, 150, 200, 5000} {
		of := visualize.Instance{Graph: folder(t, nil, nil), Name: "x", Trend: func(yield func(visualize.Point, error) bool) {
			for i := range runs {
				if !yield(visualize.Point{At: first.Add(time.Duration(i) * time.Hour), Figures: map[string]int64{"agents": int64(i)}}, nil) {
					return
				}
			}
		}}
		page, _ := write(t, of)
		var about struct {
			Instances []struct {
				Trend struct {
					At      []int64
					Figures map[string][]int64
				}
			}
		}
		require.NoError(t, json.Unmarshal([]byte(regexp.MustCompile(`id="about">(.*)</script>`).FindStringSubmatch(page)[1]), &about))
		trend := about.Instances[0].Trend
		assert.Len(t, trend.Figures, 1, "of what was never known there is no trend")
		assert.Len(t, trend.Figures["agents"], len(trend.At))
		assert.LessOrEqual(t, len(trend.At), 201, "%d runs", runs)
		assert.GreaterOrEqual(t, len(trend.At), min(runs, 100), "%d runs", runs)
		assert.Equal(t, first.UnixMilli(), trend.At[0])
		assert.EqualValues(t, runs-1, trend.Figures["agents"][len(trend.At)-1], "the last run is there")
		assert.True(t, slices.IsSorted(trend.At))
	}
}

func TestAHistoryThatCannotBeReadIsNamed(t *testing.T) {
	of := visualize.Instance{Graph: folder(t, nil, nil), Name: "x", Trend: func(yield func(visualize.Point, error) bool) {
		yield(visualize.Point{}, errors.New("history.jsonl: no"))
	}}
	_, err := visualize.Write(t.Context(), io.Discard, visualize.Page{Instances: []visualize.Instance{of}})
	assert.EqualError(t, err, "x: history.jsonl: no")
}

func TestCardsListsAndSearchGoByWhatThereIs(t *testing.T) {
	types := map[string]bool{}
	for _, d := range steps.Entities() {
		types[d.Name] = true
	}
	for _, d := range steps.Entities() {
		properties := map[string]bool{}
		for _, p := range d.Properties {
			properties[p.Name] = true
		}
		assert.NotEmpty(t, d.List, d.Name)
		for _, name := range slices.Concat(d.Card, d.Search) {
			assert.True(t, properties[name], "%s has no property %s", d.Name, name)
		}
		for _, name := range d.List {
			assert.True(t, properties[strings.TrimPrefix(name, "?")] || types[strings.TrimPrefix(name, "#")], "%s has no property %s, nor is that a type", d.Name, name)
		}
	}
}
