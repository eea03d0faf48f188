package posture_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"s1graph/config"
	"s1graph/posture"
)

func TestTheHashChangesWithWhatPoliciesDemand(t *testing.T) {
	yes, no, none, one := true, false, 0, 1
	seen := map[string]string{"": "no policies"}
	for name, p := range map[string]config.PosturePolicy{
		"nothing":                {},
		"groups":                 {Groups: []string{"1"}},
		"two groups":             {Groups: []string{"1", "2"}},
		"one group of two names": {Groups: []string{"1 2"}},
		"no threats":             {ActiveThreats: &none},
		"one threat":             {ActiveThreats: &one},
		"network status":         {NetworkStatus: []string{"connected"}},
		"operational state":      {OperationalState: []string{"connected"}},
		"last synced":            {LastSyncedInterval: 24 * time.Hour},
		"encrypted":              {EncryptedApplications: &yes},
		"not encrypted":          {EncryptedApplications: &no},
		"firewall":               {FirewallEnabled: &yes},
		"infected":               {Infected: &yes},
		"active":                 {IsActive: &yes},
		"up to date":             {IsUpToDate: &yes},
	} {
		hash := posture.Hash([]config.PosturePolicy{p})
		assert.Regexp(t, "^[0-9a-f]{16}$", hash)
		assert.Empty(t, seen[hash], "%s has the hash of another one", name)
		seen[hash] = name
	}
	assert.Empty(t, posture.Hash(nil))
}

func TestTheHashDoesNotChangeWithTheNameOfAPolicy(t *testing.T) {
	assert.Equal(t, posture.Hash([]config.PosturePolicy{{Name: "one"}}), posture.Hash([]config.PosturePolicy{{Name: "another"}}))
}

func TestTheHashIsTheOneOfRunsThatWereCommittedBefore(t *testing.T) {
	// With another hash, every run after an update would look like one whose policies were changed.
	encrypted := true
	policies := []config.PosturePolicy{{Groups: []string{"1"}, EncryptedApplications: &encrypted}}
	assert.Equal(t, "6cb27d8d9612ea39", posture.Hash(policies), `the first digits of the SHA-256 of ["1"] [] [] 0 - true - - - - and a line feed`)
}
