"""Filter and projection: one evaluation per expression, and one row's error stays that row's.

An expression that can raise is evaluated inside ``TRY(struct_pack(v := ...))``: a NULL struct tells an error from a
NULL value. What raises drops the row in WHERE, and is NULL in a select list; both leave a row in the errors table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from streamnb.backends.duckdb.expressions import Compiled, compile_expression
from streamnb.backends.duckdb.operator import BatchShape, Mode, Names, Probe, Stage
from streamnb.backends.duckdb.steps import insert_errors
from streamnb.duck import Sql, duck_type, ident, join, lit, sql
from streamnb.plan.logical import Filter, Project
from streamnb.plan.typed import Typed, TypedColumn, children
from streamnb.state.tables import StateTable

__all__ = [
    "compile_filter",
    "compile_project",
    "compile_table_filter",
    "is_filter_state",
    "is_identity",
    "log_errors",
    "project_view",
]

RECORD_PROCESSING_ERROR = 1
_OF_RECORDS = frozenset({"seq", "sub", "part", "off", "hdr"})
_PASSING = "_passing"


def log_errors(names: Names, source: Sql, failed: Sql, message: str) -> Sql:
    """Write a row of the errors table for each row of a batch for which a condition holds."""
    return insert_errors(
        sql(
            "SELECT {}, {}, part, off, seq, {} FROM {} WHERE {}",
            lit(names.query_id),
            lit(RECORD_PROCESSING_ERROR),
            lit(message),
            source,
            failed,
        )
    )


def attempt(compiled: Compiled) -> Sql:
    """Evaluate an expression to a struct holding its value, NULL when it raises."""
    return compiled.attempt


def compile_filter(node: Filter, source: Sql, target: Sql, shape: BatchShape, names: Names, step: str) -> Stage:
    """Keep the records of a stream for which the predicate is true; null values never pass."""
    predicate = compile_expression(node.predicate)
    if not predicate.can_raise:
        statement = sql(
            "CREATE OR REPLACE TEMP TABLE {} AS SELECT * FROM {} WHERE NOT vnull AND {}", target, source, predicate.sql
        )
        return Stage((), (statement,), shape)
    tried = names.temp(f"{step}_try")
    statements = (
        sql(
            "CREATE OR REPLACE TEMP TABLE {} AS SELECT *, {} AS w FROM {} WHERE NOT vnull",
            tried,
            attempt(predicate),
            source,
        ),
        log_errors(names, tried, sql("w IS NULL"), "Error evaluating the WHERE expression"),
        sql("CREATE OR REPLACE TEMP TABLE {} AS SELECT * EXCLUDE (w) FROM {} WHERE w.v", target, tried),
    )
    probe = Probe(
        "Error evaluating the WHERE expression", sql("(SELECT * FROM {} WHERE NOT vnull)", source), predicate.sql
    )
    return Stage((), statements, shape, probes=(probe,))


def compile_project(
    node: Project, where: Typed | None, source: Sql, target: Sql, shape: BatchShape, names: Names, step: str
) -> Stage:
    """Compute new key and value columns, from the rows for which ``where`` (which cannot raise) is true."""
    output = BatchShape(node.keys, node.values, node.windowed)
    keys = [(f"k{i}", _compile_key(e, node)) for i, e in enumerate(node.key_exprs)]
    values = [(f"v{i}", compile_expression(e)) for i, e in enumerate(node.value_exprs)]
    meta = output.meta_columns() + output.window_columns()
    rows = source
    if where is not None:
        rows = sql("(SELECT * FROM {} WHERE NOT vnull AND {})", source, compile_expression(where).sql)
    labels = {f"v{i}": f"column {name}" for i, name in enumerate(node.names)}
    labels = {name: f"Error computing {labels.get(name, f'expression {name}')}" for name, _ in (*keys, *values)}
    raising = [name for name, c in (*keys, *values) if c.can_raise]
    columns = [sql("{} AS {}", attempt(c) if c.can_raise else c.sql, ident(name)) for name, c in (*keys, *values)]
    computed = sql("SELECT {} FROM {}", join(", ", [*meta, *columns]), rows)
    if not raising:
        return Stage((), (sql("CREATE OR REPLACE TEMP TABLE {} AS {}", target, computed),), output)
    tried = names.temp(f"{step}_try")
    final = [sql("{0}.v AS {0}", ident(n)) if c.can_raise else ident(n) for n, c in (*keys, *values)]
    statements = [sql("CREATE OR REPLACE TEMP TABLE {} AS {}", tried, computed)]
    statements += [
        log_errors(names, tried, sql("NOT vnull AND {} IS NULL", ident(name)), labels[name]) for name in raising
    ]
    statements.append(
        sql("CREATE OR REPLACE TEMP TABLE {} AS SELECT {} FROM {}", target, join(", ", [*meta, *final]), tried)
    )
    probes = tuple(Probe(labels[name], rows, c.sql) for name, c in (*keys, *values) if c.can_raise)
    return Stage((), tuple(statements), output, probes=probes)


def project_view(node: Project, below: Sql | None) -> Sql | None:
    """Write the query for the current rows of a projected table, given that for the rows below it.

    None where there is none below, or an expression can raise, or counts on more than the row.
    """
    keys = [(f"k{i}", compile_expression(e)) for i, e in enumerate(node.key_exprs)]
    values = [(f"v{i}", compile_expression(e)) for i, e in enumerate(node.value_exprs)]
    reads = {c for e in (*node.key_exprs, *node.value_exprs) for c in _columns_read(e)}
    if below is None or node.partitioned or any(c.can_raise for _, c in (*keys, *values)) or reads & _OF_RECORDS:
        return None
    window = [ident("ws"), ident("we")] if node.windowed else []
    columns = [*(sql("{} AS {}", c.sql, ident(name)) for name, c in keys), *window, ident("ts")]
    columns += [sql("{} AS {}", c.sql, ident(name)) for name, c in values]
    return sql("SELECT {} FROM ({})", join(", ", columns), below)


def _columns_read(expression: Typed) -> Iterator[str]:
    if isinstance(expression, TypedColumn):
        yield expression.column
    for part in children(expression):
        yield from _columns_read(part)


def _compile_key(expression: Typed, node: Project) -> Compiled:
    """Compile a part of the key; PARTITION BY gives a record without value only what the old key says."""
    compiled = compile_expression(expression)
    if not node.partitioned or not _reads_value(expression):
        return compiled
    return replace(
        compiled,
        sql=sql("CASE WHEN NOT vnull THEN {} END", compiled.sql),
        attempt=sql("CASE WHEN NOT vnull THEN {} END", compiled.attempt),
    )


def _reads_value(expression: Typed) -> bool:
    if isinstance(expression, TypedColumn):
        return not expression.column.startswith("k")
    return any(_reads_value(part) for part in children(expression))


def is_identity(node: Project, shape: BatchShape) -> bool:
    """Tell whether a projection changes nothing."""
    wanted = [f"k{i}" for i in range(len(shape.keys))] + [f"v{i}" for i in range(len(shape.values))]
    got = [e.column if isinstance(e, TypedColumn) else None for e in (*node.key_exprs, *node.value_exprs)]
    return (
        not node.partitioned
        and got == wanted
        and len(node.key_exprs) == len(shape.keys)
        and node.windowed == shape.windowed
    )


def compile_table_filter(
    node: Filter, source: Sql, target: Sql, shape: BatchShape, names: Names, step: str, mode: Mode
) -> Stage:
    """Keep the rows of a table for which the predicate is true; a row that stops matching becomes a tombstone.

    State: the keys of the rows that match now.
    """
    keys = shape.key_columns() + ([ident("ws")] if shape.windowed else [])
    state = names.state_table(f"{step}{_PASSING}", _key_types(shape))
    tried, changes = names.temp(f"{step}_try"), names.temp(f"{step}_changes")
    same = join(" AND ", [sql("s.{0} IS NOT DISTINCT FROM b.{0}", k) for k in keys])
    key_list = join(", ", keys)
    last = "QUALIFY lead(seq) OVER (PARTITION BY {keys} ORDER BY seq, sub) IS NULL" if mode is Mode.LAST else ""
    statements = (
        sql(
            "CREATE OR REPLACE TEMP TABLE {} AS SELECT *, CASE WHEN NOT vnull THEN {} END AS w FROM {}",
            tried,
            attempt(compile_expression(node.predicate)),
            source,
        ),
        log_errors(names, tried, sql("NOT vnull AND w IS NULL"), "Error evaluating the condition"),
        sql(
            "CREATE OR REPLACE TEMP TABLE {} AS SELECT b.*, coalesce(lag(pass) OVER (PARTITION BY {} ORDER BY seq, sub)"
            ", EXISTS (SELECT 1 FROM {} s WHERE {})) AS was, lead(seq) OVER (PARTITION BY {} ORDER BY seq, sub) IS NULL"
            " AS is_last FROM (SELECT * EXCLUDE (w), coalesce(w.v, false) AS pass FROM {}) b",
            changes,
            key_list,
            state.name,
            same,
            key_list,
            tried,
        ),
        sql("DELETE FROM {} s WHERE EXISTS (SELECT 1 FROM {} b WHERE is_last AND {})", state.name, changes, same),
        sql("INSERT INTO {} SELECT {} FROM {} WHERE is_last AND pass", state.name, key_list, changes),
        sql(
            "CREATE OR REPLACE TEMP TABLE {target} AS SELECT * EXCLUDE (pass, was, is_last)"
            " REPLACE (NOT pass AS vnull) FROM {changes} WHERE pass OR was " + last,
            target=target,
            changes=changes,
            keys=key_list,
        ),
    )
    probe = Probe(
        "Error evaluating the condition",
        sql("(SELECT * FROM {} WHERE NOT vnull)", source),
        compile_expression(node.predicate).sql,
    )
    return Stage((state,), statements, shape, probes=(probe,))


def is_filter_state(table: StateTable) -> bool:
    """Tell whether a table is what a table's filter keeps: the keys of the rows that pass."""
    return table.name.rstrip('"').endswith(_PASSING)


def _key_types(shape: BatchShape) -> Sequence[tuple[str, Sql]]:
    columns = [(f"k{i}", duck_type(t)) for i, t in enumerate(shape.keys)]
    return [*columns, ("ws", Sql("BIGINT"))] if shape.windowed else columns
