package s1test_test

import (
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1/s1test"
)

func TestTheStoryIsThatOfAnInfectionContainedALaptopGoneAnUpgradeADetectModeAndANewSite(t *testing.T) {
	s := s1test.New(s1test.Acme())
	plan, agent := s.Plan(1), func(n int) []string { return []string{s.AgentID(n)} }
	before := snapshot(t, s, "/agents")
	s.SetDay(1)
	after := snapshot(t, s, "/agents")
	patient := s.AgentID(s1test.StoryInfected)
	assert.Equal(t, agent(s1test.StoryInfected), plan.IDs(s1test.AgentInfected))
	assert.Equal(t, agent(s1test.StoryInfected), plan.IDs(s1test.AgentIsolated))
	assert.Equal(t, agent(s1test.StoryDetecting), plan.IDs(s1test.AgentDetecting))
	assert.Equal(t, agent(s1test.StoryLeft), plan.IDs(s1test.AgentGone))
	assert.Len(t, plan.IDs(s1test.AgentNew), 3)
	assert.Greater(t, len(plan.IDs(s1test.AgentUpgraded)), 10)
	for _, id := range plan.IDs(s1test.AgentUpgraded) {
		assert.Equal(t, []any{"23.4.6.347", "24.1.4.257", true}, []any{before[id]["agentVersion"], after[id]["agentVersion"], after[id]["isUpToDate"]})
	}

	threats := snapshot(t, s, "/threats")
	require.Len(t, plan.IDs(s1test.ThreatOpened), 1)
	opened := threats[plan.IDs(s1test.ThreatOpened)[0]]
	assert.Equal(t, patient, opened.at("agentRealtimeInfo", "agentId"))
	assert.Equal(t, []any{"Ransomware", "malicious", "in_progress", "not_mitigated"}, []any{
		opened.at("threatInfo", "classification"), opened.at("threatInfo", "confidenceLevel"),
		opened.at("threatInfo", "incidentStatus"), opened.at("threatInfo", "mitigationStatus"),
	})

	sites := snapshot(t, s, "/sites")
	require.Len(t, plan.IDs(s1test.SiteNew), 1)
	assert.Equal(t, "Tokyo Sales Office", sites[plan.IDs(s1test.SiteNew)[0]].text("name"))
	for _, id := range plan.IDs(s1test.AgentNew) {
		assert.Equal(t, plan.IDs(s1test.SiteNew)[0], after[id].text("siteId"))
	}

	mail := before[s.AgentID(s1test.StoryLeft)].at("activeDirectory", "mail")
	require.NotEmpty(t, mail)
	for _, a := range after {
		assert.NotEqual(t, mail, a.at("activeDirectory", "mail"), "nobody else uses the name of who left")
	}
	for _, day := range []int{2, 3, 5} {
		assert.Empty(t, s.Plan(day), "the story is over")
	}
}

func TestInfectedMachinesOfTheStoryAreThoseWithThreatsThatAreNotMitigated(t *testing.T) {
	for day := range 2 {
		s := s1test.New(s1test.Acme())
		s.SetDay(day)
		agents, active := snapshot(t, s, "/agents"), map[string]float64{}
		for _, threat := range snapshot(t, s, "/threats") {
			id := threat.at("agentRealtimeInfo", "agentId").(string)
			assert.Contains(t, agents, id, "no threat is of a machine that is gone")
			if threat.at("threatInfo", "mitigationStatus") == "not_mitigated" {
				active[id]++
			}
		}
		assert.Len(t, active, 3+day)
		for id, a := range agents {
			assert.Equal(t, active[id] > 0, a["infected"], a["computerName"])
			assert.EqualValues(t, active[id], a["activeThreats"], a["computerName"])
			if active[id] > 0 {
				assert.NotNil(t, a.at("activeDirectory", "mail"), "the first saved query has no blank cells")
				assert.Equal(t, true, a["isActive"])
			}
		}
	}
}

// believable are the letters of the company's names, paths and publishers; <> enclose a mail address, % is of no name.
var believable = regexp.MustCompile(`^([\pL\pN _.,:@()\[\]/\\+&=#'*-]|<[^<>@ ]+@[^<>@ ]+>)*$`)

func TestNoNameOfTheRecordedCompanyAttacks(t *testing.T) {
	attack := regexp.MustCompile(`(?i)<script|\.\./|javascript:|detach delete|\$\{|\{\{|^[=+@-]|\\u00[01]`)
	for _, folder := range []string{"acme", "acme-next-day", "hostile"} {
		files, err := filepath.Glob("../../testdata/recordings/" + folder + "/rows/*.jsonl")
		require.NoError(t, err)
		require.NotEmpty(t, files)
		seen, attacks := map[string]bool{}, 0
		for _, file := range files {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			for i, text := range strings.Split(string(content), `"`) {
				if i%2 == 0 || seen[text] { // what stands between two texts
					continue
				}
				seen[text] = true
				text = html.UnescapeString(text) // vendors of vulnerable applications come with the escapes of HTML
				if attack.MatchString(text) || !believable.MatchString(text) {
					attacks++
					assert.Equal(t, "hostile", folder, "%s: %s", file, text)
				}
			}
		}
		assert.Equal(t, folder == "hostile", attacks > 20, "%s has %d names that attack", folder, attacks)
	}
}
