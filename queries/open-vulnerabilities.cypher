// Open vulnerabilities with device, owner and site
//
// Which devices have which vulnerabilities, those with the highest score first: of all, or of one vulnerability,
// device, owner or site. What was marked as a false positive is left out.
//
// Parameters:
//   severities     strings  critical  Severities that count: critical, high, medium, low.
//   vulnerability  string   null      One vulnerability alone, such as CVE-2026-1000; null for all.
//   device         string   null      Name of one device; null for all.
//   owner          string   null      Name or mail address of one owner; null for all.
//   site           string   null      Name of one site; null for all.
//   scope          string   null      Instance that is asked about; null for all.
//   limit          integer  100       How many rows at most.
//
// Columns:
//   vulnerability  Its ID.
//   severity       critical, high, medium or low.
//   score          Base score of CVSS.
//   exploit        Whether code that exploits it is known.
//   device         Name of the device that has it.
//   owners         Who owns that.
//   sites          Site of its agent.
//   applications   By which applications it has it.
//   found          When it was first found there.
//   mitigation     What is being done about it.
//   scope          Instance.

MATCH (v:Vulnerability)<-[h:HAS]-(d:Device)
WHERE ($scope IS NULL OR v._scope = $scope)
  AND v.open AND v.severity IN $severities
  AND ($vulnerability IS NULL OR toLower(v.name) = toLower($vulnerability))
  AND h.open
  AND ($device IS NULL OR toLower(d.name) = toLower($device))
  AND ($owner IS NULL OR EXISTS {
    MATCH (u:User)-[:OWNS]->(d)
    WHERE toLower($owner) IN [name IN [u.name] + u.email | toLower(name)]
  })
  AND ($site IS NULL OR EXISTS {
    MATCH (s:Site)-[:HAS]->(:Group)-[:HAS]->(:HostAgent)-[:PROTECTS]->(d)
    WHERE toLower(s.name) = toLower($site)
  })
WITH v, h, d
ORDER BY coalesce(v.score, -1) DESC, v.name, d.name, d._key, v._scope
LIMIT $limit
RETURN v.name AS vulnerability,
       v.severity AS severity,
       v.score AS score,
       v.exploitCodeMaturity AS exploit,
       d.name AS device,
       COLLECT { MATCH (u:User)-[:OWNS]->(d) RETURN u.name ORDER BY u.name } AS owners,
       COLLECT { MATCH (s:Site)-[:HAS]->(:Group)-[:HAS]->(:HostAgent)-[:PROTECTS]->(d) RETURN DISTINCT s.name AS site ORDER BY site } AS sites,
       h.applications AS applications,
       CASE WHEN h.detectedAt > 0 THEN datetime({epochMillis: h.detectedAt}) END AS found,
       h.mitigationStatus AS mitigation,
       v._scope AS scope
ORDER BY coalesce(score, -1) DESC, vulnerability, device, d._key, scope
