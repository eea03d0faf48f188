// License use by site
//
// How many of its licenses each site uses, those with the least left first, beside how many agents in
// service the graph has of it.
//
// Parameters:
//   scope  string   null  Instance that is asked about; null for all.
//   limit  integer  100   How many rows at most.
//
// Columns:
//   account    Account of the site.
//   site       Name of the site.
//   bundles    Licensed bundles.
//   total      Licenses that the site may use; empty where there is no limit.
//   used       Licenses in use, as the console counts them.
//   percent    Part of total that is used.
//   agents     Agents in service, as the graph counts them.
//   expires    When the site expires.
//   state      active, expired or deleted.
//   scope      Instance.

MATCH (s:Site)
WHERE $scope IS NULL OR s._scope = $scope
OPTIONAL MATCH (account:Account)-[:HAS]->(s)
WITH s, account, CASE WHEN s.unlimitedLicenses THEN null ELSE s.totalLicenses END AS total
RETURN account.name AS account,
       s.name AS site,
       s.licenseBundles AS bundles,
       total,
       s.activeLicenses AS used,
       CASE WHEN total > 0 THEN round(100.0 * s.activeLicenses / total, 1) END AS percent,
       COUNT { (s)-[:HAS]->(:Group)-[:HAS]->(:HostAgent)-[:PROTECTS]->(:Device) } AS agents,
       CASE WHEN s.expiration > 0 AND NOT coalesce(s.unlimitedExpiration, false) THEN datetime({epochMillis: s.expiration}) END AS expires,
       s.state AS state,
       s._scope AS scope
ORDER BY coalesce(percent, -1) DESC, account, site, s._key, scope
LIMIT $limit
