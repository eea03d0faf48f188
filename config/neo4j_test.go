package config_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
)

// The password and the graph would go over the network for all to read.
func TestADatabaseOnAnotherMachineIsReachedUnencryptedOnlyWhereTheNetworkIsTrusted(t *testing.T) {
	folder(t, nil)
	load := func(uri string, change func(*config.Sources)) (*config.Config, error) {
		return config.Load(sources(func(s *config.Sources) {
			s.Environment = append(s.Environment, "NEO4J_URI="+uri, "NEO4J_PASSWORD=hunter3", "S1GRAPH_STORE=neo4j")
			if change != nil {
				change(s)
			}
		}))
	}
	for uri, clear := range map[string]bool{
		"bolt://127.0.0.1:7687": false, "neo4j://127.8.9.10": false, "bolt://[::1]:7687": false, "NEO4J://LocalHost": false,
		"bolt://[::ffff:127.0.0.1]:7687": false,
		"bolt+s://db.example:7687":       false, "bolt+ssc://db.example": false, "neo4j+s://10.1.2.3": false, "neo4j+ssc://db.example": false,

		"bolt://db.example:7687": true, "neo4j://db.example": true, "Bolt://10.1.2.3": true, "neo4j://[2001:db8::1]:7687": true,
		"neo4j://neo4j:7687": true, "bolt://localhost.example": true, "bolt://127.0.0.1.example": true, "bolt://db.localhost": true,
		"bolt://0.0.0.0:7687": true, "bolt://:7687": true, "neo4j://db.example?region=eu": true,
	} {
		t.Run(uri, func(t *testing.T) {
			_, err := load(uri, nil)
			if !clear {
				require.NoError(t, err)
				return
			}
			var found config.Faults
			require.ErrorAs(t, err, &found)
			require.Len(t, found, 1)
			assert.Equal(t, "NEO4J_URI", found[0].Where)
			for _, way := range []string{"neo4j+s, bolt+s", "--neo4j-insecure", "NEO4J_INSECURE=true", "neo4j.insecure: true"} {
				assert.Contains(t, found[0].Detail, way)
			}
			assert.NotContains(t, err.Error(), "hunter3")

			c, err := load(uri, func(s *config.Sources) { s.Environment = append(s.Environment, "NEO4J_INSECURE=true") })
			require.NoError(t, err)
			assert.True(t, c.Neo4j.Insecure)
			_, err = load(uri, func(s *config.Sources) {
				s.Environment = append(s.Environment, "NEO4J_INSECURE=true")
				s.Flags["neo4j.insecure"] = "false"
			})
			require.ErrorAs(t, err, &found, "the flag wins")

			for name, asks := range map[string]func(*config.Sources){
				"a replay":                        func(s *config.Sources) { s.Recording = "acme" },
				"a command of the database alone": func(s *config.Sources) { s.NoConsole, s.Flags["store"] = true, "json" },
			} {
				_, err = load(uri, asks)
				require.ErrorAs(t, err, &found, name)
			}
			for name, doesNotAsk := range map[string]func(*config.Sources){
				"a run that writes files alone": func(s *config.Sources) { s.Flags["store"] = "json" },
				"a command of the folder alone": func(s *config.Sources) { s.Local = true },
			} {
				_, err = load(uri, doesNotAsk)
				require.NoError(t, err, name)
			}
		})
	}
}

func TestEachInstanceSaysForItselfWhetherTheNetworkToItsDatabaseIsTrusted(t *testing.T) {
	folder(t, map[string]string{"s1graph.yaml": `
store: neo4j
tokenFile: token
neo4j: {uri: "bolt://db.example"}
instances:
  - {instance: acme, url: a.example, neo4j: {insecure: true}}
  - {instance: globex, url: b.example}
`})
	_, err := config.LoadService(sources(func(s *config.Sources) { s.Environment = []string{"NEO4J_PASSWORD=hunter3"} }))
	var found config.Faults
	require.ErrorAs(t, err, &found)
	require.Len(t, found, 1)
	assert.Equal(t, "s1graph.yaml:4:14: neo4j.uri", found[0].Where)
}
