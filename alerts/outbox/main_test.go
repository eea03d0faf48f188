package outbox_test

import (
	"testing"

	"s1graph/gotest"
)

func TestMain(m *testing.M) { gotest.VerifyTestMain(m) }
