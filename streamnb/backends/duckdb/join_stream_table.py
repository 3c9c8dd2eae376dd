"""Stream–table join: each stream record meets the table's row of that moment in the query's order.

Rules: key and timestamp are the stream record's; a null stream value is dropped, by LEFT too; a null join key is
dropped by INNER and padded by LEFT; changes of the table emit nothing, and count by their place in the order, whatever
their timestamps say. State: the table's rows, a keyed table.
"""

from __future__ import annotations

from streamnb.backends.duckdb.join_sides import JoinSides
from streamnb.backends.duckdb.operator import Stage
from streamnb.backends.duckdb.steps import KeyedStep
from streamnb.duck import Sql, ident, join, sql

__all__ = ["compile_stream_table"]


def compile_stream_table(sides: JoinSides) -> Stage:
    """Compile the join; the right input is the table."""
    state = sides.keyed_table("table", sides.right)
    changes, rows = sides.temp("changes"), sides.temp("rows")
    output = _output(sides, changes, rows)
    changed = sql(
        "(SELECT s.rid, c.*, c.record IS NULL AS gone FROM {} c LEFT JOIN {} s ON {} WHERE c.is_last)",
        changes,
        rows,
        sides.equal("s", "c"),
    )
    scanned = (_rows(sides, rows, sides.scanned(state)), output, *state.replaced(changed))
    found = (_rows(sides, rows, state.found), output)
    step = KeyedStep((state,), sides.touched(state.hashed), scanned, found, (changed,))
    return Stage(state.tables, (_changes(sides, changes), step), sides.output)


def _changes(sides: JoinSides, target: Sql) -> Sql:
    """List the changes of the table: its rows from then on, NULL where they are deleted."""
    return sql(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT seq, {} AS h, {}, CASE WHEN NOT vnull THEN {} END AS record,"
        " lead(seq) OVER (PARTITION BY {} ORDER BY seq) IS NULL AS is_last FROM {} WHERE {}",
        target,
        sides.hashed,
        sides.key_list,
        sides.right.packed,
        sides.matched_list,
        sides.right.batch,
        sides.has_key,
    )


def _rows(sides: JoinSides, target: Sql, touched: Sql) -> Sql:
    """List the rows of the table, as they were before the batch, that it joins or changes."""
    return sql("CREATE OR REPLACE TEMP TABLE {} AS SELECT rid, h, {}, record FROM {}", target, sides.key_list, touched)


def _output(sides: JoinSides, changes: Sql, rows: Sql) -> Sql:
    """Join the stream: by a plain join where the batch does not change the row, else by its place in the order."""
    shift = len(sides.left.shape.values)
    picked = [
        sql("c.record.{} AS {}", v, ident(f"v{shift + i}")) for i, v in enumerate(sides.right.shape.value_columns())
    ]
    versions = sql(
        "(SELECT -1::BIGINT AS seq, h, {keys}, record FROM {rows}"
        " UNION ALL SELECT seq, h, {keys}, record FROM {changes})",
        keys=sides.key_list,
        rows=rows,
        changes=changes,
    )
    return sql(
        "CREATE OR REPLACE TEMP TABLE {target} AS WITH s AS (SELECT *, {hash} AS h FROM {stream} WHERE NOT vnull)"
        " SELECT {columns} FROM (SELECT * FROM s WHERE NOT EXISTS (SELECT 1 FROM {changes} n WHERE n.h = s.h)) s"
        " LEFT JOIN {rows} c ON {equal} {inner} UNION ALL"
        " SELECT {columns} FROM (SELECT * FROM s WHERE h IN (SELECT h FROM {changes})) s"
        " ASOF LEFT JOIN {versions} c ON {equal} AND s.seq >= c.seq {inner}",
        target=sides.target,
        columns=join(", ", [*(sql("s.{}", c) for c in sides.left.shape.columns()), *picked]),
        hash=sides.hashed,
        stream=sides.left.batch,
        changes=changes,
        rows=rows,
        versions=versions,
        equal=sides.equal("s", "c"),
        inner=sql("WHERE c.record IS NOT NULL") if sides.node.kind == "INNER" else Sql(""),
    )
