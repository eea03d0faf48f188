// Applications that only a handful of devices have
//
// Programs that are on very few machines, whatever their version: tools that somebody brought along, and
// what an intruder left behind.
//
// Parameters:
//   most   integer  3     On how many devices at most.
//   scope  string   null  Instance that is asked about; null for all.
//   limit  integer  100   How many rows at most.
//
// Columns:
//   application  Name of the application.
//   publisher    Who made it.
//   type         app, kb, patch or a kind of browser extension.
//   risk         Risk levels of its versions.
//   versions     Its versions.
//   devices      How many devices have it.
//   names        Their names.
//   owners       Who owns them.
//   scope        Instance.

MATCH (p:Application)
WHERE $scope IS NULL OR p._scope = $scope
// What many devices have in one version need not be looked at any further.
WITH p._scope AS scope, p.name AS application, p.publisher AS publisher, p.type AS type,
     collect(p) AS versions, max(COUNT { (p)<-[:HAS]-(:Device) }) AS ofOneVersion
WHERE ofOneVersion <= $most
UNWIND versions AS p
MATCH (p)<-[:HAS]-(d:Device)
OPTIONAL MATCH (d)<-[:OWNS]-(u:User)
WITH scope, application, publisher, type, p, d, u ORDER BY p.version, d.name, u.name
WITH scope, application, publisher, type,
     collect(DISTINCT p.riskLevel) AS risk,
     collect(DISTINCT p.version) AS versions,
     count(DISTINCT d) AS devices,
     collect(DISTINCT d.name) AS names,
     collect(DISTINCT u.name) AS owners
WHERE devices <= $most
RETURN application, publisher, type, risk, versions, devices, names, owners, scope
ORDER BY devices, application, publisher, type, scope
LIMIT $limit
