package check

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"s1graph/connector"
	"s1graph/graph/jsonstore"
)

// controls names the parts of the configuration that do nothing, and the types of the graph that are read no longer, as far as
// the last run tells; before the first one nobody knows. It looks for the accounts, sites and groups that limit runs at the
// console.
func (c *checker) controls(ctx context.Context) {
	if c.faulty["directory"] {
		return
	}
	idle, err := connector.Idle(ctx, c.Config)
	if errors.Is(err, jsonstore.ErrNoRun) || errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		c.warn("last run", err.Error(), "the next run writes anew what is damaged")
		return
	}
	if len(idle) > 0 {
		c.warn("controls", strings.Join(idle, " "), "put it right, or take it out")
	}
	summary, err := connector.ReadSummary(c.Config.Dir)
	if err != nil {
		return // which was told
	}
	if unread := summary.Unread(c.Clock()); len(unread) > 0 {
		c.warn("graph", strings.Join(unread, " "), "")
	}
}
