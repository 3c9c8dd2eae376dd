"""EMIT FINAL of time windows: one result per window, at the first record that closes it.

No accepted record can follow the closing one, so the state at the end of the batch is the result. ksqlDB loses a
window that has left the store before it is read (a jump in time larger than the retention): so do we, and say so in
the errors.
"""

from __future__ import annotations

from streamnb.backends.duckdb.aggregate_changes import judged_having
from streamnb.backends.duckdb.aggregate_layout import Layout, comma, show
from streamnb.backends.duckdb.aggregate_records import error_rows
from streamnb.backends.duckdb.steps import insert_errors
from streamnb.duck import Sql, lit, sql

__all__ = ["final_statements"]


def final_statements(layout: Layout, target: Sql) -> list[Sql]:
    """Emit the windows that the batch has closed, log those that were lost, and drop both from the state."""
    window = layout.window
    closed, rows, records = layout.table("f"), layout.rows.name, layout.table("r")
    end = sql("s.ws + {}", lit(window.size_ms + window.grace_ms))
    find = sql(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT s.rowid AS rid, s.*, c.ord, s.ws >= c.st // {a} * {a} -"
        " {kept} AS kept"
        " FROM {} s ASOF JOIN (SELECT part, st, min(ord) AS ord FROM {} GROUP BY part, st) c"
        " ON c.part = s.part AND c.st >= {}",
        closed,
        rows,
        records,
        end,
        a=lit(window.advance_ms),
        kept=lit(window.retention_ms),
    )
    lost = error_rows(
        layout,
        "the window left the store before it was emitted, its result is lost; window start: ",
        sql(
            "(SELECT f.ws, r.part, r.off, r.seq FROM {} f JOIN {} r ON r.ord = f.ord AND r.wi = 0 WHERE NOT f.kept)",
            closed,
            records,
        ),
        Sql("true"),
        Sql("ws"),
    )
    return [
        find,
        show(target, final_output(layout, closed, records)),
        insert_errors(lost),
        sql("DELETE FROM {} WHERE rowid IN (SELECT rid FROM {})", rows, closed),
    ]


def final_output(layout: Layout, closed: Sql, records: Sql) -> Sql:
    """Select the results of closed windows: in the order of the closing records, then of window and group."""
    ends = layout.window_end()
    finished = sql("SELECT *, rt AS ts, {} FROM {} WHERE kept", comma(ends, layout.named_results()), closed)
    if layout.having is not None:
        finished = sql("SELECT * FROM (SELECT *, {} AS h FROM ({})) WHERE h.v", judged_having(layout), finished)
    numbered = sql(
        "SELECT *, row_number() OVER (PARTITION BY (ord >> 32) ORDER BY ord, {}) - 1 AS sub FROM ({})",
        comma(Sql("ws, we"), layout.keys),
        finished,
    )
    return sql(
        "SELECT r.seq, f.sub, r.part, r.off, f.ts, r.hdr, false AS vnull, {} FROM ({}) f JOIN {} r ON r.ord = f.ord AND"
        " r.wi = 0",
        comma([sql("f.{}", c) for c in (Sql("ws"), Sql("we"), *layout.keys, *layout.shape.value_columns())]),
        numbered,
        records,
    )
