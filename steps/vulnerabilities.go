package steps

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sourcegraph/conc/pool"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/model"
	"s1graph/plural"
	"s1graph/relationships"
	"s1graph/s1"
)

var riskList = List{Path: s1.Risks.Path, Scope: byGroup, OfOne: true, Optional: true, Permission: "View Risks (Applications page)"}

var vulnerabilities = Step{
	ID:        "vulnerabilities",
	Name:      "Vulnerabilities",
	DependsOn: []string{"agents", "applications"},
	Every:     24 * time.Hour,

	GoesWithout: "applications",

	Lists: []List{riskList},
	Types: []*model.Description{
		entities.Vulnerability.Description(),
		relationships.DeviceHasVulnerability.Description(),
		relationships.ApplicationHasVulnerability.Description(),
	},
	NotAsked: severityNotAsked,
	Run: func(ctx context.Context, in *Input, out *Emitter) error {
		if err := in.completeApplications(ctx); err != nil {
			return err
		}
		f := &riskFolder{in: in, out: out, described: make(map[variant]described), related: make(map[[3]string]bool), devices: make(map[string]*graph.Record)}
		err := collectRisks(ctx, in, out, f)
		if n := out.distinct(risksWithoutCVE); n > 0 {
			out.note(fmt.Sprintf("Vulnerabilities: %s without a CVE left out.", plural.Of(n, "row")))
		}
		return errors.Join(err, f.flush()) // the rest of what was read, where not all was
	},
}

// severityNotAsked finds what is of a severity that the configuration does not ask for. Relationships of earlier versions do not
// say of which one they are.
func severityNotAsked(in *Input) func(*graph.Record) bool {
	if len(in.Severities) == 0 {
		return nil
	}
	return func(r *graph.Record) bool {
		severity := r.Get("severity").Text()
		isUnknown := severity == "" && r.Type.Relationship
		return !isUnknown && !slices.Contains(in.Severities, cmp.Or(severity, "none"))
	}
}

// collectRisks reads the list, one account, site or group in a question. Licenses and permissions are of accounts: one that does
// not have the list says nothing of the others.
func collectRisks(ctx context.Context, in *Input, out *Emitter, f *riskFolder) error {
	const atOnce = 4 // the limit of the rate is the list's, however many ask
	questions := in.questionsOfOne()
	answers := make([]error, len(questions))
	chains := pool.New().WithMaxGoroutines(atOnce)
	for i, question := range questions {
		chains.Go(func() {
			l := f.list(question)
			if answers[i] = l.collect(ctx, in, out); answers[i] == nil && l.distinct(out) == 0 {
				answers[i] = in.emptyOrUnavailable(ctx, question)
			}
		})
	}
	chains.Wait()
	before := in.Risks.Unavailable
	in.Risks = Answers{}
	var unavailable, fault error // the first of each
	var news []string
	for i, question := range questions {
		name, err := question.Encode(), answers[i]
		if _, isUnavailable := errors.AsType[*unavailableError](err); !isUnavailable {
			in.Risks.Asked, fault = append(in.Risks.Asked, name), cmp.Or(fault, err)
			continue
		}
		in.Risks.Unavailable, unavailable = append(in.Risks.Unavailable, name), cmp.Or(unavailable, err)
		if !slices.Contains(before, name) {
			news = append(news, fmt.Sprintf("%s: %v", in.titleOf(question), err))
		}
	}
	if len(in.Risks.Asked) == 0 {
		return unavailable
	}
	if len(news) > 0 {
		out.note(unavailableNote(news))
	}
	return fault
}

// emptyOrUnavailable decides on an answer without a row, which consoles without the license show too: whoever has the module
// has risky applications, unless there is no vulnerability at all. Where there is no device, there is nothing to tell.
func (in *Input) emptyOrUnavailable(ctx context.Context, question url.Values) error {
	if len(in.devicesIn(question)) == 0 {
		return nil
	}
	n, err := countOrAny(ctx, in, s1.RiskyApplications, question)
	switch {
	case err != nil && CannotBeHad(err):
		return &unavailableError{fmt.Errorf("%s is empty, and whether that is for want of a license cannot be told: %w", s1.Risks.Path, err)}
	case err != nil || n > 0:
		return err
	}
	return &unavailableError{fmt.Errorf("%s is empty, and %s is empty or refused", s1.Risks.Path, s1.RiskyApplications.Path)}
}

// questionsOfOne are filters for one account, site or group each, that together ask for all that this run sees.
func (in *Input) questionsOfOne() []url.Values {
	if queries := in.Scope.queriesOfOne(riskList.Scope); len(queries[0]) > 0 {
		return queries
	}
	in.lookups.mu.RLock()
	defer in.lookups.mu.RUnlock()
	parameter, ids := byGroup.Account, slices.Sorted(maps.Values(in.lookups.accountOfSite))
	switch {
	case in.Scope.ofGroups:
		parameter, ids = byGroup.Group, in.Scope.Groups
	case in.AccountsOfSites || in.User.IsOfSites() || in.accountsRefused && !in.User.TellsScope():
		parameter, ids = byGroup.Site, slices.Sorted(maps.Keys(in.lookups.accountOfSite))
	case len(in.lookups.listedAccounts) > 0:
		ids = slices.Sorted(maps.Keys(in.lookups.listedAccounts))
	}
	var queries []url.Values
	for _, id := range slices.Compact(ids) {
		if id != "" {
			queries = append(queries, url.Values{parameter: {id}})
		}
	}
	if len(queries) == 0 {
		return []url.Values{{}}
	}
	return queries
}

// riskFolder puts rows together before they are sorted, as there are many times more of them than there are vulnerabilities
// and edges. It is safe for concurrent use.
type riskFolder struct {
	in  *Input
	out *Emitter

	mu        sync.Mutex
	described map[variant]described    // what a row said last of a vulnerability
	related   map[[3]string]bool       // keys of applications and vulnerabilities, and severities
	devices   map[string]*graph.Record // edges of devices, by key
}

// variant is a vulnerability as rows differ in it from device to device.
type variant struct {
	key, severity string
	open          bool
}

// described is what a row says of its vulnerability besides.
type described struct {
	score, baseScore, riskScore, nvdVersion, version, maturity, remediation string
	published                                                               s1.Time
}

// mostFolded is how many edges of devices are held: those of a device are near each other in the list. What is put together
// too late for that is put together by the sorter.
const mostFolded = 1 << 15

// risksWithoutCVE is the name under which rows without a CVE are counted.
const risksWithoutCVE = "/application-management/risks without a CVE"

// riskID tells rows apart. One without an ID is told by what it says; "" where it says nothing.
func riskID(row *s1.Risk) string {
	if row.ID != "" || row.EndpointID == "" && row.CVEID == "" {
		return row.ID
	}
	return strings.Join([]string{row.EndpointID, row.CVEID, row.OSType, row.ApplicationName, row.ApplicationVendor, row.ApplicationVersion}, "\x00")
}

func (f *riskFolder) list(question url.Values) *list[s1.Risk] {
	filters := maps.Clone(question)
	if len(f.in.Severities) > 0 {
		filters.Set("severities", strings.ToUpper(strings.Join(f.in.Severities, ",")))
	}
	return &list[s1.Risk]{
		List:     List{Path: riskList.Path, Optional: true, Permission: riskList.Permission}, // filters has the scope
		endpoint: s1.Risks,
		name:     "?" + filters.Encode(),
		filters:  filters,
		id:       riskID,
		fold:     f.add,
	}
}

// add takes a row. One of an agent that is gone, decommissioned or out of scope makes nothing, and neither does one without a
// CVE.
func (f *riskFolder) add(row *s1.Risk) error {
	device, vulnerability := f.in.lookups.protectedDevice(row.EndpointID), entities.VulnerabilityKey(row)
	if strings.TrimSpace(row.CVEID) == "" {
		f.out.sorter.Count(f.out.list(risksWithoutCVE), riskID(row))
		return nil
	}
	if device == "" {
		return nil
	}
	application := f.in.lookups.application(entities.RiskyApplication(row))
	facts := described{row.NVDBaseScore, row.BaseScore, row.RiskScore, row.NVDCVSSVersion, row.CVSSVersion, row.ExploitCodeMaturity, row.RemediationLevel, row.PublishedDate}

	f.mu.Lock()
	defer f.mu.Unlock()
	if which := (variant{vulnerability, row.Severity, entities.IsOpen(row)}); f.described[which] != facts {
		f.described[which] = facts
		if err := f.emit(entities.Vulnerability.Entity(row)); err != nil {
			return err
		}
	}
	if which := [3]string{application, vulnerability, row.Severity}; application != "" && !f.related[which] {
		f.related[which] = true
		if err := f.emit(relationships.ApplicationHasVulnerability.Between(application, vulnerability, row)); err != nil {
			return err
		}
	}
	edge := relationships.DeviceHasVulnerability.Between(device, vulnerability, row)
	if known := f.devices[edge.Key]; known != nil {
		known.Combine(&edge)
		return nil
	}
	f.devices[edge.Key] = &edge
	if len(f.devices) < mostFolded {
		return nil
	}
	return f.release()
}

func (f *riskFolder) flush() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.release()
}

func (f *riskFolder) release() error {
	for _, edge := range f.devices {
		if err := f.emit(*edge); err != nil {
			return err
		}
	}
	clear(f.devices)
	return nil
}

// emit hands on a record that stands for many rows: without an ID, no row supersedes it.
func (f *riskFolder) emit(record graph.Record) error { return f.out.Row(riskList.Path, "", 0, record) }
