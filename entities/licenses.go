package entities

import (
	"cmp"
	"strconv"

	"s1graph/s1"
)

// licenseBundles are the names of the bought bundles, such as "Singularity Complete".
func licenseBundles(l *s1.Licenses) []string {
	var names []string
	for _, b := range partOf(l).Bundles {
		names = append(names, cmp.Or(b.DisplayName, b.Name))
	}
	return names
}

// licenseModules are the names of the bought add-ons.
func licenseModules(l *s1.Licenses) []string {
	var names []string
	for _, m := range partOf(l).Modules {
		names = append(names, cmp.Or(m.DisplayName, m.Name))
	}
	return names
}

// licenseSurfaces says how many of what each bundle covers, as "bundle/surface: count".
func licenseSurfaces(l *s1.Licenses) []string {
	var surfaces []string
	for _, b := range partOf(l).Bundles {
		for _, s := range b.Surfaces {
			if !s.Count.Known {
				continue
			}
			count := "unlimited"
			if !isUnlimited(s.Count) {
				count = strconv.FormatInt(s.Count.Value, 10)
			}
			surfaces = append(surfaces, cmp.Or(b.DisplayName, b.Name)+"/"+s.Name+": "+count)
		}
	}
	return surfaces
}

// isUnlimited says whether a number of licenses stands for any number, which consoles write as -1.
func isUnlimited(licenses s1.Int) bool { return licenses.Known && licenses.Value < 0 }

// limited is a number of licenses, unknown where it stands for any number.
func limited(licenses s1.Int) s1.Int {
	if isUnlimited(licenses) {
		return s1.Int{}
	}
	return licenses
}

// activeState turns the state of an account or site into JupiterOne's active.
func activeState(state string) s1.Flag {
	if state == "" {
		return s1.Unknown
	}
	return s1.FlagOf(state == "active")
}
