// Devices with an open threat and a critical vulnerability
//
// Where somebody may be at work already and has an open door: devices whose agent has a threat that is not resolved, and
// which have a vulnerability of such severity. Those with the worst threats come first.
//
// Parameters:
//   severities  strings  critical  Severities of vulnerabilities that count: critical, high, medium, low.
//   scope       string   null      Instance that is asked about; null for all.
//   limit       integer  100       How many rows at most.
//
// Columns:
//   device           Name of the device.
//   os               Its operating system.
//   owners           Who owns it.
//   sites            Site of its agent.
//   severity         The worst severity of its open threats.
//   threats          Their names, the worst first.
//   open             How many such vulnerabilities it has.
//   vulnerabilities  Ten of them, those with the highest score first.
//   score            The highest score of one.
//   lastSeen         When the device was last heard of.
//   scope            Instance.

MATCH (t:Finding)<-[:HAS]-(:HostAgent)-[:PROTECTS]->(d:Device)
WHERE ($scope IS NULL OR t._scope = $scope)
  AND t.open
WITH d, t ORDER BY t.numericSeverity DESC, t.name
WITH d, collect(DISTINCT t) AS worst
WITH d, worst, COLLECT {
  MATCH (d)-[h:HAS]->(v:Vulnerability)
  WHERE h.open AND v.severity IN $severities
  RETURN v ORDER BY coalesce(v.score, -1) DESC, v.name
} AS found
WHERE size(found) > 0
WITH d, worst, found
ORDER BY coalesce(worst[0].numericSeverity, 0) DESC, size(found) DESC, d.name, d._key, d._scope
LIMIT $limit
RETURN d.name AS device,
       d.osName AS os,
       COLLECT { MATCH (u:User)-[:OWNS]->(d) RETURN u.name ORDER BY u.name } AS owners,
       COLLECT { MATCH (s:Site)-[:HAS]->(:Group)-[:HAS]->(:HostAgent)-[:PROTECTS]->(d) RETURN DISTINCT s.name AS site ORDER BY site } AS sites,
       worst[0].severity AS severity,
       [t IN worst | t.name] AS threats,
       size(found) AS open,
       [v IN found[..10] | v.name] AS vulnerabilities,
       found[0].score AS score,
       CASE WHEN d.lastSeenOn > 0 THEN datetime({epochMillis: d.lastSeenOn}) END AS lastSeen,
       d._scope AS scope
ORDER BY coalesce(worst[0].numericSeverity, 0) DESC, open DESC, device, d._key, scope
