package main_test

import (
	"go/parser"
	"go/token"
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

// example is in a name that stands for many files, as in entities/TYPE.go.
var example = regexp.MustCompile(`\b[A-Z_]{4,}\.`)

func TestNoCommentCitesAFileThatIsNotThere(t *testing.T) {
	folders, err := os.ReadDir(".")
	require.NoError(t, err)
	var names []string
	for _, folder := range folders {
		if folder.IsDir() && folder.Name() != ".s1graph" { // which the README's first command makes
			names = append(names, regexp.QuoteMeta(folder.Name()))
		}
	}
	// A file with code or text in it, or anything in a folder of the project.
	cited := regexp.MustCompile(`(?:^|[\s("'])((?:[\w./-]*[\w-]\.(?:go|js|css|html|md|cypher|sh))|(?:` + strings.Join(names, "|") + `)/[\w./-]*\w)\b`)
	seen := 0
	require.NoError(t, filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		require.NoError(t, err)
		for _, group := range file.Comments {
			for _, found := range cited.FindAllStringSubmatch(group.Text(), -1) {
				if example.MatchString(found[1]) {
					continue
				}
				seen++
				there := slices.ContainsFunc([]string{".", filepath.Dir(path)}, func(dir string) bool {
					_, err := os.Stat(filepath.Join(dir, filepath.FromSlash(found[1])))
					return err == nil
				})
				assert.True(t, there, "%s: there is no %s", path, found[1])
			}
		}
		return nil
	}))
	assert.NotZero(t, seen)
}

func TestTheFilesThatTheDocumentsNameAreThere(t *testing.T) {
	named := regexp.MustCompile("`([\\w./-]+\\.(?:go|js|css|html|md|cypher|sh|yaml))`")
	for _, document := range []string{"CONTRIBUTING.md", "docs/architecture.md"} {
		files := named.FindAllStringSubmatch(readFile(t, document), -1)
		assert.NotEmpty(t, files, document)
		for _, file := range files {
			if !example.MatchString(file[1]) {
				assert.FileExists(t, filepath.FromSlash(file[1]), document)
			}
		}
	}
}
