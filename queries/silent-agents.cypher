// Agents silent for N days
//
// Agents in service that have not reported for so many days, the longest silent first: the machine is
// off, lost or scrapped, or something keeps the agent from speaking. An agent whose times are not known
// does not count as silent, nor does one that is out of the scope of runs: nobody asks for it.
//
// Parameters:
//   days   integer  14    How many days of silence.
//   now    moment   now   The moment that the days are counted back from.
//   scope  string   null  Instance that is asked about; null for all.
//   limit  integer  100   How many rows at most.
//
// Columns:
//   agent     Name of the agent, which is its computer's.
//   os        Operating system.
//   site      Its site.
//   group     Its group.
//   owners    Who owns the machine.
//   lastSeen  When it was last heard of.
//   days      How many days ago that is.
//   scope     Instance.

MATCH (a:HostAgent)-[:PROTECTS]->(d:Device)
WHERE ($scope IS NULL OR a._scope = $scope)
  AND a.lastSeenOn > 0  // 0 is not known
  AND a.outOfScopeSince IS NULL
  AND a.lastSeenOn <= $now - $days * 86400000  // milliseconds of a day
WITH a, d
ORDER BY a.lastSeenOn, a._key, a._scope
LIMIT $limit
OPTIONAL MATCH (s:Site)-[:HAS]->(g:Group)-[:HAS]->(a)
RETURN a.name AS agent,
       a.osName AS os,
       s.name AS site,
       g.name AS group,
       COLLECT { MATCH (u:User)-[:OWNS]->(d) RETURN u.name ORDER BY u.name } AS owners,
       datetime({epochMillis: a.lastSeenOn}) AS lastSeen,
       ($now - a.lastSeenOn) / 86400000 AS days,
       a._scope AS scope
ORDER BY a.lastSeenOn, a._key, scope
