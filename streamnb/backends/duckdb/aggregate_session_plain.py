"""Islands in which one session grows: all worked out at once."""

from __future__ import annotations

from streamnb.backends.duckdb.aggregate_layout import GROUPED, RUNNING, Layout, comma
from streamnb.backends.duckdb.aggregate_records import log_function_errors
from streamnb.backends.duckdb.aggregate_session_parts import (
    equal_rows,
    if_passed,
    judge,
    matches,
    touches,
    write_sessions,
)
from streamnb.duck import Sql, sql

__all__ = ["plain_steps"]


def plain_steps(layout: Layout, records: Sql) -> list[Sql]:
    """Work out all plain islands at once: each is one session that grows."""
    changed = layout.table("n")
    island = [*layout.keys, Sql("isl")]
    over = sql("PARTITION BY {} ORDER BY ord", comma(island))
    if layout.every:
        partial = sql(
            "SELECT {}, ord, part, min(ts) OVER running AS low, max(ts) OVER running AS high, min(ts) OVER"
            " earlier AS plow,"
            " max(ts) OVER earlier AS phigh, lead(ord) OVER ({over}) IS NULL AS is_last, {} FROM ({}) WINDOW running AS"
            " ({over} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), earlier AS ({over} ROWS BETWEEN UNBOUNDED"
            " PRECEDING AND 1 PRECEDING)",
            comma(island),
            comma(layout.partials(RUNNING)),
            records,
            over=over,
        )
    else:
        partial = sql(
            "SELECT {0}, max(ord) AS ord, max(part) AS part, min(ts) AS low, max(ts) AS high, NULL::BIGINT AS plow,"
            " NULL::BIGINT AS phigh, true AS is_last, {1} FROM ({2}) GROUP BY {0}",
            comma(island),
            comma(layout.partials(GROUPED)),
            records,
        )
    merged = sql(
        "SELECT {}, p.ord, p.part, p.is_last, s.rid, least(s.ws, p.low) AS ws, greatest(s.we, p.high) AS we,"
        " least(s.ws, p.plow) AS pws, greatest(s.we, p.phigh) AS pwe, {}, {} FROM ({}) p LEFT JOIN {} s ON {}",
        comma([sql("p.{}", c) for c in island]),
        _was_shown(layout, "s"),
        comma(layout.merges()),
        partial,
        layout.table("h"),
        matches("s", "p", island),
    )
    before = sql("coalesce(lag(pass) OVER ({}), was_shown)", over) if layout.every else Sql("was_shown")
    same = Sql("pws = ws AND pwe = we AND ws = we" if layout.every else "pws = ws AND pwe = we")
    return [
        _heads(layout, records),
        sql(
            "CREATE OR REPLACE TEMP TABLE {} AS SELECT *, {} AS before, coalesce({}, false) AS same FROM ({})",
            changed,
            before,
            same,
            judge(layout, merged),
        ),
        sql(
            "DELETE FROM {rows} WHERE rowid IN (SELECT rid FROM {n} UNION ALL {equal})",
            rows=layout.rows.name,
            n=changed,
            equal=equal_rows(layout, sql("(SELECT * FROM {} WHERE is_last)", changed)),
        ),
        write_sessions(layout, sql("{} WHERE is_last", changed)),
        *log_function_errors(layout, changed),
        *([] if layout.spec.emit_final else [_plain_outputs(layout, changed)]),
    ]


def _heads(layout: Layout, records: Sql) -> Sql:
    """Look up the session that each island has so far: the one its first record touches."""
    return sql(
        "CREATE OR REPLACE TEMP TABLE {head} AS SELECT s.rowid AS rid, s.*, f.isl FROM {rows} s JOIN (SELECT"
        " {keys}, isl,"
        " arg_min(ts, ord) AS ts, arg_min(sb, ord) AS sb FROM ({records}) GROUP BY {keys}, isl) f ON {on} AND {touch}",
        head=layout.table("h"),
        rows=layout.rows.name,
        keys=comma(layout.keys),
        records=records,
        on=matches("s", "f", layout.keys),
        touch=touches(layout, "f"),
    )


def _was_shown(layout: Layout, relation: str) -> Sql:
    column = sql("{}.shown", Sql(relation)) if layout.tracks_shown else Sql("true")
    return sql("{}.rid IS NOT NULL AND {} AS was_shown", Sql(relation), column)


def _plain_outputs(layout: Layout, changed: Sql) -> Sql:
    keys, values = layout.keys, layout.shape.value_columns()
    return sql(
        "INSERT INTO {} BY NAME SELECT ord, 0 AS kind, pws AS ws, pwe AS we, true AS vnull, true AS prev, {} FROM {}"
        " WHERE pwe IS NOT NULL AND NOT same AND before UNION ALL BY NAME SELECT ord, 1 AS kind, ws, we,"
        " NOT pass AS vnull, same AND before AS prev, {}, {} FROM {} WHERE pass OR (same AND before)",
        layout.table("o"),
        comma(keys),
        changed,
        comma(keys),
        comma(if_passed(values)),
        changed,
    )
