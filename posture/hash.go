package posture

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"s1graph/config"
)

// Hash changes when policies demand something else, or demand it of other groups. Their names do not count. It is 16
// hexadecimal digits, or "" where there are no policies.
func Hash(policies []config.PosturePolicy) string {
	if len(policies) == 0 {
		return ""
	}
	h := sha256.New()
	for _, p := range policies {
		fmt.Fprintf(h, "%q %q %q %d %s", p.Groups, p.NetworkStatus, p.OperationalState, p.LastSyncedInterval, given(p.ActiveThreats))
		for _, want := range []*bool{p.EncryptedApplications, p.FirewallEnabled, p.Infected, p.IsActive, p.IsUpToDate} {
			fmt.Fprint(h, " ", given(want))
		}
		fmt.Fprintln(h)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// given is the value, or a dash where the policy demands none.
func given[T any](v *T) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprint(*v)
}
