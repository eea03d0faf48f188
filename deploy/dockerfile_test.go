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

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/gotest"
)

// instruction is one of a Dockerfile: its name, its words, and the flags before them.
type instruction struct {
	name         string
	words, flags []string
	isList       bool // written as a JSON list, so that no shell is needed
}

// stages are those of the Dockerfile, each with its FROM at first. It reads what Dockerfile has: no here-documents and no
// other escape than the backslash.
func stages(t *testing.T) [][]instruction {
	t.Helper()
	text := regexp.MustCompile(`(?m)^\s*#.*\n|\\\n`).ReplaceAllString(content(t, "Dockerfile"), "")
	require.NotContains(t, text, "<<")
	var all [][]instruction
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		i := instruction{name: words[0], words: words[1:]}
		assert.Contains(t, []string{"FROM", "WORKDIR", "COPY", "RUN", "ARG", "VOLUME", "USER", "EXPOSE", "ENTRYPOINT", "CMD", "ENV", "ADD"}, i.name)
		for len(i.words) > 0 && strings.HasPrefix(i.words[0], "--") {
			i.flags, i.words = append(i.flags, i.words[0]), i.words[1:]
		}
		rest := strings.Join(i.words, " ")
		switch {
		case strings.HasPrefix(rest, "["):
			i.isList = true
			require.NoError(t, json.Unmarshal([]byte(rest), &i.words), line)
		case i.name == "RUN":
			i.words = []string{rest}
		}
		require.NotEmpty(t, i.words, line)
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
	goList := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Dir,GoFiles,EmbedFiles", ".")
	goList.Dir = ".."
	goList.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	out, err := goList.Output()
	require.NoError(t, err)
	top, err := filepath.Abs("..")
	require.NoError(t, err)
	names := []string{"go.mod", "go.sum"}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); decoder.More(); {
		var p struct {
			ImportPath, Dir     string
			GoFiles, EmbedFiles []string
		}
		require.NoError(t, decoder.Decode(&p))
		if p.ImportPath == "s1graph" || strings.HasPrefix(p.ImportPath, "s1graph/") {
			folder, err := filepath.Rel(top, p.Dir)
			require.NoError(t, err)
			for _, name := range slices.Concat(p.GoFiles, p.EmbedFiles) {
				names = append(names, filepath.Join(folder, name))
			}
		}
	}
	assert.Greater(t, len(names), 100)
	for _, name := range names {
		assert.True(t, isInImage(t, name), name)
	}
	for _, name := range append(madeByPeople(t), ".git/config", ".git/refs/heads/x.go", "graph.html", ".s1graph/acme/graph/x.html", "dist/x.js") {
		assert.False(t, isInImage(t, name), name)
	}
}

// isInImage says whether the build of an image gets a file, by .dockerignore: the last pattern that fits decides, and one of
// a folder fits all that is in it.
func isInImage(t *testing.T, name string) bool {
	t.Helper()
	is := true
	for line := range strings.Lines(content(t, "../.dockerignore")) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		pattern, isKept := strings.CutPrefix(line, "!")
		end, anywhere := strings.CutPrefix(pattern, "**/*")
		if pattern == "*" || name == pattern || strings.HasPrefix(name, pattern+"/") || anywhere && strings.HasSuffix(name, end) {
			is = isKept
		}
	}
	return is
}

// madeByPeople are the files with secrets, and those that lead to them, that README and the documentation name.
func madeByPeople(t *testing.T) []string {
	t.Helper()
	names := []string{"s1graph.yaml", ".s1graph/acme/summary.json"}
	for _, document := range []string{"../README.md", "../docs/alerts.md", "../docs/operations.md", "../s1graph.example.yaml"} {
		for _, file := range regexp.MustCompile(`\b(token|url|secret|password|credentials)File: ([a-z0-9-]+\.[a-z]+)\b`).FindAllStringSubmatch(content(t, document), -1) {
			names = append(names, file[2])
		}
	}
	assert.Subset(t, names, []string{"sentinelone.token", "slack.url", "hook.secret", "neo4j.password", "events.credentials"})
	return names
}

func TestSecretsStayOutOfGit(t *testing.T) {
	git := gotest.Program(t, "git", "git")
	folder := t.TempDir() // so that it needs no clone: a release's sources are none
	run := func(arguments ...string) string {
		command := exec.CommandContext(t.Context(), git, arguments...)
		command.Dir = folder
		out, err := command.Output()
		require.NoError(t, err, "git %v", arguments)
		return string(out)
	}
	run("init", "-q")
	names := append(madeByPeople(t), "deploy/acme.token", "tenants/.s1graph/acme/summary.json")
	for name, text := range map[string]string{".gitignore": content(t, "../.gitignore"), "README.md": "", "s1graph.example.yaml": ""} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	for _, name := range names {
		require.NoError(t, os.MkdirAll(filepath.Join(folder, filepath.Dir(name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte("s3cret"), 0o600))
	}
	run("add", ".")
	assert.Equal(t, ".gitignore\nREADME.md\ns1graph.example.yaml\n", run("ls-files"))
}
