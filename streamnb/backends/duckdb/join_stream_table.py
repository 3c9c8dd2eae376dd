"""Stream–table join: each stream record meets the table's row of that moment in the query's order.

Rules: key and timestamp are the stream record's; a null stream value is dropped, by LEFT too; a null join key is dropped
by INNER and padded by LEFT; changes of the table emit nothing, and count by their place in the order, whatever their
timestamps say. State: the table's rows, looked up by a 64-bit hash beside the key.
"""

from __future__ import annotations

from streamnb.backends.duckdb.operator import BatchShape, Names, Stage
from streamnb.duck import Sql, duck_type, ident, join, sql
from streamnb.plan.logical import Join

__all__ = ["compile_stream_table"]


def compile_stream_table(
    node: Join, left: tuple[Sql, BatchShape], right: tuple[Sql, BatchShape], target: Sql, names: Names, step: str
) -> Stage:
    """Compile the join; the right input is the table."""
    (stream, left_shape), (table, right_shape) = left, right
    keys = [(f"k{i}", duck_type(t)) for i, t in enumerate(right_shape.keys)]
    values = [(f"v{i}", duck_type(t)) for i, t in enumerate(right_shape.values)]
    state = names.state_table(f"{step}_table", [("h", sql("UBIGINT")), *keys, *values])
    changes, rows = names.temp(f"{step}_changes"), names.temp(f"{step}_rows")
    key_list = join(", ", [ident(k) for k, _ in keys])
    value_list = [ident(v) for v, _ in values]
    present = join(" AND ", [sql("{} IS NOT NULL", ident(k)) for k, _ in keys])
    equal = join(" AND ", [sql("s.{0} = c.{0}", ident(k)) for k, _ in keys])
    shift = len(left_shape.values)
    output = BatchShape(node.keys, node.values, node.windowed)
    picked = [sql("c.{} AS {}", v, ident(f"v{shift + i}")) for i, v in enumerate(value_list)]
    own = [sql("s.{}", c) for c in left_shape.columns()]
    touched = sql(
        "SELECT hash({keys}) FROM {stream} UNION ALL SELECT hash({keys}) FROM {table}",
        keys=key_list,
        stream=stream,
        table=table,
    )
    inner = sql("WHERE c.present") if node.kind == "INNER" else sql("")
    statements = (
        sql(
            "CREATE OR REPLACE TEMP TABLE {} AS SELECT h, {}, true AS present, -1::BIGINT AS seq FROM {} WHERE h IN ({})",
            rows,
            join(", ", [ident(k) for k, _ in keys] + value_list),
            state.name,
            touched,
        ),
        sql(
            "CREATE OR REPLACE TEMP TABLE {} AS SELECT hash({}) AS h, {}, NOT vnull AS present, seq FROM {} WHERE {}",
            changes,
            key_list,
            join(", ", [ident(k) for k, _ in keys] + value_list),
            table,
            present,
        ),
        sql(
            "CREATE OR REPLACE TEMP TABLE {target} AS SELECT {columns} FROM (SELECT *, hash({keys}) AS h FROM {stream}"
            " WHERE NOT vnull) s ASOF LEFT JOIN (SELECT * FROM {rows} UNION ALL SELECT * FROM {changes}) c"
            " ON s.h = c.h AND {equal} AND s.seq >= c.seq {inner}",
            target=target,
            columns=join(", ", [*own, *picked]),
            keys=key_list,
            stream=stream,
            rows=rows,
            changes=changes,
            equal=equal,
            inner=inner,
        ),
        sql("DELETE FROM {0} s WHERE EXISTS (SELECT 1 FROM {1} c WHERE s.h = c.h AND {2})", state.name, changes, equal),
        sql(
            "INSERT INTO {} SELECT h, {} FROM (SELECT * FROM {} QUALIFY row_number() OVER (PARTITION BY {} ORDER BY seq"
            " DESC) = 1) WHERE present",
            state.name,
            join(", ", [ident(k) for k, _ in keys] + value_list),
            changes,
            key_list,
        ),
    )
    return Stage((state,), statements, output)
