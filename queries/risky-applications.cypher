// Risky applications by owner
//
// Whose machines have applications with known vulnerabilities: the people with the most of them first.
// Devices without an owner stand together in one row.
//
// Parameters:
//   levels  strings  critical,high  Risk levels that count: critical, high, medium, low, none.
//   scope   string   null           Instance that is asked about; null for all.
//   limit   integer  100            How many rows at most.
//
// Columns:
//   owner         Name of the owner.
//   mail          Mail addresses.
//   devices       How many of their devices have such applications.
//   applications  How many such applications, each version counted once.
//   names         Names and versions of ten of them.
//   scope         Instance.

MATCH (p:Application)<-[:HAS]-(d:Device)
WHERE ($scope IS NULL OR p._scope = $scope)
  AND p.riskLevel IN $levels
OPTIONAL MATCH (u:User)-[:OWNS]->(d)
WITH u, d, p ORDER BY p.displayName
WITH u, d._scope AS scope,
     count(DISTINCT d) AS devices,
     count(DISTINCT p) AS applications,
     collect(DISTINCT p.displayName) AS names
RETURN u.name AS owner,
       u.email AS mail,
       devices,
       applications,
       names[..10] AS names,
       scope
ORDER BY applications DESC, devices DESC, owner, u._key, scope
LIMIT $limit
