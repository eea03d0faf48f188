package reconcile_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/relationships"
	"s1graph/s1"
)

// vulnerability is one that a device has.
func vulnerability(id, device string, edits ...func(*s1.Risk)) []graph.Record {
	row := &s1.Risk{CVEID: id, Severity: "HIGH"}
	for _, edit := range edits {
		edit(row)
	}
	return []graph.Record{entities.Vulnerability.Entity(row), relationships.DeviceHasVulnerability.Between(device, entities.VulnerabilityKey(row), row)}
}

func has(device, id string) string {
	return graph.RelationshipKey(device, "HAS", entities.VulnerabilityKey(&s1.Risk{CVEID: id}))
}

// Device 1 is where the list is read, device 2 where it is not.
func TestOfADeviceOfWhichAStepDoesNotTellAllIsKeptAndOfTheOthersNothing(t *testing.T) {
	one, two := deviceOf("1"), deviceOf("2")
	both := slices.Concat(agent("1"), agent("2"))
	last := slices.Concat(both, vulnerability("CVE-2025-0001", one), vulnerability("CVE-2025-0002", one), vulnerability("CVE-2025-0002", two),
		vulnerability("CVE-2025-0003", two))
	o := run{last: last, fresh: both, unread: []string{two}, guard: off}.do(t)
	assert.Equal(t, []string{entities.VulnerabilityKey(&s1.Risk{CVEID: "CVE-2025-0002"}), entities.VulnerabilityKey(&s1.Risk{CVEID: "CVE-2025-0003"})},
		o.keys(t, vulnerabilities))
	assert.Equal(t, []string{has(two, "CVE-2025-0002"), has(two, "CVE-2025-0003")}, o.keys(t, deviceHasVulnerability))
	assert.EqualValues(t, 2, o.Types[vulnerabilities].OutOfScope)
}

func TestAVulnerabilityOfReadAndUnreadDevicesIsWhatBothSay(t *testing.T) {
	one, two := deviceOf("1"), deviceOf("2")
	both := slices.Concat(agent("1"), agent("2"))
	critical := func(row *s1.Risk) { row.Severity = "CRITICAL" }
	last := slices.Concat(both, vulnerability("CVE-2025-0001", two, critical))
	o := run{last: last, fresh: slices.Concat(both, vulnerability("CVE-2025-0001", one)), unread: []string{two}, guard: off}.do(t)
	v := o.get(t, vulnerabilities, entities.VulnerabilityKey(&s1.Risk{CVEID: "CVE-2025-0001"}))
	assert.Equal(t, "critical", v.Get("severity").Text())
	assert.Len(t, o.keys(t, deviceHasVulnerability), 2)
	assert.Zero(t, o.Types[vulnerabilities].OutOfScope, "it was read")
}

func TestWhatIsKeptOfADeviceFollowsItsName(t *testing.T) {
	now := agent("2", renamed("pc-new"))
	last := slices.Concat(agent("2"), vulnerability("CVE-2025-0001", deviceOf("2")))
	o := run{last: last, fresh: now, unread: []string{deviceOf("2"), keyOf(now, devices)}, guard: off}.do(t)
	assert.Equal(t, []string{has(keyOf(now, devices), "CVE-2025-0001")}, o.keys(t, deviceHasVulnerability))
}
