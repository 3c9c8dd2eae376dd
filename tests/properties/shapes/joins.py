"""Joins of streams and tables, two of them and more."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tests.oracle.filter import Log, decoded
from tests.oracle.join import Record, StreamOracle
from tests.properties.shape import Expected, Oracle, Shape

__all__ = ["JOINS"]

_LOOKED_UP = """
    (SELECT s_.*, {0}.v AS {0}v, {0}.g AS {0}g, {0}.seq IS NOT NULL AND NOT {0}.gone AS {0}found FROM {1} s_
      LEFT JOIN {0} ON {0}.seq = (SELECT max(seq) FROM {0} WHERE {0}.k = s_.{2} AND {0}.seq < s_.seq))
"""
"""Each record with what a table had for one of its columns at that moment."""


def _looked_up(table: str, source: str = "s_", column: str = "k") -> str:
    return _LOOKED_UP.format(table, source, column)


def _streams(kind: str, before: int, after: int, grace: int | None) -> Oracle:
    """Judge a join of streams one record after the other."""

    def changes(records: Sequence[Log]) -> list[Expected]:
        oracle, expected = StreamOracle(kind, before, after, grace), list[Expected]()
        for seq, r in enumerate(records):
            good, fields = decoded(r.value)
            if not good:
                continue
            opaque = None if fields is None else json.dumps(fields)
            record = Record(seq, r.source, r.key, opaque, r.ts, part=r.part)  # type: ignore[arg-type]
            for o in oracle.process(record):
                left, right = (None if side is None else json.loads(side)["V"] for side in (o.left, o.right))
                expected.append(((o.key,), (), o.ts, (left, right)))
        return expected

    return changes


def _stream_stream(kind: str, within: str, before: int, after: int, grace: int | None) -> Shape:
    columns = "ROWKEY AS K" if kind == "FULL OUTER" else "S.K AS K" if kind != "RIGHT" else "R.K AS K"
    return Shape(
        f"streams, {kind.lower()}{'' if grace is not None else ', without grace'}",
        "SR",
        f"CREATE STREAM O AS SELECT {columns}, S.V AS SV, R.V AS RV FROM S {kind} JOIN R WITHIN {within} ON S.K = R.K;",
        changes=_streams(kind.split(" ")[0], before, after, grace),
    )


def _table_table(kind: str, keep: str) -> Shape:
    key = "ROWKEY AS K" if kind == "FULL OUTER" else "U.K AS K" if kind == "RIGHT" else "T.K AS K"
    return Shape(
        f"tables, {kind.lower()}",
        "TU",
        f"CREATE TABLE O AS SELECT {key}, T.V AS TV, U.V AS UV, U.G AS UG FROM T {kind} JOIN U ON T.K = U.K;",
        f"SELECT coalesce(t_.k, u_.k) AS k0, t_.v, u_.v, u_.g FROM t_ FULL JOIN u_ ON t_.k = u_.k WHERE {keep}",
    )


JOINS = (
    Shape(
        "stream and table",
        "ST",
        "CREATE STREAM O AS SELECT S.K AS K, S.V AS SV, T.V AS TV, T.G AS TG FROM S JOIN T ON S.K = T.K;",
        f"SELECT k AS k0, ts, v, tv, tg FROM {_looked_up('t')} WHERE tfound ORDER BY seq",
    ),
    Shape(
        "stream and table, left",
        "ST",
        "CREATE STREAM O AS SELECT S.K AS K, S.V AS SV, T.V AS TV FROM S LEFT JOIN T ON S.K = T.K;",
        f"SELECT k AS k0, ts, v, CASE WHEN tfound THEN tv END FROM {_looked_up('t')} ORDER BY seq",
    ),
    Shape(
        "stream and table on another column",
        "ST",
        "CREATE STREAM O AS SELECT S.G AS G, S.K AS K, T.V AS TV FROM S JOIN T ON S.G = T.K WHERE S.V <> 3;",
        f"SELECT g AS k0, ts, k, tv FROM {_looked_up('t', column='g')} WHERE tfound AND v <> 3 ORDER BY seq",
    ),
    Shape(
        "stream and two tables",
        "STU",
        "CREATE STREAM O AS SELECT S.K AS K, S.V AS SV, T.V AS TV, U.V AS UV FROM S JOIN T ON S.K = T.K"
        " LEFT JOIN U ON S.K = U.K;",
        f"SELECT k AS k0, ts, v, tv, CASE WHEN ufound THEN uv END FROM {_looked_up('u', _looked_up('t'))} WHERE tfound"
        " ORDER BY seq",
    ),
    _stream_stream("INNER", "10 MILLISECONDS GRACE PERIOD 5 MILLISECONDS", 10, 10, 5),
    _stream_stream("LEFT", "(4 MILLISECONDS, 15 MILLISECONDS) GRACE PERIOD 5 MILLISECONDS", 4, 15, 5),
    _stream_stream("RIGHT", "(15 MILLISECONDS, 2 MILLISECONDS) GRACE PERIOD 0 SECONDS", 15, 2, 0),
    _stream_stream("FULL OUTER", "12 MILLISECONDS GRACE PERIOD 8 MILLISECONDS", 12, 12, 8),
    _stream_stream("LEFT", "20 MILLISECONDS", 20, 20, None),
    Shape(
        "streams within a day",
        "SR",
        "CREATE STREAM O AS SELECT S.K AS K, S.V AS SV, R.V AS RV FROM S JOIN R WITHIN 10 MILLISECONDS ON S.K = R.K;",
        """
        SELECT s_.k AS k0, greatest(s_.ts, r_.ts) AS ts, s_.v, r_.v FROM s_ JOIN r_ ON s_.k = r_.k
          AND r_.ts BETWEEN s_.ts - 10 AND s_.ts + 10
        ORDER BY greatest(s_.seq, r_.seq),
          CASE WHEN s_.seq > r_.seq THEN r_.ts ELSE s_.ts END, least(s_.seq, r_.seq)
        """,
    ),
    Shape(
        "streams on other columns",
        "SR",
        "CREATE STREAM O AS SELECT S.G AS G, S.V AS SV, R.V AS RV FROM S JOIN R WITHIN 10 MILLISECONDS ON S.G = R.G;",
        """
        SELECT s_.g AS k0, greatest(s_.ts, r_.ts) AS ts, s_.v, r_.v FROM s_ JOIN r_ ON s_.g = r_.g
          AND r_.ts BETWEEN s_.ts - 10 AND s_.ts + 10
        ORDER BY greatest(s_.seq, r_.seq),
          CASE WHEN s_.seq > r_.seq THEN r_.ts ELSE s_.ts END, least(s_.seq, r_.seq)
        """,
    ),
    _table_table("INNER", "t_.k IS NOT NULL AND u_.k IS NOT NULL"),
    _table_table("LEFT", "t_.k IS NOT NULL"),
    _table_table("RIGHT", "u_.k IS NOT NULL"),
    _table_table("FULL OUTER", "true"),
    Shape(
        "tables, filtered",
        "TU",
        "CREATE TABLE O AS SELECT ROWKEY AS K, T.V + U.V AS S FROM T FULL JOIN U ON T.K = U.K WHERE T.V + U.V > 3"
        " OR T.G IS NULL;",
        "SELECT coalesce(t_.k, u_.k) AS k0, t_.v + u_.v FROM t_ FULL JOIN u_ ON t_.k = u_.k WHERE t_.v + u_.v > 3"
        " OR t_.g IS NULL",
    ),
    Shape(
        "foreign key",
        "TU",
        "CREATE TABLE O AS SELECT T.K AS K, T.V AS TV, U.V AS UV FROM T JOIN U ON T.G = U.K;",
        "SELECT t_.k AS k0, t_.v, u_.v FROM t_ JOIN u_ ON t_.g = u_.k",
    ),
    Shape(
        "foreign key, left",
        "TU",
        "CREATE TABLE O AS SELECT T.K AS K, T.V AS TV, U.V AS UV FROM T LEFT JOIN U ON T.G = U.K;",
        "SELECT t_.k AS k0, t_.v, u_.v FROM t_ LEFT JOIN u_ ON t_.g = u_.k",
    ),
    Shape(
        "three tables",
        "TUX",
        "CREATE TABLE O AS SELECT T.K AS K, T.V AS TV, U.V AS UV, X.V AS XV FROM T JOIN U ON T.K = U.K"
        " LEFT JOIN X ON T.K = X.K WHERE T.V <> 2;",
        "SELECT t_.k AS k0, t_.v, u_.v, x_.v FROM t_ JOIN u_ ON t_.k = u_.k LEFT JOIN x_ ON t_.k = x_.k"
        " WHERE t_.v <> 2",
    ),
    Shape(
        "three tables, outer",
        "TUX",
        "CREATE TABLE O AS SELECT T.K AS K, T.V AS TV, U.V AS UV, X.V AS XV FROM T LEFT JOIN U ON T.K = U.K"
        " JOIN X ON T.K = X.K;",
        "SELECT t_.k AS k0, t_.v, u_.v, x_.v FROM t_ JOIN x_ ON t_.k = x_.k LEFT JOIN u_ ON t_.k = u_.k",
    ),
    Shape(
        "two streams and a table",
        "SRT",
        "CREATE STREAM O AS SELECT S.K AS K, S.V AS SV, R.V AS RV, T.V AS TV FROM S JOIN R WITHIN 10 MILLISECONDS"
        " ON S.K = R.K JOIN T ON S.K = T.K;",
        """
        WITH joined AS (SELECT s_.k, greatest(s_.ts, r_.ts) AS ts, s_.v AS sv, r_.v AS rv,
            greatest(s_.seq, r_.seq) AS seq, CASE WHEN s_.seq > r_.seq THEN r_.ts ELSE s_.ts END AS other,
            least(s_.seq, r_.seq) AS first
          FROM s_ JOIN r_ ON s_.k = r_.k AND r_.ts BETWEEN s_.ts - 10 AND s_.ts + 10)
        SELECT k AS k0, ts, sv, rv, tv FROM """
        + _looked_up("t", "joined")
        + " WHERE tfound ORDER BY seq, other, first",
    ),
    Shape(
        "stream and table, partitioned",
        "ST",
        "CREATE STREAM O AS SELECT T.G AS G, S.K AS K, S.V AS V FROM S JOIN T ON S.K = T.K PARTITION BY T.G;",
        f"SELECT tg AS k0, ts, k, v FROM {_looked_up('t')} WHERE tfound ORDER BY seq",
    ),
    # Aggregates of joins
    Shape(
        "aggregate of an outer join",
        "TU",
        "CREATE TABLE O AS SELECT U.G AS G, COUNT(*) AS N, SUM(T.V) AS S FROM T FULL JOIN U ON T.K = U.K GROUP BY U.G"
        " HAVING COUNT(*) > 0;",
        "SELECT u_.g AS k0, count(*), coalesce(sum(t_.v), 0) FROM t_ FULL JOIN u_ ON t_.k = u_.k"
        " WHERE u_.g IS NOT NULL GROUP BY u_.g",
    ),
    Shape(
        "aggregate of a stream and a table",
        "ST",
        "CREATE TABLE O AS SELECT T.G AS G, COUNT(*) AS N, SUM(S.V) AS S, COLLECT_LIST(T.V) AS L FROM S JOIN T"
        " ON S.K = T.K GROUP BY T.G;",
        "SELECT tg AS k0, max(ts) AS ts, count(*), coalesce(sum(v), 0), list(tv ORDER BY seq)"
        f" FROM {_looked_up('t')} WHERE tfound AND tg IS NOT NULL GROUP BY tg",
    ),
    Shape(
        "windowed aggregate of two streams",
        "SR",
        "CREATE TABLE O AS SELECT S.G AS G, COUNT(*) AS N, SUM(R.V) AS S FROM S JOIN R WITHIN 10 MILLISECONDS"
        " ON S.K = R.K WINDOW TUMBLING (SIZE 20 MILLISECONDS) GROUP BY S.G;",
        """
        WITH joined AS (SELECT s_.g AS k0, r_.v, greatest(s_.ts, r_.ts) AS later FROM s_ JOIN r_ ON s_.k = r_.k
          AND r_.ts BETWEEN s_.ts - 10 AND s_.ts + 10 WHERE s_.g IS NOT NULL)
        SELECT k0, later - later % 20 AS ws, max(later) AS ts, count(*), coalesce(sum(v), 0) FROM joined GROUP BY ALL
        """,
    ),
    Shape(
        "aggregate of a foreign key",
        "TU",
        "CREATE TABLE O AS SELECT U.V AS V, COUNT(*) AS N, SUM(T.V) AS S FROM T JOIN U ON T.G = U.K GROUP BY U.V"
        " HAVING COUNT(*) > 0;",
        "SELECT u_.v AS k0, count(*), coalesce(sum(t_.v), 0) FROM t_ JOIN u_ ON t_.g = u_.k WHERE u_.v IS NOT NULL"
        " GROUP BY u_.v",
    ),
)  # fmt: skip
