// Package deploy_test holds what is in this folder to the program, and to what systemd, Docker and Kubernetes take.
package deploy_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts"
	"s1graph/cli"
	"s1graph/config"
	"s1graph/s1"
)

const (
	configFile = "/etc/s1graph/s1graph.yaml"
	home       = "/var/lib/s1graph"
	user       = 65532 // of an image and of a pod
)

func content(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(b)
}

// assertCommand makes sure that the program has such a command with such flags, and that it reads the file that is
// put there for it.
func assertCommand(t *testing.T, name string, args []string) {
	t.Helper()
	require.NotEmpty(t, args)
	assert.Equal(t, name, args[0])
	var out bytes.Buffer
	process := cli.Process{Args: append([]string{"s1graph"}, append(args, "--help")...), Stdout: &out, Stderr: &out}
	assert.Zero(t, cli.Run(t.Context(), process), out.String())
	assert.Contains(t, out.String(), "s1graph "+name+" - ")
	assert.Equal(t, []string{"--config", configFile}, args[1:])
}

// sources are those of a configuration file as it is here, with a token that is there.
func sources(t *testing.T, file string, environment ...string) config.Sources {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s1graph.yaml")
	require.NoError(t, os.WriteFile(path, []byte(file), 0o600))
	return config.Sources{
		File:         path,
		Environment:  environment,
		NormalizeURL: s1.NormalizeURL,
		CheckAlerts:  alerts.Check,
	}
}

// tokenIn makes a file with a token.
func tokenIn(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(path, []byte("a-token\n"), 0o600))
	return path
}

// section is a part of a unit file: of each key its values, in the file's order.
type section map[string][]string

func unit(t *testing.T) map[string]section {
	t.Helper()
	sections := map[string]section{}
	var current section
	for line := range strings.Lines(content(t, "s1graph.service")) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if name, ok := strings.CutPrefix(line, "["); ok {
			current = section{}
			sections[strings.TrimSuffix(name, "]")] = current
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		require.True(t, ok, line)
		current[key] = append(current[key], value)
	}
	return sections
}

func TestTheServiceRunsACommandThatThereIs(t *testing.T) {
	service := unit(t)["Service"]
	require.Len(t, service["ExecStart"], 1)
	words := strings.Fields(service["ExecStart"][0])
	assert.Equal(t, "/usr/local/bin/s1graph", words[0])
	assertCommand(t, "poll", words[1:])
	assert.Equal(t, []string{"/bin/kill -HUP $MAINPID"}, service["ExecReload"])
}

func TestTheServiceGivesTheTokenAsACredential(t *testing.T) {
	service := unit(t)["Service"]
	require.Len(t, service["LoadCredential"], 1)
	credential, file, _ := strings.Cut(service["LoadCredential"][0], ":")
	assert.True(t, filepath.IsAbs(file), file)
	require.Len(t, service["Environment"], 1)
	variable, path, _ := strings.Cut(service["Environment"][0], "=")
	assert.Equal(t, "%d/"+credential, path)

	token := tokenIn(t)
	settings, err := config.LoadService(sources(t, "url: https://example.sentinelone.net\ninterval: 30m\n", variable+"="+token))
	require.NoError(t, err)
	assert.Equal(t, token, settings.Instances[0].TokenFile)
	assert.Empty(t, settings.Instances[0].Warnings)
	assert.False(t, filepath.IsAbs(settings.Instances[0].Dir), "it is in the working directory")
	assert.Equal(t, []string{"%S/" + service["StateDirectory"][0]}, service["WorkingDirectory"])
}

func TestTheMemoryIsBoundedWhereverItRuns(t *testing.T) {
	// How much it is, the program finds out by itself: see TestTheMemoryOfTheProgramFollowsTheLimitOfItsControlGroup.
	assert.Equal(t, []string{"1G"}, unit(t)["Service"]["MemoryMax"])
	for _, file := range manifests {
		assert.Equal(t, "1Gi", deploy(t, file).container.Resources.Limits.Memory, file)
	}
	assert.Contains(t, strings.Join(commandsIn(t, "Dockerfile"), "\n"), " --memory 1g ")
	for _, file := range []string{"s1graph.service", "Dockerfile", "kubernetes/poll.yaml", "kubernetes/cronjob.yaml"} {
		assert.NotContains(t, content(t, file), "GOMEMLIMIT", "%s: a second number would have to follow the first", file)
	}
}

// commandsIn are what the comment at the top of a file tells people to type.
func commandsIn(t *testing.T, file string) []string {
	t.Helper()
	var commands []string
	for line := range strings.Lines(content(t, file)) {
		if command, ok := strings.CutPrefix(line, "#     "); ok {
			commands = append(commands, strings.TrimSpace(command))
		}
	}
	require.NotEmpty(t, commands)
	return commands
}

func TestWhatPeopleAreToldToTypeNamesFilesThatThereAre(t *testing.T) {
	for _, file := range []string{"Dockerfile", "kubernetes/poll.yaml", "kubernetes/cronjob.yaml"} {
		named := regexp.MustCompile(`deploy/\S+`).FindAllString(strings.Join(commandsIn(t, file), "\n"), -1)
		assert.NotEmpty(t, named, file)
		for _, path := range named {
			assert.FileExists(t, filepath.Join("..", path), file)
		}
	}
}

// documents are those of a YAML file.
func documents[T any](t *testing.T, file string) []T {
	t.Helper()
	var all []T
	for part := range strings.SplitSeq(content(t, file), "\n---\n") {
		var document T
		b, err := yaml.YAMLToJSON([]byte(part))
		require.NoError(t, err, file)
		require.NoError(t, json.Unmarshal(b, &document), file)
		all = append(all, document)
	}
	return all
}
