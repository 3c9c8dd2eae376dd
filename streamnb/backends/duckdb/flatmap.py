"""Table functions in a select list: their rows side by side, the shorter ones padded with NULL."""

from __future__ import annotations

from collections.abc import Sequence

from streamnb.backends.duckdb.expressions import compile_expression
from streamnb.backends.duckdb.operator import BatchShape, Names, Probe, Stage
from streamnb.backends.duckdb.stateless import log_errors
from streamnb.duck import Sql, ident, join, sql
from streamnb.functions.registry import Resolved
from streamnb.plan.logical import FlatMap
from streamnb.plan.typed import Typed

__all__ = ["compile_flat_map"]

FAILED = "Error evaluating a table function"


def compile_flat_map(node: FlatMap, source: Sql, target: Sql, shape: BatchShape, names: Names, step: str) -> Stage:
    """Give each record as many rows as its longest list has entries; none where all are empty, null or raise."""
    lists = [(f"l{i}", *_list(function, args)) for i, (function, args) in enumerate(node.calls)]
    tried = names.temp(f"{step}_try")
    columns = [sql("{} AS {}", attempt, ident(n)) for n, _, attempt, _ in lists]
    statements = [
        sql(
            "CREATE OR REPLACE TEMP TABLE {} AS SELECT *, {} FROM {} WHERE NOT vnull",
            tried,
            join(", ", columns),
            source,
        )
    ]
    statements += [
        log_errors(names, tried, sql("{} IS NULL", ident(n)), FAILED) for n, _, _, can_raise in lists if can_raise
    ]
    whole = join(" AND ", [sql("{} IS NOT NULL", ident(n)) for n, *_ in lists])
    first = len(shape.values)
    results = [sql("unnest({}.v) AS {}", ident(n), ident(f"v{first + i}")) for i, (n, *_) in enumerate(lists)]
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
    records = sql("(SELECT * FROM {} WHERE NOT vnull)", source)
    probes = tuple(Probe(FAILED, records, values) for _, values, _, can_raise in lists if can_raise)
    return Stage((), tuple(statements), output, probes=probes)


def _list(function: Resolved, args: Sequence[Typed]) -> tuple[Sql, Sql, bool]:
    """Write the list of a call's values, the struct of it that is NULL where it raises, and whether it can."""
    compiled = [compile_expression(a) for a in args]
    values = function.render([c.sql for c in compiled])
    if any(c.can_raise for c in compiled) or (function.can_raise and function.catching is None):
        return values, sql("TRY(struct_pack(v := {}))", values), True
    attempt = function.attempt([c.sql for c in compiled])
    return values, attempt or sql("struct_pack(v := {})", values), function.can_raise
