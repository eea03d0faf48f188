// Agents in detect mode
//
// Agents in service whose policy only reports threats and does nothing about them, by site and group:
// the policy is the group's.
//
// Parameters:
//   scope  string   null  Instance that is asked about; null for all.
//   limit  integer  100   How many rows at most.
//
// Columns:
//   site             Site of the agent.
//   group            Its group.
//   agent            Name of the agent, which is its computer's.
//   machineType      Kind of machine.
//   owners           Who owns it.
//   detectionState   How far detection is switched on.
//   activeThreats    How many threats it has that are not mitigated.
//   lastSeen         When it was last heard of.
//   scope            Instance.

MATCH (a:HostAgent)-[:PROTECTS]->(d:Device)
WHERE ($scope IS NULL OR a._scope = $scope)
  AND a.mitigationMode = 'detect'
OPTIONAL MATCH (s:Site)-[:HAS]->(g:Group)-[:HAS]->(a)
RETURN s.name AS site,
       g.name AS group,
       a.name AS agent,
       a.machineType AS machineType,
       COLLECT { MATCH (u:User)-[:OWNS]->(d) RETURN u.name ORDER BY u.name } AS owners,
       a.detectionState AS detectionState,
       a.activeThreats AS activeThreats,
       CASE WHEN a.lastSeenOn > 0 THEN datetime({epochMillis: a.lastSeenOn}) END AS lastSeen,
       a._scope AS scope
ORDER BY site, group, agent, a._key, scope
LIMIT $limit
