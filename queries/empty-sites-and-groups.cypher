// Sites and groups without agents
//
// Places that no agent in service is in: left over, or waiting for machines that never came.
//
// Parameters:
//   scope  string   null  Instance that is asked about; null for all.
//   limit  integer  100   How many rows at most.
//
// Columns:
//   kind       site or group.
//   name       Its name.
//   site       Of a group: its site.
//   account    Its account.
//   default    Whether new agents come here unless told otherwise.
//   former     How many agents it has that are decommissioned or uninstalled.
//   created    When it was created.
//   scope      Instance.

MATCH (place:Site|Group)
WHERE ($scope IS NULL OR place._scope = $scope)
  AND NOT EXISTS { (place)-[:HAS]->(:HostAgent)-[:PROTECTS]->(:Device) }
  AND NOT EXISTS { (place)-[:HAS]->(:Group)-[:HAS]->(:HostAgent)-[:PROTECTS]->(:Device) }
OPTIONAL MATCH (s:Site)-[:HAS]->(place)
OPTIONAL MATCH (account:Account)-[:HAS]->(place)
RETURN CASE WHEN place:Site THEN 'site' ELSE 'group' END AS kind,
       place.name AS name,
       s.name AS site,
       account.name AS account,
       place.isDefault AS default,
       COUNT { (place)-[:HAS]->(:HostAgent) } + COUNT { (place)-[:HAS]->(:Group)-[:HAS]->(:HostAgent) } AS former,
       CASE WHEN place.createdAt > 0 THEN datetime({epochMillis: place.createdAt}) END AS created,
       place._scope AS scope
ORDER BY kind DESC, account, site, name, place._key, scope
LIMIT $limit
