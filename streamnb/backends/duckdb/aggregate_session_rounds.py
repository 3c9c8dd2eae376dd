"""Islands in which anything can happen: one record of each a round."""

from __future__ import annotations

from streamnb.backends.duckdb.aggregate_layout import GROUPED, Layout, comma
from streamnb.backends.duckdb.aggregate_records import log_function_errors
from streamnb.backends.duckdb.aggregate_session_parts import (
    equal_rows,
    if_passed,
    judge,
    matches,
    touches,
    write_sessions,
)
from streamnb.backends.duckdb.steps import Repeat
from streamnb.duck import Sql, ident, lit, sql
from streamnb.functions.aggregate import Frame

__all__ = ["rounds"]


BY_END = Frame(order=ident("we"))


def rounds(layout: Layout) -> Repeat:
    """Take the other islands record by record: one record of each island a round."""
    current, touched, changed = layout.table("c"), layout.table("q"), layout.table("n")
    records, rows = layout.table("r"), layout.rows.name
    return Repeat(
        sql("SELECT max(rnd) FROM {} WHERE NOT plain", records),
        sql("CREATE OR REPLACE TEMP TABLE {} AS SELECT * FROM {} WHERE NOT plain AND rnd = ?", current, records),
        (
            sql(
                "CREATE OR REPLACE TEMP TABLE {} AS SELECT s.rowid AS rid, s.*, c.ord FROM {} s JOIN {} c ON {} AND {}",
                touched,
                rows,
                current,
                matches("s", "c", layout.keys),
                touches(layout, "c"),
            ),
            _merge_touched(layout, touched, current),
            sql(
                "INSERT INTO {} SELECT ord FROM {} WHERE ord NOT IN (SELECT ord FROM {})",
                layout.table("l"),
                current,
                changed,
            ),
            sql(
                "DELETE FROM {} WHERE rowid IN (SELECT q.rid FROM {} q SEMI JOIN {n} n USING (ord) UNION ALL {})",
                rows,
                touched,
                equal_rows(layout, changed),
                n=changed,
            ),
            write_sessions(layout, changed),
            *log_function_errors(layout, changed),
            *([] if layout.spec.emit_final else [_round_outputs(layout, touched, changed)]),
        ),
    )


def _merge_touched(layout: Layout, touched: Sql, current: Sql) -> Sql:
    """Merge each current record, unless it is late, with the sessions it touches: those first, by their end."""
    window = layout.window
    combined = []
    for i, aggregate in enumerate(layout.aggregates):
        values = aggregate.combine(BY_END, layout.parts_of(i, "a"))
        combined += [sql("{} AS {}", v, n) for v, n in zip(values, layout.parts_of(i, "a"), strict=True)]
    point = Sql("bool_or(shown AND ws = we)") if layout.tracks_shown else Sql("bool_or(ws = we)")
    old = sql(
        "SELECT ord, min(ws) AS low, max(we) AS high, {} AS point, {} FROM {} GROUP BY ord",
        point,
        comma(combined),
        touched,
    )
    partial = sql(
        "SELECT {0}, ord, max(part) AS part, max(ts) AS at, max(st) AS st, {1} FROM {2} GROUP BY {0}, ord",
        comma(layout.keys),
        comma(layout.partials(GROUPED)),
        current,
    )
    merged = sql(
        "SELECT {}, p.ord, p.part, least(p.at, s.low) AS ws, greatest(p.at, s.high) AS we, coalesce(s.point, false) AS"
        " point, {} FROM ({}) p LEFT JOIN ({}) s USING (ord) WHERE greatest(p.at, s.high) >= p.st - {}",
        comma([sql("p.{}", k) for k in layout.keys]),
        comma(layout.merges()),
        partial,
        old,
        lit(window.grace_ms + window.size_ms),
    )
    return sql(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT *, point AND ws = we AS same FROM ({})",
        layout.table("n"),
        judge(layout, merged),
    )


def _round_outputs(layout: Layout, touched: Sql, changed: Sql) -> Sql:
    shown = Sql(" AND q.shown") if layout.tracks_shown else Sql("")
    keys = layout.keys
    return sql(
        "INSERT INTO {o} BY NAME SELECT n.ord, 0 AS kind, q.ws, q.we, true AS vnull, true AS prev, {qk} FROM {q} q"
        " JOIN {n} n USING (ord) WHERE NOT (q.ws = q.we AND n.ws = n.we){shown} UNION ALL BY NAME SELECT ord, 1"
        " AS kind, ws,"
        " we, NOT pass AS vnull, same AS prev, {k}, {v} FROM {n} WHERE pass OR same",
        o=layout.table("o"),
        qk=comma([sql("q.{}", k) for k in keys]),
        q=touched,
        n=changed,
        shown=shown,
        k=comma(keys),
        v=comma(if_passed(layout.shape.value_columns())),
    )
