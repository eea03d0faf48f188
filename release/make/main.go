// Command make makes a release in dist: make release runs it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"time"

	"s1graph/release"
)

func main() {
	version := flag.String("version", "", "version, such as v1.2.3")
	at := flag.String("time", "", "time of the commit, such as 2026-11-22T08:00:00Z")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *version, *at); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, version, at string) error {
	committed, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return err
	}
	plan := release.Plan{
		Dir:     ".",
		Name:    "s1graph",
		Version: version,
		Time:    committed,
		Files: map[string]string{
			"CHANGELOG.md":         "CHANGELOG.md",
			"LICENSE":              "LICENSE",
			"NOTICE":               "NOTICE",
			"README.md":            "README.md",
			"s1graph.example.yaml": "s1graph.example.yaml",
			"s1graph.service":      "deploy/s1graph.service",
		},
		Printed: map[string][]string{
			"man/s1graph.1":            {"man"},
			"completions/s1graph.bash": {"completion", "bash"},
			"completions/_s1graph":     {"completion", "zsh"},
			"completions/s1graph.fish": {"completion", "fish"},
			"completions/s1graph.ps1":  {"completion", "powershell"},
		},
		Licenses: release.Allowed,
		Out:      "dist",
	}
	tool, err := exec.CommandContext(ctx, "go", "tool", "-modfile=tools/go.mod", "-n", "go-licenses").Output() // which builds it
	if err != nil {
		return fmt.Errorf("go-licenses: %w", err)
	}
	plan.LicenseTool = strings.TrimSpace(string(tool))
	for _, system := range []string{"darwin", "linux", "windows"} {
		for _, arch := range []string{"amd64", "arm64"} {
			plan.Targets = append(plan.Targets, release.Target{OS: system, Arch: arch})
		}
	}
	return release.Make(ctx, plan, os.Stdout)
}
