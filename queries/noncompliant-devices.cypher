// Devices that do not meet what is demanded of them
//
// Machines that fall short of a policy under posture in the configuration file, those with the most reasons
// first. Where there are no policies, or none for a machine's group, nothing is demanded of it.
//
// Parameters:
//   reason  string   null  Part of a reason, such as firewallEnabled; null for all.
//   scope   string   null  Instance that is asked about; null for all.
//   limit   integer  100   How many rows at most.
//
// Columns:
//   device    Name of the device.
//   reasons   Why it is not compliant.
//   os        Its operating system.
//   owners    Who owns it.
//   sites     Sites of the agents that protect it.
//   lastSeen  When it was last heard of.
//   scope     Instance.

MATCH (d:Device)
WHERE ($scope IS NULL OR d._scope = $scope)
  AND d.compliant = false
  AND ($reason IS NULL OR any(text IN d.nonCompliantReasons WHERE toLower(text) CONTAINS toLower($reason)))
RETURN d.name AS device,
       d.nonCompliantReasons AS reasons,
       d.osName AS os,
       COLLECT { MATCH (u:User)-[:OWNS]->(d) RETURN u.name ORDER BY u.name } AS owners,
       COLLECT { MATCH (s:Site)-[:HAS]->(:Group)-[:HAS]->(:HostAgent)-[:PROTECTS]->(d) RETURN DISTINCT s.name AS site ORDER BY site } AS sites,
       CASE WHEN d.lastSeenOn > 0 THEN datetime({epochMillis: d.lastSeenOn}) END AS lastSeen,
       d._scope AS scope
ORDER BY size(reasons) DESC, device, d._key, scope
LIMIT $limit
