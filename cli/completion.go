package cli

import (
	"embed"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"github.com/urfave/cli/v2"

	"s1graph/config"
	"s1graph/graph"
	"s1graph/model"
	"s1graph/queries"
	"s1graph/steps"
)

// scripts has one for each shell, named after it. A script has all that there is to complete in it: the program does not
// run when someone presses the tabulator, whatever the half of a line says. In fish and zsh
// what is filled in stands between single quotes.
//
//go:embed completion/*.tmpl
var scripts embed.FS

var shells = []string{"bash", "fish", "powershell", "zsh"}

func (c *commands) completion() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print the script with which a shell completes commands, flags and saved queries",
		ArgsUsage: "SHELL",
		Description: `Examples, for the shell that is running:

    eval "$(s1graph completion bash)"
    eval "$(s1graph completion zsh)"
    s1graph completion fish | source
    s1graph completion powershell | Out-String | Invoke-Expression

and for good:

    s1graph completion bash > /etc/bash_completion.d/s1graph
    s1graph completion zsh > /usr/local/share/zsh/site-functions/_s1graph
    s1graph completion fish > ~/.config/fish/completions/s1graph.fish
    s1graph completion powershell >> $PROFILE

Instances are found in .s1graph and in s1graph.yaml, where the shell is.`,
		Action: func(ctx *cli.Context) error {
			if ctx.NArg() != 1 {
				return misuse("completion takes a shell, which is %s, such as: s1graph completion bash", strings.Join(shells, ", "))
			}
			name := ctx.Args().First()
			if !slices.Contains(shells, name) {
				return misuse("there is no completion for %q; %sthere is one for %s", name, suggestion(name, shells), strings.Join(shells, ", "))
			}
			script, err := template.New(name+".tmpl").Funcs(template.FuncMap{
				"fish":       strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace,
				"zsh":        strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, ":", `\:`, "'", `'\''`).Replace,
				"powershell": strings.NewReplacer("'", "''", "\u2018", "''", "\u2019", "''").Replace,
				"join":       func(words []string) string { return strings.Join(words, " ") },
				"values":     completedValues,
				"valued": func(flags []completedFlag) []completedFlag {
					return slices.DeleteFunc(slices.Clone(flags), func(f completedFlag) bool { return !f.TakesValue })
				},
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
	Values              *flagValues // nil: files are offered
}

// flagValues are what some flags take, whatever their command is.
type flagValues struct {
	Flags     []string // without dashes
	Words     []string
	Instances bool // those that there are where the shell is, too
}

func completedValues() []flagValues {
	types := namesOf(steps.GraphTypes(), func(t *graph.Type) string { return model.ShortName(t.Name) })
	all := []flagValues{
		{Flags: []string{"instance"}, Instances: true},
		{Flags: []string{"scope"}, Words: []string{"all"}, Instances: true},
		{Flags: []string{"only", "skip"}, Words: stepIDs()},
		{Flags: []string{"type"}, Words: types},
		{Flags: []string{"op"}, Words: changeOps},
	}
	for _, s := range config.Settings() {
		if s.Words != nil {
			all = append(all, flagValues{Flags: []string{s.FlagName()}, Words: s.Words})
		}
	}
	return all
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
		case "forget":
			for _, t := range steps.GraphTypes() {
				own.Words = append(own.Words, completedWord{Name: t.Name})
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
		name := flag.Names()[0]
		of := completedFlag{Name: name, Usage: shortUsage(described.GetUsage()), TakesValue: described.TakesValue(), Repeats: repeats}
		for _, values := range completedValues() {
			if slices.Contains(values.Flags, name) {
				of.Values = &values
			}
		}
		own.Flags = append(own.Flags, of)
	}
	own.Flags = append(own.Flags, helpFlag)
	return own
}

var variableAtEnd = regexp.MustCompile(` \[\$\w+\]$`)

// shortUsage is the usage of a flag without its environment variable and the marks of its value.
func shortUsage(usage string) string {
	return strings.ReplaceAll(variableAtEnd.ReplaceAllString(usage, ""), "`", "")
}
