// Devices where encryption or the firewall is off
//
// Machines in service whose disk is not encrypted, or whose firewall control is off. What the agent does
// not tell does not count as off.
//
// Parameters:
//   machineType  string   null  Kind of machine, such as laptop; null for all.
//   scope        string   null  Instance that is asked about; null for all.
//   limit        integer  100   How many rows at most.
//
// Columns:
//   device       Name of the device.
//   machineType  Kind of machine.
//   os           Its operating system.
//   encrypted    Whether its disk is encrypted.
//   firewall     Whether the agent's firewall control is on.
//   owners       Who owns it.
//   lastSeen     When it was last heard of.
//   scope        Instance.

MATCH (d:Device)
WHERE ($scope IS NULL OR d._scope = $scope)
  AND ($machineType IS NULL OR d.machineType = $machineType)
  AND (d.encrypted = false OR d.firewallEnabled = false)
  AND EXISTS { (d)<-[:PROTECTS]-(:HostAgent) }
RETURN d.name AS device,
       d.machineType AS machineType,
       d.osName AS os,
       d.encrypted AS encrypted,
       d.firewallEnabled AS firewall,
       COLLECT { MATCH (u:User)-[:OWNS]->(d) RETURN u.name ORDER BY u.name } AS owners,
       CASE WHEN d.lastSeenOn > 0 THEN datetime({epochMillis: d.lastSeenOn}) END AS lastSeen,
       d._scope AS scope
ORDER BY firewall, encrypted, device, d._key, scope
LIMIT $limit
