// Threats not mitigated on devices that are online
//
// What may be running right now, on machines that can be reached: the worst first, the oldest first among
// equals.
//
// Parameters:
//   now    moment   now   The moment that the ages are counted to.
//   scope  string   null  Instance that is asked about; null for all.
//   limit  integer  100   How many rows at most.
//
// Columns:
//   severity        critical, high, medium or low.
//   threat          Name of the threat.
//   classification  What it is.
//   device          Name of the device.
//   owners          Who owns it.
//   site            Site of the agent.
//   incident        State of the incident.
//   days            How many days ago it was found.
//   file            Where the file is.
//   id              The threat's id in the console.
//   scope           Instance.

MATCH (t:Finding)<-[:HAS]-(a:HostAgent)-[:PROTECTS]->(d:Device)
WHERE ($scope IS NULL OR t._scope = $scope)
  AND a.isActive
  AND NOT coalesce(t.mitigationStatus, '') IN ['mitigated', 'marked_as_benign']
WITH t, a, d, coalesce(t.identifiedAt, t.createdAt) AS found
ORDER BY t.numericSeverity DESC, found, t._key, t._scope
LIMIT $limit
OPTIONAL MATCH (s:Site)-[:HAS]->(:Group)-[:HAS]->(a)
RETURN t.severity AS severity,
       t.name AS threat,
       t.classification AS classification,
       d.name AS device,
       COLLECT { MATCH (u:User)-[:OWNS]->(d) RETURN u.name ORDER BY u.name } AS owners,
       s.name AS site,
       t.incidentStatus AS incident,
       ($now - found) / 86400000 AS days,  // milliseconds of a day
       t.filePath AS file,
       t.id AS id,
       t._scope AS scope
ORDER BY t.numericSeverity DESC, found, t._key, scope
