package cli

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/urfave/cli/v2"

	"s1graph/queries"
)

// shells are those that completion writes a script for. A script has all that there is to complete in it: the
// program does not run when someone presses the tabulator, whatever the half of a line says.
var shells = map[string]func([]completed) string{"bash": bashCompletion, "fish": fishCompletion, "zsh": zshCompletion}

func (c *commands) completion() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print what makes a shell complete commands, flags and questions",
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
				return misuse("completion takes a shell, which is %s, such as: s1graph completion bash", strings.Join(sortedKeys(shells), ", "))
			}
			name := ctx.Args().First()
			script, found := shells[name]
			if !found {
				return misuse("there is no completion for %q; %sthere is one for %s", name, suggestion(name, sortedKeys(shells)), strings.Join(sortedKeys(shells), ", "))
			}
			fmt.Fprint(c.out, script(completedBy(ctx.App)))
			return c.out.flush()
		},
	}
}

// completed is a command as shells complete it.
type completed struct {
	path      []string // its name and those above it; empty for what stands before any command
	words     []completedWord
	flags     []completedFlag
	takesMore bool // arguments that are none of words
	isParent  bool // words are commands
}

type completedWord struct{ name, usage string }

type completedFlag struct {
	name, usage string // the name without dashes
	takesValue  bool
	repeats     bool
}

// completedBy is the whole app, from the top down.
func completedBy(app *cli.App) []completed {
	top := completed{isParent: true, flags: []completedFlag{{name: "help", usage: "show help"}, {name: "version", usage: "print the version"}}}
	all := []completed{top}
	for _, command := range app.VisibleCommands() {
		all[0].words = append(all[0].words, completedWord{command.Name, command.Usage})
		own := completedCommand(command, command.Name)
		all = append(all, own)
		for _, sub := range command.Subcommands {
			all = append(all, completedCommand(sub, command.Name, sub.Name))
		}
	}
	for i := range all {
		switch strings.Join(all[i].path, " ") {
		case "help":
			all[i].words = all[0].words
		case "query":
			for _, q := range queries.All() {
				all[i].words = append(all[i].words, completedWord{q.Name, q.Title})
			}
		case "completion":
			for _, name := range sortedKeys(shells) {
				all[i].words = append(all[i].words, completedWord{name, ""})
			}
		}
	}
	return all
}

func completedCommand(command *cli.Command, path ...string) completed {
	own := completed{path: path, takesMore: command.ArgsUsage != "", isParent: len(command.Subcommands) > 0}
	for _, sub := range command.Subcommands {
		own.words = append(own.words, completedWord{sub.Name, sub.Usage})
	}
	for _, flag := range command.Flags {
		described, ok := flag.(cli.DocGenerationFlag)
		if !ok || flag == cli.HelpFlag { // which the command that runs has already, and the others have not yet
			continue
		}
		_, repeats := flag.(*cli.StringSliceFlag)
		own.flags = append(own.flags, completedFlag{flag.Names()[0], shortUsage(described.GetUsage()), described.TakesValue(), repeats})
	}
	own.flags = append(own.flags, completedFlag{name: "help", usage: "show help"})
	return own
}

var variableAtEnd = regexp.MustCompile(` \[\$\w+\]$`)

// shortUsage is the usage of a flag without its environment variable and the marks of its value.
func shortUsage(usage string) string {
	return strings.ReplaceAll(variableAtEnd.ReplaceAllString(usage, ""), "`", "")
}

// flagNames are the flags with their dashes.
func (own completed) flagNames(which func(completedFlag) bool) string {
	var names []string
	for _, f := range own.flags {
		if which(f) {
			names = append(names, "--"+f.name)
		}
	}
	return strings.Join(names, " ")
}

// bashCompletion does without the package bash-completion and with the bash 3.2 that macOS has.
func bashCompletion(all []completed) string {
	var nested, cases strings.Builder
	for _, own := range all {
		path := strings.Join(own.path, " ")
		if len(own.path) > 1 {
			fmt.Fprintf(&nested, "        %q) at=\"$at ${COMP_WORDS[2]}\" ;;\n", path)
		}
		var words []string
		for _, w := range own.words {
			words = append(words, w.name)
		}
		fmt.Fprintf(&cases, "    %q)\n        words=%q\n        flags=%q\n        valued=%q\n", path, strings.Join(words, " "),
			own.flagNames(func(completedFlag) bool { return true }), own.flagNames(func(f completedFlag) bool { return f.takesValue }))
		if len(words) == 0 && !own.takesMore {
			cases.WriteString("        words=$flags\n")
		}
		cases.WriteString("        ;;\n")
	}
	return `# bash completion for s1graph: eval "$(s1graph completion bash)"
_s1graph() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} at= words= flags= valued=
    COMPREPLY=()
    # --flag=VALUE comes as three words. Where nothing is offered, files are.
    if [[ $current == = || $previous == = ]]; then
        return
    fi
    if ((COMP_CWORD > 1)); then
        at=${COMP_WORDS[1]}
    fi
    if ((COMP_CWORD > 2)); then
        case "$at ${COMP_WORDS[2]}" in
` + nested.String() + `        esac
    fi
    case $at in
` + cases.String() + `    *) return ;;
    esac
    if [[ " $valued " == *" $previous "* ]]; then
        return
    fi
    if [[ $current == -* ]]; then
        words=$flags
    fi
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o bashdefault -o default -F _s1graph s1graph
`
}

func zshCompletion(all []completed) string {
	var b strings.Builder
	b.WriteString(`#compdef s1graph
# zsh completion for s1graph: eval "$(s1graph completion zsh)", after compinit
_s1graph() {
    local at=
    local -a choices
    (( CURRENT > 2 )) && at=$words[2]
    if (( CURRENT > 3 )); then
        case "$at $words[3]" in
`)
	for _, own := range all {
		if len(own.path) > 1 {
			fmt.Fprintf(&b, "        %s) at=\"$at $words[3]\" ;;\n", quoted(strings.Join(own.path, " ")))
		}
	}
	b.WriteString("        esac\n    fi\n    case $at in\n")
	for _, own := range all {
		fmt.Fprintf(&b, "    %s)\n", quoted(strings.Join(own.path, " ")))
		if len(own.words) > 0 {
			b.WriteString("        choices=(\n")
			for _, w := range own.words {
				fmt.Fprintf(&b, "            %s\n", quoted(strings.TrimSuffix(w.name+":"+strings.ReplaceAll(w.usage, ":", `\:`), ":")))
			}
			b.WriteString("        )\n")
		}
		if n := len(own.path); n > 0 { // _arguments takes the first word for the command
			fmt.Fprintf(&b, "        words=(\"${(@)words[%d,-1]}\")\n        (( CURRENT -= %d ))\n", n+1, n)
		}
		b.WriteString("        _arguments -S")
		for _, f := range own.flags {
			b.WriteString(" \\\n            " + quoted(f.zsh()))
		}
		switch {
		case len(own.words) > 0:
			b.WriteString(" \\\n            '1: :{_describe -V value choices}'")
		case own.takesMore:
			b.WriteString(" \\\n            '*: :_files'")
		}
		b.WriteString("\n        ;;\n")
	}
	b.WriteString(`    esac
}
# It is called where it was found by its name, and made known where it is sourced.
if [[ $funcstack[1] == _s1graph ]]; then
    _s1graph "$@"
else
    compdef _s1graph s1graph
fi
`)
	return b.String()
}

// zsh is the flag as _arguments takes it.
func (f completedFlag) zsh() string {
	spec := "--" + f.name
	if f.takesValue {
		spec += "="
	}
	spec += "[" + strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, ":", `\:`).Replace(f.usage) + "]"
	if f.takesValue {
		spec += ": :_files"
	}
	if f.repeats {
		spec = "*" + spec
	}
	return spec
}

func fishCompletion(all []completed) string {
	var b strings.Builder
	b.WriteString(`# fish completion for s1graph: s1graph completion fish | source
function __s1graph_at
    set -l words (commandline -opc)
    set -l last (math 1 + (count $argv))
    test (count $words) -ge $last
    and test "$words[2..$last]" = "$argv"
end
function __s1graph_only
    set -l words (commandline -opc)
    test "$words[2..]" = "$argv"
end
complete -c s1graph -f
`)
	for _, own := range all {
		condition := "__s1graph_at"
		if own.isParent {
			condition = "__s1graph_only"
		}
		condition = quotedForFish(strings.TrimSpace(condition + " " + strings.Join(own.path, " ")))
		for _, w := range own.words {
			fmt.Fprintf(&b, "complete -c s1graph -n %s -k -a %s -d %s\n", condition, quotedForFish(w.name), quotedForFish(w.usage))
		}
		if len(own.words) == 0 && own.takesMore {
			fmt.Fprintf(&b, "complete -c s1graph -n %s -F\n", condition)
		}
		for _, f := range own.flags {
			value := ""
			if f.takesValue {
				value = " -r -F"
			}
			fmt.Fprintf(&b, "complete -c s1graph -n %s -l %s%s -d %s\n", condition, f.name, value, quotedForFish(f.usage))
		}
	}
	return b.String()
}

// quoted is a word of bash or zsh.
func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

func quotedForFish(word string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(word) + "'"
}
