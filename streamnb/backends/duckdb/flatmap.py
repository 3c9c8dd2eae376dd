"""Table functions in a select list: their rows side by side, the shorter ones padded with NULL."""

from __future__ import annotations

from streamnb.backends.duckdb.expressions import compile_expression
from streamnb.backends.duckdb.operator import BatchShape, Names, Stage
from streamnb.backends.duckdb.stateless import attempt, log_errors
from streamnb.duck import Sql, ident, join, sql
from streamnb.plan.logical import FlatMap

__all__ = ["compile_flat_map"]


def compile_flat_map(node: FlatMap, source: Sql, target: Sql, shape: BatchShape, names: Names, step: str) -> Stage:
    """Give each record as many rows as its longest list has entries; none where all are empty, null or raise."""
    lists = [(f"l{i}", compile_expression(arg), function) for i, (function, arg) in enumerate(node.calls)]
    tried = names.temp(f"{step}_try")
    columns = [
        sql("{} AS {}", attempt(c) if c.can_raise else sql("struct_pack(v := {})", c.sql), ident(n))
        for n, c, _ in lists
    ]
    statements = [
        sql(
            "CREATE OR REPLACE TEMP TABLE {} AS SELECT *, {} FROM {} WHERE NOT vnull",
            tried,
            join(", ", columns),
            source,
        )
    ]
    statements += [
        log_errors(names, tried, sql("{} IS NULL", ident(n)), "Error evaluating a table function")
        for n, c, _ in lists
        if c.can_raise
    ]
    whole = join(" AND ", [sql("{} IS NOT NULL", ident(n)) for n, _, _ in lists])
    first = len(shape.values)
    results = [
        sql("unnest({}) AS {}", function.rows(sql("{}.v", ident(n))), ident(f"v{first + i}"))
        for i, (n, _, function) in enumerate(lists)
    ]
    output = BatchShape(node.keys, node.values, node.windowed)
    kept = [
        c
        for c in output.columns()
        if c not in [ident(f"v{first + i}") for i in range(len(lists))] and c != ident("sub")
    ]
    rows = sql("SELECT {}, sub AS sub0, {} FROM {} WHERE {}", join(", ", kept), join(", ", results), tried, whole)
    statements.append(
        sql(
            "CREATE OR REPLACE TEMP TABLE {} AS SELECT {} FROM (SELECT *, row_number() OVER (PARTITION BY seq ORDER BY"
            " sub0, n) - 1 AS sub FROM (SELECT *, row_number() OVER () AS n FROM ({})))",
            target,
            join(", ", output.columns()),
            rows,
        )
    )
    return Stage((), tuple(statements), output)
