// Owners with more than one device
//
// People who own several machines, those with the most first. Old machines that were never handed back
// are often among them: see what was last seen long ago, and what no agent protects.
//
// Parameters:
//   least  integer  2     How many devices at least.
//   scope  string   null  Instance that is asked about; null for all.
//   limit  integer  100   How many rows at most.
//
// Columns:
//   owner        Name of the owner.
//   mail         Mail addresses.
//   devices      How many devices.
//   names        Their names, those seen last first.
//   unprotected  How many of them no agent protects.
//   oldest       When the one that was not seen for the longest time was last seen.
//   scope        Instance.

MATCH (u:User)-[:OWNS]->(d:Device)
WHERE $scope IS NULL OR u._scope = $scope
WITH u, d ORDER BY d.lastSeenOn DESC, d.name
WITH u, collect(d) AS devices
WHERE size(devices) >= $least
WITH u, devices, last(devices).lastSeenOn AS oldest
RETURN u.name AS owner,
       u.email AS mail,
       size(devices) AS devices,
       [d IN devices | d.name] AS names,
       size([d IN devices WHERE NOT EXISTS { (d)<-[:PROTECTS]-(:HostAgent) }]) AS unprotected,
       CASE WHEN oldest > 0 THEN datetime({epochMillis: oldest}) END AS oldest,
       u._scope AS scope
ORDER BY devices DESC, owner, u._key, scope
LIMIT $limit
