package delivery

import "time"

// What docs/alerts.md tells of a delivery that fails.
const (
	FirstPause  = firstPause
	MostPause   = mostPause
	GiveUpAfter = giveUpAfter
	SendTimeout = 30 * time.Second // Config.Timeout, where it is 0
)
