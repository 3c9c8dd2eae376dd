"""Windowed aggregates: tumbling, hopping and session windows, late records, final results."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.oracle.aggregate import Record, SessionOracle
from tests.oracle.filter import Log, decoded
from tests.properties.shape import Expected, Kept, Oracle, Shape

__all__ = ["WINDOWS"]

_COLUMNS = "COUNT(*) AS N, SUM(V) AS S, LATEST_BY_OFFSET(V) AS L, COLLECT_LIST(V) AS A"
_JUDGED = "count(*), coalesce(sum(v), 0), arg_max(v, seq), list(v ORDER BY seq)"
_CALLS = [("COUNT(*)", 0), ("SUM", 0), ("LATEST_BY_OFFSET", 0), ("COLLECT_LIST", 0)]
_MERGED = (
    "AVG(V) AS A, MIN(V) AS LO, MAX(V) AS HI, STDDEV_SAMP(V) AS D, TOPK(V, 2) AS T, TOPKDISTINCT(V, 2) AS TD,"
    " ARRAY_SORT(COLLECT_LIST(V)) AS L, ARRAY_SORT(COLLECT_SET(V)) AS C, HISTOGRAM(K) AS H, COUNT_DISTINCT(V) AS N,"
    " EARLIEST_BY_OFFSET(V) AS E, EARLIEST_BY_OFFSET(V, 2) AS E2, LATEST_BY_OFFSET(V, 2) AS L2"
)
_MERGED_JUDGED = """
    coalesce(avg(v), 0), min(v), max(v), coalesce(var_samp(v), 0),
    coalesce(list(v ORDER BY v DESC) FILTER (v IS NOT NULL), [])[:2],
    coalesce(list(DISTINCT v ORDER BY v DESC) FILTER (v IS NOT NULL), [])[:2],
    list(v ORDER BY v NULLS LAST), list(DISTINCT v ORDER BY v NULLS LAST), histogram(k) FILTER (k IS NOT NULL),
    count(DISTINCT v), arg_min(v, seq), coalesce(list(v ORDER BY seq) FILTER (v IS NOT NULL), [])[:2],
    coalesce(list(v ORDER BY seq) FILTER (v IS NOT NULL), [])[-2:]
"""
_TUMBLING = "[ts - ts % 20]"
_HOPPING = "list_filter(range(0, ts + 1, 12), lambda start: start > ts - 30)"


def _statement(window: str, tail: str = "", group: str = "G", columns: str = _COLUMNS) -> str:
    return f"CREATE TABLE O AS SELECT {group}, {columns} FROM S WINDOW {window} GROUP BY {group} {tail};"


def _batch(
    starts: str,
    size: int,
    grace: int,
    group: str = "g",
    tail: str = "",
    *,
    judged: str = _JUDGED,
    final: int | None = None,
) -> str:
    """Aggregate the records that are not late; stream time is that of the partition where the key is the group's.

    ``final`` results are those of windows that a stream time has closed which is not so late that they are lost: those
    past their retention by whole steps of so many milliseconds.
    """
    lane = "part" if group == "k" else "0"
    end = size + grace
    timed = f"""
        WITH timed AS (SELECT *, {lane} AS lane, max(ts) OVER (PARTITION BY {lane} ORDER BY seq) AS now FROM s_
            WHERE {group} IS NOT NULL),
          windowed AS (SELECT *, unnest({starts}) AS ws FROM timed),
          found AS (SELECT {group} AS k0, ws, max(ts) AS ts, {judged}, any_value(lane) AS lane FROM windowed
            WHERE ws + {end} > now GROUP BY {group}, ws {tail})
    """
    if final is None:
        return f"{timed} SELECT * EXCLUDE lane FROM found"
    return f"""
        {timed} SELECT f.* EXCLUDE lane FROM found f JOIN (SELECT DISTINCT lane, now FROM timed) t ON t.lane = f.lane
          AND t.now = (SELECT min(c.now) FROM timed c WHERE c.lane = f.lane AND c.now >= f.ws + {end})
        WHERE f.ws >= t.now // {final} * {final} - {end}
    """


def _sessions(
    gap: int, tail: str = "", judged: str = _JUDGED.replace("list(v ORDER BY seq)", "count(v)"), group: str = "g"
) -> str:
    """Aggregate sessions where nothing is late: islands between gaps."""
    return f"""
        WITH gaps AS (SELECT *, ts - lag(ts) OVER (PARTITION BY {group} ORDER BY ts, seq) > {gap} AS far FROM s_
            WHERE {group} IS NOT NULL),
          islands AS (SELECT *, count(*) FILTER (far) OVER (PARTITION BY {group} ORDER BY ts, seq) AS island FROM gaps)
        SELECT {group} AS k0, min(ts) AS ws, max(ts) AS we, max(ts) AS ts, {judged}
        FROM islands GROUP BY {group}, island {tail}
    """


def _in_sessions(group: str, make: Callable[[], SessionOracle]) -> Oracle:
    """Judge sessions one record after the other; regrouped ones share one stream time."""

    def changes(records: Sequence[Log]) -> list[Expected]:
        oracle, expected = make(), list[Expected]()
        for seq, r in enumerate(records):
            good, fields = decoded(r.value)
            if good and fields is not None:
                key = r.key if group == "K" else fields["G"]
                record = Record(seq, r.part if group == "K" else 0, r.ts, key, (fields["V"],))
                for o in oracle.apply(record):
                    assert o.ws is not None and o.we is not None
                    expected.append(((o.key,), (o.ws, o.we), o.ts, o.values))
        return expected

    return changes


def _held(advance: int, end: int, group: str = "G") -> Kept:
    return Kept(lambda window, now: window[0] >= now // advance * advance - end, group)


def _held_session(end: int, group: str = "G") -> Kept:
    return Kept(lambda window, now: window[1] > now - end, group)


WINDOWS = (
    Shape("tumbling", "S", _statement("TUMBLING (SIZE 20 MILLISECONDS)"), _batch(_TUMBLING, 20, 86_400_000)),
    Shape(
        "tumbling with grace",
        "S",
        _statement("TUMBLING (SIZE 20 MILLISECONDS, GRACE PERIOD 5 MILLISECONDS)"),
        _batch(_TUMBLING, 20, 5),
        kept=_held(20, 25),
    ),
    Shape(
        "tumbling by key, having",
        "S",
        _statement("TUMBLING (SIZE 20 MILLISECONDS, GRACE PERIOD 0 SECONDS)", "HAVING SUM(V) < 4", "K"),
        _batch(_TUMBLING, 20, 0, "k", "HAVING coalesce(sum(v), 0) < 4"),
        kept=_held(20, 20, "K"),
    ),
    Shape(
        "hopping with grace",
        "S",
        _statement("HOPPING (SIZE 30 MILLISECONDS, ADVANCE BY 12 MILLISECONDS, GRACE PERIOD 3 MILLISECONDS)"),
        _batch(_HOPPING, 30, 3),
        kept=_held(12, 33),
    ),
    Shape(
        "hopping by key, having",
        "S",
        _statement("HOPPING (SIZE 30 MILLISECONDS, ADVANCE BY 12 MILLISECONDS, GRACE PERIOD 1 DAY)",
                   "HAVING COUNT(*) > 1", "K"),
        _batch(_HOPPING, 30, 86_400_000, "k", "HAVING count(*) > 1"),
    ),
    Shape(
        "hopping with retention",
        "S",
        _statement("HOPPING (SIZE 30 MILLISECONDS, ADVANCE BY 12 MILLISECONDS, RETENTION 50 MILLISECONDS,"
                   " GRACE PERIOD 9 MILLISECONDS)", group="K", columns=_MERGED),
        _batch(_HOPPING, 30, 9, "k", judged=_MERGED_JUDGED),
        kept=_held(12, 50, "K"),
    ),
    Shape(
        "tumbling, final",
        "S",
        _statement("TUMBLING (SIZE 20 MILLISECONDS, GRACE PERIOD 5 MILLISECONDS)", "EMIT FINAL"),
        _batch(_TUMBLING, 20, 5, final=20),
    ),
    Shape(
        "hopping by key, having, final",
        "S",
        _statement("HOPPING (SIZE 30 MILLISECONDS, ADVANCE BY 12 MILLISECONDS, GRACE PERIOD 0 SECONDS)",
                   "HAVING COUNT(*) > 1 EMIT FINAL", "K"),
        _batch(_HOPPING, 30, 0, "k", "HAVING count(*) > 1", final=12),
    ),
    Shape(
        "sessions",
        "S",
        _statement("SESSION (10 MILLISECONDS)").replace("COLLECT_LIST(V)", "COUNT(V)"),
        _sessions(10),
    ),
    Shape(
        "sessions, having",
        "S",
        _statement("SESSION (12 MILLISECONDS, GRACE PERIOD 1 HOUR)", "HAVING COUNT(*) > 1")
        .replace("COLLECT_LIST(V)", "COUNT(V)"),
        _sessions(12, "HAVING count(*) > 1"),
    ),
    Shape(
        "merged sessions",
        "S",
        _statement("SESSION (15 MILLISECONDS)", group="K", columns=_MERGED),
        _sessions(15, judged=_MERGED_JUDGED, group="k"),
    ),
    Shape(
        "sessions with grace",
        "S",
        _statement("SESSION (10 MILLISECONDS, GRACE PERIOD 5 MILLISECONDS)", group="K"),
        changes=_in_sessions("K", lambda: SessionOracle(_CALLS, 10, 5)),
        kept=_held_session(15, "K"),
    ),
    Shape(
        "regrouped sessions, having",
        "S",
        _statement("SESSION (10 MILLISECONDS, GRACE PERIOD 0 SECONDS)", "HAVING COUNT(*) > 1"),
        changes=_in_sessions("G", lambda: SessionOracle(_CALLS, 10, 0, lambda v: v[0] > 1)),
        kept=_held_session(10),
    ),
    Shape(
        "sessions, final",
        "S",
        _statement("SESSION (10 MILLISECONDS, GRACE PERIOD 5 MILLISECONDS)", "EMIT FINAL"),
        changes=_in_sessions("G", lambda: SessionOracle(_CALLS, 10, 5, final=True)),
    ),
    Shape(
        "sessions by key, having, final",
        "S",
        _statement("SESSION (10 MILLISECONDS, GRACE PERIOD 0 SECONDS)", "HAVING SUM(V) < 4 EMIT FINAL", "K"),
        changes=_in_sessions("K", lambda: SessionOracle(_CALLS, 10, 0, lambda v: v[1] < 4, final=True)),
    ),
)  # fmt: skip
