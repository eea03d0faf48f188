// Open threats by site and severity, with their age
//
// How many threats are not resolved, and for how long: what is old and severe has been overlooked.
//
// Parameters:
//   now    moment   now   The moment that the ages are counted to.
//   scope  string   null  Instance that is asked about; null for all.
//   limit  integer  100   How many rows at most.
//
// Columns:
//   site          Site of the agent that found the threats.
//   severity      critical, high, medium or low.
//   threats       How many open threats.
//   notMitigated  How many of them are not mitigated.
//   agents        How many agents found them.
//   medianDays    Age of the one in the middle, in days.
//   oldestDays    Age of the oldest, in days.
//   scope         Instance.

MATCH (t:Finding)
WHERE ($scope IS NULL OR t._scope = $scope)
  AND t.open
// A threat whose agent is not in the graph still says which site it was in.
OPTIONAL MATCH (a:HostAgent)-[:HAS]->(t)
OPTIONAL MATCH (s:Site)-[:HAS]->(:Group)-[:HAS]->(a)
WITH t, a, coalesce(s.name, t.siteName) AS site,
     ($now - coalesce(t.identifiedAt, t.createdAt)) / 86400000 AS days  // milliseconds of a day
RETURN site,
       t.severity AS severity,
       count(*) AS threats,
       sum(CASE WHEN coalesce(t.mitigationStatus, '') IN ['mitigated', 'marked_as_benign'] THEN 0 ELSE 1 END) AS notMitigated,
       count(DISTINCT a) AS agents,
       percentileDisc(days, 0.5) AS medianDays,
       max(days) AS oldestDays,
       t._scope AS scope
ORDER BY site, CASE severity WHEN 'critical' THEN 1 WHEN 'high' THEN 2 WHEN 'medium' THEN 3 ELSE 4 END, scope
LIMIT $limit
