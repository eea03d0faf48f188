// Isolated devices
//
// Devices that the console has cut off from their network, is about to cut off, or is about to let in again.
//
// Parameters:
//   scope  string   null  Instance that is asked about; null for all.
//   limit  integer  100   How many rows at most.
//
// Columns:
//   device         Name of the device.
//   networkStatus  disconnected, disconnecting or connecting.
//   site           Site of its agent.
//   group          Group of its agent.
//   owners         Who owns it.
//   infected       Whether it has threats that are not mitigated.
//   lastSeen       When its agent was last heard of.
//   scope          Instance.

MATCH (a:HostAgent)-[:PROTECTS]->(d:Device)
WHERE ($scope IS NULL OR a._scope = $scope)
  AND a.networkStatus IN ['disconnected', 'disconnecting', 'connecting']
OPTIONAL MATCH (s:Site)-[:HAS]->(g:Group)-[:HAS]->(a)
RETURN d.name AS device,
       a.networkStatus AS networkStatus,
       s.name AS site,
       g.name AS group,
       COLLECT { MATCH (u:User)-[:OWNS]->(d) RETURN u.name ORDER BY u.name } AS owners,
       a.infected AS infected,
       CASE WHEN a.lastSeenOn > 0 THEN datetime({epochMillis: a.lastSeenOn}) END AS lastSeen,
       a._scope AS scope
ORDER BY device, a._key, scope
LIMIT $limit
