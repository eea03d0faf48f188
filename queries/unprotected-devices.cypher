// Devices that no agent protects
//
// Machines whose agents are all decommissioned or uninstalled, those last heard of first: a machine that
// was seen yesterday and has no agent today is in use and open.
//
// Parameters:
//   scope  string   null  Instance that is asked about; null for all.
//   limit  integer  100   How many rows at most.
//
// Columns:
//   device             Name of the device.
//   os                 Its operating system.
//   owners             Who owns it.
//   lastSeen           When one of its agents was last heard of.
//   because            What became of its agents: decommissioned, uninstalled.
//   threatsLeft        Threats of its former agents that are not mitigated.
//   scope              Instance.

MATCH (d:Device)
WHERE ($scope IS NULL OR d._scope = $scope)
  AND NOT EXISTS { (d)<-[:PROTECTS]-(:HostAgent) }
WITH d
ORDER BY d.lastSeenOn DESC, d._key, d._scope
LIMIT $limit

// No relationship leads to former agents: the device names them. The type's label finds each by index.
OPTIONAL MATCH (a:sentinelone_agent)
WHERE a._scope = d._scope
  AND a._key IN [id IN coalesce(d.formerAgentIds, []) | 'sentinelone_agent:' + id]
OPTIONAL MATCH (a)-[:HAS]->(t:Finding)
WHERE NOT coalesce(t.mitigationStatus, '') IN ['mitigated', 'marked_as_benign']

WITH d,
     collect(DISTINCT CASE WHEN a.isUninstalled THEN 'uninstalled' WHEN a.isDecommissioned THEN 'decommissioned' END) AS because,
     count(DISTINCT t) AS threatsLeft
RETURN d.name AS device,
       d.osName AS os,
       COLLECT { MATCH (u:User)-[:OWNS]->(d) RETURN u.name ORDER BY u.name } AS owners,
       CASE WHEN d.lastSeenOn > 0 THEN datetime({epochMillis: d.lastSeenOn}) END AS lastSeen,
       because,
       threatsLeft,
       d._scope AS scope
ORDER BY d.lastSeenOn DESC, d._key, scope
