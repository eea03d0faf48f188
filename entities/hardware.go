package entities

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// fillers are what firmware says where the maker of a machine has not written a serial number or a
// model. They are compared without case, spaces and punctuation. Among them are those that GLPI
// (glpi_blacklists of its install/empty_data.php) and OCS Inventory (blacklist_serials of its
// ocsbase.sql) collected, and what dmidecode writes where the firmware has nothing.
var fillers = []string{
	"(null string)",
	"123456789000",
	"<BAD INDEX>",
	"<OUT OF SPEC>",
	"All Series",
	"Base Board Serial Number",
	"Board Serial Number",
	"Chassis Serial Number",
	"Default",
	"Default string",
	"Empty",
	"EVAL",
	"Filled By OEM",
	"IATPASS",
	"Invalid",
	"No Asset Tag",
	"No Serial",
	"No Serial Number",
	"None",
	"None Provided",
	"Not Applicable",
	"Not Available",
	"Not Defined",
	"Not Present",
	"Not Set",
	"Not Settable",
	"Not Specified",
	"Null",
	"O.E.M.",
	"OEM_Serial",
	"Product Name",
	"Serial",
	"Serial Number",
	"SN-123456fvgv3i0b8o5n6n7k",
	"Standard",
	"System manufacturer",
	"System Name",
	"System Product Name",
	"System Serial Number",
	"System Version",
	"SystemSerialNumb",
	"To Be Filled",
	"To Be Filled By O.E.M.",
	"To Be Filled By O.E.M. by More String",
	"Type1ProductConfigId",
	"Unavailable",
	"Undefined",
	"Unknow",
	"Unknown",
	"Unspecified",
	"xxxx",
}

// serialPrefixes stand before a run or a sequence that is a filler.
var serialPrefixes = []string{
	"Asset", "Asset Tag", "Base Board Serial Number", "Board Serial Number", "BSN", "BSS", "Chassis Serial Number", "CSN", "MB", "S/N",
	"Serial", "Serial No", "Serial Number", "SSN", "SYS", "System Serial Number",
}

// makerNames are no serial numbers, though some makers write theirs in that place.
var makerNames = []string{
	"Acer", "American Megatrends", "AMI", "Apple", "Apple Inc.", "ASRock", "ASUS", "ASUSTeK Computer Inc.", "Biostar", "Dell", "Dell Inc.",
	"Foxconn", "Fujitsu", "Gigabyte", "Gigabyte Technology Co., Ltd.", "Hewlett-Packard", "HP Inc.", "HPE", "innotek GmbH", "Insyde", "Intel",
	"Intel Corporation", "Lenovo", "Medion", "Micro-Star International", "Micro-Star International Co., Ltd.", "Microsoft", "Microsoft Corporation", "Nutanix", "Parallels",
	"Phoenix Technologies", "QEMU", "Samsung", "Samsung Electronics Co., Ltd.", "Sony", "Supermicro", "Toshiba", "Tulip Computers", "VirtualBox",
	"VMware", "VMware, Inc.", "Xen",
}

var (
	bareFillers  = setOf(fillers, bare)
	barePrefixes = setOf(serialPrefixes, bare)
	bareMakers   = setOf(makerNames, bare)
)

// usableSerial is the serial number without the space around it, or "" where it tells no machine from
// another: a filler, a maker's name, fewer than four letters and digits, and one character repeated or a
// sequence, also behind a prefix.
func usableSerial(serial string) string {
	serial = strings.TrimSpace(serial)
	b := bare(serial)
	if len([]rune(b)) < shortestSerial || isRunOrSequence(b) || bareFillers[b] || bareMakers[b] {
		return ""
	}
	for prefix := range barePrefixes {
		if rest, found := strings.CutPrefix(b, prefix); found && isRunOrSequence(rest) {
			return ""
		}
	}
	return serial
}

const shortestSerial = 4

// makeAndModel takes apart what Windows and Linux agents report as "maker - model". Where there is no
// such separator, as on Macs, all of it is the model. Fillers are "".
func makeAndModel(modelName string) (maker, model string) {
	maker, model, found := strings.Cut(modelName, " - ")
	if !found {
		maker, model = "", modelName
	}
	return unlessFiller(maker), unlessFiller(model)
}

func unlessFiller(s string) string {
	s = strings.TrimSpace(s)
	if bareFillers[bare(s)] {
		return ""
	}
	return s
}

// bare is s without case, spaces and punctuation.
func bare(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsNumber(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, norm.NFC.String(s))
}

// isRunOrSequence says whether s is one character over and over, or each character is the one after, or before, the last:
// 0123456789abcdef, 1234567890123, 987654.
func isRunOrSequence(s string) bool {
	if isRepeated(s) {
		return true
	}
	up, down := true, true
	for i := 1; i < len(s); i++ {
		up, down = up && follows(s[i-1], s[i]), down && follows(s[i], s[i-1])
	}
	return up || down
}

// follows says whether b comes after a: after 9 comes 0 or a, after z nothing.
func follows(a, b byte) bool {
	return b == a+1 || a == '9' && (b == '0' || b == 'a')
}

// isRepeated says whether s is one character over and over.
func isRepeated(s string) bool {
	for _, r := range s {
		return strings.Trim(s, string(r)) == ""
	}
	return true
}
