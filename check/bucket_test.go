package check_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/check"
)

func TestTheBucketIsProbedWhereOneIsSet(t *testing.T) {
	_, o := tenant(t)
	assert.NotContains(t, findings(t, o), "bucket")
	o.Config.State = "file://" + filepath.Join(t.TempDir(), "bucket")
	assert.Equal(t, check.OK, findings(t, o)["bucket"].State)
	o.Config.State = "file:///proc/nowhere"
	found := findings(t, o)["bucket"]
	assert.Equal(t, check.Fault, found.State)
	assert.Contains(t, found.Detail, "file:///proc/nowhere")
}
