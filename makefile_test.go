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
	makefile, err := os.ReadFile("Makefile")
	require.NoError(t, err)
	value := func(name string) string {
		line := regexp.MustCompile(`(?m)^` + name + ` := (.+)$`).FindSubmatch(makefile)
		require.NotNil(t, line, name)
		return string(line[1])
	}
	whole := strings.Fields(value("WHOLE"))
	for names, folders := range map[string][]string{"MEETING": whole, "LOOPS": strings.Fields(value("LONG"))} {
		var in strings.Builder
		for folder, tests := range testsByFolder(t) {
			if slices.Contains(folders, folder) {
				in.WriteString(tests)
			} else if names == "LOOPS" && !slices.Contains(whole, folder) {
				assert.NotRegexp(t, value(names), tests, folder)
			}
		}
		for name := range strings.SplitSeq(value(names), "|") {
			assert.Regexp(t, name, in.String())
		}
	}
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
