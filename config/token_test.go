package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
)

func TestTheTokenComesFromOnePlace(t *testing.T) {
	type result struct{ token, file, fault string }
	for _, test := range []struct {
		name        string
		environment []string
		flag, file  string
		want        result
	}{
		{name: "environment", environment: []string{"SENTINELONE_TOKEN= " + token + " "}, want: result{token: token}},
		{name: "file", file: "token", want: result{file: "token"}},
		{name: "environment over file", environment: []string{"SENTINELONE_TOKEN=" + token}, file: "token", want: result{token: token}},
		{name: "flag over environment", environment: []string{"SENTINELONE_TOKEN=" + token}, flag: "token", want: result{file: "token"}},
		{name: "two in the environment", environment: []string{"SENTINELONE_TOKEN=" + token, "SENTINELONE_TOKEN_FILE=token"},
			want: result{fault: "SENTINELONE_TOKEN_FILE: must not be set along with SENTINELONE_TOKEN: unset one of them"}},
		{name: "two words", environment: []string{"SENTINELONE_TOKEN=ApiToken " + token},
			want: result{fault: "SENTINELONE_TOKEN: must hold the API token alone, and has the word ApiToken, Bearer or Token before it: remove the word, which s1graph sends by itself; the token itself is still good"}},
		{name: "missing file", flag: "nowhere", want: result{fault: "--token-file: must be a file with the API token: nowhere does not exist"}},
		{name: "folder", flag: "folder", want: result{fault: "--token-file: must be a file with the API token: folder is a folder"}},
		{name: "empty file", flag: "empty", want: result{fault: "--token-file: empty: must hold the API token, and is empty"}},
		{name: "two lines", flag: "twice", want: result{fault: "--token-file: twice: must hold the API token alone: one line, without spaces, of letters, digits and . _ - + / ~ ="}},
	} {
		t.Run(test.name, func(t *testing.T) {
			files := map[string]string{"empty": "\n", "twice": token + "\n" + token, "folder/x": ""}
			if test.file != "" {
				files["s1graph.yaml"] = "tokenFile: " + test.file
			}
			folder(t, files)
			s := sources(func(s *config.Sources) {
				s.Environment = append(s.Environment[:1], test.environment...)
				if test.flag != "" {
					s.Flags["tokenFile"] = test.flag
				}
			})
			if test.want.fault != "" {
				assert.Equal(t, []string{test.want.fault}, faults(t, s))
				return
			}
			c, err := config.Load(s)
			require.NoError(t, err)
			assert.Equal(t, test.want, result{token: c.Token.Reveal(), file: c.TokenFile})
		})
	}
}

func TestATokenFileThatOthersCanReadIsAWarning(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // has no such modes
	}
	folder(t, nil)
	require.NoError(t, os.Chmod("token", 0o644))
	c, err := config.Load(sources(nil))
	require.NoError(t, err)
	assert.Equal(t, []string{"token can be read by other users of this machine: chmod 600 token"}, c.Warnings)
}

func TestATokenOutOfAPipeIsKeptSinceItCannotBeReadAgain(t *testing.T) {
	folder(t, nil)
	read, write, err := os.Pipe()
	require.NoError(t, err)
	defer read.Close()
	_, err = write.WriteString(token + "\n")
	require.NoError(t, err)
	require.NoError(t, write.Close())
	c, err := config.Load(sources(func(s *config.Sources) { s.Flags["tokenFile"] = fmt.Sprintf("/dev/fd/%d", read.Fd()) }))
	require.NoError(t, err)
	assert.Equal(t, token, c.Token.Reveal())
	assert.Empty(t, c.TokenFile)
}

func TestNoSecretIsEverPrinted(t *testing.T) {
	const password = "hunter2"
	folder(t, nil)
	c, err := config.Load(sources(func(s *config.Sources) {
		s.Environment = []string{"SENTINELONE_URL=example.net", "SENTINELONE_TOKEN=" + token, "S1GRAPH_PROXY=http://me:" + password + "@proxy:1"}
	}))
	require.NoError(t, err)
	require.Equal(t, token, c.Token.Reveal())

	type buried struct {
		inner struct{ secret config.Secret }
	}
	var deep buried
	deep.inner.secret = c.Token

	var out bytes.Buffer
	for _, value := range []any{c, *c, c.Token, &c.Token, []any{c.Token, c.Proxy}, map[string]config.Secret{"token": c.Token}, deep, &deep} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%p", "%08.3f", "%-60s", "%t", "%c", "%U"} {
			fmt.Fprintf(&out, verb+"\n", value)
		}
		fmt.Fprintln(&out, value)
		for _, marshal := range []func(any) ([]byte, error){json.Marshal, yaml.Marshal, func(v any) ([]byte, error) { return jsonv2.Marshal(v) }} {
			b, err := marshal(value) // some encoders refuse durations and unexported fields
			fmt.Fprintln(&out, string(b), err)
		}
		for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(handler).Info("loaded", "value", value)
		}
	}
	for _, secret := range []string{token, password, fmt.Sprintf("%x", token), fmt.Sprintf("%X", token)} {
		assert.NotContains(t, out.String(), secret)
	}
	assert.Equal(t, "*** ***", fmt.Sprintf("%v %#v", c.Token, c.Proxy))
	for _, marshal := range []func(any) ([]byte, error){json.Marshal, func(v any) ([]byte, error) { return jsonv2.Marshal(v) }} {
		b, err := marshal(c.Token)
		require.NoError(t, err)
		assert.Equal(t, `"***"`, string(b))
	}
}

func TestASecretThatIsNotSetIsEmpty(t *testing.T) {
	s := config.NewSecret("")
	assert.False(t, s.IsSet())
	assert.Empty(t, s.Reveal())
	assert.Empty(t, fmt.Sprint(s))
}

func TestATokenCommandIsAListOfWordsThatRanksAsTheOtherPlacesOfTheToken(t *testing.T) {
	const inFile = "tokenCommand: [sh, -c, 'echo a,b  c']\n"
	folder(t, map[string]string{"top.yaml": inFile, "both.yaml": inFile + "tokenFile: token\n", "instances.yaml": "tokenFile: token\ninstances: [{instance: a, " + strings.TrimSpace(inFile) + "}]\n"})
	load := func(file string, flags map[string]string, environment ...string) (*config.Config, config.Sources) {
		s := sources(func(s *config.Sources) {
			s.File, s.Environment = file, append([]string{"SENTINELONE_URL=https://example.net"}, environment...)
			delete(s.Flags, "tokenFile")
			for key, value := range flags {
				s.Flags[key] = value
			}
		})
		c, err := config.Load(s)
		if err != nil {
			return nil, s
		}
		return c, s
	}
	words := []string{"sh", "-c", "echo a,b  c"}
	for name, test := range map[string]struct {
		file        string
		flags       map[string]string
		environment []string
		command     []string
		token       string
		tokenFile   string
		fault       string
	}{
		"in the file":                        {file: "top.yaml", command: words},
		"of one instance, over the top":      {file: "instances.yaml", command: words},
		"by a flag":                          {flags: map[string]string{"tokenCommand": " sh -c  true "}, command: []string{"sh", "-c", "true"}},
		"by a variable":                      {environment: []string{"SENTINELONE_TOKEN_COMMAND=sh x"}, command: []string{"sh", "x"}},
		"a flag over it":                     {file: "top.yaml", flags: map[string]string{"tokenFile": "token"}, tokenFile: "token"},
		"it over the file by a flag":         {file: "both.yaml", flags: map[string]string{"tokenCommand": "sh"}, command: []string{"sh"}},
		"the token's variable over the file": {file: "top.yaml", environment: []string{"SENTINELONE_TOKEN=" + token}, token: token},
		"a variable over the file":           {file: "top.yaml", environment: []string{"SENTINELONE_TOKEN_FILE=token"}, tokenFile: "token"},
		"both in one file":                   {file: "both.yaml", fault: "tokenCommand: must not be given along with tokenFile"},
		"both in the environment": {environment: []string{"SENTINELONE_TOKEN_COMMAND=sh", "SENTINELONE_TOKEN=" + token},
			fault: "SENTINELONE_TOKEN_COMMAND: must not be set along with SENTINELONE_TOKEN"},
		"a variable over an instance's own": {file: "instances.yaml", environment: []string{"SENTINELONE_TOKEN_FILE=token"},
			fault: "SENTINELONE_TOKEN_FILE: must not be set along with instances[0].tokenCommand"},
		"a program that is not there": {flags: map[string]string{"tokenCommand": "no-such-program x"}, fault: "there is no no-such-program in PATH"},
		"a relative path":             {flags: map[string]string{"tokenCommand": "./token x"}, fault: "absolute path"},
		"the token itself":            {flags: map[string]string{"tokenCommand": strings.Repeat("a1", 40)}, fault: "seems to be the token itself"},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := load(test.file, test.flags, test.environment...)
			if test.fault != "" {
				found := faults(t, s)
				require.Len(t, found, 1)
				assert.Contains(t, found[0], test.fault)
				return
			}
			require.NotNil(t, c)
			assert.Equal(t, test.command, c.TokenCommand)
			assert.Equal(t, test.token, c.Token.Reveal())
			assert.Equal(t, test.tokenFile, c.TokenFile)
		})
	}
}
