"""Stream–table join: each stream record meets the table's row of that moment in the query's order.

Rules: key and timestamp are the stream record's; a null stream value is dropped, by LEFT too; a null join key is
dropped by INNER and padded by LEFT; changes of the table emit nothing, and count by their place in the order, whatever
their timestamps say. State: the table's rows, looked up by a 64-bit hash beside the key.
"""

from __future__ import annotations

from streamnb.backends.duckdb.join_sides import JoinSides
from streamnb.backends.duckdb.operator import Stage
from streamnb.duck import Sql, ident, join, sql

__all__ = ["compile_stream_table"]


def compile_stream_table(sides: JoinSides) -> Stage:
    """Compile the join; the right input is the table."""
    state = sides.names.state_table(
        f"{sides.step}_table",
        [("h", sql("UBIGINT")), *sides.key_types(), ("record", sides.right.packed_type)],
    )
    versions = sides.temp("versions")
    statements = (
        _versions(sides, state.name, versions),
        _output(sides, versions),
        sql("DELETE FROM {} WHERE rowid IN (SELECT rid FROM {} WHERE NOT is_last)", state.name, versions),
        sql(
            'INSERT INTO {} SELECT h, {}, record FROM {} WHERE is_last AND seq >= 0 AND record IS NOT NULL',
            state.name,
            sides.key_list,
            versions,
        ),
    )
    return Stage((state,), statements, sides.output)


def _versions(sides: JoinSides, state: Sql, target: Sql) -> Sql:
    """List the rows of the table that the batch needs: from the state (``rid`` given) and from its changes."""
    return sql(
        "CREATE OR REPLACE TEMP TABLE {target} AS SELECT *,"
        " lead(seq) OVER (PARTITION BY {matched} ORDER BY seq) IS NULL AS is_last FROM ("
        'SELECT -1::BIGINT AS seq, rowid AS rid, h, {keys}, record FROM {state} WHERE h IN'
        " (SELECT {hash} FROM {stream} UNION ALL SELECT {hash} FROM {table})"
        " UNION ALL SELECT seq, NULL, {hash}, {keys}, CASE WHEN NOT vnull THEN {packed} END FROM {table}"
        " WHERE {has_key})",
        target=target,
        matched=sides.matched_list,
        keys=sides.key_list,
        state=state,
        hash=sides.hashed,
        stream=sides.left.batch,
        table=sides.right.batch,
        packed=sides.right.packed,
        has_key=sides.has_key,
    )


def _output(sides: JoinSides, versions: Sql) -> Sql:
    shift = len(sides.left.shape.values)
    picked = [
        sql('c.record.{} AS {}', v, ident(f"v{shift + i}")) for i, v in enumerate(sides.right.shape.value_columns())
    ]
    return sql(
        "CREATE OR REPLACE TEMP TABLE {target} AS SELECT {columns} FROM (SELECT *, {hash} AS h FROM {stream}"
        " WHERE NOT vnull) s ASOF LEFT JOIN {versions} c ON {equal} AND s.seq >= c.seq {inner}",
        target=sides.target,
        columns=join(", ", [*(sql("s.{}", c) for c in sides.left.shape.columns()), *picked]),
        hash=sides.hashed,
        stream=sides.left.batch,
        versions=versions,
        equal=sides.equal("s", "c"),
        inner=sql('WHERE c.record IS NOT NULL') if sides.node.kind == "INNER" else Sql(""),
    )
