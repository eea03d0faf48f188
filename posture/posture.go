// Package posture evaluates devices by what the configuration demands of them, as access products do: whether
// a machine may be let in. Where the verdicts are kept and who is told of them is left to others.
package posture

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"s1graph/config"
	"s1graph/entities"
	"s1graph/graph"
	"s1graph/model"
	"s1graph/relationships"
)

// Verdict is what was found of one device.
type Verdict struct {
	Device      string   `json:"device"` // key
	DisplayName string   `json:"displayName"`
	Compliant   bool     `json:"compliant"`
	Reasons     []string `json:"nonCompliantReasons"` // why it is not compliant, sorted; empty where it is
}

// Evaluate yields the verdicts on the devices of a graph, in ascending order of their keys. After an error nothing more
// is yielded. In memory it holds about 200 bytes a device.
//
// A device is evaluated by the agent that protects it, and by the policies of that agent's group: it must meet them all.
// Of several agents it is the one that describes the device too, with the greatest lastActiveDate, among equals with
// the greatest id: what an agent reports that has been silent since another came says nothing of the machine any
// more. Devices that no agent protects, or for whose group there is no policy, have no verdict.
//
// now is when the agents were last read: by a later time those would seem silent that could not be read since. The reasons
// depend on it only as to whether an interval is over, so that a posture that did not change is word for word the same. types
// are those that g was written with, by name.
func Evaluate(ctx context.Context, policies []config.PosturePolicy, g graph.Snapshot, types map[string]*graph.Type, now time.Time) iter.Seq2[Verdict, error] {
	return func(yield func(Verdict, error) bool) {
		if len(policies) == 0 {
			return
		}
		e := &evaluation{ctx: ctx, policies: policies, graph: g, types: types, now: now, devices: map[string]standing{}}
		err := e.readAgents()
		if err == nil {
			err = e.tell(func(v Verdict) bool { return yield(v, nil) })
		}
		if err != nil {
			yield(Verdict{}, err)
		}
	}
}

var (
	agentType    = entities.Agent.GraphType().Name
	deviceType   = entities.Device.GraphType().Name
	protectsType = relationships.AgentProtectsDevice.GraphType().Name
)

type evaluation struct {
	ctx      context.Context
	policies []config.PosturePolicy
	graph    graph.Snapshot
	types    map[string]*graph.Type
	now      time.Time
	devices  map[string]standing // by key
}

// standing is what the agent that counts so far says of a device.
type standing struct {
	rank    model.Rank // of the agent
	applies bool       // whether there is a policy
	reasons []string
}

// batch is how many records are asked for at once.
const batch = 512

func (e *evaluation) readAgents() error {
	for keys, err := range graph.Chunks(graph.Keys(e.ctx, e.graph, protectsType), batch) {
		if err != nil {
			return err
		}
		if err := e.readSome(keys); err != nil {
			return err
		}
	}
	return nil
}

// readSome reads the agents at which relationships with devices begin.
func (e *evaluation) readSome(relationships []string) error {
	devices := endsOf(relationships)
	for encoded, err := range e.graph.Fetch(e.ctx, agentType, slices.Sorted(maps.Keys(devices))) {
		if err != nil {
			return err
		}
		agent, err := graph.Decode(encoded.JSON, e.types)
		if err != nil {
			return fmt.Errorf("%s: %w", encoded.Key, err)
		}
		for _, device := range devices[agent.Key] {
			e.take(device, &agent)
		}
	}
	return nil
}

// take evaluates a device by an agent, if no later one has been seen.
func (e *evaluation) take(device string, agent *graph.Record) {
	d := standing{rank: rankOf(agent)}
	if other, seen := e.devices[device]; seen && d.rank.Compare(other.rank) < 0 {
		return
	}
	for _, p := range e.policies {
		if len(p.Groups) == 0 || slices.Contains(p.Groups, agent.Get("groupId").Text()) {
			d.applies = true
			d.reasons = append(d.reasons, e.faults(&p, agent)...)
		}
	}
	slices.Sort(d.reasons)
	d.reasons = slices.Compact(d.reasons)
	e.devices[strings.Clone(device)] = d
}

// tell yields the verdicts with the names of the devices.
func (e *evaluation) tell(yield func(Verdict) bool) error {
	maps.DeleteFunc(e.devices, func(_ string, d standing) bool { return !d.applies })
	for keys := range slices.Chunk(slices.Sorted(maps.Keys(e.devices)), batch) {
		for encoded, err := range e.graph.Fetch(e.ctx, deviceType, keys) {
			if err != nil {
				return err
			}
			device, err := graph.Decode(encoded.JSON, e.types)
			if err != nil {
				return fmt.Errorf("%s: %w", encoded.Key, err)
			}
			reasons := e.devices[device.Key].reasons
			v := Verdict{Device: device.Key, DisplayName: device.Get("displayName").Text(), Compliant: len(reasons) == 0, Reasons: reasons}
			if !yield(v) {
				return nil
			}
		}
	}
	return nil
}

// faults are the demands of a policy that an agent does not meet. What the agent does not say does not meet a demand:
// a machine is let in because of what is known of it, not because nothing is.
func (e *evaluation) faults(p *config.PosturePolicy, agent *graph.Record) []string {
	var faults []string
	demand := func(attribute, must string, v graph.Value, met bool) {
		switch {
		case v.IsAbsent():
			faults = append(faults, fmt.Sprintf("%s is not known, and %s", attribute, must))
		case !met:
			faults = append(faults, fmt.Sprintf("%s is %v, and %s", attribute, v.Any(), must))
		}
	}
	for _, d := range []struct {
		property string
		want     *bool
	}{
		{"encryptedApplications", p.EncryptedApplications},
		{"firewallEnabled", p.FirewallEnabled},
		{"infected", p.Infected},
		{"isActive", p.IsActive},
		{"isUpToDate", p.IsUpToDate},
	} {
		if v := agent.Get(d.property); d.want != nil {
			demand(d.property, "must be "+strconv.FormatBool(*d.want), v, v.Equal(graph.Bool(*d.want)))
		}
	}
	for _, d := range []struct {
		property string
		allowed  []string
	}{
		{"networkStatus", p.NetworkStatus},
		{"operationalState", p.OperationalState},
	} {
		if v := agent.Get(d.property); len(d.allowed) > 0 {
			isAllowed := slices.ContainsFunc(d.allowed, func(word string) bool { return strings.EqualFold(word, v.Text()) })
			demand(d.property, "must be "+strings.Join(d.allowed, " or "), v, isAllowed)
		}
	}
	if v := agent.Get("activeThreats"); p.ActiveThreats != nil {
		demand("activeThreats", fmt.Sprintf("may be %d at most", *p.ActiveThreats), v, v.Int64() <= int64(*p.ActiveThreats))
	}
	if most := p.LastSyncedInterval; most > 0 {
		hours := strconv.FormatFloat(most.Hours(), 'f', -1, 64)
		v := agent.Get("lastActiveDate")
		switch {
		case v.IsAbsent():
			faults = append(faults, "lastSyncedInterval is not known, and may be "+hours+" hours at most")
		case e.now.Sub(time.UnixMilli(v.Int64())) > most:
			// How long it is grows from run to run, and a posture that does not change must not seem to.
			faults = append(faults, "lastSyncedInterval is over "+hours+" hours")
		}
	}
	return faults
}

// Split says apart what a reason says of the device, such as firewallEnabled is false, and what is demanded, such as
// firewallEnabled must be true. The latter is the same for all devices, so that it can be counted.
func Split(reason string) (is, demand string) {
	if hours, isOver := strings.CutPrefix(reason, "lastSyncedInterval is over "); isOver {
		hours = strings.TrimSuffix(hours, " hours") + " h"
		return "last seen more than " + hours + " ago", "must have been seen within " + hours
	}
	if hours, isUnknown := strings.CutPrefix(reason, "lastSyncedInterval is not known, and may be "); isUnknown {
		return "last seen is not known", "must have been seen within " + strings.TrimSuffix(hours, " hours at most") + " h"
	}
	attribute, _, _ := strings.Cut(reason, " is ")
	if i := strings.LastIndex(reason, ", and "); i > len(attribute) {
		return reason[:i], attribute + " " + reason[i+len(", and "):]
	}
	return reason, reason
}
