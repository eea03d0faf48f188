package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"s1graph/check"
	"s1graph/config"
	"s1graph/harmless"
)

// asked are the settings that init asks for.
var asked = []*question{
	{key: "url", text: "Address of the console, such as https://example.sentinelone.net", look: lookAtConsole},
	{key: "tokenFile", text: "API token of a service user with the role Viewer", variable: config.TokenVariable, file: "sentinelone.token", look: lookAtConsole},
	{key: "store", text: "Where the graph is written: json (files alone) or neo4j (files and the database)", byDefault: "json"},
	{key: "neo4j.uri", text: "Address of the database", byDefault: "neo4j://127.0.0.1:7687", look: lookAtNeo4j},
	{key: "neo4j.username", text: "User of the database", byDefault: "neo4j", look: lookAtNeo4j},
	{key: "neo4j.passwordFile", text: "Password of that user", variable: config.PasswordVariable, file: "neo4j.password", look: lookAtNeo4j},
	{key: "interval", text: "How often s1graph poll reads: 30m, DISABLED, or a cron line as 0 */2 * * *", byDefault: "30m"},
}

// question asks for one setting. The answer to one with a variable is a secret: it is not shown, and stands in a file whose
// name the configuration has.
type question struct {
	key       string // of the setting
	text      string
	byDefault string // what an empty answer means
	variable  string // that can hold the secret
	file      string // that the secret is written to if no other is named, beside the configuration
	look      look   // what is looked at with the answer, and with those of the questions beside it that look at the same
}

// look is a part of s1graph check that shows whether answers are good.
type look string

const (
	lookAtConsole look = "console"
	lookAtNeo4j   look = "database"
)

func (c *commands) initialize() *cli.Command {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "config", Usage: "write the configuration to `FILE`; " + config.DefaultFile + " if none is given [$" + config.FileVariable + "]"},
		&cli.BoolFlag{Name: "force", Usage: "replace files that are there", DisableDefaultText: true},
		&cli.BoolFlag{Name: "yes", Usage: "write it although a check finds a fault, and do not ask", DisableDefaultText: true},
	}
	for _, key := range append(namesOf(asked, func(q *question) string { return q.key }), "proxy", "caFile", "instance", "neo4j.database", "neo4j.insecure") {
		setting := settingOf(key)
		setting.Default = "" // what is not given is asked for
		flags = append(flags, settingFlag(setting))
	}
	return &cli.Command{
		Name:  "init",
		Usage: "ask for console, token, store and interval, and write " + config.DefaultFile,
		Description: `Example:

    s1graph init

and without a terminal, where each answer is a flag or a variable, and the token comes from a file or, with -, from
stdin:

    pass show sentinelone | s1graph init --url https://example.sentinelone.net --token-file - --store json --interval 30m

Each answer is checked as it is given, and console and database are asked as s1graph check asks them. The token and the
password go into files that only you can read. A file that is there is replaced with --force alone, and nothing is
written before all is answered.`,
		Flags: flags,
		Action: func(ctx *cli.Context) error {
			s := &setup{commands: c, ctx: ctx, terminal: c.terminal(ctx.Context), answers: map[string]string{}, files: map[string]string{}, secrets: map[string]string{}}
			s.path = cmp.Or(ctx.String("config"), c.variable(config.FileVariable), config.DefaultFile)
			err := s.run()
			if errors.Is(err, errNoAnswer) || isInterrupted(ctx.Context, err) {
				return &ending{failed, errors.New("interrupted: nothing was written; run it again")}
			}
			return err
		},
	}
}

// setup is a configuration in the making.
type setup struct {
	*commands
	ctx      *cli.Context
	terminal *terminal         // nil: there is nobody to ask
	path     string            // of the configuration
	answers  map[string]string // by Setting.Key; paths as they are seen from the working directory
	files    map[string]string // by Setting.Key: the file that a secret is to be written to
	secrets  map[string]string // by Setting.Key: what is to be written there
	typed    []*question       // those that somebody answers at the terminal
}

func (s *setup) run() error {
	if err := s.mayWrite(s.path, "config"); err != nil {
		return err
	}
	if err := s.takeGiven(); err != nil {
		return err
	}
	if s.terminal != nil {
		s.err.line("This writes %s. Ctrl-C ends it, and nothing is written then.\n", harmless.Text(s.path))
	}
	for i, q := range asked {
		if !s.matters(q) {
			continue
		}
		if err := s.answer(q); err != nil {
			return err
		}
		if isLast := i+1 == len(asked) || asked[i+1].look != q.look; isLast && q.look != "" {
			if err := s.lookAt(q.look); err != nil {
				return err
			}
		}
	}
	return s.write()
}

// mayWrite makes sure, before anything is asked, that a file can be written.
func (s *setup) mayWrite(path, flag string) error {
	if isThere(path) && !s.ctx.Bool("force") {
		return misuse("%s is there already: name another file with --%s, or replace it with --force", path, flag)
	}
	probe, err := os.CreateTemp(filepath.Dir(path), ".s1graph-init-")
	if err != nil {
		return adviseFile(flag, err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// matters says whether the answer to a question is needed, as far as the store is known.
func (s *setup) matters(q *question) bool {
	return q.look != lookAtNeo4j || s.mayHaveNeo4j()
}

// mayHaveNeo4j says whether the store is Neo4j, or not known yet.
func (s *setup) mayHaveNeo4j() bool { return s.answers["store"] == "" || s.hasNeo4j() }

// hasNeo4j says whether the store that was answered is Neo4j.
func (s *setup) hasNeo4j() bool { return (&config.Config{Store: s.answers["store"]}).HasNeo4j() }

// takeGiven takes the answers that flags and variables have, and finds all that is wrong with them.
func (s *setup) takeGiven() error {
	sources := s.complete(s.ctx, config.Sources{})
	s.answers = sources.Flags
	var missing config.Faults
	fromStdin := ""
	for _, q := range asked {
		value, by := sources.Given(q.key)
		delete(s.answers, q.key)
		isSecret := q.variable != ""
		if isSecret {
			s.files[q.key] = filepath.Join(filepath.Dir(s.path), q.file)
		}
		switch secret := s.variable(q.variable); {
		case !s.matters(q):
		case isSecret && value == "-" && fromStdin != "":
			return misuse("%s and %s cannot both be read from stdin: name a file for one of them", fromStdin, by)
		case isSecret && value == "-":
			fromStdin = by
			content, err := io.ReadAll(io.LimitReader(s.Stdin, 1<<20))
			if err != nil {
				return fmt.Errorf("%s: stdin could not be read: %w", by, err)
			}
			s.secrets[q.key] = strings.TrimSpace(string(content))
		case isSecret && value == "" && secret != "":
			s.secrets[q.key] = secret
		case isSecret && value != "" && s.terminal != nil && !isThere(value): // it is to hold what is typed
			s.files[q.key] = value
		case value != "":
			s.answers[q.key] = value
		case s.terminal == nil && (q.look != lookAtNeo4j || s.hasNeo4j()):
			missing = append(missing, config.Fault{Where: "--" + settingOf(q.key).FlagName(), Detail: "must be given, as there is no terminal to ask on"})
		}
	}
	_, err := s.load("")
	faults, _ := errors.AsType[config.Faults](err)
	faults = slices.DeleteFunc(faults, func(f config.Fault) bool { // what is not answered yet
		return slices.Contains([]string{"url", "token", "neo4j.uri", "neo4j.password"}, f.Where)
	})
	if faults = append(missing, faults...); len(faults) > 0 {
		return faults
	}
	return nil
}

func isThere(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// load makes a configuration of the answers, as all commands will. For a look at the console alone it has no database.
func (s *setup) load(what look) (*config.Config, error) {
	sources := s.complete(s.ctx, config.Sources{})
	sources.File = os.DevNull
	sources.Flags = maps.Clone(s.answers)
	if what == lookAtConsole {
		sources.Flags["store"] = "json"
	}
	for _, q := range asked {
		secret, isWritten := s.secrets[q.key]
		if !isWritten {
			continue
		}
		sources.Environment = append(slices.Clone(sources.Environment), settingOf(q.key).Variable()+"=", q.variable+"="+secret)
	}
	return config.Load(sources)
}

// answer makes sure that a question has a good answer.
func (s *setup) answer(q *question) error {
	_, isSecret := s.files[q.key]
	_, isWritten := s.secrets[q.key]
	switch {
	case isWritten:
		return s.mayWrite(s.files[q.key], settingOf(q.key).FlagName())
	case s.answers[q.key] != "":
		s.tell(q, s.answers[q.key])
		return nil
	case isSecret && isThere(s.files[q.key]):
		s.answers[q.key] = s.files[q.key]
		s.typed = append(s.typed, q)
		s.tell(q, "the one in "+s.files[q.key])
		return nil
	}
	s.typed = append(s.typed, q)
	return s.ask(q)
}

// tell repeats an answer that nobody is asked for.
func (s *setup) tell(q *question, answer string) {
	if s.terminal != nil {
		s.err.line("%s\n> %s", s.err.wrap(q.text, 0), harmless.Text(answer))
	}
}

// ask asks until the answer is a good one. What was answered before is the default.
func (s *setup) ask(q *question) error {
	file, isSecret := s.files[q.key]
	before := cmp.Or(s.answers[q.key], q.byDefault)
	text, prompt := q.text, "> "
	switch {
	case s.secrets[q.key] != "":
		before = s.secrets[q.key]
		text += ", not shown; Enter keeps it"
	case isSecret && isThere(file):
		before = ""
		text += ", not shown; it replaces what is in " + file
	case isSecret:
		text += ", not shown; it goes into " + file
	case before != "":
		prompt = "[" + harmless.Text(before) + "] > "
	}
	for {
		answer, err := s.terminal.ask(s.err.wrap(harmless.Text(text), 0), prompt, isSecret)
		if err != nil {
			return err
		}
		if answer = cmp.Or(strings.TrimSpace(answer), before); answer == "" {
			text = "It is needed."
			continue
		}
		if isSecret {
			s.secrets[q.key] = answer
			delete(s.answers, q.key)
		} else {
			s.answers[q.key] = answer
		}
		fault := s.faultOf(q)
		if fault == "" {
			return nil
		}
		text = "It " + fault + "."
	}
}

// faultOf is what is wrong with the answer to a question; "" where it is good.
func (s *setup) faultOf(q *question) string {
	_, err := s.load("")
	faults, _ := errors.AsType[config.Faults](err)
	for _, fault := range faults {
		if fault.Where == "--"+settingOf(q.key).FlagName() || fault.Where == q.variable {
			return fault.Detail
		}
	}
	return ""
}

// lookAt asks console or database, as s1graph check does, until there is no fault or somebody wants to go on all the same.
func (s *setup) lookAt(what look) error {
	ask := map[look]func(context.Context, check.Options, func(check.Finding)){lookAtConsole: check.Console, lookAtNeo4j: check.Neo4j}[what]
	for {
		settings, err := s.load(what)
		if err != nil {
			return err
		}
		s.err.line("\nAsking the %s …", what)
		var shown []check.Finding
		faults := 0
		ask(s.ctx.Context, check.Options{Config: settings, Logger: s.logger(settings.Log)}, func(f check.Finding) {
			if f.State == check.Fault {
				faults++
				f.Advice = s.adviceOn(f)
			}
			if f.State != check.Skipped && !(f.State == check.OK && strings.HasPrefix(f.Subject, "list ")) {
				shown = append(shown, f)
			}
		})
		if err := s.ctx.Context.Err(); err != nil {
			return err
		}
		if err := s.printFindings(shown); err != nil {
			return err
		}
		s.err.line("")
		if faults == 0 || s.ctx.Bool("yes") {
			return nil
		}
		if s.terminal == nil {
			return &ending{failed, errors.New("nothing was written: mend that, or write it all the same with --yes")}
		}
		answer, err := s.terminal.ask("Go on all the same? y, or n to answer again", "[n] > ", false)
		if err != nil || strings.HasPrefix(strings.ToLower(strings.TrimSpace(answer)), "y") {
			return err
		}
		again := slices.DeleteFunc(slices.Clone(s.typed), func(q *question) bool { return q.look != what })
		if len(again) == 0 {
			return &ending{failed, errors.New("nothing was written: give other flags, or go on all the same")}
		}
		for _, q := range again {
			if err := s.ask(q); err != nil {
				return err
			}
		}
	}
}

// adviceOn is what to do about a fault. A secret that was just typed stands in no file and no variable yet.
func (s *setup) adviceOn(f check.Finding) string {
	switch {
	case s.terminal != nil && s.secrets["tokenFile"] != "" && strings.Contains(f.Advice, config.TokenVariable):
		return "type the whole token of this console again; look whether it has expired"
	case s.terminal != nil && s.secrets["neo4j.passwordFile"] != "" && strings.Contains(f.Advice, config.PasswordVariable):
		return "type user and password again"
	}
	return f.Advice
}

// write writes the secrets, and then what names their files.
func (s *setup) write() error {
	settings, err := s.load("")
	if err != nil {
		return err
	}
	s.answers["url"] = settings.URL
	var written []string
	put := func(path, flag string, content []byte) error {
		_, err := replaceFile(path, flag, func(w io.Writer) error {
			_, err := w.Write(content)
			return err
		})
		written = append(written, harmless.Text(path))
		return err
	}
	for _, q := range asked {
		secret, isWritten := s.secrets[q.key]
		if !isWritten || !s.matters(q) {
			continue
		}
		if err := put(s.files[q.key], settingOf(q.key).FlagName(), []byte(secret+"\n")); err != nil {
			return err
		}
		s.answers[q.key] = s.files[q.key]
	}
	for key, value := range s.answers {
		switch setting := settingOf(key); {
		case setting.Group == config.Database && !s.mayHaveNeo4j():
			delete(s.answers, key)
		case setting.Kind == config.Path && !filepath.IsAbs(value):
			if s.answers[key], err = filepath.Rel(filepath.Dir(s.path), value); err != nil {
				return misuse("--%s: give the whole path: %w", setting.FlagName(), err)
			}
		}
	}
	content, err := config.Written(s.answers)
	if err != nil {
		return err
	}
	const comment = "# Written by s1graph init. s1graph.example.yaml shows all settings; flags and variables win over this file.\n"
	if err := put(s.path, "config", append([]byte(comment), content...)); err != nil {
		return err
	}
	s.tellWhatIsNext(written, settings)
	return s.out.flush()
}

func (s *setup) tellWhatIsNext(written []string, settings *config.Config) {
	file := ""
	if s.path != config.DefaultFile {
		file = " --config " + harmless.Text(s.path)
	}
	s.out.line("Wrote %s. Now type:\n", strings.Join(written, ", "))
	s.out.line("    s1graph check%s", file)
	s.out.line("    s1graph run%s", file)
	if !settings.Interval.Disabled() {
		s.out.line("    s1graph poll%s", file)
	}
}
