package s1test

import (
	"strconv"
	"time"
)

// A topic keeps the dice of different questions about one number apart.
type topic uint64

const (
	aboutMachine topic = iota + 1
	aboutState
	aboutDay
	aboutNetwork
	aboutScan
	aboutLogin
	aboutRoaming
	aboutSerial
	aboutUUID
	aboutTags
	aboutCloud
	aboutThreat
	aboutThreatAgent
	aboutHash
	aboutIncident
	aboutCatalog
	aboutWindow
	aboutRisk
	aboutInstallation
	aboutPlan
	aboutCounts
	aboutCVE
)

// dice is a number that looks random and is always the same for the same tenant, topic, number and
// day.
func (t *Tenant) dice(about topic, n, day int) uint64 {
	return mix(mix(mix(t.Seed+uint64(about)*0x9e3779b97f4a7c15)+uint64(n)) + uint64(day))
}

// mix is the finalizer of SplitMix64, a bijection on 64 bits.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// An idKind gives the first digits of an ID, in units of 10^15.
type idKind uint64

const (
	locationIDs idKind = 710
	filterIDs   idKind = 820
	userIDs     idKind = 1300
	tagIDs      idKind = 1400
)

const (
	idUnit   = 1_000_000_000_000_000
	idSpread = 104_729 // between two neighbours, so that IDs do not read as counted
	longID   = 9_999_999_999_999_999_991
	maxSlots = 1 << 12 // installations that one agent can ever have
)

// id is the ID of a thing, of 18 or 19 digits. The number of an installation is its agent's number
// times maxSlots plus its slot.
func (t *Tenant) id(kind idKind, n int) uint64 {
	if t.Awkward && kind == agentIDs && n == LongIDAgent {
		return longID
	}
	return idBase(kind, t.Seed) + uint64(n)*idStep(kind)
}

// number is the inverse of id.
func (t *Tenant) number(kind idKind, id string) (int, bool) {
	v, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return 0, false
	}
	if t.Awkward && kind == agentIDs && v == longID {
		return LongIDAgent, true
	}
	base, step := idBase(kind, t.Seed), idStep(kind)
	if v < base || v-base >= idUnit/1000 || (v-base)%step != 0 {
		return 0, false
	}
	n := int((v - base) / step)
	return n, t.id(kind, n) == v
}

func idBase(kind idKind, seed uint64) uint64 {
	return uint64(kind)*idUnit + seed%1000*(idUnit/1000)
}

func idStep(kind idKind) uint64 {
	if kind == installationIDs || kind == riskIDs {
		return 1
	}
	return idSpread
}

func (t *Tenant) idString(kind idKind, n int) string {
	return strconv.FormatUint(t.id(kind, n), 10)
}

// appendUUID writes the UUID of an agent: 24 hex digits of dice and 8 of its number.
func (t *Tenant) appendUUID(b []byte, agent int) []byte {
	b = appendHex(b, t.dice(aboutUUID, agent, 0), 16)
	b = appendHex(b, t.dice(aboutUUID, agent, 1), 8)
	return appendHex(b, uint64(agent), 8)
}

func (t *Tenant) uuid(agent int) string { return string(t.appendUUID(nil, agent)) }

// uuidNumber is the inverse of uuid.
func (t *Tenant) uuidNumber(uuid string) (int, bool) {
	if len(uuid) != 32 {
		return 0, false
	}
	n, err := strconv.ParseUint(uuid[24:], 16, 32)
	return int(n), err == nil && t.uuid(int(n)) == uuid
}

func appendHex(b []byte, v uint64, digits int) []byte {
	const hex = "0123456789abcdef"
	for i := digits - 1; i >= 0; i-- {
		b = append(b, hex[v>>(4*i)&15])
	}
	return b
}

// A moment is a time in microseconds since 1970-01-01 UTC.
type moment int64

const (
	second moment = 1_000_000
	minute        = 60 * second
	hour          = 60 * minute
	day           = 24 * hour
)

// dayZero is when the tenant is looked at on day 0.
var dayZero = moment(time.Date(2026, 11, 20, 5, 0, 0, 0, time.UTC).UnixMicro())

// dates are the days from 2010 on as they stand in a time, since formatting one is most of the cost
// of an application's row.
var dates = func() []string {
	var all []string
	for at := firstDate; at.Year() < 2040; at = at.AddDate(0, 0, 1) {
		all = append(all, at.Format(`2006-01-02T`))
	}
	return all
}()

var firstDate = time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC)

// append writes the moment in quotes: with six digits of fraction or, at a full second, with none.
func (m moment) append(b []byte) []byte {
	m -= moment(firstDate.UnixMicro())
	date, clock := m/day, m%day
	b = append(b, '"')
	b = append(b, dates[date]...)
	b = append2(b, clock/hour)
	b = append(b, ':')
	b = append2(b, clock/minute%60)
	b = append(b, ':')
	b = append2(b, clock/second%60)
	if fraction := clock % second; fraction != 0 {
		b = append(b, '.')
		b = append2(b, fraction/10_000)
		b = append2(b, fraction/100%100)
		b = append2(b, fraction%100)
	}
	return append(b, 'Z', '"')
}

func append2(b []byte, v moment) []byte { return append(b, byte('0'+v/10), byte('0'+v%10)) }

// ago is a moment before at, by at least least and at most most, as the dice say.
func ago(at moment, dice uint64, least, most moment) moment {
	return at - least - moment(dice%uint64(most-least))
}

// whole cuts a moment to full seconds.
func (m moment) whole() moment { return m - m%second }
