package entities

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// fillers are what firmware says where the maker of a machine has not written a serial number or a
// model. They are compared without case, spaces and punctuation.
var fillers = []string{
	"0123456789",
	"01234567890",
	"0123456789AB",
	"01234567890123456789AB",
	"1234567",
	"12345678",
	"123456789",
	"1234567890",
	"Asset-1234567890",
	"Base Board Serial Number",
	"Board Serial Number",
	"BSS-0123456789",
	"BSN12345678901234567",
	"Chassis Serial Number",
	"Default",
	"Default string",
	"Empty",
	"EVAL",
	"Filled By OEM",
	"Invalid",
	"MB-1234567890",
	"No Asset Tag",
	"No Serial",
	"No Serial Number",
	"None",
	"Not Applicable",
	"Not Available",
	"Not Defined",
	"Not Present",
	"Not Settable",
	"Not Specified",
	"Null",
	"O.E.M.",
	"OEM_Serial",
	"Serial",
	"Serial Number",
	"SSN12345678901234567",
	"Standard",
	"System manufacturer",
	"System Name",
	"System Product Name",
	"System Serial Number",
	"System Version",
	"To Be Filled",
	"To Be Filled By O.E.M.",
	"To Be Filled By O.E.M. by More String",
	"Type1ProductConfigId",
	"Unavailable",
	"Undefined",
	"Unknown",
	"xxxx",
}

// bareFillers are the fillers as bare sees them.
var bareFillers = func() map[string]bool {
	set := make(map[string]bool, len(fillers))
	for _, f := range fillers {
		set[bare(f)] = true
	}
	return set
}()

// usableSerial is the serial number without the space around it, or "" where it tells no machine from
// another: a filler, one character repeated, or fewer than four letters and digits.
func usableSerial(serial string) string {
	serial = strings.TrimSpace(serial)
	b := bare(serial)
	if len([]rune(b)) < shortestSerial || isRepeated(b) || bareFillers[b] {
		return ""
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

// isRepeated says whether s is one character over and over.
func isRepeated(s string) bool {
	for _, r := range s {
		return strings.Trim(s, string(r)) == ""
	}
	return true
}
