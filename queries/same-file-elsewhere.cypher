// Where else the file of a threat was found
//
// All threats of the same file as one threat, by its hash: how far it has spread, and to whom. The threat
// itself is among the rows.
//
// Parameters:
//   threat  string   required  The threat's id in the console.
//   scope   string   null      Instance that is asked about; null for all.
//   limit   integer  100       How many rows at most.
//
// Columns:
//   found       When the threat was found.
//   threat      Its name.
//   id          Its id in the console.
//   severity    critical, high, medium or low.
//   mitigation  What has become of it.
//   device      Name of the device.
//   owners      Who owns it.
//   online      Whether the agent is connected now.
//   file        Where the file was.
//   scope       Instance.

// With the scopes named one by one the threat is found by its type's index. Each scope has a node that says so.
MATCH (s:S1GraphScope)
WHERE $scope IS NULL OR s._scope = $scope
WITH collect(s._scope) AS scopes
MATCH (one:sentinelone_threat)
WHERE one._scope IN scopes AND one._key = 'sentinelone_threat:' + $threat

WITH DISTINCT scopes, one._key AS key, one.sha1 AS sha1, one.sha256 AS sha256
MATCH (t:Finding)
WHERE t._scope IN scopes AND (t._key = key OR t.sha1 = sha1 OR t.sha256 = sha256)
OPTIONAL MATCH (a:HostAgent)-[:HAS]->(t)
OPTIONAL MATCH (a)-[:PROTECTS]->(d:Device)
RETURN CASE WHEN t.identifiedAt > 0 THEN datetime({epochMillis: t.identifiedAt}) END AS found,
       t.name AS threat,
       t.id AS id,
       t.severity AS severity,
       t.mitigationStatus AS mitigation,
       coalesce(d.name, a.name, t.agentComputerName) AS device,
       COLLECT { MATCH (u:User)-[:OWNS]->(d) RETURN u.name ORDER BY u.name } AS owners,
       a.isActive AS online,
       t.filePath AS file,
       t._scope AS scope
ORDER BY found, id, scope
LIMIT $limit
