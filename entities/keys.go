package entities

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"golang.org/x/text/unicode/norm"

	"s1graph/s1"
)

// Names of the entity types, as _type and in front of every key.
const (
	accountType     = "sentinelone_account"
	siteType        = "sentinelone_site"
	groupType       = "sentinelone_group"
	agentType       = "sentinelone_agent"
	deviceType      = "sentinelone_device"
	userType        = "sentinelone_user"
	threatType      = "sentinelone_threat"
	applicationType = "sentinelone_application"
)

// AccountKey is the key of the account with the given id.
func AccountKey(id string) string { return idKey(accountType, id) }

// SiteKey is the key of the site with the given id.
func SiteKey(id string) string { return idKey(siteType, id) }

// GroupKey is the key of the group with the given id.
func GroupKey(id string) string { return idKey(groupType, id) }

// AgentKey is the key of the agent with the given id.
func AgentKey(id string) string { return idKey(agentType, id) }

// ThreatKey is the key of the threat with the given id.
func ThreatKey(id string) string { return idKey(threatType, id) }

// DeviceKey is the key of the machine that the agent is, or was, installed on. It is made of account,
// serial number and lower-cased computer name, so that a reinstalled agent comes back to its device
// while cloned machines that share a serial number stay apart; where the serial number is a filler, of
// account and the agent's uuid.
func DeviceKey(a *s1.Agent) string {
	if serial := usableSerial(a.SerialNumber); serial != "" {
		return hashKey(deviceType, a.AccountID, serial, fold(a.ComputerName))
	}
	return hashKey(deviceType, a.AccountID, firstOf(a.UUID, a.ID))
}

// UserKey is the key of the person who owns the agent's device, or "" where the row names none. It is
// made of account and user principal name, else mail address, whatever their case; a user who has
// neither is known on this one device only (LocalUserKey).
func UserKey(a *s1.Agent) string {
	switch o := ownerOf(a); {
	case o.id != "":
		return hashKey(userType, a.AccountID, fold(o.id))
	case o.login != "":
		return LocalUserKey(DeviceKey(a), o.login)
	}
	return ""
}

// LocalUserKey is the key of the user of the given name, whatever its case, on one device.
func LocalUserKey(deviceKey, name string) string {
	return hashKey(userType, deviceKey, fold(name))
}

// ApplicationKey is the key of the application that i is an installation of: the same for the same
// name, publisher, version, type and osType.
func ApplicationKey(i *Installation) string {
	return hashKey(applicationType, i.Name, i.Publisher, i.Version, i.Type, i.OSType)
}

// idKey keeps the vendor's id readable in the key. Ids are numbers of up to 19 digits; anything that
// could not stand in a key is hashed.
func idKey(typeName, id string) string {
	if len(id) <= 64 && !strings.ContainsFunc(id, unfitForKey) {
		return typeName + ":" + id
	}
	return hashKey(typeName, id)
}

// unfitForKey holds for all but printable ASCII, and for the bar that joins the keys of a
// relationship's ends.
func unfitForKey(r rune) bool { return r <= ' ' || r > '~' || r == '|' }

// hashKey makes a key of parts that may be of any length and script. Each is put into Unicode's
// composed form and preceded by its length, so that no two lists of parts run together.
func hashKey(typeName string, parts ...string) string {
	var space [512]byte
	b := space[:0]
	for _, part := range parts {
		part = norm.NFC.String(part)
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	sum := sha256.Sum256(b)
	b = append(space[:0], typeName...)
	b = append(b, ':')
	b = hex.AppendEncode(b, sum[:hashBytes])
	return string(b)
}

const hashBytes = 16

// fold makes names alike that differ in case, in surrounding space or in their Unicode form. Letters
// are taken apart from their marks first: the lower case of a dotted capital I depends on its form.
func fold(s string) string {
	return strings.ToLower(norm.NFD.String(strings.TrimSpace(s)))
}
