// Package posture judges devices by what the configuration demands of them, as access products do: whether
// a machine may be let in. Where the verdicts are kept and who is told of them is left to others.
package posture

// Verdict is what was found of one device.
type Verdict struct {
	Device    string // key
	Compliant bool
	Reasons   []string // why it is not compliant, sorted; empty where it is
}
