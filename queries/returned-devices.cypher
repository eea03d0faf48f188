// Decommissioned agents whose device came back
//
// Machines that were taken out of service and have an agent again that was heard of after the old one
// fell silent: those that came back last first.
//
// Parameters:
//   scope  string   null  Instance that is asked about; null for all.
//   limit  integer  100   How many rows at most.
//
// Columns:
//   device       Name of the device.
//   owners       Who owns it.
//   former       Id of the agent that was decommissioned.
//   formerSeen   When that was last heard of.
//   agent        Id of the agent that is there now.
//   registered   When that first reported.
//   lastSeen     When it was last heard of.
//   scope        Instance.

MATCH (d:Device)<-[:PROTECTS]-(a:HostAgent)
WHERE ($scope IS NULL OR d._scope = $scope)
  AND d.formerAgentIds IS NOT NULL
// No relationship leads to former agents: the device names them. The type's label finds each by index.
UNWIND d.formerAgentIds AS id
MATCH (old:sentinelone_agent {_scope: d._scope, _key: 'sentinelone_agent:' + id})
WHERE old.isDecommissioned
  AND old.lastSeenOn < a.lastSeenOn
RETURN d.name AS device,
       COLLECT { MATCH (u:User)-[:OWNS]->(d) RETURN u.name ORDER BY u.name } AS owners,
       old.id AS former,
       CASE WHEN old.lastSeenOn > 0 THEN datetime({epochMillis: old.lastSeenOn}) END AS formerSeen,
       a.id AS agent,
       CASE WHEN a.registeredAt > 0 THEN datetime({epochMillis: a.registeredAt}) END AS registered,
       datetime({epochMillis: a.lastSeenOn}) AS lastSeen,
       d._scope AS scope
ORDER BY coalesce(a.registeredAt, 0) DESC, device, a._key, old._key, scope
LIMIT $limit
