package steps_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/steps"
)

// Go hashes in another way where the processor has no instructions for AES, as that of a Raspberry Pi 4: there an empty text
// changes a hash, and a second one changes it back.
func TestApplicationsAreToldApartWithoutAESToo(t *testing.T) {
	if withoutAES := "cpu.aes=off"; os.Getenv("GODEBUG") != withoutAES {
		child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		child.Env = append(os.Environ(), "GODEBUG="+withoutAES)
		said, err := child.CombinedOutput()
		require.NoError(t, err, "%s", said)
		return
	}
	members := []string{"name", "publisher", "version", "type", "osType"}
	var rows []string // each installation has the text x in another member, and no other text
	for i, member := range members {
		rows = append(rows, fmt.Sprintf(`{"id":"%d","agentId":"7",%q:"x"}`, i+1, member))
	}
	list := fmt.Sprintf(`{"data":[%s],"pagination":{"totalItems":%d}}`, strings.Join(rows, ","), len(rows))
	found, _ := readApplications(t, func(*http.Request) string { return list }, steps.InstalledSource)
	assert.Equal(t, len(members), found)
}
