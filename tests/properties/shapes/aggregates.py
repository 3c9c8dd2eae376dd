"""Aggregates of streams and of tables, without windows."""

from __future__ import annotations

from tests.properties.shape import Shape

__all__ = ["AGGREGATES"]


def _grouped(name: str, columns: str, batch: str, *, tail: str = "", having: str = "") -> Shape:
    """Shape a stream's aggregate by G; ``batch`` lists the columns of the judge's query."""
    return Shape(
        name,
        "S",
        f"CREATE TABLE O AS SELECT G, {columns} FROM S GROUP BY G {tail};",
        f"SELECT g AS k0, max(ts) AS ts, {batch} FROM s_ WHERE g IS NOT NULL GROUP BY g {having}",
    )


AGGREGATES = (
    _grouped(
        "counts and sums",
        "COUNT(*) AS N, COUNT(V) AS C, SUM(V) AS S, AVG(V) AS A, MIN(V) AS LO, MAX(V) AS HI, MIN(K) AS LK",
        "count(*), count(v), coalesce(sum(v), 0), coalesce(avg(v), 0), min(v), max(v), min(k)",
    ),
    _grouped(
        "sums of fractions",
        "SUM(CAST(V AS DECIMAL(9, 2))) AS S, AVG(V / 4e0) AS A, SUM(V / 3e0) AS D",
        "coalesce(sum(v), 0)::DECIMAL(9, 2), coalesce(avg(v / 4), 0), coalesce(sum(v / 3), 0)",
    ),
    _grouped(
        "deviations",
        "STDDEV_SAMP(V) AS S, STDDEV_SAMPLE(V) AS D, CORRELATION(V, V * V) AS C",
        "coalesce(var_samp(v), 0), coalesce(stddev_samp(v), 0), coalesce(corr(v, v * v), 'NaN')",
    ),
    _grouped(
        "top",
        "TOPK(V, 2) AS T, TOPKDISTINCT(V, 2) AS D, TOPK(V, K, 2) AS P",
        "coalesce(list(v ORDER BY v DESC) FILTER (v IS NOT NULL), [])[:2],"
        " coalesce(list(DISTINCT v ORDER BY v DESC) FILTER (v IS NOT NULL), [])[:2],"
        " coalesce(list({'sort_col': v, 'col0': k} ORDER BY v DESC, seq) FILTER (v IS NOT NULL), [])[:2]",
    ),
    Shape(
        "collections",
        "S",
        "CREATE TABLE O AS SELECT G, COLLECT_LIST(V) AS L, COLLECT_SET(V) AS S, HISTOGRAM(K) AS H,"
        " COUNT_DISTINCT(V) AS D FROM S GROUP BY G;",
        """
        WITH firsts AS (SELECT g, v, min(seq) AS seq FROM s_ GROUP BY g, v),
          sets AS (SELECT g, list(v ORDER BY seq) AS l FROM firsts GROUP BY g),
          times AS (SELECT g, k, count(*) AS n FROM s_ WHERE k IS NOT NULL GROUP BY g, k),
          histograms AS (SELECT g, map(list(k), list(n)) AS h FROM times GROUP BY g)
        SELECT g AS k0, max(ts) AS ts, list(v ORDER BY seq), any_value(l), coalesce(any_value(h), MAP {}),
          count(DISTINCT v)
        FROM s_ JOIN sets USING (g) LEFT JOIN histograms USING (g) GROUP BY g
        """,
    ),
    _grouped(
        "lists and attributes",
        "SUM_LIST(ARRAY[V, 1]) AS S, ATTR(V) AS A, TOPK(K, 2) AS T, COLLECT_LIST(ARRAY[V]) AS L, MAX(K) AS M",
        "coalesce(sum(v), 0) + count(*), CASE WHEN count(DISTINCT coalesce(v, -99)) = 1 THEN any_value(v) END,"
        " coalesce(list(k ORDER BY k DESC) FILTER (k IS NOT NULL), [])[:2], list([v] ORDER BY seq), max(k)",
    ),
    _grouped(
        "by offset",
        "EARLIEST_BY_OFFSET(V) AS E, LATEST_BY_OFFSET(V) AS L, EARLIEST_BY_OFFSET(V, false) AS EN,"
        " LATEST_BY_OFFSET(V, false) AS LN, EARLIEST_BY_OFFSET(V, 2) AS E2, LATEST_BY_OFFSET(V, 2) AS L2,"
        " LATEST_BY_OFFSET(V, 2, false) AS LN2",
        "arg_min(v, seq), arg_max(v, seq), list(v ORDER BY seq)[1], list(v ORDER BY seq)[-1],"
        " coalesce(list(v ORDER BY seq) FILTER (v IS NOT NULL), [])[:2],"
        " coalesce(list(v ORDER BY seq) FILTER (v IS NOT NULL), [])[-2:], list(v ORDER BY seq)[-2:]",
    ),
    _grouped(
        "having",
        "COUNT(*) AS N, SUM(V) AS S",
        "count(*), coalesce(sum(v), 0)",
        tail="HAVING COUNT(*) > 1 AND SUM(V) < 5",
        having="HAVING count(*) > 1 AND coalesce(sum(v), 0) < 5",
    ),
    _grouped("distinct having", "COUNT_DISTINCT(V) AS D", "count(DISTINCT v)", tail="HAVING COUNT_DISTINCT(V) = 2",
             having="HAVING count(DISTINCT v) = 2"),
    Shape(
        "two columns",
        "S",
        "CREATE TABLE O WITH (KEY_FORMAT='JSON') AS SELECT G, V, COUNT(*) AS N FROM S GROUP BY G, V;",
        "SELECT g AS k0, v AS k1, max(ts) AS ts, count(*) FROM s_ WHERE g IS NOT NULL AND v IS NOT NULL GROUP BY g, v",
    ),
    Shape(
        "an expression",
        "S",
        "CREATE TABLE O AS SELECT V * 2 AS D, COUNT(*) AS N, LATEST_BY_OFFSET(K) AS L FROM S WHERE G LIKE '%a'"
        " GROUP BY V * 2;",
        "SELECT v * 2 AS k0, max(ts) AS ts, count(*), arg_max(k, seq) FROM s_ WHERE v IS NOT NULL AND g LIKE '%a'"
        " GROUP BY v",
    ),
    Shape(
        "by key",
        "S",
        "CREATE TABLE O AS SELECT K, COUNT(*) + 1 AS N, SUM(V) AS S FROM S WHERE V > 0 GROUP BY K;",
        "SELECT k AS k0, max(ts) AS ts, count(*) + 1, sum(v) FROM s_ WHERE k IS NOT NULL AND v > 0 GROUP BY k",
    ),
    # Of a table: a group stays when its last row is gone
    Shape(
        "of a table",
        "T",
        "CREATE TABLE O AS SELECT G, COUNT(*) AS N, COUNT(V) AS C, SUM(V) AS S, AVG(V) AS A FROM T GROUP BY G;",
        """
        WITH seen AS (SELECT DISTINCT g FROM t WHERE k IS NOT NULL AND g IS NOT NULL)
        SELECT g AS k0, count(k), count(v), coalesce(sum(v), 0), coalesce(avg(v), 0)
        FROM seen LEFT JOIN t_ USING (g) GROUP BY g
        """,
    ),
    Shape(
        "collections of a table",
        "T",
        "CREATE TABLE O AS SELECT G, ARRAY_SORT(COLLECT_LIST(V)) AS L, HISTOGRAM(K) AS H, STDDEV_SAMP(V) AS D"
        " FROM T GROUP BY G;",
        """
        WITH seen AS (SELECT DISTINCT g FROM t WHERE k IS NOT NULL AND g IS NOT NULL)
        SELECT g AS k0, coalesce(list(v ORDER BY v NULLS LAST) FILTER (k IS NOT NULL), []),
          coalesce(map(list(k) FILTER (k IS NOT NULL), list(1) FILTER (k IS NOT NULL)), MAP {}),
          coalesce(var_samp(v), 0)
        FROM seen LEFT JOIN t_ USING (g) GROUP BY g
        """,
    ),
    Shape(
        "of a table, having",
        "T",
        "CREATE TABLE O AS SELECT G, COUNT(*) AS N, SUM(V) AS S FROM T WHERE V <> 3 GROUP BY G HAVING COUNT(*) > 1;",
        "SELECT g AS k0, count(*), coalesce(sum(v), 0) FROM t_ WHERE v <> 3 AND g IS NOT NULL GROUP BY g"
        " HAVING count(*) > 1",
    ),
    Shape(
        "of a table by two columns",
        "T",
        "CREATE TABLE O WITH (KEY_FORMAT='JSON') AS SELECT G, V, COUNT(*) AS N FROM T GROUP BY G, V"
        " HAVING COUNT(*) > 0;",
        "SELECT g AS k0, v AS k1, count(*) FROM t_ WHERE g IS NOT NULL AND v IS NOT NULL GROUP BY g, v",
    ),
)  # fmt: skip
