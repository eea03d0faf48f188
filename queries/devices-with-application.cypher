// An application, with the devices and owners that have it
//
// Every installation of an application whose name contains a text, whatever its case, and of versions
// below one alone if that is given. Versions are compared by their numbers, one after the other: 9.2 is
// below 10.0, 1.2 is 1.2.0, and letters do not count. What has no version is below none.
//
// Parameters:
//   name   string   required  Part of the application's name, such as chrome.
//   below  string   null      Version that is the first good one, such as 124.0.6367; null for any version.
//   scope  string   null      Instance that is asked about; null for all.
//   limit  integer  1000      How many rows at most.
//
// Columns:
//   application  Name of the application.
//   version      Its version.
//   publisher    Who made it.
//   risk         Risk level of the application.
//   device       Name of a device that has it.
//   os           Its operating system.
//   owners       Who owns it.
//   installed    When it was installed.
//   lastSeen     When the device was last heard of.
//   scope        Instance.

MATCH (p:Application)
WHERE ($scope IS NULL OR p._scope = $scope)
  AND toLower(p.name) CONTAINS toLower($name)

// A version as a list of numbers: what is no digit becomes a point, what stands between points is a number.
WITH p, [version IN [p.version, $below] |
  reduce(text = '', c IN split(version, '') | text + CASE WHEN '0' <= c <= '9' THEN c ELSE '.' END)] AS dotted
WITH p, [text IN dotted | [number IN split(text, '.') WHERE number <> '' | toFloat(number)]] AS numbers
// Lists of the same length compare number by number.
WITH p, numbers[0] <> [] AS known, [version IN numbers | [i IN range(0, 9) | coalesce(version[i], 0)]] AS versions
WHERE $below IS NULL OR known AND versions[0] < versions[1]

MATCH (d:Device)-[installation:HAS]->(p)
RETURN p.name AS application,
       p.version AS version,
       p.publisher AS publisher,
       p.riskLevel AS risk,
       d.name AS device,
       d.osName AS os,
       COLLECT { MATCH (u:User)-[:OWNS]->(d) RETURN u.name ORDER BY u.name } AS owners,
       CASE WHEN installation.installedAt > 0 THEN datetime({epochMillis: installation.installedAt}) END AS installed,
       CASE WHEN d.lastSeenOn > 0 THEN datetime({epochMillis: d.lastSeenOn}) END AS lastSeen,
       p._scope AS scope
ORDER BY application, versions[0], version, device, d._key, p._key, scope
LIMIT $limit
