// Machines with two agents
//
// Devices that more than one agent in service says to be on: a machine that was installed anew while its
// old agent was never decommissioned, or two machines with the same serial number and name. One of the
// agents is usually dead, and still takes a license.
//
// Parameters:
//   scope  string   null  Instance that is asked about; null for all.
//   limit  integer  100   How many rows at most.
//
// Columns:
//   device    Name of the device.
//   serial    Its serial number.
//   agents    How many agents.
//   ids       Their ids in the console, those heard of last first.
//   versions  Their versions, in the same order.
//   lastSeen  When each was last heard of, in the same order.
//   scope     Instance.

MATCH (a:HostAgent)-[:PROTECTS]->(d:Device)
WHERE $scope IS NULL OR d._scope = $scope
WITH d, a ORDER BY a.lastSeenOn DESC, a._key
WITH d, collect(a) AS agents
WHERE size(agents) > 1
RETURN d.name AS device,
       d.serial AS serial,
       size(agents) AS agents,
       [a IN agents | a.id] AS ids,
       [a IN agents | a.agentVersion] AS versions,
       [a IN agents | CASE WHEN a.lastSeenOn > 0 THEN datetime({epochMillis: a.lastSeenOn}) END] AS lastSeen,
       d._scope AS scope
ORDER BY agents DESC, device, d._key, scope
LIMIT $limit
