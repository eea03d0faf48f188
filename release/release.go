// Package release makes what people download: for each platform an archive with the program, its manual page and
// what else they need, a list of the modules in it, and checksums of all. The same commit makes the same bytes.
package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Target is a platform, by Go's names for it.
type Target struct{ OS, Arch string }

func (t Target) String() string { return t.OS + "/" + t.Arch }

// Plan says what is released.
type Plan struct {
	Dir     string // of the main package, in whose variable version the Version is put
	Name    string // of the program
	Version string // such as v1.2.3
	Targets []Target
	Time    time.Time // of all files in the archives

	Files   map[string]string   // what archives have beside the program: their names there, and where they are
	Printed map[string][]string // and what the program prints: names, and the arguments that make it print them

	LicenseTool string   // the program go-licenses; "": no licenses are collected
	Licenses    []string // that modules may have, by their names in SPDX

	Out string // folder that the release is written to; what is in it goes away
}

// ChecksumFile is the name of the file that sha256sum -c takes.
const ChecksumFile = "checksums.txt"

var versionLike = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]*$`)

// Make builds and packs the release, and tells log of each file. This machine's platform has to be one of the
// targets, since the program is asked for what it prints.
func Make(ctx context.Context, p Plan, log io.Writer) error {
	here := Target{runtime.GOOS, runtime.GOARCH}
	switch {
	case !versionLike.MatchString(p.Version):
		return fmt.Errorf("%q is not a version that a file could be named after", p.Version)
	case !slices.Contains(p.Targets, here):
		return fmt.Errorf("%s is not one of the targets, and what the program prints is made here", here)
	}
	if err := os.RemoveAll(p.Out); err != nil {
		return err
	}
	if err := os.MkdirAll(p.Out, 0o755); err != nil {
		return err
	}
	programs, err := os.MkdirTemp("", p.Name+"-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(programs)
	for _, target := range p.Targets {
		if err := p.build(ctx, target, p.program(programs, target)); err != nil {
			return fmt.Errorf("%s: %w", target, err)
		}
	}
	files, err := p.contents(ctx, p.program(programs, here))
	if err != nil {
		return err
	}
	if p.LicenseTool != "" {
		if files[LicenseFile], err = p.thirdParty(ctx, programs); err != nil {
			return err
		}
	}
	for _, target := range p.Targets {
		if err := p.pack(target, p.program(programs, target), files); err != nil {
			return fmt.Errorf("%s: %w", target, err)
		}
	}
	return p.writeChecksums(log)
}

// program is where the program of a platform is built.
func (p Plan) program(folder string, t Target) string {
	return filepath.Join(folder, t.OS+"_"+t.Arch, p.executable(t))
}

func (p Plan) executable(t Target) string {
	if t.OS == "windows" {
		return p.Name + ".exe"
	}
	return p.Name
}

// build links nothing of the platform's, so that the program runs wherever its kernel does.
func (p Plan) build(ctx context.Context, t Target, program string) error {
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=auto",
		"-ldflags", "-s -w -buildid= -X main.version="+p.Version, "-o", program, ".")
	command.Dir = p.Dir
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+t.OS, "GOARCH="+t.Arch)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// contents are the files of all archives, without the program.
func (p Plan) contents(ctx context.Context, program string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for name, path := range p.Files {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		files[name] = content
	}
	for name, arguments := range p.Printed {
		content, err := exec.CommandContext(ctx, program, arguments...).Output()
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", p.Name, strings.Join(arguments, " "), err)
		}
		files[name] = content
	}
	return files, nil
}

// pack writes the archive of a platform, and the list of what is in its program.
func (p Plan) pack(t Target, program string, files map[string][]byte) error {
	base := filepath.Join(p.Out, strings.Join([]string{p.Name, p.Version, t.OS, t.Arch}, "_"))
	content, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	all := []entry{{p.executable(t), content, 0o755}}
	for name, content := range files {
		all = append(all, entry{name, content, 0o644})
	}
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	packAs, extension := packTar, ".tar.gz"
	if t.OS == "windows" {
		packAs, extension = packZip, ".zip"
	}
	if err := create(base+extension, func(w io.Writer) error { return packAs(w, all, p.Time) }); err != nil {
		return err
	}
	return create(base+".cdx.json", func(w io.Writer) error { return p.writeModules(w, program, content) })
}

func create(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

// writeChecksums is the last thing that is done: a folder without checksums is no release.
func (p Plan) writeChecksums(log io.Writer) error {
	entries, err := os.ReadDir(p.Out) // in their order
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(p.Out, e.Name()))
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		fmt.Fprintf(&sums, "%s  %s\n", hex.EncodeToString(sum[:]), e.Name())
		fmt.Fprintf(log, "%8.1f MiB  %s\n", float64(len(content))/(1<<20), e.Name())
	}
	return os.WriteFile(filepath.Join(p.Out, ChecksumFile), []byte(sums.String()), 0o644)
}
