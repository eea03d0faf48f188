package entities

import (
	"cmp"
	"strconv"
	"strings"
)

// Table documents a rule that derives properties: it is made of what the code goes by.
type Table struct {
	Title  string
	Doc    string
	Header []string
	Rows   [][]string
}

// Tables are the tables that the properties' documentation speaks of.
func Tables() []Table {
	return []Table{
		severityTable(),
		{
			Title:  "osType of devices",
			Doc:    "JupiterOne's word for the agent's osType. Windows versions that are out of support are windows.",
			Header: []string{"agent", "device"},
			Rows:   osTypes.table(),
		},
		{
			Title:  "category of devices",
			Doc:    "JupiterOne's word for the agent's machineType.",
			Header: []string{"machineType", "category"},
			Rows:   deviceCategories.table(),
		},
		privateNetworksTable(),
		{
			Title: "Serial numbers that are fillers",
			Doc: "Firmware says these where the maker of a machine has not written a serial number. They are compared without case, " +
				"spaces and punctuation. Fillers, too, are one character repeated, sequences such as 0123456789, both also behind a " +
				"prefix, makers' names, and what has fewer than " + strconv.Itoa(shortestSerial) + " letters and digits. A make or model " +
				"among the fillers is left empty.",
			Header: []string{"", "names"},
			Rows:   [][]string{{"fillers", list(fillers)}, {"prefixes", list(serialPrefixes)}, {"makers", list(makerNames)}},
		},
		{
			Title: "System accounts",
			Doc: "These own nothing, with or without a domain and whatever their case. So do names that fit a pattern, names in one " +
				"of the domains, and what stands for no name.",
			Header: []string{"", "names"},
			Rows: [][]string{
				{"accounts", list(systemAccounts)},
				{"patterns", list(systemAccountPatterns)},
				{"domains", list(systemDomains)},
				{"no name", list(noNames)},
			},
		},
	}
}

func severityTable() Table {
	t := Table{
		Title: "severity and numericSeverity of threats",
		Doc: "What a threat is stands in the first line that fits: an analyst's verdict goes before the engine's confidence. What has become " +
			"of it, mitigationStatus mitigated or not and incidentStatus resolved or not, says the rest; what is unknown counts as not.",
		Header: append([]string{"the threat is", "that is"}, fates[:]...),
	}
	for _, r := range severityRules {
		row := []string{r.what, r.when}
		for _, s := range r.severity {
			row = append(row, s.name+" "+strconv.FormatInt(s.numeric, 10))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func privateNetworksTable() Table {
	t := Table{
		Title: "Private addresses",
		Doc: "Addresses in these networks are private, all others public. Loopback, unspecified, multicast and broadcast addresses are " +
			"left out altogether.",
		Header: []string{"network", "what it is"},
	}
	for _, n := range privateNetworks {
		t.Rows = append(t.Rows, []string{n.prefix.String(), n.doc})
	}
	return t
}

func (t translation) table() [][]string {
	rows := make([][]string, 0, len(t.words)+1)
	for _, w := range t.words {
		rows = append(rows, []string{orEmpty(w[0]), orEmpty(w[1])})
	}
	return append(rows, []string{"anything else", t.other})
}

// orEmpty names what would else be an empty cell.
func orEmpty(s string) string { return cmp.Or(s, "(empty)") }

// list is names in the form in which a cell shows several.
func list(names []string) string { return "`" + strings.Join(names, "`, `") + "`" }
