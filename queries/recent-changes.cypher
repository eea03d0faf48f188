// What changed lately
//
// Everything that runs found to be new or changed, the latest first. What was written without being a change
// is left out: the first graph of an instance, and other baselines. What is gone from the graph is not here:
// s1graph changes tells of that, and of what each change was.
//
// Parameters:
//   since  moment   7d    What changed before does not count.
//   class  string   null  One class alone, such as Device or Finding; null for all.
//   scope  string   null  Instance that is asked about; null for all.
//   limit  integer  100   How many rows at most.
//
// Columns:
//   when   When the change was written.
//   what   created or updated.
//   class  Class of the entity.
//   name   Its name.
//   key    Its key.
//   scope  Instance.

MATCH (n:Account|Application|Device|Finding|Group|HostAgent|Site|User|Vulnerability)
WHERE ($scope IS NULL OR n._scope = $scope)
  AND ($class IS NULL OR $class IN labels(n))
  AND n._changedOn >= $since
RETURN datetime({epochMillis: n._changedOn}) AS when,
       CASE WHEN n._changedOn > n._createdOn THEN 'updated' ELSE 'created' END AS what,
       head([l IN labels(n) WHERE NOT l STARTS WITH 'sentinelone_']) AS class,
       n.displayName AS name,
       n._key AS key,
       n._scope AS scope
ORDER BY when DESC, class, name, key, scope
LIMIT $limit
