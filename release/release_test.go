package release_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/release"
)

// tiny is a program that is built in no time, and prints its arguments after its version.
const tiny = `package main

import "os"

var version string

func main() {
	for _, word := range append([]string{version}, os.Args[1:]...) {
		os.Stdout.WriteString(word + "\n")
	}
}
`

var at = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

// plan is of a program in a folder of its own, for this machine and for Windows.
func plan(t *testing.T) release.Plan {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"go.mod": "module example.com/tiny\n", "main.go": tiny, "README.md": "Read me.\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	return release.Plan{
		Dir:     dir,
		Name:    "tiny",
		Version: "v1.2.3",
		Targets: []release.Target{{OS: runtime.GOOS, Arch: runtime.GOARCH}, {OS: "windows", Arch: "arm64"}},
		Time:    at,
		Files:   map[string]string{"README.md": filepath.Join(dir, "README.md")},
		Printed: map[string][]string{"man/tiny.1": {"man"}},
		Out:     filepath.Join(dir, "dist"),
	}
}

func TestAReleaseHasAnArchiveAndAListOfModulesForEachPlatform(t *testing.T) {
	p := plan(t)
	require.NoError(t, os.Mkdir(p.Out, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(p.Out, "of-another-version"), nil, 0o600))
	var log bytes.Buffer
	require.NoError(t, release.Make(t.Context(), p, &log))

	here := "tiny_v1.2.3_" + runtime.GOOS + "_" + runtime.GOARCH
	files := contents(t, p.Out)
	assert.Len(t, files, 5)
	for _, name := range []string{here + ".tar.gz", here + ".cdx.json", "tiny_v1.2.3_windows_arm64.zip", "tiny_v1.2.3_windows_arm64.cdx.json"} {
		require.Contains(t, files, name)
		sum := sha256.Sum256(files[name])
		assert.Contains(t, string(files[release.ChecksumFile]), hex.EncodeToString(sum[:])+"  "+name+"\n")
		assert.Contains(t, log.String(), name)
	}
	assert.Equal(t, 4, strings.Count(string(files[release.ChecksumFile]), "\n"))

	unpacked := untar(t, files[here+".tar.gz"])
	assert.Equal(t, "Read me.\n", string(unpacked["README.md"]))
	assert.Equal(t, "v1.2.3\nman\n", string(unpacked["man/tiny.1"]))
	program := filepath.Join(t.TempDir(), "tiny")
	require.NoError(t, os.WriteFile(program, unpacked["tiny"], 0o700))
	out, err := exec.CommandContext(t.Context(), program).Output()
	require.NoError(t, err)
	assert.Equal(t, "v1.2.3\n", string(out))
	info, err := buildinfo.ReadFile(program)
	require.NoError(t, err)
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	assert.Equal(t, "0", settings["CGO_ENABLED"], "it is static")
	assert.Equal(t, "true", settings["-trimpath"])

	windows := unzip(t, files["tiny_v1.2.3_windows_arm64.zip"])
	assert.Equal(t, "MZ", string(windows["tiny.exe"][:2]))
	assert.Equal(t, unpacked["man/tiny.1"], windows["man/tiny.1"])

	var bom cyclonedx.BOM
	require.NoError(t, cyclonedx.NewBOMDecoder(bytes.NewReader(files[here+".cdx.json"]), cyclonedx.BOMFileFormatJSON).Decode(&bom))
	root := bom.Metadata.Component
	assert.Equal(t, "pkg:golang/example.com/tiny@v1.2.3", root.PackageURL)
	sum := sha256.Sum256(unpacked["tiny"])
	assert.Equal(t, hex.EncodeToString(sum[:]), (*root.Hashes)[0].Value)
	require.Len(t, *bom.Components, 1)
	assert.Equal(t, "pkg:golang/std@"+strings.TrimPrefix(runtime.Version(), "go"), (*bom.Components)[0].PackageURL)
	assert.Equal(t, []cyclonedx.Dependency{{Ref: root.BOMRef, Dependencies: &[]string{(*bom.Components)[0].BOMRef}}}, *bom.Dependencies)

}

func TestWhatCannotBeReleasedIsSaidSo(t *testing.T) {
	for want, spoil := range map[string]func(*release.Plan){
		`"" is not a version`:         func(p *release.Plan) { p.Version = "" },
		`"../../x" is not a version`:  func(p *release.Plan) { p.Version = "../../x" },
		"is not one of the targets":   func(p *release.Plan) { p.Targets = p.Targets[1:] },
		"none.md: no such file":       func(p *release.Plan) { p.Files["README.md"] = filepath.Join(p.Dir, "none.md") },
		"windows/arm65: go build: ":   func(p *release.Plan) { p.Targets[1].Arch = "arm65" },
		"no required module provides": func(p *release.Plan) { importing(t, p.Dir, "example.com/none") },
	} {
		p := plan(t)
		spoil(&p)
		err := release.Make(t.Context(), p, io.Discard)
		assert.ErrorContains(t, err, want)
		assert.NoFileExists(t, filepath.Join(p.Out, release.ChecksumFile))
	}
}

// importing makes the program import a module.
func importing(t *testing.T, dir, path string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "more.go"), []byte("package main\n\nimport _ \""+path+"\"\n"), 0o600))
}

func contents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	files := map[string][]byte{}
	for _, e := range entries {
		files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
	}
	return files
}

func untar(t *testing.T, archive []byte) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	plain, err := gzip.NewReader(bytes.NewReader(archive))
	require.NoError(t, err)
	for reader := tar.NewReader(plain); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		require.NoError(t, err)
		assert.Equal(t, header.Name == "tiny", header.FileInfo().Mode().Perm() == 0o755, header.Name)
		assert.True(t, at.Equal(header.ModTime))
		files[header.Name], err = io.ReadAll(reader)
		require.NoError(t, err)
	}
}

func unzip(t *testing.T, archive []byte) map[string][]byte {
	t.Helper()
	reader, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	require.NoError(t, err)
	files := map[string][]byte{}
	for _, f := range reader.File {
		content, err := f.Open()
		require.NoError(t, err)
		files[f.Name], err = io.ReadAll(content)
		require.NoError(t, err)
		require.NoError(t, content.Close())
	}
	return files
}

var licenseTool = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "tool", "-modfile=../tools/go.mod", "-n", "go-licenses").Output()
	return strings.TrimSpace(string(out)), err
})

// withModule is a plan for this machine, of a program that imports a module with the given license.
func withModule(t *testing.T, license string) release.Plan {
	t.Helper()
	p := plan(t)
	p.Targets = p.Targets[:1]
	var err error
	p.LicenseTool, err = licenseTool()
	require.NoError(t, err)
	p.Licenses = release.Allowed
	importing(t, p.Dir, "example.com/other")
	other := filepath.Join(p.Dir, "other")
	require.NoError(t, os.Mkdir(other, 0o700))
	for name, content := range map[string]string{
		"go.mod":       "module example.com/tiny\n\nrequire example.com/other v0.0.0\n\nreplace example.com/other => ./other\n",
		"other/go.mod": "module example.com/other\n", "other/other.go": "package other\n", "other/LICENSE": license, "other/NOTICE": "Made by somebody else.\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(p.Dir, name), []byte(content), 0o600))
	}
	return p
}

const isc = `ISC License

Copyright 2026 Somebody

Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted, provided that the above copyright notice and this permission notice appear in all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.
`

func TestEachArchiveHasTheLicensesAndNoticesOfAllThatIsInTheProgram(t *testing.T) {
	p := withModule(t, isc)
	require.NoError(t, release.Make(t.Context(), p, io.Discard))
	files := untar(t, contents(t, p.Out)["tiny_v1.2.3_"+runtime.GOOS+"_"+runtime.GOARCH+".tar.gz"])
	text := string(files[release.LicenseFile])
	for _, want := range []string{"example.com/other: LICENSE", "Copyright 2026 Somebody", "Made by somebody else.", "the Go standard library: LICENSE", "The Go Authors"} {
		assert.Contains(t, text, want)
	}
}

func TestALicenseThatIsNotAllowedOrMissingEndsTheRelease(t *testing.T) {
	p := withModule(t, isc)
	p.Licenses = []string{"MIT"}
	assert.ErrorContains(t, release.Make(t.Context(), p, io.Discard), "Not allowed license 'ISC' found for library 'example.com/other'")
	assert.NoFileExists(t, filepath.Join(p.Out, release.ChecksumFile))
	require.NoError(t, os.Remove(filepath.Join(p.Dir, "other", "LICENSE")))
	p.Licenses = release.Allowed
	assert.ErrorContains(t, release.Make(t.Context(), p, io.Discard), "example.com/other")
	assert.NoFileExists(t, filepath.Join(p.Out, release.ChecksumFile))
}

func TestAllModulesOfTheProgramHaveALicenseThatIsAllowed(t *testing.T) {
	tool, err := licenseTool()
	require.NoError(t, err)
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), tool, "check", "--allowed_licenses", "none, so that it names all", "--ignore", "s1graph", "..")
	command.Env = append(os.Environ(), "GOROOT="+strings.TrimSpace(string(root)), "CGO_ENABLED=0")
	out, err := command.CombinedOutput()
	assert.Error(t, err)
	found := regexp.MustCompile(`Not allowed license '(.*)' found for library '(.*)'`).FindAllStringSubmatch(string(out), -1)
	assert.Greater(t, len(found), 30, "%s", out)
	for _, f := range found {
		assert.Contains(t, release.Allowed, f[1], f[2])
	}
}

func TestTwoBuildsInTwoFoldersMakeTheSameBytes(t *testing.T) {
	one, other := plan(t), plan(t)
	require.NotEqual(t, one.Dir, other.Dir)
	for _, p := range []release.Plan{one, other} {
		require.NoError(t, release.Make(t.Context(), p, io.Discard))
	}
	files := contents(t, one.Out)
	assert.Len(t, files, 5)
	assert.Equal(t, files, contents(t, other.Out))
}
