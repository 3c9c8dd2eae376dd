"""Streams and tables without joins, and chains of queries."""

from __future__ import annotations

from tests.properties.shape import Shape

__all__ = ["CHAINS"]

CHAINS = (
    Shape(
        "filter",
        "S",
        "CREATE STREAM O AS SELECT K, G, V * 2 AS D FROM S WHERE V > 1 OR G LIKE '%b';",
        "SELECT k AS k0, ts, g, v * 2 FROM s_ WHERE v > 1 OR g LIKE '%b' ORDER BY seq",
    ),
    Shape(
        "explode",
        "S",
        "CREATE STREAM O AS SELECT K, EXPLODE(ARRAY[V, 7, V + 1]) AS E, G FROM S WHERE G LIKE '%a';",
        "SELECT k AS k0, ts, e, g FROM (SELECT *, unnest([v, 7, v + 1]) AS e, unnest([1, 2, 3]) AS n FROM s_"
        " WHERE g LIKE '%a') ORDER BY seq, n",
    ),
    Shape(
        "partition by",
        "S",
        "CREATE STREAM O AS SELECT G, K, V FROM S WHERE V <> 3 PARTITION BY G;",
        "SELECT g AS k0, ts, k, v FROM s_ WHERE v <> 3 ORDER BY seq",
    ),
    Shape(
        "partition by an expression",
        "S",
        "CREATE STREAM O AS SELECT V + 1 AS W, G FROM S PARTITION BY V + 1;",
        "SELECT v + 1 AS k0, ts, g FROM s ORDER BY seq",
    ),
    Shape(
        "table filter",
        "T",
        "CREATE TABLE O AS SELECT K, V + 1 AS W, G FROM T WHERE V > 1;",
        "SELECT k AS k0, ts, v + 1, g FROM t_ WHERE v > 1",
    ),
    Shape(
        "filter of a filter",
        "T",
        "CREATE TABLE F AS SELECT K, V, G FROM T WHERE V > 1; CREATE TABLE O AS SELECT K, V FROM F WHERE G LIKE '%a';",
        "SELECT k AS k0, ts, v FROM t_ WHERE v > 1 AND g LIKE '%a'",
    ),
    Shape(
        "inserts of two queries",
        "SR",
        "CREATE STREAM O AS SELECT K, V FROM S WHERE V > 1; INSERT INTO O SELECT K, V * 10 AS V FROM R;",
        "SELECT k AS k0, ts, v FROM s_ WHERE v > 1 UNION ALL SELECT k, ts, v * 10 FROM r",
        ordered=False,
    ),
    Shape(
        "aggregate of inserts",
        "SR",
        "CREATE STREAM B AS SELECT K, V FROM S; INSERT INTO B SELECT K, V FROM R WHERE G LIKE '%a';"
        " CREATE TABLE O AS SELECT K, COUNT(*) AS N, SUM(V) AS S FROM B GROUP BY K;",
        "SELECT k AS k0, max(ts) AS ts, count(*), coalesce(sum(v), 0)"
        " FROM (FROM s_ UNION ALL FROM r_ WHERE g LIKE '%a') WHERE k IS NOT NULL GROUP BY k",
        exact=False,
    ),
    Shape(
        "stream to aggregate to join",
        "ST",
        "CREATE STREAM F AS SELECT K, V FROM S WHERE V <> 3; CREATE TABLE C AS SELECT K, COUNT(*) AS N, SUM(V) AS S"
        " FROM F GROUP BY K; CREATE TABLE O AS SELECT T.K AS K, T.V, C.N, C.S FROM T LEFT JOIN C ON T.K = C.K;",
        "WITH c AS (SELECT k, count(*) AS n, sum(v) AS s FROM s_ WHERE v <> 3 GROUP BY k)"
        " SELECT t_.k AS k0, t_.v, c.n, c.s FROM t_ LEFT JOIN c ON t_.k = c.k",
        exact=False,
    ),
    Shape(
        "join to aggregate to filter",
        "TU",
        "CREATE TABLE J AS SELECT T.K AS K, T.V AS V, U.G AS G FROM T JOIN U ON T.K = U.K;"
        " CREATE TABLE C AS SELECT G, COUNT(*) AS N, SUM(V) AS S FROM J GROUP BY G;"
        " CREATE TABLE O AS SELECT G, S FROM C WHERE N > 1;",
        "SELECT u_.g AS k0, coalesce(sum(t_.v), 0) FROM t_ JOIN u_ ON t_.k = u_.k WHERE u_.g IS NOT NULL GROUP BY u_.g"
        " HAVING count(*) > 1",
        exact=False,
    ),
    Shape(
        "aggregate of an aggregate",
        "S",
        "CREATE TABLE C AS SELECT K, COUNT(*) AS N FROM S GROUP BY K;"
        " CREATE TABLE O AS SELECT N, COUNT(*) AS M FROM C GROUP BY N HAVING COUNT(*) > 0;",
        "SELECT n AS k0, count(*) FROM (SELECT k, count(*) AS n FROM s_ WHERE k IS NOT NULL GROUP BY k) GROUP BY n",
        exact=False,
    ),
    Shape(
        "stream of windows",
        "S",
        "CREATE TABLE C AS SELECT K, COUNT(*) AS N FROM S WINDOW TUMBLING (SIZE 20 MILLISECONDS) GROUP BY K;"
        " CREATE STREAM W (K VARCHAR KEY, N BIGINT) WITH (KAFKA_TOPIC='C', VALUE_FORMAT='JSON', WINDOW_TYPE='TUMBLING',"
        " WINDOW_SIZE='20 MILLISECONDS'); CREATE STREAM O AS SELECT K, N, WINDOWSTART AS B FROM W WHERE N <> 2;",
        "WITH counted AS (SELECT *, ts - ts % 20 AS ws, count(*) OVER (PARTITION BY k, ts - ts % 20 ORDER BY seq) AS n"
        "   FROM s_ WHERE k IS NOT NULL)"
        " SELECT k AS k0, ws, n, ws AS b FROM counted WHERE n <> 2 ORDER BY seq",
        last=False,
    ),
)  # fmt: skip
