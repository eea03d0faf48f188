package connector_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/connector"
)

// agentsOnly is a console whose lists are empty but for /agents.
func agentsOnly(rows ...string) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		switch {
		case strings.HasSuffix(r.URL.Path, "/user"):
			fmt.Fprint(rw, `{"data": {"id": "1", "scope": "tenant"}}`)
		case strings.HasSuffix(r.URL.Path, "/sites"):
			fmt.Fprint(rw, `{"data": {"sites": []}, "pagination": {"totalItems": 0, "nextCursor": null}}`)
		case strings.HasSuffix(r.URL.Path, "/agents"):
			fmt.Fprintf(rw, `{"data": [%s], "pagination": {"totalItems": %d, "nextCursor": null}}`, strings.Join(rows, ","), len(rows))
		default:
			fmt.Fprint(rw, `{"data": [], "pagination": {"totalItems": 0, "nextCursor": null}}`)
		}
	})
}

// Agents 999 and 1000 were heard of at the same moment. 1000 is the greater number, and the lesser text.
func TestTheAgentThatDescribesADeviceNamesItsOwnerToo(t *testing.T) {
	t.Parallel()
	row := func(id, computer, user, encrypted string) string {
		return fmt.Sprintf(`{"id": %q, "uuid": "u-%s", "accountId": "7", "siteId": "8", "groupId": "9", "serialNumber": "PF2X9K4L",
			"computerName": %q, "lastLoggedInUserName": %q, "encryptedApplications": %s, "lastActiveDate": "2026-11-20T10:00:00Z"}`,
			id, id, computer, user, encrypted)
	}
	older, newer := row("999", "pc-7", "ann", "false"), row("1000", "PC-7", "bob", "true")
	for _, rows := range [][]string{{older, newer}, {newer, older}} {
		web := httptest.NewServer(agentsOnly(rows...))
		t.Cleanup(web.Close)
		c := &console{t: t, url: web.URL, dir: filepath.Join(t.TempDir(), "instance")}
		encrypted := true
		c.mustSync(func(o *connector.Options) {
			o.Config.Posture = []config.PosturePolicy{{EncryptedApplications: &encrypted}}
		})

		records := c.graph()
		devices, owners := ofType(records, "sentinelone_device"), ofType(records, "sentinelone_user_owns_device")
		require.Len(t, devices, 1)
		require.Len(t, owners, 1)
		assert.Contains(t, records[devices[0]], `"computerName":"PC-7"`, "agent 1000 describes it")
		user, _, _ := strings.Cut(owners[0], "|")
		assert.Contains(t, records[user], `"bob"`, "agent 1000 names the owner")
		assert.Zero(t, c.fallen(), "posture goes by agent 1000")
	}
}
