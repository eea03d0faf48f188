package release

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// LicenseFile is the name of the file with the licenses and notices of all that is in the programs.
const LicenseFile = "THIRD_PARTY_LICENSES"

// Allowed are the licenses that modules of the program may have: they ask for nothing but to be named.
var Allowed = []string{"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT"}

// thirdParty collects the licenses and notices of Go's library and of the modules in the programs of all platforms. A license
// that is not one of p.Licenses is an error, and so is a module without one.
func (p Plan) thirdParty(ctx context.Context, programs string) ([]byte, error) {
	where := exec.CommandContext(ctx, "go", "env", "GOROOT")
	where.Dir = p.Dir
	out, err := where.Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOROOT: %w", err)
	}
	root := strings.TrimSpace(string(out))
	library, err := os.ReadFile(filepath.Join(root, "LICENSE"))
	if err != nil {
		return nil, err
	}
	texts := map[string][]byte{"the Go standard library: LICENSE": library}
	for _, target := range p.Targets {
		folder := filepath.Join(programs, target.OS+"-licenses")
		if _, err := os.Stat(folder); err == nil {
			continue // which modules are linked depends on the system, and not on its processor
		}
		info, err := buildinfo.ReadFile(p.program(programs, target))
		if err != nil {
			return nil, err
		}
		for _, arguments := range [][]string{{"check", "--allowed_licenses", strings.Join(p.Licenses, ",")}, {"save", "--save_path", folder}} {
			tool := exec.CommandContext(ctx, p.LicenseTool, append(arguments, "--ignore", info.Main.Path, ".")...)
			tool.Dir = p.Dir
			tool.Env = append(os.Environ(), "GOROOT="+root, "CGO_ENABLED=0", "GOOS="+target.OS, "GOARCH="+target.Arch)
			if out, err := tool.CombinedOutput(); err != nil {
				return nil, fmt.Errorf("licenses: %w\n%s", err, out)
			}
		}
		if err := readLicenses(folder, texts); err != nil {
			return nil, err
		}
		for _, m := range info.Deps {
			if !hasText(texts, m.Path) {
				return nil, fmt.Errorf("licenses: none was found in %s, which must not be given to others without one", m.Path)
			}
		}
	}
	var all bytes.Buffer
	fmt.Fprintf(&all, "%s is made with the software of others. These are their licenses and notices.\n", p.Name)
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		fmt.Fprintf(&all, "\n%s\n%s\n\n%s\n", strings.Repeat("=", 80), name, bytes.TrimSpace(texts[name]))
	}
	return all.Bytes(), nil
}

// hasText says whether a module, or a package of it, has a license.
func hasText(texts map[string][]byte, module string) bool {
	for name := range texts {
		if strings.HasPrefix(name, module+":") || strings.HasPrefix(name, module+"/") {
			return true
		}
	}
	return false
}

// readLicenses reads what the tool saved, by the name of the module or package and of the file.
func readLicenses(folder string, into map[string][]byte) error {
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // there are no modules
		}
		if err != nil || entry.IsDir() {
			return err
		}
		inside, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		into[filepath.ToSlash(filepath.Dir(inside))+": "+entry.Name()] = text
		return err
	})
}
