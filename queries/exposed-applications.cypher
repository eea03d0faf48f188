// Most exposed applications
//
// Which applications bring the most open vulnerabilities, and how many an upgrade of one on all devices would close at most:
// those first whose upgrade closes most. All versions of an application stand in one row.
//
// Parameters:
//   severities  strings  critical,high  Severities that count: critical, high, medium, low.
//   scope       string   null           Instance that is asked about; null for all.
//   limit       integer  100            How many rows at most.
//
// Columns:
//   application      Name of the application.
//   publisher        Who made it.
//   versions         Ten of the versions that are vulnerable.
//   critical         How many critical vulnerabilities they have.
//   vulnerabilities  How many vulnerabilities they have.
//   devices          How many devices have one by it.
//   found            How many there are on all devices together: a vulnerability counts on each.
//   closes           How many of those an upgrade would close: by no other application the device has it, and nothing says that there is no fix.
//   scope            Instance.

MATCH (p:Application)-[:HAS]->(v:Vulnerability)
WHERE ($scope IS NULL OR p._scope = $scope)
  AND v.open AND v.severity IN $severities
WITH p, v ORDER BY p.version
WITH p._scope AS scope, p.name AS application, p.publisher AS publisher,
     collect(DISTINCT p.version) AS versions,
     collect(DISTINCT p.displayName) AS titles,
     collect(DISTINCT v) AS vulnerabilities
UNWIND vulnerabilities AS v
// The device says by which applications it has the vulnerability, as they are displayed.
MATCH (v)<-[h:HAS]-(d:Device)
WHERE h.open AND any(title IN h.applications WHERE title IN titles)
RETURN application,
       publisher,
       versions[..10] AS versions,
       count(DISTINCT CASE v.severity WHEN 'critical' THEN v END) AS critical,
       count(DISTINCT v) AS vulnerabilities,
       count(DISTINCT d) AS devices,
       count(*) AS found,
       sum(CASE
         WHEN all(title IN h.applications WHERE title IN titles)
           AND NOT coalesce(v.remediationLevel, '') IN ['Unavailable', 'Workaround', 'Temporary Fix'] THEN 1
         ELSE 0
       END) AS closes,
       scope
ORDER BY closes DESC, found DESC, application, publisher, scope
LIMIT $limit
