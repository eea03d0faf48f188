package cli_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"s1graph/config"
	"s1graph/graph"
	"s1graph/graph/neo4jstore"
	"s1graph/graph/neo4jstore/neo4jtest"
	"s1graph/graph/storetest"
	"s1graph/queries"
	"s1graph/s1/s1test"
	"s1graph/steps"
)

// inNeo4j puts a graph into Neo4j, and returns the invocation that leads to it and the graph's scope.
func inNeo4j(t *testing.T, records ...graph.Record) (invocation, string) {
	t.Helper()
	server := neo4jtest.Shared(t)
	scope := server.Scope(t)
	store, err := neo4jstore.Open(t.Context(), neo4jstore.Config{URI: server.URI, Username: server.Username, Password: server.Password, Scope: scope})
	require.NoError(t, err)
	defer store.Close(context.Background())
	_, err = store.Apply(t.Context(), neo4jstore.Target{RunID: "1", Graph: storetest.NewSnapshot(steps.GraphTypes(), records...)})
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	return invocation{environment: []string{"NEO4J_URI=" + server.URI, "NEO4J_USER=" + server.Username, "NEO4J_PASSWORD=" + server.Password,
		"NEO4J_INSECURE=true"}}, scope // NEO4J_TEST_URI may name a server elsewhere
}

// entity is a record with a name and other properties.
func entity(typeName, id, name string, properties map[string]graph.Value) graph.Record {
	for _, typ := range steps.GraphTypes() {
		if typ.Name == typeName {
			r := graph.Record{Type: typ, Key: typeName + ":" + id}
			for name, value := range properties {
				r.Set(name, value)
			}
			r.Set("name", graph.String(name))
			r.Set("displayName", graph.String(name))
			return r
		}
	}
	panic(typeName)
}

func relationship(typeName string, from, to graph.Record) graph.Record {
	for _, typ := range steps.GraphTypes() {
		if typ.Name == typeName {
			return graph.Record{Type: typ, Key: graph.RelationshipKey(from.Key, typ.Class, to.Key), From: from.Key, To: to.Key}
		}
	}
	panic(typeName)
}

// hostile is a graph of devices without agents, and their owners, with the names of attackers.
func hostile() []graph.Record {
	var records []graph.Record
	for i, name := range hostileNames {
		device := entity("sentinelone_device", fmt.Sprint(1000+i), name, map[string]graph.Value{
			"lastSeenOn": graph.Int(1_795_150_689_741 - int64(i)*86_400_000), "osName": graph.String(name), "formerAgentIds": graph.Strings([]string{"1"}),
		})
		owner := entity("sentinelone_user", fmt.Sprint(1000+i), name, nil)
		records = append(records, device, owner, relationship("sentinelone_user_owns_device", owner, device))
	}
	return records
}

var hostileNames = append(slices.Clone(s1test.HostileNames), "@SUM(1)", "-2+3", "\t=1+1", "\r=1+1", "a;=1+1", `a;"=1+1"`, "＝1+1", "  =1+1", "'", "\u0085\u2028")

func TestQueryListsTheQuestions(t *testing.T) {
	t.Chdir(t.TempDir())
	got := s1graph(t, "query")
	assert.Zero(t, got.code)
	assert.Empty(t, got.stderr)
	for _, q := range queries.All() {
		assert.Regexp(t, `(?m)^`+q.Name+` +`+regexp.QuoteMeta(q.Title)+`$`, got.stdout)
	}
}

func TestAQuestionIsAnsweredAsATableAsJSONAndAsCSV(t *testing.T) {
	seen := time.Date(2026, time.November, 20, 5, 0, 0, 123_000_000, time.UTC)
	jane := entity("sentinelone_user", "jane", "Jane Doe", nil)
	john := entity("sentinelone_user", "john", "John, Jr.", nil)
	laptop := entity("sentinelone_device", "1", "LAPTOP", map[string]graph.Value{"osName": graph.String("macOS"), "lastSeenOn": graph.Int(seen.UnixMilli())})
	server := entity("sentinelone_device", "2", "SERVER", map[string]graph.Value{"lastSeenOn": graph.Int(0)})
	with, scope := inNeo4j(t, jane, john, laptop, server, relationship("sentinelone_user_owns_device", jane, laptop), relationship("sentinelone_user_owns_device", john, laptop))

	table := with.s1graph(t, "query", "unprotected-devices", "--scope", scope)
	require.Zero(t, table.code, table.stderr)
	assert.Regexp(t, `^DEVICE +OS +OWNERS +LASTSEEN +BECAUSE +THREATSLEFT +SCOPE
LAPTOP +macOS +Jane Doe, John, Jr\. +2026-11-20T05:00:00Z +0 +`+scope+`
SERVER +0 +`+scope+`
$`, table.stdout)
	assert.Empty(t, table.stderr)

	lines := with.s1graph(t, "query", "--json", "unprotected-devices", "--param", "scope="+scope)
	assert.Equal(t, outcome{0, `{"device":"LAPTOP","os":"macOS","owners":["Jane Doe","John, Jr."],"lastSeen":"2026-11-20T05:00:00.123Z","because":[],"threatsLeft":0,"scope":"` + scope + `"}
{"device":"SERVER","os":null,"owners":[],"lastSeen":null,"because":[],"threatsLeft":0,"scope":"` + scope + `"}
`, ""}, lines)

	sheet := with.s1graph(t, "query", "unprotected-devices", "--csv", "--scope", scope)
	assert.Equal(t, outcome{0, `device,os,owners,lastSeen,because,threatsLeft,scope
LAPTOP,macOS,"Jane Doe, John, Jr.",2026-11-20T05:00:00Z,,0,` + scope + `
SERVER,,,,,0,` + scope + `
`, ""}, sheet)

	none := with.s1graph(t, "query", "license-use", "--scope", scope)
	assert.Equal(t, outcome{0, "No rows.\n", ""}, none)
	assert.Equal(t, outcome{0, "", ""}, with.s1graph(t, "query", "license-use", "--scope", scope, "--json"))
	assert.Regexp(t, `^account,site,.*\n$`, with.s1graph(t, "query", "license-use", "--scope", scope, "--csv").stdout)

	few := with.s1graph(t, "query", "unprotected-devices", "--csv", "--scope", scope, "--param", "limit=1")
	assert.Equal(t, 2, strings.Count(few.stdout, "\n"))
	assert.Equal(t, "s1graph: printed: 1 row, and there may be more: --limit 100 shows them\n", few.stderr)
}

func TestHostileNamesDoNoHarmInAnyForm(t *testing.T) {
	with, scope := inNeo4j(t, hostile()...)
	on := with
	on.width = 120
	question := []string{"query", "unprotected-devices", "--scope", scope}

	for _, terminal := range []invocation{with, on} {
		table := terminal.s1graph(t, question...)
		require.Zero(t, table.code, table.stderr)
		assert.True(t, isPlain(strings.ReplaceAll(painted.ReplaceAllString(table.stdout, ""), "\t", "\x00")), "%q", table.stdout)
		assert.Contains(t, table.stdout, `\x1b[31mred`)
	}
	table := on.s1graph(t, question...).stdout
	for line := range strings.Lines(painted.ReplaceAllString(table, "")) {
		assert.LessOrEqual(t, utf8.RuneCountInString(norm.NFC.String(strings.TrimSuffix(line, "\n"))), 120, line)
	}

	lines := with.s1graph(t, append(question, "--json")...)
	require.Zero(t, lines.code, lines.stderr)
	var names []string
	for line := range strings.Lines(lines.stdout) {
		var row struct {
			Device, OS string
			Owners     []string
		}
		require.NoError(t, json.Unmarshal([]byte(line), &row))
		assert.Equal(t, []string{row.Device}, row.Owners)
		names = append(names, row.Device)
	}
	assert.Equal(t, hostileNames, names, "JSON says what is there")
	assert.True(t, isPlain(on.s1graph(t, append(question, "--json")...).stdout))

	sheet := with.s1graph(t, append(question, "--csv")...)
	require.Zero(t, sheet.code, sheet.stderr)
	assert.True(t, isPlain(sheet.stdout), "%q", sheet.stdout)
	assert.Equal(t, len(hostileNames)+1, strings.Count(sheet.stdout, "\n"), "a row is a line")
	rows, err := csv.NewReader(strings.NewReader(sheet.stdout)).ReadAll()
	require.NoError(t, err)
	for i, row := range rows[1:] {
		for _, cell := range row {
			assert.NotRegexp(t, `^\s*[=+\-@＝＋－＠]`, cell, "%q", hostileNames[i])
			assert.NotRegexp(t, `;["'\s]*[=+\-@＝＋－＠]`, strings.ReplaceAll(cell, `;'`, ";x"), "%q", hostileNames[i])
		}
	}
	for _, want := range []string{`'=cmd|'/c calc'!A1`, "'+1+1@SUM(1)", "'@SUM(1)", "'-2+3", `'\t=1+1`, `'\r=1+1`, "a;'=1+1", `a;'"=1+1"`} {
		assert.True(t, slices.ContainsFunc(rows, func(row []string) bool { return row[0] == want && row[1] == want && row[2] == want }), want)
	}
}

var painted = regexp.MustCompile("\x1b\\[[0-9]*m")

func TestWhatDoesMoreThanReadIsRefused(t *testing.T) {
	device := entity("sentinelone_device", "1", "LAPTOP", nil)
	with, scope := inNeo4j(t, device)
	for _, statement := range []string{
		"CREATE (n:Device {_scope: $scope})",
		"MATCH (d:Device {_scope: $scope}) SET d.name = 'GONE' RETURN d.name",
		"MATCH (d:Device {_scope: $scope}) DETACH DELETE d",
		"MATCH (d:Device {_scope: $scope}) CALL (d) { SET d.name = 'GONE' } IN TRANSACTIONS",
		"CREATE INDEX made_by_a_test FOR (n:Nothing) ON (n.nothing)",
		"CREATE USER somebody SET PASSWORD 'something'",
		"CALL db.createLabel('MadeByATest')",
		"ALTER CURRENT USER SET PASSWORD FROM 'a' TO 'b'",
		"SHOW TRANSACTIONS YIELD transactionId AS t TERMINATE TRANSACTIONS t YIELD message RETURN message",
		"TERMINATE TRANSACTIONS 'neo4j-transaction-1'",
		"terminate transaction $scope",
		"CALL dbms.killConnection('bolt-1')",
		"CALL db.clearQueryCaches()",
		"UNWIND [1] AS x CALL `db`.`stats`.clear('QUERIES') YIELD success RETURN success",
		"CALL tx.setMetaData({a: 1})",
		"CALL dbms.listConfig()", // it may have what others are not to see
		"RETURN [x IN [1, 2] | COLLECT { CALL db.stats.clear('QUERIES') YIELD message RETURN message }] AS y",
		"RETURN [x IN [1, 2] | COLLECT { \\u0043ALL dbms.killConnection('bolt-1') YIELD message RETURN message }] AS y",
		"MATCH (d:Device) WHERE any(x IN d.list WHERE COUNT { CALL db.resampleIndex(x) } > 1) RETURN d",
		"LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line",
		"load csv WITH HEADERS FROM 'http://169.254.169.254/' AS line RETURN line",
		"CALL { LOAD CSV FROM 'file:///x' AS line RETURN line } RETURN line",
		"RETURN [x IN [1, 2] | EXISTS { LOAD CSV FROM 'file:///x' AS line RETURN line }] AS y",
		"/* SHOW */ CREATE USER somebody SET PASSWORD 'something'",
	} {
		got := with.s1graph(t, "query", "--scope", scope, "--cypher", statement)
		assert.Equal(t, 2, got.code, statement)
		assert.Empty(t, got.stdout, statement)
		assert.Regexp(t, `^s1graph: the statement (writes|changes the database or the server|ends transactions|calls [a-zA-Z.]+, which is not one of the procedures that are known to read only|`+
			`has the server read a file or an address \(LOAD CSV\)): s1graph query only reads\n$`, got.stderr, statement)
	}
	for _, statement := range []string{
		"SHOW DATABASES YIELD name", "/* all */ SHOW USERS YIELD user", "SHOW INDEXES YIELD name", "SHOW TRANSACTIONS YIELD username", "CALL db.labels()", "CALL dbms.components()",
		"MATCH (d:Device {_scope: $scope}) WHERE d.name <> 'LOAD CSV' RETURN [x IN [1] | COUNT { CALL db.labels() YIELD label RETURN label } > 0] AS y",
		"CYPHER 5 MATCH (d:Device) RETURN d.name LIMIT 1", "EXPLAIN MATCH (d) RETURN d",
	} {
		got := with.s1graph(t, "query", "--scope", scope, "--json", "--cypher", statement)
		assert.Equal(t, 0, got.code, "%s: %s", statement, got.stderr)
	}
	two := with.s1graph(t, "query", "--cypher", "RETURN 1 AS n; CREATE (:Device)")
	assert.Equal(t, 2, two.code)
	assert.Equal(t, outcome{0, "{\"names\":[\"LAPTOP\"]}\n", ""},
		with.s1graph(t, "query", "--json", "--scope", scope, "--cypher", "MATCH (d:Device {_scope: $scope}) RETURN collect(d.name) AS names"))
}

func TestAStatementCanStandInAFileAndItsRowsBeLimited(t *testing.T) {
	with, _ := inNeo4j(t)
	const three = "UNWIND [1, 2, 3] AS n\nRETURN n // as many as there are\n"
	require.NoError(t, os.WriteFile("three.cypher", []byte("\ufeff"+three), 0o600))
	want := with.s1graph(t, "query", "--json", "--cypher", three)
	require.Equal(t, outcome{0, "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n", ""}, want)
	assert.Equal(t, want, with.s1graph(t, "query", "--json", "--file", "three.cypher"))
	assert.Equal(t, want, with.s1graph(t, "query", "--json", "--limit", "0", "--file", "three.cypher"))
	assert.Equal(t, outcome{0, "{\"n\":1}\n{\"n\":2}\n", "s1graph: printed: 2 rows, and there may be more: --limit 100 shows them\n"},
		with.s1graph(t, "query", "--json", "--limit", "2", "--file", "three.cypher"))
	with.stdin = three
	assert.Equal(t, want, with.s1graph(t, "query", "--json", "--file", "-"))
}

func TestALimitIsTheParameterOfASavedQuery(t *testing.T) {
	assert.Contains(t, s1graph(t, "query", "silent-agents", "--limit", "7", "--show").stdout, ":param limit => 7;\n")
}

func TestAStatementOfOnesOwnTakesParametersAndGivesAnyValue(t *testing.T) {
	with, scope := inNeo4j(t, entity("sentinelone_device", "1", "LAPTOP", nil))
	got := with.s1graph(t, "query", "--json", "--param", "whole=30", "--param", `list=["a", "b"]`, "--param", "text=a=b", "--param", "quoted=\"30\"", "--param", "yes=true", "--param", "none=null",
		"--cypher", "RETURN $whole AS whole, $list AS list, $text AS text, $quoted AS quoted, $yes AS yes, $none AS none, $scope AS scope")
	assert.Equal(t, outcome{0, `{"whole":30,"list":["a","b"],"text":"a=b","quoted":"30","yes":true,"none":null,"scope":null}` + "\n", ""}, got)

	const everything = "MATCH (d:Device {_scope: $scope}) RETURN d {.name}.name AS name, [d.name, 1.5, null] AS list, {b: 1, a: [true]} AS map, date('2026-11-22') AS date, duration('P1DT2H') AS duration, datetime('2026-11-22T12:00:00+01:00') AS moment, 0.0/0.0 AS nothing, size(labels(d)) AS `a \"label\"`"
	got = with.s1graph(t, "query", "--json", "--scope", scope, "--cypher", everything)
	assert.Equal(t, outcome{0, `{"name":"LAPTOP","list":["LAPTOP",1.5,null],"map":{"a":[true],"b":1},"date":"2026-11-22","duration":"P0M1DT7200S","moment":"2026-11-22T12:00:00+01:00","nothing":"NaN","a \"label\"":2}` + "\n", ""}, got)
	got = with.s1graph(t, "query", "--csv", "--scope", scope, "--cypher", everything)
	assert.Equal(t, outcome{0, "name,list,map,date,duration,moment,nothing,\"a \"\"label\"\"\"\n" + `LAPTOP,"LAPTOP, 1.5, ","{""a"":[true],""b"":1}",2026-11-22,P0M1DT7200S,2026-11-22T12:00:00+01:00,NaN,2` + "\n", ""}, got)

	got = with.s1graph(t, "query", "--json", "--scope", scope, "--cypher", "MATCH (d:Device {_scope: $scope}) RETURN d")
	var row struct {
		D struct {
			Labels     []string
			Properties map[string]any
		}
	}
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &row), got.stdout)
	assert.Equal(t, []string{"Device", "sentinelone_device"}, row.D.Labels)
	assert.Equal(t, "sentinelone_device:1", row.D.Properties["_key"])
}

func TestAnInstanceThatTheDatabaseDoesNotHoldIsNoEmptyAnswer(t *testing.T) {
	with, scope := inNeo4j(t, entity("sentinelone_device", "1", "LAPTOP", nil))
	got := with.s1graph(t, "query", "unprotected-devices", "--scope", scope+"x")
	assert.Equal(t, 2, got.code)
	assert.Empty(t, got.stdout)
	assert.Contains(t, got.stderr, `s1graph: there is no instance "`+scope+`x" in the database; `)
	var all outcome
	for range 5 { // what another test removes meanwhile ends a statement on all instances with an error
		if all = with.s1graph(t, "query", "unprotected-devices", "--scope", "all", "--param", "limit=100000"); all.code == 0 {
			break
		}
	}
	assert.Contains(t, all.stdout, scope, all.stderr)
}

// A graph that was not written to its end must not pass for all there is.
func TestQueryTakesAnInstanceAsItTakesAScope(t *testing.T) {
	who, scope := inNeo4j(t, entity("sentinelone_device", "1", "PC-1", nil))
	got := who.s1graph(t, "query", "--json", "--instance", scope, "--cypher", "MATCH (d:Device {_scope: $scope}) RETURN d.name AS name")
	assert.Equal(t, outcome{0, `{"name":"PC-1"}` + "\n", ""}, got)
	assert.Equal(t, 2, who.s1graph(t, "query", "unprotected-devices", "--instance", "nowhere").code)
}

func TestNamesInAStatementThatTheGraphHasNotAreTold(t *testing.T) {
	who, scope := inNeo4j(t, entity("sentinelone_device", "1", "PC-1", map[string]graph.Value{"osName": graph.String("Windows")}))
	got := who.s1graph(t, "query", "--json", "--scope", scope, "--cypher",
		"MATCH (d:Devise {_scope: $scope}) WHERE d.osNmae = 'x' OR d.osNmae = 'y' OR d.`a\nb` = 1 OPTIONAL MATCH (d)<-[:OWNZ]-(u) RETURN d.name, u.name")
	assert.Equal(t, outcome{0, "", `s1graph: nothing in the database has the label Devise, so nothing matches it; did you mean Device? check the spelling
s1graph: nothing in the database has the property osNmae, so nothing matches it; did you mean osName? check the spelling
s1graph: nothing in the database has the property a\nb, so nothing matches it; check the spelling
s1graph: nothing in the database has the relationship type OWNZ, so nothing matches it; did you mean OWNS? check the spelling
`}, got)
	rare := who.s1graph(t, "query", "--json", "--cypher", "MATCH (d:Device) RETURN d.ecsServiceArn AS x LIMIT 0")
	if rare.stderr != "" { // Neo4j never forgets a property, and another test may have written it
		assert.Equal(t, outcome{0, "", "s1graph: nothing in the database has the property ecsServiceArn, so nothing matches it; it is spelled right, and the tenants in this database have none of it\n"}, rare)
	}
	right := who.s1graph(t, "query", "--json", "--scope", scope, "--cypher", "MATCH (d:Device {_scope: $scope}) RETURN d.name AS name, d.osName AS os")
	assert.Equal(t, outcome{0, `{"name":"PC-1","os":"Windows"}` + "\n", ""}, right)
}

func TestWithoutAPolicyNoncompliantDevicesSaysSoAndWithOneThatThereAreNone(t *testing.T) {
	device := entity("sentinelone_device", "1", "PC-1", nil)
	who, scope := inNeo4j(t, device)
	for _, form := range []string{"--json", "--csv", "--show=false"} {
		got := who.s1graph(t, "query", "noncompliant-devices", "--scope", scope, form)
		assert.Equal(t, 2, got.code)
		assert.NotContains(t, got.stdout, "No rows")
		assert.Equal(t, "s1graph: there is no posture policy, so no device is compliant or not: write what is demanded of devices into the configuration file, such as posture: [{firewallEnabled: true, infected: false}], and run s1graph run --store neo4j\n", got.stderr)
	}
	_, err := neo4j.ExecuteQuery(t.Context(), neo4jtest.Shared(t).Driver(t), "MATCH (d:Device {_scope: $scope}) SET d.compliant = true",
		map[string]any{"scope": scope}, neo4j.EagerResultTransformer)
	require.NoError(t, err)
	assert.Equal(t, outcome{0, "No rows.\n", ""}, who.s1graph(t, "query", "noncompliant-devices", "--scope", scope))
	_, err = config.Load(config.Sources{Local: true, Flags: map[string]string{"instance": "x"}, File: policyExample(t), NormalizeURL: func(url string) (string, error) { return url, nil }})
	assert.NoError(t, err, "what is to be written can be written so")
}

// policyExample is a configuration file with the policy that a message proposes.
func policyExample(t *testing.T) string {
	require.NoError(t, os.WriteFile("proposed.yaml", []byte("posture: [{firewallEnabled: true, infected: false}]\n"), 0o600))
	return "proposed.yaml"
}

func TestAGraphThatIsBeingWrittenIsSaidToBe(t *testing.T) {
	with, scope := inNeo4j(t, entity("sentinelone_device", "1", "LAPTOP", nil))
	driver := neo4jtest.Shared(t).Driver(t)
	_, err := neo4j.ExecuteQuery(t.Context(), driver, "MATCH (s:S1GraphScope {_scope: $scope}) SET s.underWay = '2'", map[string]any{"scope": scope}, neo4j.EagerResultTransformer)
	require.NoError(t, err)
	got := with.s1graph(t, "query", "unprotected-devices", "--scope", scope)
	assert.Zero(t, got.code)
	assert.Contains(t, got.stdout, "LAPTOP")
	assert.Equal(t, "s1graph: the graph of "+scope+" is being written, so that rows may be missing; if nothing is writing it, s1graph run --store neo4j mends it\n", got.stderr)
}

// What --show prints is split as Neo4j Browser and cypher-shell do, and run: the rows are the same.
func TestWhatIsShownCanBePasted(t *testing.T) {
	with, scope := inNeo4j(t, hostile()...)
	driver := neo4jtest.Shared(t).Driver(t)
	for _, args := range [][]string{
		{"query", "unprotected-devices", "--scope", scope},
		{"query", "risky-applications", "--scope", scope},
		{"query", "devices-with-application", "--scope", scope, "--param", "name=it's \"a\" \\ \x1b[31mtest", "--param", "below=1.2"},
	} {
		shown := with.s1graph(t, append(args, "--show")...)
		require.Zero(t, shown.code, shown.stderr)
		assert.True(t, isPlain(invocation{width: 80}.s1graph(t, append(args, "--show")...).stdout))
		arguments := map[string]any{}
		parameter := regexp.MustCompile(`(?m)^:param (\w+) => (.*);\n`)
		for _, match := range parameter.FindAllStringSubmatch(shown.stdout, -1) {
			result, err := neo4j.ExecuteQuery(t.Context(), driver, "RETURN "+match[2], nil, neo4j.EagerResultTransformer)
			require.NoError(t, err)
			arguments[match[1]] = result.Records[0].Values[0]
		}
		result, err := neo4j.ExecuteQuery(t.Context(), driver, parameter.ReplaceAllString(shown.stdout, ""), arguments, neo4j.EagerResultTransformer)
		require.NoError(t, err, shown.stdout)
		rows := with.s1graph(t, append(args, "--json")...)
		assert.Equal(t, strings.Count(rows.stdout, "\n"), len(result.Records))
	}
	shown := s1graph(t, "query", "user-exposure", "--show").stdout
	assert.Contains(t, shown, ":param limit => 100;\n:param scope => null;\n:param user => \"USER\";\n\n// What one user could lose\nMATCH (u:User)\n", "what must be given is there to be replaced")
}

func TestWrongUsageOfQueryEndsWithWhatToDo(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"silent-agnets"}, `there is no saved query "silent-agnets"; did you mean silent-agents? s1graph query lists them`},
		{[]string{"silent-agents", "license-use"}, `query takes one saved query, not "license-use" too; s1graph query lists them`},
		{[]string{"silent-agents", "--cypher", "RETURN 1"}, `query takes a saved query, --cypher or --file, and no two of them`},
		{[]string{"--cypher", "RETURN 1", "--file", "some.cypher"}, `query takes a saved query, --cypher or --file, and no two of them`},
		{[]string{"--file", "nowhere.cypher"}, `--file: open nowhere.cypher: no such file or directory`},
		{[]string{"--file", "-"}, `--file: there is no statement in -`},
		{[]string{"silent-agents", "--limit", "3", "--param", "limit=2"}, `--limit and --param limit are the same: give one of them`},
		{[]string{"silent-agents", "--limit", "-1"}, `--limit must be 0 or greater`},
		{[]string{"silent-agents", "--json", "--csv"}, `--json and --csv contradict each other: give one of them`},
		{[]string{"--json"}, `--json needs a saved query, such as: s1graph query silent-agents --json …; s1graph query lists them`},
		{[]string{"silent-agents", "--param", "days"}, `--param must be NAME=VALUE, such as days=30`},
		{[]string{"silent-agents", "--param", "days=1", "--param", "days=2"}, `--param days is given twice`},
		{[]string{"silent-agents", "--param", "scope=a", "--scope", "b"}, `--scope and --param scope are the same: give one of them`},
		{[]string{"silent-agents", "--param", "days=many", "--param", "dyas=1"}, `--param days: must be a whole number such as 14, not "many"; --param dyas: silent-agents has no such parameter; it has days, now, scope, limit`},
		{[]string{"user-exposure"}, `--param user: must be given: Principal name, mail address, login name, name or key of the person.`},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			assert.Equal(t, outcome{2, "", "s1graph: " + test.want + "\n"}, s1graph(t, append([]string{"query"}, test.args...)...))
		})
	}
}
