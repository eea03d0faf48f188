package gotest_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/gotest"
)

// program is the path of gotest/run, built once for all tests.
var program string

func TestMain(m *testing.M) { os.Exit(withProgram(m)) }

func withProgram(m *testing.M) int {
	dir, err := os.MkdirTemp("", "s1graph-gotest-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "run")
	if out, err := exec.Command("go", "build", "-o", program, "./run").CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%v: %s", err, out))
	}
	return m.Run()
}

// printed is what go run ./gotest/run prints of a module of these files, without the times, and its exit code. Without
// arguments it runs all tests.
func printed(t *testing.T, files map[string]string, arguments ...string) (string, int) {
	t.Helper()
	dir := t.TempDir()
	files["go.mod"] = "module m\n\ngo 1.26.0\n"
	for name, content := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	if arguments == nil {
		arguments = []string{"-vet=off", "-count=1", "./..."}
	}
	c := exec.CommandContext(t.Context(), program, arguments...)
	c.Dir = dir
	c.Env = append(os.Environ(), "GOFLAGS=", "NEO4J_TEST_URI=not needed")
	out, err := c.Output()
	var exit *exec.ExitError
	if err != nil {
		require.ErrorAs(t, err, &exit)
	}
	return regexp.MustCompile(`\d+\.\d+s`).ReplaceAllString(string(out), "0s"), c.ProcessState.ExitCode()
}

func TestWhatWasSkippedStandsBeforeTheLineOfThePackage(t *testing.T) {
	out, code := printed(t, map[string]string{
		"a/a_test.go": `package a
import "testing"
func TestA(t *testing.T) { t.Log("is here"); t.Skip("there is no\nfish") }
func TestB(t *testing.T) { t.Run("one", func(t *testing.T) { t.Skip("there is no zsh") }) }
func TestC(t *testing.T) { t.SkipNow() }
func TestD(t *testing.T) { println("not of interest"); t.Log("nor is this") }
func TestE(t *testing.T) { for range 5 { t.Run("x", func(t *testing.T) { t.Skipf("no %s", "Neo4j") }) } }
`,
		"b/b_test.go": "package b\n",
	})
	assert.Zero(t, code)
	assert.Contains(t, out, `skip	m/a	TestC: it does not say why
skip	m/a	TestE/x, TestE/x#01, TestE/x#02 and 2 more: no Neo4j
skip	m/a	TestA: there is no fish
skip	m/a	TestB/one: there is no zsh
ok  	m/a	0s
`)
	assert.Contains(t, out, "ok  	m/b	0s [no tests to run]\n")
	assert.NotContains(t, out, "of interest")
}

func TestOfWhatFailedAllIsPrintedAndOfTheRestTheirLines(t *testing.T) {
	out, code := printed(t, map[string]string{
		"a/a_test.go": `package a
import "testing"
func TestA(t *testing.T) { t.Run("part", func(t *testing.T) { t.Error("wrong") }) }
func TestB(t *testing.T) { t.Log("not of interest") }
`,
		"b/b_test.go": `package b
import "testing"
func TestA(t *testing.T) { t.Log("before"); var m map[string]int; m["a"] = 1 }
`,
		"c/c_test.go": "package c\nfunc f() int {}\n",
		"d/d_test.go": "package d\nimport \"testing\"\nfunc TestA(t *testing.T) {}\n",
	})
	assert.Equal(t, 1, code)
	assert.Contains(t, out, `--- FAIL: TestA (0s)
    a_test.go:3: wrong
--- FAIL: TestA/part (0s)
FAIL
FAIL	m/a	0s
`)
	assert.Contains(t, out, "panic: assignment to entry in nil map")
	assert.Contains(t, out, "/b/b_test.go:3 ")
	assert.Contains(t, out, "c_test.go:2:15: missing return")
	assert.Contains(t, out, "FAIL	m/c [build failed]\n")
	assert.Regexp(t, "(?m)^ok  \tm/d\t0s\nFAIL\n\\z", out)
	assert.NotContains(t, out, "not of interest")
	assert.NotContains(t, out, "=== ")
}

func TestSeveralGoTestsRunOneAfterTheOtherAndOneThatFailsFailsAll(t *testing.T) {
	out, code := printed(t, map[string]string{
		"a/a_test.go": "package a\nimport \"testing\"\nfunc TestA(t *testing.T) { t.Error(\"wrong\") }\n",
		"b/b_test.go": "package b\nimport \"testing\"\nfunc TestB(t *testing.T) {}\nfunc TestC(t *testing.T) { t.Error(\"not asked for\") }\n",
	}, "-count=1", "./a", "--", "-count=1", "-run=TestB", "./b")
	assert.Equal(t, 1, code)
	assert.Contains(t, out, "wrong")
	assert.Regexp(t, "(?s)FAIL\tm/a\t0s\n.*ok  \tm/b\t0s\nFAIL\n\\z", out)
	assert.NotContains(t, out, "not asked for")
}

// Each of the two tests waits until the other has begun: a pipe is opened when both its ends are.
func TestGoTestsRunBesideEachOtherAndTheLinesOfAPackageStayTogether(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	opening := func(flag string) string {
		return fmt.Sprintf("import (\"os\"; \"testing\")\nfunc TestMeet(t *testing.T) {\n_, err := os.OpenFile(%q, os.%s, 0)\nt.Log(err); t.Error(\"both\") }\n", pipe, flag)
	}
	out, code := printed(t, map[string]string{
		"a/a_test.go": "package a\n" + opening("O_RDONLY"),
		"b/b_test.go": "package b\n" + opening("O_WRONLY"),
		"c/c_test.go": "package c\nimport \"testing\"\nfunc TestC(t *testing.T) {}\n",
	}, "-count=1", "-timeout=1m", "./a", "--beside", "-count=1", "-timeout=1m", "./b", "--", "-count=1", "./c")
	assert.Equal(t, 1, code)
	for _, name := range []string{"a", "b"} {
		assert.Contains(t, out, fmt.Sprintf("    %[1]s_test.go:5: <nil>\n    %[1]s_test.go:5: both\n--- FAIL: TestMeet (0s)\nFAIL\nFAIL\tm/%[1]s\t0s\n", name))
	}
	assert.Regexp(t, "(?s)FAIL\tm/b\t0s\n.*ok  \tm/c\t0s\n", out)
	assert.Regexp(t, "\nFAIL\n\\z", out)
}

// Of all that tests write each has its folder from t.TempDir, which is on the disk where GOTMPDIR is.
func TestFoldersOfTestsAreWhereAllThatIsTemporaryIs(t *testing.T) {
	t.Setenv("TMPDIR", "")
	t.Setenv("GOTMPDIR", "")
	out, code := printed(t, map[string]string{"a/a_test.go": `package a
import ("os"; "path/filepath"; "testing")
func TestA(t *testing.T) {
	if dir := filepath.Dir(filepath.Dir(t.TempDir())); dir != os.TempDir() { t.Error(dir, "is not", os.TempDir()) }
}
`})
	assert.Zero(t, code, out)
}

// stub is a test that notes how it was ended.
type stub struct {
	testing.TB
	skipped, failed any
}

func (t *stub) Helper() {}

func (t *stub) Skip(args ...any) {
	t.skipped = args[0]
	runtime.Goexit()
}

func (t *stub) Fatal(args ...any) {
	t.failed = args[0]
	runtime.Goexit()
}

// asked is how a test ended that asked for a program, and the program it got.
func asked(names ...string) (t stub, program string) {
	var done sync.WaitGroup
	done.Go(func() { program = gotest.Program(&t, "golang", names...) })
	done.Wait()
	return t, program
}

func TestAProgramThatIsNotHereSkipsATestAndFailsItInCI(t *testing.T) {
	t.Setenv("CI", "")
	got, _ := asked("no-such-program", "nor-this")
	assert.EqualError(t, got.skipped.(error), "there is no no-such-program or nor-this: apt-get install golang")
	assert.Nil(t, got.failed)

	t.Setenv("CI", "true")
	got, _ = asked("no-such-program")
	assert.EqualError(t, got.failed.(error), "there is no no-such-program: apt-get install golang")
	assert.Nil(t, got.skipped)

	got, program := asked("no-such-program", "go")
	assert.Equal(t, stub{}, got)
	assert.Equal(t, "go", filepath.Base(program))
}
