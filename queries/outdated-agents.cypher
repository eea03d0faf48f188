// Agents out of date, by version
//
// Versions of agents in service that the console does not call up to date, those on the most machines
// first.
//
// Parameters:
//   scope  string   null  Instance that is asked about; null for all.
//   limit  integer  100   How many rows at most.
//
// Columns:
//   os       Kind of operating system.
//   version  Version of the agent.
//   agents   How many agents have it.
//   online   How many of them are connected now, and can be upgraded.
//   sites    Sites that they are in.
//   scope    Instance.

MATCH (a:HostAgent)-[:PROTECTS]->(:Device)
WHERE ($scope IS NULL OR a._scope = $scope)
  AND a.isUpToDate = false
OPTIONAL MATCH (s:Site)-[:HAS]->(:Group)-[:HAS]->(a)
WITH a, s ORDER BY s.name
RETURN a.osType AS os,
       a.agentVersion AS version,
       count(DISTINCT a) AS agents,
       count(DISTINCT CASE WHEN a.isActive THEN a END) AS online,
       collect(DISTINCT s.name) AS sites,
       a._scope AS scope
ORDER BY agents DESC, os, version, scope
LIMIT $limit
