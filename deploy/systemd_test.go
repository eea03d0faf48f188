package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/gotest"
)

// analyze asks systemd-analyze about the unit file, with a program that is there in the place of s1graph.
func analyze(t *testing.T, unitFile string, args ...string) (string, error) {
	t.Helper()
	program := gotest.Program(t, "systemd", "systemd-analyze")
	file := filepath.Join(t.TempDir(), "s1graph.service")
	unitFile = strings.ReplaceAll(unitFile, "/usr/local/bin/s1graph", program)
	require.NoError(t, os.WriteFile(file, []byte(unitFile), 0o600))
	command := exec.CommandContext(t.Context(), program, append(args, file)...)
	command.Env = append(os.Environ(), "SYSTEMD_PAGER=", "LC_ALL=C")
	out, err := command.CombinedOutput()
	return string(out), err
}

func TestSystemdTakesTheUnitFile(t *testing.T) {
	out, err := analyze(t, content(t, "s1graph.service"), "verify")
	require.NoError(t, err, out)
	assert.Empty(t, out)

	out, _ = analyze(t, content(t, "s1graph.service")+"\n[Service]\nProtectHoem=yes\n", "verify")
	assert.Contains(t, out, "ProtectHoem", "a fault is seen")
}

func TestSystemdFindsTheServiceConfined(t *testing.T) {
	// The exposure level times ten: 10 is a service that may do nothing, 96 one of which the unit says nothing.
	out, err := analyze(t, content(t, "s1graph.service"), "security", "--offline=true", "--no-pager", "--threshold=20")
	assert.NoError(t, err, out)
}
