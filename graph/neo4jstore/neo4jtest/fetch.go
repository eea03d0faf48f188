package neo4jtest

import (
	"context"
	_ "embed"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/gofrs/flock"
)

//go:embed pom.xml
var pom []byte

// versions are those that the pom names.
var versions = func() (p struct {
	Neo4j   string `xml:"properties>neo4j.version"`
	Browser string `xml:"properties>browser.version"`
}) {
	if err := xml.Unmarshal(pom, &p); err != nil {
		panic(err)
	}
	return p
}()

// Version is the version of Neo4j that Start starts.
func Version() string { return versions.Neo4j }

// ErrUnavailable means that a server cannot be started here, since Java or Maven is missing.
var ErrUnavailable = errors.New("no Neo4j here")

func available() error {
	for _, program := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%w: neither is NEO4J_TEST_URI set nor can one be started (Java 17 or 21 and Maven): %w", ErrUnavailable, err)
		}
	}
	return nil
}

// fetch has the jars in the user's cache folder and gives the class path.
func fetch(ctx context.Context, browser bool) ([]string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	cache = filepath.Join(cache, "s1graph")
	server := filepath.Join(cache, "neo4j-"+versions.Neo4j)
	path := []string{filepath.Join(server, "*")}
	if err := copyJars(ctx, server); err != nil {
		return nil, err
	}
	if browser {
		dir := filepath.Join(cache, "neo4j-browser-"+versions.Browser)
		path = append(path, filepath.Join(dir, "*"))
		if err := copyJars(ctx, dir, "-Pbrowser", "-DincludeArtifactIds=neo4j-browser"); err != nil {
			return nil, err
		}
	}
	return path, nil
}

// copyJars has Maven fill a folder, which is there afterwards with all its jars or not at all. Of several
// processes that want it at once one does the work.
func copyJars(ctx context.Context, dir string, arguments ...string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	lock := flock.New(dir + ".lock")
	if err := lock.Lock(); err != nil {
		return err
	}
	defer lock.Close()
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	draft, err := os.MkdirTemp(filepath.Dir(dir), filepath.Base(dir)+"-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(draft)
	if err := os.WriteFile(filepath.Join(draft, "pom.xml"), pom, 0o600); err != nil {
		return err
	}
	jars := filepath.Join(draft, "jars")
	cmd := exec.CommandContext(ctx, "mvn", append([]string{
		"--batch-mode", "--quiet", "--file", filepath.Join(draft, "pom.xml"),
		"dependency:copy-dependencies", "-DoutputDirectory=" + jars,
	}, arguments...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mvn: %w: %s", err, out)
	}
	return os.Rename(jars, dir)
}
