package deploy_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// instruction is one of a Dockerfile: its name, its words, and the flags before them.
type instruction struct {
	name         string
	words, flags []string
	isList       bool // written as a JSON list, so that no shell is needed
}

// stages are those of the Dockerfile, each with its FROM at first.
func stages(t *testing.T) [][]instruction {
	t.Helper()
	parsed, err := parser.Parse(strings.NewReader(content(t, "Dockerfile")))
	require.NoError(t, err)
	assert.Empty(t, parsed.Warnings)
	var all [][]instruction
	for _, node := range parsed.AST.Children {
		i := instruction{name: strings.ToUpper(node.Value), flags: node.Flags, isList: node.Attributes["json"]}
		for word := node.Next; word != nil; word = word.Next {
			i.words = append(i.words, word.Value)
		}
		if i.name == "FROM" {
			all = append(all, nil)
		}
		require.NotEmpty(t, all, "%s stands before FROM", i.name)
		all[len(all)-1] = append(all[len(all)-1], i)
	}
	return all
}

// last finds the last instruction of a name in a stage.
func last(t *testing.T, stage []instruction, name string) instruction {
	t.Helper()
	for _, i := range slices.Backward(stage) {
		if i.name == name {
			return i
		}
	}
	require.Fail(t, "there is no "+name)
	return instruction{}
}

func TestTheImageHasTheProgramAndNothingToBuildIt(t *testing.T) {
	all := stages(t)
	require.Len(t, all, 2)
	build, image := all[0], all[1]
	for _, stage := range all {
		assert.Regexp(t, `^[a-z0-9./-]+:[a-z0-9.-]+$`, stage[0].words[0], "an image with a tag")
		assert.NotContains(t, stage[0].words[0], ":latest")
	}
	assert.Contains(t, image[0].words[0], "/static", "no shell, and certificates and time zones")
	for _, i := range image {
		assert.NotContains(t, []string{"RUN", "ADD", "ARG", "ENV"}, i.name)
		if i.name == "COPY" {
			assert.Contains(t, i.flags, "--from=build")
		}
	}
	goVersion := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(content(t, "../go.mod"))[1]
	assert.True(t, strings.HasPrefix(build[0].words[0], "golang:"+goVersion+"-"), build[0].words[0])
	command := last(t, build, "RUN").words[0]
	for _, part := range []string{"CGO_ENABLED=0 ", " -trimpath ", "-X main.version=$VERSION"} {
		assert.Contains(t, command, part)
	}
}

func TestTheImageRunsWithoutRootAndWithoutAShell(t *testing.T) {
	image := stages(t)[1]
	account, group, _ := strings.Cut(last(t, image, "USER").words[0], ":")
	assert.Equal(t, []string{strconv.Itoa(user), strconv.Itoa(user)}, []string{account, group}, "numbers, so that runAsNonRoot can tell")
	assert.Equal(t, []string{home}, last(t, image, "VOLUME").words)
	assert.Equal(t, []string{home}, last(t, image, "WORKDIR").words)
	for _, i := range image {
		if i.name == "COPY" && i.words[len(i.words)-1] == home {
			assert.Contains(t, i.flags, "--chown=65532:65532")
		}
	}
	entry, command := last(t, image, "ENTRYPOINT"), last(t, image, "CMD")
	assert.True(t, entry.isList && command.isList)
	assert.Equal(t, []string{"/usr/local/bin/s1graph"}, entry.words)
	assertCommand(t, "poll", command.words)
}

func TestTheBuildOfTheImageGetsWhatItNeedsAndNoMore(t *testing.T) {
	var kept []string // the ends of names
	lines := strings.Split(strings.TrimSpace(content(t, "Dockerfile.dockerignore")), "\n")
	require.Contains(t, lines, "*", "what is not named is left out")
	for _, line := range lines {
		if pattern, ok := strings.CutPrefix(line, "!"); ok {
			kept = append(kept, strings.TrimPrefix(pattern, "**/*"))
		}
	}
	goList := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,GoFiles,EmbedFiles", ".")
	goList.Dir = ".."
	goList.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	out, err := goList.Output()
	require.NoError(t, err)
	names := []string{"go.mod", "go.sum"}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); decoder.More(); {
		var p struct {
			ImportPath          string
			GoFiles, EmbedFiles []string
		}
		require.NoError(t, decoder.Decode(&p))
		if p.ImportPath == "s1graph" || strings.HasPrefix(p.ImportPath, "s1graph/") {
			names = append(names, slices.Concat(p.GoFiles, p.EmbedFiles)...)
		}
	}
	isKept := func(name string) bool {
		return slices.ContainsFunc(kept, func(end string) bool { return strings.HasSuffix(name, end) })
	}
	for _, name := range names {
		assert.True(t, isKept(name), name)
	}
	for _, name := range []string{"sentinelone.token", "s1graph.yaml", filepath.Join(".git", "config"), filepath.Join(".s1graph", "acme", "summary.json")} {
		assert.False(t, isKept(name), name)
	}
}
