// Infected devices and their owners
//
// Devices whose agent has threats that are not mitigated, the worst first. An infected machine that has
// no agent in service any more is among the unprotected devices.
//
// Parameters:
//   scope  string   null  Instance that is asked about; null for all.
//   limit  integer  100   How many rows at most.
//
// Columns:
//   device    Name of the device.
//   os        Its operating system.
//   owners    Who owns it.
//   mail      Their mail addresses.
//   site      Site of the agent.
//   severity  The worst severity of its threats that are not mitigated.
//   threats   Their names, the worst first.
//   online    Whether the agent is connected now.
//   scope     Instance.

MATCH (a:HostAgent)-[:PROTECTS]->(d:Device)
WHERE ($scope IS NULL OR a._scope = $scope)
  AND a.infected
WITH d, a, COLLECT {
  MATCH (a)-[:HAS]->(t:Finding)
  WHERE NOT coalesce(t.mitigationStatus, '') IN ['mitigated', 'marked_as_benign']
  RETURN t ORDER BY t.numericSeverity DESC, t.name
} AS unmitigated
ORDER BY coalesce(unmitigated[0].numericSeverity, 0) DESC, d.name, d._key, a._key, d._scope
LIMIT $limit
OPTIONAL MATCH (s:Site)-[:HAS]->(:Group)-[:HAS]->(a)
RETURN d.name AS device,
       d.osName AS os,
       COLLECT { MATCH (u:User)-[:OWNS]->(d) RETURN u.name ORDER BY u.name } AS owners,
       COLLECT { MATCH (u:User)-[:OWNS]->(d) UNWIND u.email AS mail RETURN mail ORDER BY mail } AS mail,
       s.name AS site,
       unmitigated[0].severity AS severity,
       [t IN unmitigated | t.name] AS threats,
       a.isActive AS online,
       d._scope AS scope
ORDER BY coalesce(unmitigated[0].numericSeverity, 0) DESC, d.name, d._key, a._key, scope
