"""UNION ALL: the records of several inputs in one batch.

Every input has scans of its own, so the places of their records in the query's order differ, and stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

from streamnb.backends.duckdb.expressions import compile_expression
from streamnb.backends.duckdb.operator import BatchShape, Stage
from streamnb.duck import Sql, duck_type, ident, join, lit, sql
from streamnb.plan.logical import UnionAll

__all__ = ["compile_union"]


def compile_union(node: UnionAll, inputs: Sequence[tuple[Sql, BatchShape]], target: Sql) -> Stage:
    """Put the batches of all inputs into one."""
    output = BatchShape(node.keys, node.values)
    keys = _keys(inputs) if node.is_table else [[] for _ in inputs]
    parts = []
    for i, (source, _) in enumerate(inputs):
        columns = [sql("{} AS {}", key, name) for key, name in zip(keys[i], output.key_columns(), strict=True)]
        columns += [
            sql("{} AS {}", compile_expression(e).sql, name)
            for e, name in zip(node.exprs[i], output.value_columns(), strict=True)
        ]
        parts.append(sql("SELECT {} FROM {}", join(", ", [*output.meta_columns(), *columns]), source))
    statement = sql("CREATE OR REPLACE TEMP TABLE {} AS {}", target, join(" UNION ALL ", parts))
    return Stage((), (statement,), output)


def _keys(inputs: Sequence[tuple[Sql, BatchShape]]) -> list[list[Sql]]:
    """Write the key of each input's rows: its number, and its own key in the fields for it, the others' being NULL."""
    own = [[*shape.key_columns(), *([ident("ws")] if shape.windowed else [])] for _, shape in inputs]
    types = [[*map(duck_type, shape.keys), *([Sql("BIGINT")] if shape.windowed else [])] for _, shape in inputs]
    keys = []
    for i in range(len(inputs)):
        parts = [
            column if i == j else sql("NULL::{}", type_)
            for j in range(len(inputs))
            for column, type_ in zip(own[j], types[j], strict=True)
        ]
        named = [sql("{} := {}", ident(f"P{n}"), part) for n, part in enumerate(parts)]
        keys.append([lit(i), sql("struct_pack({})", join(", ", named))])
    return keys
