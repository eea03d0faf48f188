package entities

import (
	"strings"

	"s1graph/graph"
	"s1graph/s1"
)

// hostname is the computer name in the form that JupiterOne's data model demands of a Device: 2 to 63
// ASCII letters, digits and hyphens, beginning and ending with a letter or digit. Other characters
// become hyphens; where fewer than two are left, it is made of the device's key.
func hostname(a *s1.Agent) string {
	const longest = 63
	fitted := strings.Trim(strings.Map(func(r rune) rune {
		if isASCIILetterOrDigit(r) {
			return r
		}
		return '-'
	}, a.ComputerName), "-")
	if len(fitted) > longest {
		fitted = strings.TrimRight(fitted[:longest], "-")
	}
	if len(fitted) < 2 {
		_, hash := graph.CutKey(DeviceKey(a))
		return "device-" + hash[:8]
	}
	return fitted
}

func isASCIILetterOrDigit(r rune) bool {
	return '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}

// fqdnsOf is the machine's full name in lower case, where the row has one: the computer name if it is
// one itself, else the computer name in the domain, if that is a DNS domain and not a NetBIOS one.
func fqdnsOf(a *s1.Agent) []string {
	name := strings.ToLower(strings.TrimSuffix(a.ComputerName, "."))
	if isFQDN(name) {
		return []string{name}
	}
	domain := strings.ToLower(strings.Trim(a.Domain, "."))
	if full := name + "." + domain; isFQDN(domain) && !strings.Contains(name, ".") && isFQDN(full) {
		return []string{full}
	}
	return nil
}

// isFQDN is the data model's rule for lower-case names, and DNS's of at most 63 characters in a label.
func isFQDN(s string) bool {
	top := s[strings.LastIndexByte(s, '.')+1:]
	return isDNSName(s) && len(top) >= 2 && !strings.ContainsFunc(top, func(r rune) bool { return r < 'a' || r > 'z' })
}

// isDNSName says whether s is two or more labels of ASCII letters, digits and hyphens.
func isDNSName(s string) bool {
	if len(s) > 253 || !strings.Contains(s, ".") {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if len(label) == 0 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.ContainsFunc(label, func(r rune) bool { return r != '-' && !isASCIILetterOrDigit(r) }) {
			return false
		}
	}
	return true
}
