package cli

import (
	"embed"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"github.com/urfave/cli/v2"

	"s1graph/queries"
)

// scripts has one for each shell, named after it. A script has all that there is to complete in it: the program does not
// run when someone presses the tabulator, whatever the half of a line says. In fish and zsh
// what is filled in stands between single quotes.
//
//go:embed completion/*.tmpl
var scripts embed.FS

var shells = []string{"bash", "fish", "zsh"}

func (c *commands) completion() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print the script with which a shell completes commands, flags and saved queries",
		ArgsUsage: "SHELL",
		Description: `Examples, for the shell that is running:

    eval "$(s1graph completion bash)"
    eval "$(s1graph completion zsh)"
    s1graph completion fish | source

and for good:

    s1graph completion bash > /etc/bash_completion.d/s1graph
    s1graph completion zsh > /usr/local/share/zsh/site-functions/_s1graph
    s1graph completion fish > ~/.config/fish/completions/s1graph.fish`,
		Action: func(ctx *cli.Context) error {
			if ctx.NArg() != 1 {
				return misuse("completion takes a shell, which is %s, such as: s1graph completion bash", strings.Join(shells, ", "))
			}
			name := ctx.Args().First()
			if !slices.Contains(shells, name) {
				return misuse("there is no completion for %q; %sthere is one for %s", name, suggestion(name, shells), strings.Join(shells, ", "))
			}
			script, err := template.New(name+".tmpl").Funcs(template.FuncMap{
				"fish": strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace,
				"zsh":  strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, ":", `\:`, "'", `'\''`).Replace,
			}).ParseFS(scripts, "completion/"+name+".tmpl")
			if err != nil {
				return err
			}
			if err := script.Execute(c.out, completedBy(ctx.App)); err != nil {
				return err
			}
			return c.out.flush()
		},
	}
}

// completed is a command as shells complete it.
type completed struct {
	Path      string // the names of those above it and its own; "" for what stands before any command
	Words     []completedWord
	Flags     []completedFlag
	TakesMore bool // arguments that are none of Words
	IsParent  bool // Words are commands
}

// Depth is how many names the path has.
func (own completed) Depth() int { return len(strings.Fields(own.Path)) }

type completedWord struct{ Name, Usage string }

type completedFlag struct {
	Name, Usage         string // the name without dashes
	TakesValue, Repeats bool
}

var helpFlag = completedFlag{Name: "help", Usage: "show help"}

// completedBy is the whole app, from the top down.
func completedBy(app *cli.App) []completed {
	top := completed{IsParent: true, Words: completedWords(app.VisibleCommands()), Flags: []completedFlag{helpFlag, {Name: "version", Usage: "print the version"}}}
	all := []completed{top}
	for _, command := range app.VisibleCommands() {
		own := completedCommand(command, command.Name)
		switch command.Name {
		case "help":
			own.Words = top.Words
		case "query":
			for _, q := range queries.All() {
				own.Words = append(own.Words, completedWord{q.Name, q.Title})
			}
		case "completion":
			for _, name := range shells {
				own.Words = append(own.Words, completedWord{Name: name})
			}
		}
		all = append(all, own)
		for _, sub := range command.Subcommands {
			all = append(all, completedCommand(sub, command.Name+" "+sub.Name))
		}
	}
	return all
}

func completedWords(commands []*cli.Command) (words []completedWord) {
	for _, command := range commands {
		words = append(words, completedWord{command.Name, command.Usage})
	}
	return words
}

func completedCommand(command *cli.Command, path string) completed {
	own := completed{Path: path, Words: completedWords(command.Subcommands), TakesMore: command.ArgsUsage != "", IsParent: len(command.Subcommands) > 0}
	for _, flag := range command.Flags {
		described, ok := flag.(cli.DocGenerationFlag)
		if !ok || flag == cli.HelpFlag { // which the command that runs has already, and the others have not yet
			continue
		}
		_, repeats := flag.(*cli.StringSliceFlag)
		own.Flags = append(own.Flags, completedFlag{flag.Names()[0], shortUsage(described.GetUsage()), described.TakesValue(), repeats})
	}
	own.Flags = append(own.Flags, helpFlag)
	return own
}

var variableAtEnd = regexp.MustCompile(` \[\$\w+\]$`)

// shortUsage is the usage of a flag without its environment variable and the marks of its value.
func shortUsage(usage string) string {
	return strings.ReplaceAll(variableAtEnd.ReplaceAllString(usage, ""), "`", "")
}
