package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/urfave/cli/v2"

	"s1graph/config"
	"s1graph/graph/neo4jstore"
	"s1graph/harmless"
	"s1graph/pause"
	"s1graph/plural"
	"s1graph/queries"
)

func (c *commands) query() *cli.Command {
	return &cli.Command{
		Name:      "query",
		Usage:     "run a saved query, or Cypher of your own, on the graph in Neo4j",
		ArgsUsage: "[QUERY]",
		Description: `Examples: the list of saved queries, one of them, and Cypher of your own:

    s1graph query
    s1graph query silent-agents --param days=30 --scope acme
    s1graph query --cypher 'MATCH (d:Device) RETURN d.osType AS os, count(*) AS devices'
    s1graph query --file devices.cypher --limit 20

Statements only read: one that writes, ends transactions, loads a file or an address (LOAD CSV) or calls a procedure
that is not known to read only is refused. The database is that of run --store neo4j; its
password is in the variable ` + config.PasswordVariable + ` or in a file.`,
		Flags: append([]cli.Flag{
			&cli.StringSliceFlag{Name: "param", Usage: "parameter of the query, as `NAME=VALUE`; may be given several times"},
			&cli.StringFlag{Name: "scope", Aliases: []string{"instance"}, Usage: "ask of this `INSTANCE` alone, which is the parameter scope; all: of all", DefaultText: "all"},
			&cli.StringFlag{Name: "cypher", Usage: "run this `STATEMENT` instead of a saved query; a parameter's value is read as JSON, else as a text"},
			&cli.StringFlag{Name: "file", Usage: "as --cypher, with the statement that stands in this `FILE`; - is stdin"},
			limitFlag("rows; of a saved query it is the parameter limit", "100 of a saved query"),
			&cli.BoolFlag{Name: "show", Usage: "print the query with its parameters, to paste into Neo4j Browser, and do not run it", DisableDefaultText: true},
			&cli.BoolFlag{Name: "json", Usage: "print a JSON object for each row, a line each", DisableDefaultText: true},
			&cli.BoolFlag{Name: "csv", Usage: "print CSV, in which no spreadsheet finds a formula", DisableDefaultText: true},
		}, settingFlags(config.Database, config.Logging)...),
		Action: func(ctx *cli.Context) error {
			switch {
			case ctx.NArg() > 1:
				return misuse("query takes one saved query, not %q too; s1graph query lists them", ctx.Args().Get(1))
			case ctx.NArg() == 1 && (ctx.IsSet("cypher") || ctx.IsSet("file")), ctx.IsSet("cypher") && ctx.IsSet("file"):
				return misuse("query takes a saved query, --cypher or --file, and no two of them")
			case ctx.Bool("json") && ctx.Bool("csv"):
				return misuse("--json and --csv contradict each other: give one of them")
			case ctx.NArg() == 0 && !ctx.IsSet("cypher") && !ctx.IsSet("file"):
				return c.listQuestions(ctx)
			}
			s, err := c.newStatement(ctx)
			if err != nil {
				return err
			}
			if ctx.Bool("show") {
				return c.showStatement(s)
			}
			return c.ask(ctx, s)
		},
	}
}

func (c *commands) listQuestions(ctx *cli.Context) error {
	for _, flag := range []string{"param", "scope", "limit", "show", "json", "csv"} {
		if ctx.IsSet(flag) {
			return misuse("--%s needs a saved query, such as: s1graph query silent-agents --%s …; s1graph query lists them", flag, flag)
		}
	}
	var rows [][]any
	for _, q := range queries.All() {
		rows = append(rows, []any{q.Name, q.Title})
	}
	c.out.table([]string{"name", "answers"}, rows)
	c.out.sentence("\nAsk one with s1graph query NAME; add --show to see what it asks and its parameters.")
	return c.out.flush()
}

// statement is what is asked.
type statement struct {
	question  queries.Question // the zero Question where it is one's own
	cypher    string
	arguments map[string]any
	most      int64 // rows that are printed of one's own; 0: all
}

func (c *commands) newStatement(ctx *cli.Context) (*statement, error) {
	given, err := givenParameters(ctx)
	if err != nil {
		return nil, err
	}
	if ctx.IsSet("cypher") || ctx.IsSet("file") {
		s := &statement{cypher: ctx.String("cypher"), arguments: map[string]any{"scope": nil}, most: ctx.Int64("limit")}
		if ctx.IsSet("file") {
			if s.cypher, err = c.readStatement(ctx.String("file")); err != nil {
				return nil, misuse("--file: %w", err)
			}
		}
		for name, text := range given {
			s.arguments[name] = anyValue(text)
		}
		return s, nil
	}
	name := ctx.Args().First()
	q, found := queries.Find(name)
	if !found {
		return nil, misuse("there is no saved query %q; %ss1graph query lists them", name, suggestion(name, questionNames()))
	}
	if ctx.Bool("show") {
		fillIn(&q, given)
	}
	arguments, err := q.Arguments(given, time.Now())
	if err != nil {
		return nil, misuse("--param %s", strings.ReplaceAll(err.Error(), "\n", "; --param "))
	}
	return &statement{question: q, cypher: q.Cypher, arguments: arguments}, nil
}

// readStatement reads a statement from a file, or from stdin if that is called -.
func (c *commands) readStatement(path string) (string, error) {
	from := c.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer f.Close()
		from = f
	}
	content, err := io.ReadAll(io.LimitReader(from, 1<<20))
	if err == nil && len(bytes.TrimSpace(content)) == 0 {
		err = fmt.Errorf("there is no statement in %s", path)
	}
	return strings.TrimPrefix(string(content), "\ufeff"), err
}

func givenParameters(ctx *cli.Context) (map[string]string, error) {
	given := map[string]string{}
	for _, pair := range ctx.StringSlice("param") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, misuse("--param must be NAME=VALUE, such as days=30")
		}
		if _, twice := given[name]; twice {
			return nil, misuse("--param %s is given twice", name)
		}
		given[name] = value
	}
	limit, err := limitOf(ctx)
	if err != nil {
		return nil, err
	}
	if ctx.IsSet("limit") {
		if _, twice := given["limit"]; twice {
			return nil, misuse("--limit and --param limit are the same: give one of them")
		}
		given["limit"] = strconv.FormatInt(cmp.Or(limit, math.MaxInt64), 10)
	}
	if ctx.IsSet("scope") {
		if _, twice := given["scope"]; twice {
			return nil, misuse("--scope and --param scope are the same: give one of them")
		}
		if ctx.String("scope") != "all" {
			given["scope"] = ctx.String("scope")
		}
	}
	return given, nil
}

// fillIn gives what must be given a value to be replaced by whoever reads it.
func fillIn(q *queries.Question, given map[string]string) {
	for _, p := range q.Parameters {
		if _, isGiven := given[p.Name]; !isGiven && p.Default == queries.Required {
			given[p.Name] = strings.ToUpper(p.Name)
		}
	}
}

// anyValue is a parameter of a statement that does not say what its parameters are: whole numbers stay
// whole, other JSON is what it says, and all else is a text.
func anyValue(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	var value any
	if json.Unmarshal([]byte(text), &value) == nil {
		return value
	}
	return text
}

func questionNames() []string {
	return namesOf(queries.All(), func(q queries.Question) string { return q.Name })
}

// showStatement prints what Neo4j Browser and cypher-shell take. JSON is Cypher, as far as values go.
func (c *commands) showStatement(s *statement) error {
	for _, name := range sortedKeys(s.arguments) {
		value, err := json.Marshal(s.arguments[name])
		if err != nil {
			return err
		}
		c.out.line(":param %s => %s;", harmless.Text(name), c.out.json(value))
	}
	if s.question.Title != "" {
		c.out.line("\n// %s", s.question.Title)
	}
	c.out.line("%s;", strings.TrimSuffix(strings.TrimSpace(s.cypher), ";"))
	return c.out.flush()
}

// ask runs a statement and prints its rows.
func (c *commands) ask(ctx *cli.Context, s *statement) error {
	settings, err := c.load(ctx, config.Sources{NoConsole: true})
	if err != nil {
		return err
	}
	c.warn(settings)
	driver, err := neo4jstore.Connect(ctx.Context, neo4jstore.Config{
		URI:      settings.Neo4j.URI,
		Username: settings.Neo4j.Username,
		Password: settings.Neo4j.Password.Reveal(),
		Database: settings.Neo4j.Database,
	})
	if err != nil {
		return c.readError(ctx, err)
	}
	defer driver.Close(context.WithoutCancel(ctx.Context))
	database := queries.Database{Driver: driver, Name: settings.Neo4j.Database}
	if scope := s.arguments["scope"]; scope != nil || s.question.Name != "" {
		if err := c.checkScope(ctx, database, scope); err != nil {
			return c.readError(ctx, err)
		}
	}
	if s.question.Name == "" {
		if err := database.CheckReading(ctx.Context, s.cypher, s.arguments); err != nil {
			return c.readError(ctx, err)
		}
	}
	answer := c.answer(ctx)
	over := pause.Tell(ctx.Context, pause.Wait{What: "no answer from Neo4j"})
	unknown, err := database.ReadNoting(ctx.Context, s.cypher, s.arguments, &firstRows{answer, s.most})
	over()
	if errors.Is(err, errEnough) {
		err = nil
	}
	if err == nil && answer.count() == 0 && s.question.Name == "noncompliant-devices" {
		err = policiesIn(ctx.Context, database, s.arguments["scope"])
	}
	if err != nil {
		return c.readError(ctx, err)
	}
	if s.question.Name == "" { // a saved query may name what this tenant lacks
		c.tellUnknown(unknown)
	}
	if err := answer.end(); err != nil {
		return err
	}
	if limit, limited := s.arguments["limit"].(int64); limited && int64(answer.count()) == limit {
		c.complain(fmt.Sprintf("printed: %s, and there may be more: --limit %d shows them", plural.Of(limit, "row"), max(10*limit, 100)))
	}
	return c.out.flush()
}

// checkScope tells no rows from nothing known: of an instance that the database does not hold, or not all of,
// it would be wrong to say that no device is infected.
func (c *commands) checkScope(ctx *cli.Context, database queries.Database, scope any) error {
	scopes, err := database.Scopes(ctx.Context)
	if err != nil {
		return err
	}
	var names []string
	isThere := scope == nil
	for _, s := range scopes {
		names = append(names, s.Name)
		isThere = isThere || scope == s.Name
		if s.UnderWay && (scope == nil || scope == s.Name) {
			c.complain(fmt.Sprintf("the graph of %s is being written, so that rows may be missing; if nothing is writing it, s1graph run --store neo4j mends it", s.Name))
		}
	}
	switch {
	case len(names) == 0:
		return &ending{failed, errors.New("the database holds no graph: s1graph run --store neo4j writes one")}
	case !isThere:
		return misuse("there is no instance %q in the database; %sit holds %s", scope, suggestion(fmt.Sprint(scope), names), some(names))
	}
	return nil
}

// some names the first few.
func some(names []string) string {
	const most = 10
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// readError says what a person can do about a query that failed.
func (c *commands) readError(ctx *cli.Context, err error) error {
	refused, isRefused := errors.AsType[*neo4j.Neo4jError](err)
	switch {
	case is[*ending](err):
		return err
	case ctx.Err() != nil:
		return &ending{failed, errors.New("interrupted")}
	case is[*neo4jstore.OpenError](err):
		return err
	case is[*queries.NotReading](err):
		return misuse("%w: s1graph query only reads", err)
	case !isRefused:
		if neo4j.IsConnectivityError(err) {
			return &ending{failed, fmt.Errorf("the connection to Neo4j was lost: %w; run the query again", err)}
		}
		return err
	case refused.Code == "Neo.ClientError.Statement.AccessMode":
		return misuse("the statement writes, and Neo4j refused it: s1graph query only reads")
	case strings.HasPrefix(refused.Code, "Neo.ClientError.Statement."):
		fault, _, _ := strings.Cut(refused.Msg, "\n") // after it comes the statement, with a mark under the place
		return misuse("Neo4j refused the statement: %s", fault)
	}
	return &ending{failed, fmt.Errorf("Neo4j did not answer: %s: %s", refused.Code, refused.Msg)}
}
