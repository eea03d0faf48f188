package entities_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/s1"
)

func TestKeysOfRowsWithAnIDSayIt(t *testing.T) {
	assert.Equal(t, "sentinelone_account:433241117337583618", entities.AccountKey("433241117337583618"))
	assert.Equal(t, "sentinelone_site:1", entities.SiteKey("1"))
	assert.Equal(t, "sentinelone_group:1", entities.GroupKey("1"))
	assert.Equal(t, "sentinelone_agent:1", entities.AgentKey("1"))
	assert.Equal(t, "sentinelone_threat:1", entities.ThreatKey("1"))
}

func TestKeysAreAcceptedWhateverTheIDIs(t *testing.T) {
	for _, id := range append([]string{"1234567890123456789", "a b", "1|has|2"}, hostile...) {
		key := entities.AgentKey(id)
		require.NoError(t, graph.CheckKey(key))
		relationship := graph.RelationshipKey(key, "HAS", key)
		from, to, ok := graph.RelationshipEnds(relationship)
		assert.True(t, ok)
		assert.Equal(t, [2]string{key, key}, [2]string{from, to}, id)
		assert.LessOrEqual(t, len(relationship), graph.MaxKeyBytes)
	}
}

func TestAReinstalledAgentComesBackToItsDevice(t *testing.T) {
	before, after := laptop(), laptop()
	after.ID, after.UUID, after.ComputerName = "2", "another", "fin-lt-042"
	assert.Equal(t, entities.DeviceKey(before), entities.DeviceKey(after))
}

func TestWhatMakesAnotherDevice(t *testing.T) {
	for name, change := range map[string]func(*s1.Agent){
		"another account":               func(a *s1.Agent) { a.AccountID = "2" },
		"another serial number":         func(a *s1.Agent) { a.SerialNumber = "5CG9999XYZ" },
		"another name":                  func(a *s1.Agent) { a.ComputerName = "FIN-LT-043" },
		"no serial number":              func(a *s1.Agent) { a.SerialNumber = "" },
		"a filler for a serial number":  func(a *s1.Agent) { a.SerialNumber = "To Be Filled By O.E.M." },
		"a letter moved to the account": func(a *s1.Agent) { a.AccountID += "5"; a.SerialNumber = a.SerialNumber[1:] },
	} {
		a := laptop()
		change(a)
		assert.NotEqual(t, entities.DeviceKey(laptop()), entities.DeviceKey(a), name)
	}
}

func TestWithoutAUsableSerialTheUUIDTellsDevicesApart(t *testing.T) {
	a, b := laptop(), laptop()
	a.SerialNumber, b.SerialNumber = "None", ""
	b.ComputerName = strings.ToLower(a.ComputerName)
	assert.Equal(t, entities.DeviceKey(a), entities.DeviceKey(b), "fillers and case do not matter")
	b.ComputerName = "COPY"
	assert.NotEqual(t, entities.DeviceKey(a), entities.DeviceKey(b), "a copied image has the UUID of the one it was copied from")
	b.ComputerName, b.UUID = a.ComputerName, "another"
	assert.NotEqual(t, entities.DeviceKey(a), entities.DeviceKey(b))
	a.UUID, b.UUID, b.ID = "", "", "2"
	assert.NotEqual(t, entities.DeviceKey(a), entities.DeviceKey(b), "the ids are left")
	b.ID, b.ComputerName = a.ID, "RENAMED"
	assert.Equal(t, entities.DeviceKey(a), entities.DeviceKey(b), "an id is one agent's whatever its name")
}

func TestFillersAreNoSerialNumbers(t *testing.T) {
	for _, serial := range []string{
		"", "0", "None", "none", " NONE ", "N/A", "To Be Filled By O.E.M.", "to be filled by oem", "To be filled by O.E.M", "Default string",
		"DEFAULT STRING", "System Serial Number", "Not Specified", "INVALID", "00000000", "0000-0000-0000", "xxxxxxxxxx", "........",
		"(null string)", "12345", "SN-12345", "SN12345", "s/n: 1234567890", "SYS-1234567890", "SYS-9876543210", "Serial Number xxxxxx",
		"123456789000", "12345678901234567", "1234567890123456789012345678", "9876543210", "87654", "ABCDEFGH", "0123456789ABCDEF", "NNNNNNN",
		"IATPASS", "Tulip Computers", "SN-123456fvgv3i0b8o5n6n7k", "Unknow", "SystemSerialNumb", "MB-1234567890", "BSS-0123456789",
		"BSN12345678901234567", "SSN12345678901234567", "Asset-1234567890", "Dell Inc.", "LENOVO", "ASUSTeK COMPUTER INC.", "VMware, Inc.",
		"01234567890123456789AB", "0123456789AB", "System Serial Number 0000", "<BAD INDEX>", "<OUT OF SPEC>", "Unspecified", "None Provided", "Not Set", "Micro-Star International", "----", "ABC", "A-1", "1234567890", "123456789", "0123456789", "Not Applicable", "Chassis Serial Number", "１１１１１",
	} {
		a, without := laptop(), laptop()
		a.SerialNumber, without.SerialNumber = serial, ""
		assert.Equal(t, entities.DeviceKey(without), entities.DeviceKey(a), "serial number %q", serial)
		device := entities.Device.Entity(a)
		assert.Empty(t, device.Get("serial").Text(), "serial number %q", serial)
	}
	for _, serial := range []string{
		"VMware-56 4d 1e 0b 7c 5a 3f 9d-8a 12 e4 c6 90 b1 27 33", "VMware-42 00 00 00 00 00 00 00-00 00 00 00 00 00 00 01",
		"VMware-01 23 45 67 89 ab cd ef-01 23 45 67 89 ab cd e0", "4853-0934-2315-7812-6640-2817-95", "0000-0002-1234-5678-9012-3456-78",
		"9f6a1c2e-3b4d-4e5f-8a7b-0c1d2e3f4a5b", "ec2f1b9a-7c1e-4d3f-a5b6-0123456789ab", "ec2abcdef012-3456-7890-abcd-ef0123456789",
		"Parallels-1C 67 5D E1 9B 0F 4A 2E B7 38 90 C4 6F 11 D2 A3", "i-0abcdef1234567890", "GoogleCloud-0123456789ABCDEF0123456789ABCDEF",
		"0000-0012-3456-7890-1234-5678-90", "SN0001", "SYSADM42", "MB12X4", "Dell1", "1234567891", "135792468",
		"5CG1", "C02XL0GZJGH5", "VMware-56 4d 8a 12", "ec2e4c1a-1b2c", "0000-0000-0001", "None-1", "ПК-0042"} {
		a := laptop()
		a.SerialNumber = " " + serial + "\t"
		device := entities.Device.Entity(a)
		assert.Equal(t, serial, device.Get("serial").Text())
	}
}

func TestAUserIsKnownByNameAcrossDevices(t *testing.T) {
	a, b := laptop(), laptop()
	b.ID, b.UUID, b.SerialNumber, b.ComputerName = "2", "2", "5CG9999XYZ", "FIN-LT-043"
	b.ActiveDirectory = &s1.ActiveDirectory{UserPrincipalName: "jdoe@CORP.acme.example"}
	assert.Equal(t, entities.UserKey(a), entities.UserKey(b), "the case does not matter")
	b.AccountID = "2"
	assert.NotEqual(t, entities.UserKey(a), entities.UserKey(b), "users of different accounts are never one")
}

func TestAUserWithoutPrincipalNameIsKnownByMail(t *testing.T) {
	a := laptop()
	a.ActiveDirectory.UserPrincipalName = "N/A"
	byMail := entities.UserKey(a)
	a.ComputerName = "ANOTHER"
	assert.Equal(t, byMail, entities.UserKey(a))
	a.ActiveDirectory.UserPrincipalName = a.ActiveDirectory.Mail
	assert.Equal(t, byMail, entities.UserKey(a), "a principal name that is the mail address is the same user's")
}

func TestALocalUserIsKnownOnOneDevice(t *testing.T) {
	a := laptop()
	a.ActiveDirectory = nil
	assert.Equal(t, entities.LocalUserKey(entities.DeviceKey(a), "JANE"), entities.UserKey(a))
	b := laptop()
	b.ActiveDirectory, b.SerialNumber = nil, "5CG9999XYZ"
	assert.NotEqual(t, entities.UserKey(a), entities.UserKey(b))
}

func TestSystemAccountsOwnNothing(t *testing.T) {
	for _, name := range []string{
		"", " ", "root", "SYSTEM", "System", `NT AUTHORITY\SYSTEM`, `NT AUTHORITY\LOCAL SERVICE`, "LOCAL SERVICE", "NETWORK SERVICE",
		"Administrator", `ACME\Administrator`, "administrator@acme.example", "Guest", "DWM-1", `Window Manager\DWM-12`, "UMFD-0",
		`Font Driver Host\UMFD-3`, "FIN-LT-042$", `ACME\FIN-LT-042$`, "daemon", "_mbsetupuser", "_spotlight", "loginwindow", "nobody", "n/a",
		"N/A", "none", "null", "-", "unknown", `AUTORITE NT\Système`, "SYSTE\u0300ME", "Администратор", `NT SERVICE\MSSQLSERVER`,
		`IIS APPPOOL\DefaultAppPool`, "systemd-network", "www-data", "WDAGUtilityAccount", `DOMAIN\`, "@acme.example",
	} {
		a := laptop()
		a.ActiveDirectory = &s1.ActiveDirectory{UserPrincipalName: name, Mail: name}
		a.LastLoggedInUserName, a.OSUsername = name, name
		assert.Empty(t, entities.UserKey(a), "%q", name)
		device := entities.Device.Entity(a)
		assert.Empty(t, device.Get("userEmails").List(), "%q", name)
	}
	for _, name := range []string{"jane", `ACME\jane`, "rooty", "system.admin", "dwm", "guestbook", "Ο Διαχειριστής", "jane$doe"} {
		a := laptop()
		a.ActiveDirectory = nil
		a.LastLoggedInUserName = name
		assert.NotEmpty(t, entities.UserKey(a), "%q", name)
	}
}

func TestBehindASystemAccountStandsWhoElseTheRowNames(t *testing.T) {
	a := laptop()
	a.ActiveDirectory.UserPrincipalName = "Administrator@corp.acme.example"
	a.LastLoggedInUserName = "SYSTEM"
	assert.Equal(t, entities.LocalUserKey(entities.DeviceKey(a), `CORP\jane`), entities.UserKey(a),
		"the mail address is the system account's, the user of the operating system is not")
}

func TestApplicationsAreOneByWhatTheyAre(t *testing.T) {
	base := entities.Installation{Name: "Café", Publisher: "ACME", Version: "1.2", Type: "app", OSType: "windows"}
	same := base
	same.ID, same.AgentID, same.RiskLevel, same.Path = "7", "8", "high", "C:\\"
	same.Name = norm.NFD.String(same.Name)
	assert.Equal(t, entities.ApplicationKey(&base), entities.ApplicationKey(&same))
	for _, change := range []func(*entities.Installation){
		func(i *entities.Installation) { i.Name = "Cafe" },
		func(i *entities.Installation) { i.Publisher = "" },
		func(i *entities.Installation) { i.Version = "1.20" },
		func(i *entities.Installation) { i.Type = "patch" },
		func(i *entities.Installation) { i.OSType = "macos" },
		func(i *entities.Installation) { i.Name, i.Publisher = i.Name+i.Publisher, "" },
		func(i *entities.Installation) { i.Version, i.Type = i.Type, i.Version },
	} {
		other := base
		change(&other)
		assert.NotEqual(t, entities.ApplicationKey(&base), entities.ApplicationKey(&other))
	}
}

func FuzzKeysDoNotDependOnUnicodeFormNorNamesOnCase(f *testing.F) {
	for _, name := range hostile {
		f.Add("1", name, name, name)
	}
	f.Add("1", "a", "bc", "İ\u0130I\u0307")
	f.Add("1", "éeéeé", "", "")
	f.Fuzz(func(t *testing.T, account, serial, name, upn string) {
		row := func(form func(string) string, letterCase func(string) string) *s1.Agent {
			return &s1.Agent{ID: "1", UUID: "2", AccountID: form(account), SerialNumber: form(serial), ComputerName: letterCase(form(name)),
				ActiveDirectory: &s1.ActiveDirectory{UserPrincipalName: letterCase(form(upn))}, LastLoggedInUserName: letterCase(form(name))}
		}
		asIs := func(s string) string { return s }
		reference := row(asIs, asIs)
		device, user := entities.DeviceKey(reference), entities.UserKey(reference)
		require.NoError(t, graph.CheckKey(device))
		if user != "" {
			require.NoError(t, graph.CheckKey(user))
		}
		for i, other := range []*s1.Agent{row(norm.NFC.String, asIs), row(norm.NFD.String, asIs), row(asIs, asciiUpper), row(asIs, asciiLower)} {
			assert.Equal(t, device, entities.DeviceKey(other), i)
			assert.Equal(t, user, entities.UserKey(other), i)
		}
	})
}

// asciiUpper leaves the other letters alone: the upper case of some has no way back.
func asciiUpper(s string) string { return mapASCII(s, 'a', 'z', 'A'-'a') }
func asciiLower(s string) string { return mapASCII(s, 'A', 'Z', 'a'-'A') }

func mapASCII(s string, from, to byte, by int) string {
	b := []byte(s)
	for i, c := range b {
		if from <= c && c <= to {
			b[i] = byte(int(c) + by)
		}
	}
	return string(b)
}

func FuzzPartsOfAKeyDoNotRunTogether(f *testing.F) {
	f.Add("ab", "c", "a", "bc")
	f.Add("", "abc", "abc", "")
	f.Add("a\x01", "b", "a", "\x01b")
	f.Fuzz(func(t *testing.T, name1, publisher1, name2, publisher2 string) {
		key := func(name, publisher string) string {
			return entities.ApplicationKey(&entities.Installation{Name: name, Publisher: publisher})
		}
		same := norm.NFC.String(name1) == norm.NFC.String(name2) && norm.NFC.String(publisher1) == norm.NFC.String(publisher2)
		assert.Equal(t, same, key(name1, publisher1) == key(name2, publisher2))
	})
}

func TestKeysOfLongNamesAreShort(t *testing.T) {
	a := laptop()
	a.ComputerName = strings.Repeat("界", 10_000)
	require.NoError(t, graph.CheckKey(entities.DeviceKey(a)))
	assert.Len(t, entities.DeviceKey(a), len("sentinelone_device:")+32)
}

func ExampleDeviceKey() {
	before := s1.Agent{ID: "1", AccountID: "7", SerialNumber: "5CG1234XYZ", ComputerName: "FIN-LT-042", UUID: "aa"}
	reinstalled := s1.Agent{ID: "2", AccountID: "7", SerialNumber: "5CG1234XYZ", ComputerName: "fin-lt-042", UUID: "bb"}
	fmt.Println(entities.DeviceKey(&before))
	fmt.Println(entities.DeviceKey(&before) == entities.DeviceKey(&reinstalled))
	// Output:
	// sentinelone_device:1ed7ef1a6cd3fc7e398592f9a23cc2bf
	// true
}
