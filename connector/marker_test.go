package connector_test

import (
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/connector"
	"s1graph/s1/s1test"
)

// readable matches all but the question who the token is, so that a run begins and can read nothing.
func readable(r request) bool { return !strings.HasSuffix(r.URL.Path, "/user") }

// Whoever edits the marker does not open the graph to other folders, nor lock its own out.
func TestAMarkerWhoseTokenSomebodyEditedNamesItsFolderStill(t *testing.T) {
	t.Parallel()
	for name, token := range map[string]string{"none": "null", "a number": "5", "empty": "''", "a list": "['a']"} {
		t.Run(name, func(t *testing.T) {
			d := newDatabase(t)
			c := newConsole(t, little())
			c.mustSync(d.write)
			other := c.elsewhere()
			other.mustSync(func(o *connector.Options) { o.Config.Instance = d.scope })
			edit := "MATCH (m:S1GraphScope {_scope: $scope}) SET m.token = " + token

			d.query(t, edit)
			other.mustRefuse(d, "belongs to another folder")
			c.SetDay(1)
			c.mustSync(d.write)
			d.assertHolds(t, c.dir)

			d.query(t, edit)
			require.NoError(t, os.RemoveAll(c.dir))
			c.mustSync(d.write)
			d.assertHolds(t, c.dir)
		})
	}
}

func TestALostFolderAdoptsAGraphWhoseMarkerSomebodyEdited(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]string{
		"no batches": "m.batch = null", "batches in words": "m.batch = 'many'", "no run": "m.run = null", "a run of another kind": "m.run = 5",
	} {
		t.Run(name, func(t *testing.T) {
			d := newDatabase(t)
			c := newConsole(t, little())
			c.mustSync(d.write)
			before := c.graph()
			require.NoError(t, os.RemoveAll(c.dir))
			d.query(t, "MATCH (m:S1GraphScope {_scope: $scope}) SET "+edit)
			c.mustSync(d.write)
			assertSame(t, before, c.graph())
			d.assertHolds(t, c.dir)
		})
	}
}

// Of an edited record the adopted graph has the key alone. That is no reason to take the rest of it out of the database
// before it was read anew.
func TestWhatSomebodyEditedStaysInNeo4jUntilItIsReadAnew(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	c := newConsole(t, little())
	c.mustSync(d.write)
	before := c.graph()
	d.query(t, "MATCH (n:sentinelone_threat {_scope: $scope}) SET n.name = 'edited'")
	d.query(t, "MATCH (:sentinelone_agent {_scope: $scope})-[r:PROTECTS]->() WITH r LIMIT 5 DELETE r")
	d.query(t, "UNWIND range(10, 12) AS i CREATE (:HostAgent:sentinelone_agent {_scope: $scope, _key: 'stranger-' + i})")
	edited := d.everything(t)
	require.NoError(t, os.RemoveAll(c.dir))
	mend := c.Break(s1test.Fault{Match: readable, Effect: s1test.Status(500)})
	for range 3 {
		require.ErrorContains(t, c.sync(d.write).err, "no step could be read")
		assert.Equal(t, edited, d.everything(t))
	}
	mend()
	result := c.mustSync(d.write, func(o *connector.Options) { o.Verify = true })
	assert.Empty(t, result.changes)
	assertSame(t, before, c.graph())
	d.assertHolds(t, c.dir)
}

func TestKeysThatNoTypeGivesAreNotAdopted(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	c := newConsole(t, little())
	c.mustSync(d.write)
	before := c.graph()
	d.query(t, "UNWIND range(10, 12) AS i CREATE (:HostAgent:sentinelone_agent {_scope: $scope, _key: 'stranger-' + i})")
	d.query(t, "CREATE (:HostAgent:sentinelone_agent {_scope: $scope, _key: 'sentinelone_threat:1234567890'})")
	require.NoError(t, os.RemoveAll(c.dir))
	result := c.mustSync(d.write)
	requireNotice(t, result, "Neo4j had 4 of sentinelone_agent with keys that s1graph does not give")
	assert.Zero(t, result.Changes["sentinelone_agent"].Deleted)
	assertSame(t, before, c.graph())
}

// onceAt does something before the first request for a path goes out.
type onceAt struct {
	path string
	once sync.Once
	do   func()
}

func (o *onceAt) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, o.path) {
		o.once.Do(o.do)
	}
	return http.DefaultTransport.RoundTrip(r)
}

func TestARunWhoseGraphAnotherFolderTookSaysWhatToDo(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	c := newConsole(t, little())
	c.mustSync(d.write)
	c.SetDay(1)
	other := c.elsewhere()
	result := c.sync(d.write, func(o *connector.Options) {
		o.Transport = &onceAt{path: "/agents", do: func() { assert.NoError(t, other.sync(d.write).err) }}
	})
	require.NoError(t, result.err)
	assert.Equal(t, connector.Partial, result.Status, "the run is committed, and the store is behind: exit code 3")
	requireNotice(t, result, "Neo4j is behind and stays behind, since another folder took over its graph during this run")
	assert.Contains(t, strings.Join(result.Notices, "\n"), "give this instance another name (--instance), or remove that graph")
	d.assertHolds(t, other.dir)
	c.mustRefuse(d, "belongs to another folder")
}

func TestAMarkerWhoseFormatIsNoNumberIsRefusedWithWhatToDo(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	c := newConsole(t, little())
	c.mustSync(d.write)
	d.query(t, "MATCH (m:S1GraphScope {_scope: $scope}) SET m.format = 'two'")
	c.mustRefuseSaying(d, []string{"put it right with MATCH (m:S1GraphScope {_scope: $scope}) SET m.format = 2"})
	d.query(t, "MATCH (m:S1GraphScope {_scope: $scope}) SET m.format = 2")
	c.mustSync(d.write)
}
