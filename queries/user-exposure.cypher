// What one user could lose
//
// The devices that a person owns, each with its threats, its protection and its risky applications:
// what is at stake when an account or a laptop is lost. Those with the worst threats come first.
//
// Parameters:
//   user   string   required  Principal name, mail address, login name, name or key of the person.
//   scope  string   null      Instance that is asked about; null for all.
//   limit  integer  100       How many rows at most.
//
// Columns:
//   user                Name of the person.
//   device              Name of a device that they own.
//   os                  Its operating system.
//   lastSeen            When it was last heard of.
//   protected           Whether an agent protects it.
//   encrypted           Whether its disk is encrypted.
//   severity            The worst severity of its open threats.
//   openThreats         Names of its threats that are not resolved, the worst first.
//   riskyApplications   How many of its applications have a high or critical risk.
//   scope               Instance.

MATCH (u:User)
WHERE ($scope IS NULL OR u._scope = $scope)
  AND toLower($user) IN [name IN [u._key, u.name, u.userPrincipalName] + u.email + u.username + u.shortLoginId | toLower(name)]
MATCH (u)-[:OWNS]->(d:Device)
WITH u, d, COLLECT {
  MATCH (d)<-[:PROTECTS]-(:HostAgent)-[:HAS]->(t:Finding)
  WHERE t.open
  RETURN t ORDER BY t.numericSeverity DESC, t.name
} AS threats
RETURN u.name AS user,
       d.name AS device,
       d.osName AS os,
       CASE WHEN d.lastSeenOn > 0 THEN datetime({epochMillis: d.lastSeenOn}) END AS lastSeen,
       EXISTS { (d)<-[:PROTECTS]-(:HostAgent) } AS protected,
       d.encrypted AS encrypted,
       threats[0].severity AS severity,
       [t IN threats | t.name] AS openThreats,
       COUNT { (d)-[:HAS]->(p:Application) WHERE p.riskLevel IN ['high', 'critical'] } AS riskyApplications,
       d._scope AS scope
ORDER BY coalesce(threats[0].numericSeverity, 0) DESC, device, d._key, u._key, scope
LIMIT $limit
