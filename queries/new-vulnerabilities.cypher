// New vulnerabilities
//
// What was found for the first time in the last days, this week unless told otherwise, and is open: the worst first.
//
// Parameters:
//   since       moment   7d             What was found before on one of its devices does not count.
//   severities  strings  critical,high  Severities that count: critical, high, medium, low.
//   scope       string   null           Instance that is asked about; null for all.
//   limit       integer  100            How many rows at most.
//
// Columns:
//   found          When it was first found on a device.
//   vulnerability  Its ID.
//   severity       critical, high, medium or low.
//   score          Base score of CVSS.
//   exploit        Whether code that exploits it is known.
//   published      When it was published.
//   devices        How many devices have it.
//   names          Names of ten of them.
//   owners         Ten of those who own them.
//   sites          Their sites.
//   scope          Instance.

MATCH (v:Vulnerability)<-[h:HAS]-(:Device)
WHERE ($scope IS NULL OR v._scope = $scope)
  AND v.open AND v.severity IN $severities
WITH v, min(h.detectedAt) AS found
WHERE found >= $since
WITH v, found, CASE v.severity WHEN 'critical' THEN 1 WHEN 'high' THEN 2 WHEN 'medium' THEN 3 ELSE 4 END AS place
ORDER BY place, coalesce(v.score, -1) DESC, found DESC, v.name, v._scope
LIMIT $limit
RETURN datetime({epochMillis: found}) AS found,
       v.name AS vulnerability,
       v.severity AS severity,
       v.score AS score,
       v.exploitCodeMaturity AS exploit,
       CASE WHEN v.publishedOn > 0 THEN datetime({epochMillis: v.publishedOn}) END AS published,
       COUNT { MATCH (v)<-[h:HAS]-(:Device) WHERE h.open } AS devices,
       COLLECT { MATCH (v)<-[h:HAS]-(d:Device) WHERE h.open RETURN DISTINCT d.name AS name ORDER BY name LIMIT 10 } AS names,
       COLLECT { MATCH (v)<-[h:HAS]-(:Device)<-[:OWNS]-(u:User) WHERE h.open RETURN DISTINCT u.name AS name ORDER BY name LIMIT 10 } AS owners,
       COLLECT { MATCH (v)<-[h:HAS]-(:Device)<-[:PROTECTS]-(:HostAgent)<-[:HAS]-(:Group)<-[:HAS]-(s:Site) WHERE h.open RETURN DISTINCT s.name AS site ORDER BY site } AS sites,
       v._scope AS scope
ORDER BY place, coalesce(score, -1) DESC, found DESC, vulnerability, scope
