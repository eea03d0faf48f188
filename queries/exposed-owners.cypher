// Owners with the most exposure
//
// Whose devices have the most open vulnerabilities: the people with the most critical ones first. Devices without an
// owner stand together in one row.
//
// Parameters:
//   severities  strings  critical,high  Severities that count: critical, high, medium, low.
//   scope       string   null           Instance that is asked about; null for all.
//   limit       integer  100            How many rows at most.
//
// Columns:
//   owner            Name of the owner.
//   mail             Mail addresses.
//   critical         How many critical vulnerabilities their devices have.
//   vulnerabilities  How many vulnerabilities they have.
//   score            The highest score of one.
//   devices          How many devices have one.
//   names            Names of ten of these.
//   sites            Their sites.
//   scope            Instance.

MATCH (v:Vulnerability)<-[h:HAS]-(d:Device)
WHERE ($scope IS NULL OR v._scope = $scope)
  AND v.open AND v.severity IN $severities
  AND h.open
OPTIONAL MATCH (u:User)-[:OWNS]->(d)
WITH u, v._scope AS scope,
     count(DISTINCT CASE v.severity WHEN 'critical' THEN v END) AS critical,
     count(DISTINCT v) AS vulnerabilities,
     max(v.score) AS score,
     collect(DISTINCT d) AS owned
ORDER BY critical DESC, vulnerabilities DESC, size(owned) DESC, u.name, u._key, scope
LIMIT $limit
RETURN u.name AS owner,
       u.email AS mail,
       critical,
       vulnerabilities,
       score,
       size(owned) AS devices,
       COLLECT { UNWIND owned AS d RETURN DISTINCT d.name AS name ORDER BY name LIMIT 10 } AS names,
       COLLECT {
         UNWIND owned AS d
         MATCH (s:Site)-[:HAS]->(:Group)-[:HAS]->(:HostAgent)-[:PROTECTS]->(d)
         RETURN DISTINCT s.name AS site ORDER BY site
       } AS sites,
       scope
ORDER BY critical DESC, vulnerabilities DESC, devices DESC, owner, u._key, scope
