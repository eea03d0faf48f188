package main_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A test that gets another name would else leave the race detector's sight without anybody noticing. One elsewhere that
// is called like those which the detector is to leave out would not be run at all.
func TestEachNameThatTheMakefileTellsTestsByIsInTheNameOfATestOfThosePackages(t *testing.T) {
	whole := strings.Fields(variable(t, "WHOLE"))
	for names, folders := range map[string][]string{"MEETING": whole, "LOOPS": strings.Fields(variable(t, "LONG"))} {
		var in strings.Builder
		for folder, tests := range testsByFolder(t) {
			if slices.Contains(folders, folder) {
				in.WriteString(tests)
			} else if names == "LOOPS" && !slices.Contains(whole, folder) {
				assert.NotRegexp(t, variable(t, names), tests, folder)
			}
		}
		for name := range strings.SplitSeq(variable(t, names), "|") {
			assert.Regexp(t, name, in.String())
		}
	}
}

// Where something is to run side by side the race detector is to look.
func TestWhatTheRaceDetectorDoesNotLookAtRunsAlone(t *testing.T) {
	besides := regexp.MustCompile(`(?m)^\s*go |\.Go\(|"sync(/atomic)?"$|"github.com/sourcegraph/conc`)
	for _, folder := range strings.Fields(variable(t, "ALONE")) {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		require.NoError(t, err)
		require.NotEmpty(t, files, folder)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			source, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Empty(t, besides.FindAllString(string(source), -1), file)
		}
	}
}

// variable is what the Makefile sets.
func variable(t *testing.T, name string) string {
	t.Helper()
	makefile, err := os.ReadFile("Makefile")
	require.NoError(t, err)
	line := regexp.MustCompile(`(?m)^` + name + ` := (.+)$`).FindSubmatch(makefile)
	require.NotNil(t, line, name)
	return string(line[1])
}

// testsByFolder are the names of all that go test runs, a line each, by folder as the Makefile names it.
func testsByFolder(t *testing.T) map[string]string {
	t.Helper()
	tests := map[string]string{}
	require.NoError(t, filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, name := range regexp.MustCompile(`(?m)^func ((Test|Fuzz|Example)\w*)\(`).FindAllSubmatch(source, -1) {
			tests["./"+filepath.Dir(path)] += string(name[1]) + "\n"
		}
		return err
	}))
	return tests
}
