package cli_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1/s1test"
)

func TestABusyDayIsListedWithWhatChanged(t *testing.T) {
	server, with := console(t, small)
	require.Zero(t, with.s1graph(t, "run").code)
	server.SetDay(1)
	dry := with.s1graph(t, "run", "--dry-run")
	require.Zero(t, dry.code, dry.stderr)
	assert.Contains(t, dry.stdout, "Dry run: nothing was written.")

	got := with.s1graph(t, "run")
	require.Zero(t, got.code, got.stderr)
	assert.Regexp(t, `(?m)^agent\n(  ~ \S+  infected: false -> true.*\n){2}(  ~ \S+  networkStatus: connected -> disconnected.*\n){2}(  ~ \S+  mitigationMode: protect -> detect.*\n){2}`, got.stdout)
	assert.Regexp(t, `(?m)^device\n(  ~ \S+  malwareProtected: true -> false.*\n){4}`, got.stdout)
	assert.Regexp(t, `(?s)\nagent\n.*\nthreat\n.*\ndevice\n.*\nuser\n.*\nsite\n`, got.stdout, "the type of the weightiest change comes first")
	verbose := with.s1graph(t, "run", "--dry-run", "--verbose").stdout
	assert.Regexp(t, `(?m)^STEP +STATE +SECONDS +REQUESTS +ENTITIES +RELATIONSHIPS$`, verbose)
	assert.Regexp(t, `(?m)^agents +ok +\d+\.\d +\d+ +\d+ +\d+$`, verbose)
	all := with.s1graph(t, "changes", "--type", "agent").stdout // of each change a run prints a line
	for _, id := range server.Plan(1).IDs(s1test.AgentNew) {
		assert.Regexp(t, `(?m)^  \+ \S+  sentinelone_agent:`+id+`$`, all)
	}
	for _, id := range server.Plan(1).IDs(s1test.AgentGone) {
		assert.Regexp(t, `(?m)^  - \S+  sentinelone_agent:`+id+`$`, all)
	}
	for _, id := range server.Plan(1).IDs(s1test.AgentUpgraded) {
		assert.Regexp(t, `(?m)^  ~ \S+  sentinelone_agent:`+id+`\n(      .*\n)*      agentVersion: \S+ -> \S+$`, all)
	}
	assert.Regexp(t, `(?m)^TYPE +CREATED +UPDATED +DELETED +RENAMED$`, got.stdout)
	assert.NotContains(t, got.stdout, "BASELINE")
	assert.Equal(t, changesOf(dry.stdout), changesOf(got.stdout), "a dry run says what the run does")
	assert.Contains(t, with.s1graph(t, "run").stdout, "Nothing changed.\n")
}

var howToSeeAll = regexp.MustCompile(`(?m)^s1graph changes .* lists all changes\.\n\n`)

// changesOf is what stands before the closing line.
func changesOf(stdout string) string {
	lines := strings.Split(strings.TrimSpace(howToSeeAll.ReplaceAllString(stdout, "")), "\n")
	return strings.Join(lines[:len(lines)-1], "\n")
}

func TestMoreChangesThanAPersonReadsAreCountedAndWeighLessThanThoseListed(t *testing.T) {
	tenant := small
	tenant.Agents, tenant.Changes, tenant.ApplicationsPerAgent = 300, 8, 0
	server, with := console(t, tenant)
	require.Zero(t, with.s1graph(t, "run").code)
	server.SetDay(1)
	got := with.s1graph(t, "run")
	require.Zero(t, got.code, got.stdout)
	// Ten of a type are listed: the eight that were infected, and two of the eight that were isolated.
	assert.Regexp(t, `(?m)^agent\n(  ~ \S+  infected: false -> true.*\n){8}(  ~ \S+  networkStatus: connected -> disconnected.*\n){2}  … and 8 more created\n  … and \d+ more updated\n  … and 8 more deleted\n`, got.stdout)
	assert.Contains(t, got.stdout, "s1graph changes --instance test lists all changes.\n")
}

func TestAMoveBetweenSitesIsToldByTheirNames(t *testing.T) {
	tenant := small
	tenant.Sites, tenant.Groups, tenant.Changes = 6, 12, 1
	server, with := console(t, tenant)
	require.Zero(t, with.s1graph(t, "run").code)
	server.SetDay(1)
	require.NotEmpty(t, server.Plan(1).IDs(s1test.AgentMovedSite))
	require.Zero(t, with.s1graph(t, "run").code)
	all := with.s1graph(t, "changes", "--type", "agent").stdout
	for _, id := range server.Plan(1).IDs(s1test.AgentMovedSite) {
		moved := regexp.MustCompile(`(?m)^  ~ \S+  sentinelone_agent:` + id + `\n((?:      .*\n)*)`).FindStringSubmatch(all)
		require.NotNil(t, moved, all)
		assert.Regexp(t, `^      site: [A-Z].* -> [A-Z].*\n      group: [A-Z].* -> [A-Z].*\n`, moved[1])
	}
	assert.NotContains(t, all, "groupId")
}
