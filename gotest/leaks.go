package gotest

import (
	"time"

	"go.uber.org/goleak"
)

// VerifyTestMain is goleak's, for machines with much else to do: goroutines that are about to end when the tests have ended have a minute
// for that, and not half a second.
func VerifyTestMain(m goleak.TestingM, options ...goleak.Option) {
	goleak.VerifyTestMain(patient{m, options}, options...)
}

type patient struct {
	goleak.TestingM
	options []goleak.Option
}

func (p patient) Run() int {
	code := p.TestingM.Run()
	for began := time.Now(); code == 0 && time.Since(began) < time.Minute; {
		if goleak.Find(p.options...) == nil { // which waits
			break
		}
	}
	return code
}
