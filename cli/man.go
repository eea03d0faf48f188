package cli

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"s1graph/config"
)

func (c *commands) man() *cli.Command {
	return &cli.Command{
		Name:  "man",
		Usage: "print the manual page: every command, flag and variable",
		Description: `Examples: to read it, and to keep it:

    s1graph man | man -l -
    s1graph man > /usr/local/share/man/man1/s1graph.1`,
		Action: func(ctx *cli.Context) error {
			page := &manPage{}
			page.write(ctx.App)
			fmt.Fprint(c.out, page.String())
			return c.out.flush()
		},
	}
}

// manPage is a page in the language of man(7). What is the same for many commands, which is every setting, stands
// in it once.
type manPage struct{ strings.Builder }

func (m *manPage) write(app *cli.App) {
	version, _, _ := strings.Cut(app.Version, " ")
	m.macro("TH", "S1GRAPH", "1", "", "s1graph "+version, "s1graph")
	m.macro("SH", "NAME")
	m.text("s1graph - " + app.Usage)
	m.macro("SH", "SYNOPSIS")
	m.text(app.UsageText)
	m.macro("SH", "DESCRIPTION")
	m.prose(app.Description)
	m.macro("SH", "COMMANDS")
	for _, command := range app.VisibleCommands() {
		if command.Name == "help" {
			continue
		}
		m.command(command, "s1graph "+command.Name)
		for _, sub := range command.Subcommands {
			m.command(sub, "s1graph "+command.Name+" "+sub.Name)
		}
	}
	m.settings()
	m.macro("SH", "EXIT STATUS")
	m.prose(`0: complete.

1: failed; nothing was committed.

2: wrong usage or configuration.

3: committed, but some of it is incomplete: the output says what and why.

Of s1graph diff 0 is that nothing changed but volatile properties, 1 that something did, and 2 that it could not be told.`)
	m.macro("SH", "FILES")
	m.term(config.DefaultFile, "The configuration, if it is in the working directory and --config names no other. It is refused if another user than you and root owns it or can write to it, unless --config names it. Flags win over the environment, and that over the file.")
	m.term(".s1graph/INSTANCE", "The graph of an instance and its runs, unless --dir names another folder.")
}

// command describes one command, and names its settings.
func (m *manPage) command(command *cli.Command, name string) {
	m.macro("SS", strings.TrimSpace(name+" [flags] "+command.ArgsUsage))
	m.text(upperFirst(command.Usage) + ".")
	m.macro("PP")
	m.prose(command.Description)
	var settings []string
	for _, flag := range command.Flags {
		if flag == cli.HelpFlag { // which all have, and here only the command that runs
			continue
		}
		if categorized, ok := flag.(cli.CategorizableFlag); ok && categorized.GetCategory() != "" {
			settings = append(settings, "--"+flag.Names()[0])
			continue
		}
		m.flag(flag)
	}
	if len(settings) > 0 {
		m.macro("PP")
		m.text("Settings that it heeds, which are described below: " + strings.Join(settings, ", ") + ".")
	}
}

// settings describes each setting once.
func (m *manPage) settings() {
	m.macro("SH", "SETTINGS")
	m.text("A flag, a variable in brackets, or a line of the configuration file.")
	groups := namesOf(config.Settings(), func(s config.Setting) string { return string(s.Group) })
	for _, group := range slices.Compact(groups) {
		m.macro("SS", group)
		for _, flag := range settingFlags(config.Group(group))[1:] {
			m.flag(flag)
		}
	}
	m.macro("SS", "Secrets")
	m.text("They have no flags, which others could see.")
	m.term(config.TokenVariable, "The API token, in place of a file.")
	m.term(config.PasswordVariable, "The password of the database's user, in place of a file.")
}

// flag has the text that --help has, in which a tabulator stands before the description.
func (m *manPage) flag(flag cli.Flag) {
	names, usage, _ := strings.Cut(flag.String(), "\t")
	m.term(names, usage)
}

// term is a word and what it means.
func (m *manPage) term(word, meaning string) {
	m.macro("TP")
	m.WriteString(`\fB` + inRoff(word) + `\fR` + "\n")
	m.text(meaning)
}

// prose is text in paragraphs; those that are indented stand as they are typed.
func (m *manPage) prose(text string) {
	for i, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if strings.HasPrefix(paragraph, "    ") {
			m.WriteString(".PP\n.RS 4\n.nf\n")
			for line := range strings.Lines(paragraph) {
				m.text(strings.TrimPrefix(strings.TrimRight(line, "\n"), "    "))
			}
			m.WriteString(".fi\n.RE\n")
			continue
		}
		if i > 0 {
			m.macro("PP")
		}
		for line := range strings.Lines(paragraph) {
			m.text(strings.TrimRight(line, "\n"))
		}
	}
}

func (m *manPage) macro(name string, arguments ...string) {
	m.WriteString("." + name)
	for _, a := range arguments {
		m.WriteString(` "` + strings.ReplaceAll(inRoff(a), `"`, `\(dq`) + `"`)
	}
	m.WriteByte('\n')
}

// text is a line; a dot at its start would be a macro's.
func (m *manPage) text(line string) {
	if line = inRoff(line); strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		line = `\&` + line
	}
	m.WriteString(line + "\n")
}

var (
	roffEscapes = strings.NewReplacer(`\`, `\e`, "-", `\-`, "`", `\(ga`, "'", `\(aq`, "^", `\(ha`, "~", `\(ti`)
	notASCII    = regexp.MustCompile(`[^\x00-\x7f]`)
)

// inRoff is text as roff takes it, in ASCII, with the characters that can be copied into a shell.
func inRoff(text string) string {
	return notASCII.ReplaceAllStringFunc(roffEscapes.Replace(text), func(r string) string {
		return fmt.Sprintf(`\[u%04X]`, []rune(r)[0])
	})
}

func upperFirst(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
