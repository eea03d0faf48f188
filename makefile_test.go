package main_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A test that gets another name would else leave the race detector's sight without anybody noticing.
func TestEachNameThatTheRaceDetectorLooksForIsInTheNameOfATest(t *testing.T) {
	makefile, err := os.ReadFile("Makefile")
	require.NoError(t, err)
	value := func(name string) string {
		line := regexp.MustCompile(`(?m)^` + name + ` := (.+)$`).FindSubmatch(makefile)
		require.NotNil(t, line, name)
		return string(line[1])
	}
	var tests strings.Builder
	for _, folder := range strings.Fields(value("WHOLE")) {
		files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
		require.NoError(t, err)
		for _, file := range files {
			source, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, name := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(source, -1) {
				tests.Write(append(name[1], '\n'))
			}
		}
	}
	names := strings.Split(value("MEETING"), "|")
	require.NotEmpty(t, names)
	for _, name := range names {
		assert.Regexp(t, name, tests.String())
	}
}
