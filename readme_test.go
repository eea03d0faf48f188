package main_test

import (
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts"
	"s1graph/config"
	"s1graph/s1"
)

// notRun are the commands of the README that the test does not run, and why. A command that is not among them is run.
var notRun = map[string]string{
	"make test":                               "it runs this test",
	"./s1graph init":                          "somebody answers",
	"./s1graph check":                         "it needs a tenant",
	"./s1graph run":                           "it needs a tenant",
	"./s1graph poll":                          "it needs a tenant",
	"./s1graph run --instance acme":           "it needs a tenant",
	"./s1graph run --all":                     "it needs a tenant",
	"./s1graph overview --all":                "it needs a tenant that was read",
	`./s1graph alerts test "device infected"`: "it needs a tenant that was read",
	"./s1graph run --replay testdata/recordings/acme-next-day --instance acme --store neo4j": "it needs Neo4j",
	"./s1graph query infected-devices":                                        "it needs Neo4j",
	"./s1graph query silent-agents --param days=30":                           "it needs Neo4j",
	"./s1graph query exposed-applications":                                    "it needs Neo4j",
	"./s1graph query open-vulnerabilities --param owner='Kofi Jansson' --csv": "it needs Neo4j",
	"./s1graph query --cypher 'MATCH (u:User)-[:OWNS]->(d:Device) RETURN u.name AS owner, count(d) AS devices ORDER BY devices DESC LIMIT 5'": "it needs Neo4j",
}

// readmeBlocks are the blocks of code of a language, without their indentation.
func readmeBlocks(t *testing.T, language string) []string {
	t.Helper()
	content, err := os.ReadFile("README.md")
	require.NoError(t, err)
	var blocks []string
	for _, found := range regexp.MustCompile("(?ms)^( *)```"+language+"\n(.*?)^ *```$").FindAllStringSubmatch(string(content), -1) {
		block := found[2]
		if indent := found[1]; indent != "" {
			block = strings.ReplaceAll("\n"+block, "\n"+indent, "\n")[1:]
		}
		blocks = append(blocks, block)
	}
	require.NotEmpty(t, blocks, language)
	return blocks
}

// checkout is a folder that is to the README's commands what a fresh clone is to a reader: `go run .` and `make build` are
// there, but take the program that the tests have built already.
func checkout(t *testing.T) (dir string, environment []string) {
	t.Helper()
	s1graph(t, http.NotFoundHandler())
	dir, tools := t.TempDir(), t.TempDir()
	recordings, err := filepath.Abs("testdata")
	require.NoError(t, err)
	require.NoError(t, os.Symlink(recordings, filepath.Join(dir, "testdata")))
	for name, script := range map[string]string{
		"go":   `[ "$1 $2" = "run ." ] || exit 99; shift 2; exec "$PROGRAM" "$@"`,
		"make": `[ "$*" = build ] || exit 99; cp "$PROGRAM" s1graph; echo s1graph is built`,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(tools, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700))
	}
	return dir, []string{"PATH=" + tools + string(os.PathListSeparator) + os.Getenv("PATH"), "PROGRAM=" + built.program, "HOME=" + dir, "TMPDIR=" + t.TempDir()}
}

func TestTheCommandsOfTheREADMEDoWhatItSays(t *testing.T) {
	dir, environment := checkout(t)
	var output strings.Builder
	var seen []string
	for _, block := range readmeBlocks(t, "sh") {
		for command := range strings.Lines(block) {
			command = strings.TrimSpace(command)
			seen = append(seen, command)
			if notRun[command] != "" {
				continue
			}
			c := exec.CommandContext(t.Context(), "sh", "-c", command)
			c.Dir, c.Env = dir, environment
			out, err := c.CombinedOutput()
			require.NoError(t, err, "%s: %s", command, out)
			require.NotEmpty(t, out, command)
			output.Write(out)
		}
	}
	for command := range notRun {
		assert.Contains(t, seen, command, "the README does not have it any more")
	}
	assert.FileExists(t, filepath.Join(dir, "graph.html"))
	assert.Contains(t, output.String(), "This is the first graph of acme")
	lines := strings.Split(output.String(), "\n")
	for _, block := range readmeBlocks(t, "text") {
		for want := range strings.Lines(block) {
			want = strings.TrimRight(want, "\n")
			assert.True(t, slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, want) }), "no command prints %q", want)
		}
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z./]+)` \\|").FindAllStringSubmatch(readFile(t, "README.md"), -1) {
		if row[1] != "alerts.db" && row[1] != "accepted/" { // there are no alerts without destinations, and nothing was accepted
			_, err := os.Stat(filepath.Join(dir, ".s1graph", "acme", row[1]))
			assert.NoError(t, err)
		}
	}
}

func TestTheREADMEReplaysTheFirstDayOnceAndFirst(t *testing.T) {
	var replays []string
	for _, found := range regexp.MustCompile(`--replay testdata/recordings/([a-z-]+)`).FindAllStringSubmatch(readFile(t, "README.md"), -1) {
		replays = append(replays, found[1])
	}
	require.NotEmpty(t, replays)
	assert.Equal(t, "acme", replays[0])
	for _, later := range replays[1:] {
		assert.Equal(t, "acme-next-day", later)
	}
}

func TestTheREADMENamesTheTwoCommandsThatANewcomerTypes(t *testing.T) {
	_, tryIt, _ := strings.Cut(readFile(t, "README.md"), "\n## Try it\n")
	tryIt, _, _ = strings.Cut(tryIt, "\n## ")
	assert.Contains(t, tryIt, "\ngo run . run --replay testdata/recordings/acme\n")
	assert.Contains(t, tryIt, "\nmake test\n")
	assert.Contains(t, readFile(t, "Makefile"), "\ntest: ## run all tests, with the race detector where goroutines meet, and say which were skipped and why\n\tgo run ./gotest/run ")
}

// TestTheTestsNeedGoAlone holds them to what the README says: whatever they need besides, they ask gotest for, which skips
// them and says so. sh and cp are wherever make is.
func TestTheTestsNeedGoAlone(t *testing.T) {
	asks := regexp.MustCompile(`exec\.LookPath\(|"CI"|\.Skip(f|Now)?\(`)
	starts := regexp.MustCompile(`exec\.Command(?:Context)?\((?:t\.Context\(\), |ctx, )?"([^"]*)"`)
	sources := 0
	require.NoError(t, filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") && path != filepath.FromSlash("graph/neo4jstore/neo4jtest/testing.go") {
			return err
		}
		if path == "readme_test.go" || strings.HasPrefix(path, "gotest") {
			return nil
		}
		sources++
		source := readFile(t, path)
		assert.Empty(t, asks.FindString(source), "%s: gotest.Program or gotest.Missing skips a test", path)
		for _, program := range starts.FindAllStringSubmatch(source, -1) {
			assert.Contains(t, []string{"go", "sh", "cp"}, program[1], "%s: gotest.Program finds a program, or skips the test", path)
		}
		return nil
	}))
	assert.NotZero(t, sources)
}

func TestTheSettingsOfTheREADMEAreRight(t *testing.T) {
	blocks := readmeBlocks(t, "yaml")
	token := strings.Repeat("a", 80) + "\n"
	t.Chdir(t.TempDir())
	for name, content := range map[string]string{
		"sentinelone.token": token, "acme.token": token, "globex.token": token + "b",
		"slack.url": "slack://hook:AAAAAAAAA-BBBBBBBBB-123456789123456789123456@webhook\n",
	} {
		require.NoError(t, os.WriteFile(name, []byte(strings.ReplaceAll(content, "\nb", "b\n")), 0o600))
	}
	for _, block := range blocks {
		require.NoError(t, os.WriteFile(config.DefaultFile, []byte(block), 0o600))
		settings, err := config.LoadService(config.Sources{NormalizeURL: s1.NormalizeURL, CheckAlerts: alerts.Check})
		require.NoError(t, err, block)
		for _, instance := range settings.Instances {
			assert.Empty(t, instance.Warnings, block)
			assert.NotEqual(t, "DISABLED", instance.Interval.String(), block)
		}
	}
}

func TestTheLinksOfTheDocumentsLeadSomewhere(t *testing.T) {
	files, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	link := regexp.MustCompile(`\]\(([^)#\s]+)(?:#[^)]*)?\)`)
	for _, file := range append(files, "README.md", "CONTRIBUTING.md") {
		for _, found := range link.FindAllStringSubmatch(readFile(t, file), -1) {
			if strings.Contains(found[1], "://") {
				continue
			}
			_, err := os.Stat(filepath.Join(filepath.Dir(file), filepath.FromSlash(found[1])))
			assert.NoError(t, err, file)
		}
	}
}

func TestEachMetricIsDocumented(t *testing.T) {
	var names, documented []string
	for _, found := range regexp.MustCompile(`"(s1graph_[a-z_]+)"`).FindAllStringSubmatch(readFile(t, "poll/metrics.go"), -1) {
		names = append(names, found[1])
	}
	for _, found := range regexp.MustCompile("(?m)^\\| `(s1graph_[a-z_]+)` \\|").FindAllStringSubmatch(readFile(t, "docs/operations.md"), -1) {
		documented = append(documented, found[1])
	}
	assert.NotEmpty(t, names)
	assert.ElementsMatch(t, names, documented)
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(content)
}
