package fleet_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/fleet"
	"s1graph/fleet/fleettest"
)

// older is the address of a server that calls itself an older one.
func older(t *testing.T, s *server.Server, version string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer from.Close()
				to, err := net.Dial("tcp", s.Addr().String())
				if err != nil {
					return
				}
				defer to.Close()
				serving.Go(func() {
					_, _ = io.Copy(to, from)
					_ = to.Close()
				})
				// It tells of itself when somebody connects, and once more when it knows who that is.
				answers := bufio.NewReader(to)
				for {
					line, err := answers.ReadString('\n')
					if strings.HasPrefix(line, "INFO ") {
						line = regexp.MustCompile(`"version":"[^"]*"`).ReplaceAllString(line, `"version":"`+version+`"`)
					}
					if _, closed := io.WriteString(from, line); err != nil || closed != nil {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		serving.Wait()
	})
	return "nats://" + l.Addr().String()
}

func TestANATSThatIsTooOldIsRefused(t *testing.T) {
	t.Parallel()
	s := fleettest.Nodes(t, 1)[0]
	for _, version := range []string{"2.10.29", "1.4.0", "nightly"} {
		_, err := fleet.Join(t.Context(), fleet.Config{URL: older(t, s, version), Worker: "a", TTL: steady})
		assert.EqualError(t, err, "NATS has the version "+version+", and a fleet needs 2.11 or newer: claims could not end by themselves")
	}
	for _, version := range []string{"2.11.0", "2.12.3-RC.1", "3.0.0"} {
		join(t, fleet.Config{URL: older(t, s, version), Worker: "a"}).Close()
	}
}

func TestAClusterOfTwoNodesIsRefused(t *testing.T) {
	t.Parallel()
	_, err := fleet.Join(t.Context(), fleet.Config{URL: fleettest.URLs(fleettest.Nodes(t, 2)), Worker: "a", TTL: steady})
	require.ErrorContains(t, err, "NATS is a cluster in which three nodes cannot hold the bucket s1graph-workers: add nodes, or make those that are there well")
}

// onlyMay is a server whose one user may do so much.
func onlyMay(t *testing.T, publish, subscribe []string) string {
	t.Helper()
	s := fleettest.Nodes(t, 1, func(o *server.Options) {
		o.Users = []*server.User{{Username: "s1graph", Password: "x", Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Allow: publish}, Subscribe: &server.SubjectPermission{Allow: subscribe},
		}}}
	})[0]
	return "nats://s1graph:x@" + s.Addr().String()
}

func TestAUserThatMayDoWhatTheManualSaysIsEnoughAndWithLessItSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	manual, err := os.ReadFile("../docs/fleet.md")
	require.NoError(t, err)
	publishes := regexp.MustCompile(`A user for s1graph publishes to (.+?), and\s+subscribes to (.+)\.`).FindSubmatch(manual)
	require.NotNil(t, publishes)
	named := regexp.MustCompile("`([^`]+)`")
	var all [2][]string
	for n := range all {
		for _, subject := range named.FindAllSubmatch(publishes[n+1], -1) {
			all[n] = append(all[n], string(subject[1]))
		}
	}
	without := func(subjects []string, missing string) []string {
		return slices.DeleteFunc(slices.Clone(subjects), func(s string) bool { return s == missing })
	}
	f := join(t, fleet.Config{URL: onlyMay(t, all[0], all[1]), Worker: "a"})
	c := hold(t, f, "acme.net", "x")
	f.Report(t.Context(), "acme.net", []byte("{}"))
	worker, err := f.RunNow(t.Context(), "acme.net")
	require.NoError(t, err)
	assert.Equal(t, "a", worker)
	require.NoError(t, c.Err())
	for _, missing := range []string{"$JS.API.>", "$KV.s1graph-workers.>"} {
		_, err := fleet.Join(t.Context(), fleet.Config{URL: onlyMay(t, without(all[0], missing), all[1]), Worker: "a", TTL: steady})
		assert.ErrorContains(t, err, "NATS does not let this user do all that a fleet needs: it may not publish to "+strings.TrimSuffix(missing, ">"))
	}
	_, err = fleet.Join(t.Context(), fleet.Config{URL: onlyMay(t, all[0], without(all[1], "_INBOX.>")), Worker: "a", TTL: steady})
	require.ErrorContains(t, err, "may not subscribe to _INBOX.")

	var log lines
	f = join(t, fleet.Config{URL: onlyMay(t, without(all[0], "$KV.s1graph-claims.>"), all[1]), Worker: "a", Logger: log.logger()})
	ctx, cancel := context.WithCancel(t.Context())
	held := make(chan error)
	go func() {
		_, err := f.Hold(ctx, "acme", "x")
		held <- err
	}()
	assert.Eventually(t, func() bool { return strings.Contains(log.text(), "it may not publish to $KV.s1graph-claims.acme") }, patience, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-held, context.Canceled)

	at := strings.Replace(onlyMay(t, all[0], all[1]), ":x@", ":y@", 1)
	_, err = fleet.Join(t.Context(), fleet.Config{URL: at, Worker: "a", TTL: steady})
	require.ErrorContains(t, err, "NATS does not let this user in")
	assert.NotContains(t, err.Error(), ":y")
}
