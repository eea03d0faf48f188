package entities_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/steps"
)

// rule says what is wrong with a value as encoding/json decodes it, or "".
type rule func(v any) string

// The rules of JupiterOne's data model, npm @jupiterone/data-model 0.64.2, written from its schemas and
// not from the mapping.
var (
	isString  = rule(func(v any) string { _, ok := v.(string); return unless(ok, "no string") })
	isBoolean = rule(func(v any) string { _, ok := v.(bool); return unless(ok, "no boolean") })
	isNumber  = rule(func(v any) string { _, ok := v.(float64); return unless(ok, "no number") })
	isInteger = rule(func(v any) string {
		f, ok := v.(float64)
		return unless(ok && f == math.Trunc(f), "no integer")
	})
	oneToTen = rule(func(v any) string {
		f, ok := v.(float64)
		return unless(ok && f == math.Trunc(f) && f >= 1 && f <= 10, "no integer from 1 to 10")
	})
	isURI = rule(func(v any) string {
		s, _ := v.(string)
		u, err := url.Parse(s)
		return unless(err == nil && u.IsAbs(), "no URI")
	})
	isStrings  = listOf(isString)
	isSet      = setOf(isString)
	stringOrID = rule(func(v any) string {
		if isString(v) == "" {
			return ""
		}
		return isStrings(v)
	})
)

func unless(ok bool, complaint string) string {
	if ok {
		return ""
	}
	return complaint
}

func matching(pattern string) rule {
	compiled := regexp.MustCompile(pattern)
	return func(v any) string {
		s, ok := v.(string)
		return unless(ok && compiled.MatchString(s), "does not match "+pattern)
	}
}

func oneOf(words ...string) rule {
	return func(v any) string {
		s, ok := v.(string)
		return unless(ok && slices.Contains(words, s), fmt.Sprintf("none of %q", words))
	}
}

func listOf(item rule) rule {
	return func(v any) string {
		list, ok := v.([]any)
		if !ok {
			return "no list"
		}
		for _, one := range list {
			if complaint := item(one); complaint != "" {
				return fmt.Sprintf("%v: %s", one, complaint)
			}
		}
		return ""
	}
}

func setOf(item rule) rule {
	return func(v any) string {
		if complaint := listOf(item)(v); complaint != "" {
			return complaint
		}
		seen := map[any]bool{}
		for _, one := range v.([]any) {
			if seen[one] {
				return fmt.Sprintf("%v twice", one)
			}
			seen[one] = true
		}
		return ""
	}
}

func address(fits func(netip.Addr) bool) rule {
	return func(v any) string {
		s, _ := v.(string)
		addr, err := netip.ParseAddr(s)
		return unless(err == nil && addr.Zone() == "" && fits(addr), "no such address")
	}
}

var (
	isMail     = matching(`^[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]+@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$`)
	isHostname = matching(`^[a-zA-Z0-9][a-zA-Z0-9-]{0,61}[a-zA-Z0-9]$`)
	isMAC      = matching(`^([0-9a-f]{2}:){5}[0-9a-f]{2}$`)
	isFQDN     = rule(func(v any) string {
		s, _ := v.(string)
		labels := strings.Split(s, ".")
		for _, label := range labels[:len(labels)-1] {
			if !fqdnLabel.MatchString(label) || label[0] == '-' {
				return "a label that is none"
			}
		}
		tld := fqdnTop.MatchString(labels[len(labels)-1])
		return unless(len(labels) > 1 && tld && len(s) >= 4 && len(s) <= 253, "no full domain name")
	})
	fqdnLabel = regexp.MustCompile(`^[a-zA-Z0-9-]{0,62}[a-zA-Z0-9]$`)
	fqdnTop   = regexp.MustCompile(`^[a-zA-Z]{2,63}$`)
	isAnyIP   = address(func(netip.Addr) bool { return true })
)

// ofAll is typed on every class but Finding.
var ofAll = map[string]rule{
	"id": stringOrID, "summary": isString, "description": isString, "status": isString, "owner": isString, "createdBy": isString,
	"updatedBy": isString, "classification": isString, "active": isBoolean, "public": isBoolean, "validated": isBoolean,
	"temporary": isBoolean, "trusted": isBoolean, "criticality": oneToTen, "risk": oneToTen, "trust": oneToTen, "createdOn": isNumber,
	"updatedOn": isNumber, "deletedOn": isNumber, "discoveredOn": isNumber, "expiresOn": isNumber, "webLink": isURI, "tags": isStrings,
	"notes": isStrings,
}

type class struct {
	required, typed map[string]rule
}

var classes = map[string]class{
	"Account":     {required: map[string]rule{"vendor": isString}, typed: map[string]rule{"accessURL": isURI, "mfaEnabled": isBoolean}},
	"Site":        {typed: map[string]rule{"category": isStrings, "location": isString}},
	"Group":       {},
	"Application": {typed: map[string]rule{"COTS": isBoolean, "FOSS": isBoolean, "SaaS": isBoolean, "external": isBoolean, "mobile": isBoolean, "license": isString}},
	"HostAgent": {required: map[string]rule{
		"function": listOf(oneOf("endpoint-compliance", "endpoint-configuration", "endpoint-protection", "anti-malware", "DLP", "FIM",
			"host-firewall", "HIDS", "log-monitor", "activity-monitor", "vulnerability-detection", "container-security", "other")),
		"lastSeenOn": isNumber,
	}},
	"Device": {
		required: map[string]rule{
			"category": isString, "make": isString, "model": isString, "serial": isString, "deviceId": isSet,
			"lastSeenOn": isInteger, "hostname": isHostname, "fqdn": setOf(isFQDN),
			"ipv4Addresses": setOf(address(netip.Addr.Is4)), "ipv6Addresses": setOf(address(netip.Addr.Is6)),
			"macAddresses": setOf(isMAC), "publicIpAddresses": setOf(isAnyIP), "privateIpAddresses": setOf(isAnyIP),
			"osName": isString, "osVersion": isString, "osDetails": isString,
			"osType": oneOf("darwin", "linux", "unix", "windows", "android", "ios", "chromeos", "legacy", "embedded", "other"),
		},
		typed: map[string]rule{
			"status": oneOf("assigned", "archived", "decommissioned", "defective", "deployed", "disposed", "locked", "lost/stolen",
				"pending", "ready", "unknown", "other"),
			"encrypted": isBoolean, "firewallEnabled": isBoolean, "malwareProtected": isBoolean, "version": isString,
			"location": isString, "userEmails": setOf(isMail),
		},
	},
	"User": {
		required: map[string]rule{"firstName": isString, "lastName": isString, "email": setOf(isMail), "username": isSet, "shortLoginId": isSet},
		typed:    map[string]rule{"emailDomain": isSet, "userIds": isSet, "isActive": isBoolean, "isAdmin": isBoolean},
	},
	"Finding": {
		required: map[string]rule{"category": isString, "severity": isString, "numericSeverity": isNumber, "open": isBoolean},
		typed: map[string]rule{"classification": isString, "status": isString, "priority": isString, "score": isNumber, "impact": isNumber,
			"references": isStrings, "targets": isStrings, "createdOn": isNumber, "updatedOn": isNumber, "reportedOn": isNumber,
			"description": isString, "webLink": isURI},
	},

	"Vulnerability": {required: map[string]rule{
		"cveId": func(v any) string {
			if v == nil {
				return ""
			}
			return matching(`^CVE-[0-9]{4}-[0-9]{4,}$`)(v)
		},
		"open": isBoolean,
	}},

	// Classes that no type has yet, of which the data model demands nothing of their own.
	"AccessKey": {}, "AccessPolicy": {}, "AccessRole": {}, "Configuration": {}, "ControlPolicy": {}, "NHI": {}, "Rule": {}, "Ruleset": {},
}

var propertyName = regexp.MustCompile(`^(_|tag\.)?[A-Za-z0-9. -]+$`)

// complaints says in what an entity is not as JupiterOne's data model wants it, or as docs/data-model.md says.
func complaints(line []byte) []string {
	var found []string
	complain := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	var entity map[string]any
	if err := json.Unmarshal(line, &entity); err != nil {
		return []string{err.Error()}
	}
	if !utf8.Valid(line) {
		complain("not UTF-8")
	}
	className := "none"
	if list, ok := entity["_class"].([]any); ok && len(list) == 1 {
		className, _ = list[0].(string)
	}
	model, known := classes[className]
	if !known {
		return []string{fmt.Sprintf("_class: %v is not in classes in entities/j1_test.go, which are to say what JupiterOne's data model demands of it", entity["_class"])}
	}
	required := map[string]rule{
		"name": isString, "displayName": isString, "_key": matching(`^[ -~]{10,256}$`), "_type": matching(`^.{3,}$`),
	}
	typed := map[string]rule{}
	if className != "Finding" {
		typed = ofAll
	}
	for _, rules := range []map[string]rule{required, model.required} {
		for name, check := range rules {
			if v, there := entity[name]; !there {
				complain("%s is missing", name)
			} else if complaint := check(v); complaint != "" {
				complain("%s: %s", name, complaint)
			}
		}
	}
	for name, v := range entity {
		if !propertyName.MatchString(name) {
			complain("%q cannot be a name", name)
		}
		if strings.HasPrefix(name, "tag.") {
			switch v.(type) {
			case string, float64, bool:
			default:
				complain("%s: a tag is a string, number or boolean", name)
			}
		}
		for _, rules := range []map[string]rule{typed, model.typed} {
			if check, there := rules[name]; there {
				if complaint := check(v); complaint != "" {
					complain("%s: %s", name, complaint)
				}
			}
		}
		switch v := v.(type) {
		case string, float64, bool:
		case nil:
			if check, demanded := model.required[name]; !demanded || check(nil) != "" {
				complain("%s is null", name)
			}
		case []any:
			if complaint := isSet(v); complaint != "" {
				complain("%s: %s", name, complaint)
			}
			if !slices.IsSortedFunc(v, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }) {
				complain("%s: not sorted", name)
			}
		default:
			complain("%s: %T is no kind of value", name, v)
		}
	}
	return found
}

func TestEveryEntityIsWhatJupiterOnesDataModelDemands(t *testing.T) {
	records := fixedRecords()
	for _, d := range steps.Entities() {
		assert.NotEmpty(t, records[d.Type.Name], "no row of type %s is tried", d.Type.Name)
	}
	for _, list := range records {
		for _, r := range list {
			line := graph.Encode(&r).JSON
			assert.NoError(t, graph.CheckKey(r.Key))
			require.Empty(t, complaints(line), "%s", line)
		}
	}
}

func TestTheCheckerFindsWhatIsWrong(t *testing.T) {
	for _, line := range []string{
		`{}`,
		`{"_class":["Device"],"_key":"sentinelone_device:1","_type":"sentinelone_device","name":"a","displayName":"a"}`,
		`{"_class":["Group"],"_key":"short","_type":"sentinelone_group","name":"a","displayName":"a"}`,
		`{"_class":["Group"],"_key":"sentinelone_group:1","_type":"sentinelone_group","name":"a","displayName":"a","tag.a":["1"]}`,
		`{"_class":["Group"],"_key":"sentinelone_group:1","_type":"sentinelone_group","name":"a","displayName":"a","under_score":1}`,
		`{"_class":["Group"],"_key":"sentinelone_group:1","_type":"sentinelone_group","name":"a","displayName":"a","x":null}`,
		`{"_class":["Group"],"_key":"sentinelone_group:1","_type":"sentinelone_group","name":"a","displayName":"a","x":["b","a"]}`,
	} {
		assert.NotEmpty(t, complaints([]byte(line)), line)
	}
}

func FuzzEveryEntityIsWhatJupiterOnesDataModelDemands(f *testing.F) {
	for _, name := range hostile {
		f.Add(name, "10.0.0.1", "00-11-22-33-44-55")
	}
	f.Fuzz(func(t *testing.T, name, ip, mac string) {
		a := laptop()
		a.ComputerName, a.Domain, a.ModelName, a.SerialNumber, a.UUID = name, name, name, name, name
		a.LastLoggedInUserName, a.ActiveDirectory.UserPrincipalName, a.ActiveDirectory.Mail = name, name, name
		a.ActiveDirectory.LastUserDistinguishedName = name
		a.NetworkInterfaces[0].Inet, a.NetworkInterfaces[0].Inet6 = []string{ip, name}, []string{name, ip}
		a.NetworkInterfaces[0].Physical, a.ExternalIP = mac, ip
		a.Tags.SentinelOne[0].Key, a.Tags.SentinelOne[0].Value = name, ip
		records := []graph.Record{entities.Agent.Entity(a), entities.Device.Entity(a)}
		if entities.UserKey(a) != "" {
			records = append(records, entities.User.Entity(a))
		}
		for _, r := range records {
			line := graph.Encode(&r).JSON
			assert.NoError(t, graph.CheckKey(r.Key))
			assert.Empty(t, complaints(line), "%s", line)
		}
	})
}
