package entities

import (
	"cmp"
	"slices"
	"strings"

	"s1graph/graph"
	"s1graph/model"
	"s1graph/s1"
)

// Device is the machine that an agent is installed on. A machine whose agent was installed anew is
// still the same, and then several agents' rows say something of it.
var Device = model.Entity[s1.Agent]{
	Type:   deviceType,
	Class:  "Device",
	Step:   "agents",
	Source: "/agents",
	Doc: "A machine that agents are or were installed on. Where it has several agents, it is described by the one of the " +
		"greatest lastActiveDate, among equals by the one of the greatest id.",
	KeyDoc: "a hash of account id, serial number and lower-cased computer name; where the serial number is unknown or a filler (see " +
		"the table), of account id, the agent's uuid and lower-cased computer name, or of account id and the agent's id where it has no uuid",
	Revision:    2,
	Key:         DeviceKey,
	Rank:        rankOf,
	DerivedFrom: []*graph.Type{Agent.GraphType()},
	Place:       model.Place{Account: "accountId"},
	Card:        []string{"osName", "modelName"},
	List:        []string{"osName", "modelName", "sentinelone_user", "sentinelone_site", "sentinelone_group", "lastSeenOn"},
	Search:      []string{"deviceId", "domain", "fqdn", "ipv4Addresses", "ipv6Addresses", "macAddresses", "serial"},
	Properties: slices.Concat(
		machineFacts, deviceIdentity, deviceHardware, deviceNetwork, deviceProtection, cloudIdentity[s1.Agent]("cloudProviders"),
	),
}.Define()

const deviceType = "sentinelone_device"

// DeviceKey is the key of the machine that the agent is, or was, installed on. It is made of account,
// serial number and lower-cased computer name, so that a reinstalled agent comes back to its device
// while cloned machines that share a serial number stay apart; where the serial number is a filler, of
// account, the agent's uuid and the name, since images that are copied without a reset share the uuid.
func DeviceKey(a *s1.Agent) string {
	serial := usableSerial(a.SerialNumber)
	switch {
	case serial != "":
		return hashKey(deviceType, a.AccountID, serial, fold(a.ComputerName))
	case a.UUID != "":
		return hashKey(deviceType, a.AccountID, "", a.UUID, fold(a.ComputerName))
	}
	return hashKey(deviceType, a.AccountID, a.ID)
}

var deviceIdentity = []model.Property[s1.Agent]{
	model.Text("name", "Name of the computer, else the agent's uuid, else the agent's id.", deviceName).Required(),
	model.Text("displayName", "As name.", deviceName).Required(),
	model.Text("hostname", "The computer name made to fit the data model: characters other than ASCII letters, digits and hyphens "+
		"become hyphens, at most 63; where fewer than two are left, `device-` and 8 hex digits of the key.", hostname).Required(),
	model.Set("fqdn", "Full host name in lower case: the computer name if it is one, else the computer name in domain, where that is "+
		"a DNS domain.", fqdnsOf).Required(),
	model.Set("deviceId", "UUIDs of the device's agents.",
		func(a *s1.Agent) []string { return []string{a.UUID} }).Required().Combined(model.Union),
	model.Set("formerAgentIds", "Ids of the device's agents that are decommissioned or uninstalled.", func(a *s1.Agent) []string {
		if IsProtecting(a) {
			return nil
		}
		return []string{a.ID}
	}).Combined(model.Union),
	model.Set("userEmails", "Mail address of the owner.", func(a *s1.Agent) []string {
		if o := ownerOf(a); o.ad != nil {
			return mailAddresses(o.ad.Mail)
		}
		return nil
	}).Volatile(someoneLoggedIn),
	model.Moment("lastSeenOn", "lastActiveDate of the describing agent, else its registeredAt, else its createdAt, else 0.",
		lastSeenOn).Required().Volatile(heartbeat),
}

var deviceHardware = []model.Property[s1.Agent]{
	model.Text("category", "server, endpoint or other, by machineType (see the table).",
		func(a *s1.Agent) string { return deviceCategories.of(a.MachineType) }).Required(),
	model.Text("make", "Maker: what stands before ` - ` in modelName.", func(a *s1.Agent) string {
		maker, _ := makeAndModel(a.ModelName)
		return maker
	}).Required(),
	model.Text("model", "Model: what stands after ` - ` in modelName, or all of it where there is none.", func(a *s1.Agent) string {
		_, model := makeAndModel(a.ModelName)
		return model
	}).Required(),
	agentField("modelName", "Maker and model as the agent reports them."),
	model.Text("serial", "Serial number; empty where it is unknown or a filler (see the table).",
		func(a *s1.Agent) string { return usableSerial(a.SerialNumber) }).Required(),
	agentField("osName", "Name of the operating system.").Required(),
	model.Text("osType", "Operating system in JupiterOne's words, by the agent's osType (see the table).",
		func(a *s1.Agent) string { return osTypes.of(a.OSType) }).Required(),
	agentField("osRevision", "Version or build of the operating system.").Named("osVersion").Required(),
	model.Text("osDetails", "Name, version and architecture of the operating system.", func(a *s1.Agent) string {
		return strings.Join(slices.DeleteFunc([]string{a.OSName, a.OSRevision, a.OSArch},
			func(s string) bool { return s == "" }), " ")
	}).Required(),
}

var deviceNetwork = []model.Property[s1.Agent]{
	model.Set("ipv4Addresses", "IPv4 addresses of the network interfaces, and the one that last reached the console.",
		func(a *s1.Agent) []string { return addressesOf(a, isIPv4) }).Required().Volatile(roaming),
	model.Set("ipv6Addresses", "IPv6 addresses of the network interfaces, and the one that last reached the console, without zones.",
		func(a *s1.Agent) []string { return addressesOf(a, isIPv6) }).Required().Volatile(roaming),
	model.Set("privateIpAddresses", "Those of the addresses that are private (see the table).",
		func(a *s1.Agent) []string { return addressesOf(a, isPrivate) }).Required().Volatile(roaming),
	model.Set("publicIpAddresses", "Those of the addresses that are not private and, if public, the one that the console sees.",
		publicAddressesOf).Required().Volatile(roaming),
	model.Set("macAddresses", "Hardware addresses of the network interfaces, in lower case with colons.",
		macAddressesOf).Required().Volatile(interfaces),
}

var deviceProtection = []model.Property[s1.Agent]{
	agentField("encryptedApplications", "Whether the disk is encrypted.").Named("encrypted"),
	model.Flag("malwareProtected", "Whether an agent that is neither decommissioned nor uninstalled is on the machine.",
		func(a *s1.Agent) s1.Flag { return s1.FlagOf(IsProtecting(a)) }).Combined(model.AnyOf),
}

func deviceName(a *s1.Agent) string { return cmp.Or(a.ComputerName, a.UUID, a.ID) }

// AgentRank is the order among the agents of one device, and among those that name one person: the agent of the
// greatest describes the device, and names its owner. It is given the agent's lastActiveDate in milliseconds since
// 1970, and its ID.
func AgentRank(lastActive int64, id string) model.Rank {
	return model.Rank{Number: lastActive, Tie: model.ID(id)}
}

func rankOf(a *s1.Agent) model.Rank { return AgentRank(int64(a.LastActiveDate), a.ID) }

// translation says what a vendor's word is in the data model.
type translation struct {
	words [][2]string // vendor's word, data model's word
	other string      // for words that are not among them
}

func (t translation) of(word string) string {
	for _, w := range t.words {
		if w[0] == word {
			return w[1]
		}
	}
	return t.other
}

// osTypes are the data model's words for operating systems. windows_legacy, the agent for Windows
// versions that are out of support, is windows: questions about Windows machines are to find them.
var osTypes = translation{
	words: [][2]string{
		{"windows", "windows"},
		{"windows_legacy", "windows"},
		{"macos", "darwin"},
		{"linux", "linux"},
	},
	other: "other",
}

// deviceCategories are JupiterOne's categories of devices.
var deviceCategories = translation{
	words: [][2]string{
		{"desktop", "endpoint"},
		{"laptop", "endpoint"},
		{"server", "server"},
		{"kubernetes node", "server"},
		{"", ""},
		{"unknown", ""},
	},
	other: "other",
}
