"""The records of an aggregation: groups and arguments evaluated once per record, and what went wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from streamnb.backends.duckdb.aggregate_layout import Layout, comma
from streamnb.backends.duckdb.expressions import Compiled
from streamnb.backends.duckdb.operator import Probe
from streamnb.backends.duckdb.steps import insert_errors
from streamnb.duck import Sql, ident, join, lit, sql

__all__ = [
    "chunk_column",
    "error_rows",
    "evaluate_apart",
    "group_probes",
    "log_failures",
    "log_function_errors",
    "read_records",
    "read_spans",
]

RECORD_PROCESSING = 1
CHUNK_ROWS = 256
ARGUMENT_FAILED = "an argument of an aggregate cannot be evaluated, it counts as null"


def evaluate_apart(layout: Layout, source: Sql) -> Iterator[Sql]:
    """Evaluate the expressions that can raise, one struct each: NULL when it raised."""
    if layout.evaluates_apart:
        named = [sql("{} AS {}", _guarded(c), column) for column, c in (*_groups(layout), *layout.args)]
        yield sql(
            "CREATE OR REPLACE TEMP TABLE {} AS SELECT seq, sub, part, off, ts, hdr, {} FROM {} WHERE NOT vnull",
            layout.table("e"),
            comma(named),
            source,
        )


def read_records(layout: Layout, source: Sql) -> Sql:
    """Select the records that have a group: ord, part, off, ts, hdr, the group as k, the arguments as x."""
    groups = _groups(layout)
    values = [sql("{} AS {}", _value(layout, n, c), n) for n, c in (*groups, *layout.args)]
    renamed = [sql("{} AS {}", g, k) for (g, _), k in zip(groups, layout.keys, strict=True)]
    return sql(
        "SELECT {} FROM (SELECT (seq::HUGEINT << 32) + sub AS ord, part, off, ts, hdr, {} FROM {}) WHERE {}",
        comma(Sql("ord"), Sql("part"), Sql("off"), Sql("ts"), Sql("hdr"), renamed, [n for n, _ in layout.args]),
        comma(values),
        _input(layout, source),
        join(" AND ", [sql("{} IS NOT NULL", g) for g, _ in groups]),
    )


def read_spans(layout: Layout, source: Sql) -> Sql:
    """Select, per partition, the lowest and highest timestamp of records with a group, and how many failures to log."""
    return sql(
        "SELECT part, min(ts) FILTER (WHERE grouped), max(ts) FILTER (WHERE grouped), count(*) FILTER (WHERE failed)"
        " FROM (SELECT part, ts, {} AS grouped, {} AS failed FROM {}) GROUP BY part",
        join(" AND ", [sql("({}) IS NOT NULL", _value(layout, n, c)) for n, c in _groups(layout)]),
        join(" OR ", [sql("({})", condition) for _, condition in _failures(layout)]),
        _input(layout, source),
    )


def _groups(layout: Layout) -> list[tuple[Sql, Compiled]]:
    """The group expressions with the columns that take them."""
    return [(ident(f"g{i}"), c) for i, c in enumerate(layout.group)]


def _value(layout: Layout, column: Sql, compiled: Compiled) -> Sql:
    """The value of an expression, which may have been evaluated apart, into a column."""
    if not layout.evaluates_apart:
        return compiled.sql
    return sql("{}.v", column) if compiled.can_raise else column


def _input(layout: Layout, source: Sql) -> Sql:
    """What FROM reads: the records that are no tombstones, or what was evaluated apart of them."""
    return layout.table("e") if layout.evaluates_apart else sql("{} WHERE NOT vnull", source)


def chunk_column(layout: Layout) -> list[Sql]:
    """The column ``ch``: which piece of its key's records a record is in, from 0; only where that is needed."""
    if not layout.chunked:
        return []
    return [
        sql(
            "(row_number() OVER (PARTITION BY {} ORDER BY ord) - 1) // {} AS ch",
            comma(layout.identity),
            lit(CHUNK_ROWS),
        )
    ]


def log_failures(layout: Layout, source: Sql, more: Sequence[Sql] = ()) -> Sql:
    """Write what could not be evaluated, records without a group, and ``more``, to the errors."""
    relation = sql("(SELECT * FROM {})", _input(layout, source))
    rows = [error_rows(layout, message, relation, condition) for message, condition in _failures(layout)]
    return insert_errors(join(" UNION ALL ", [*more, *rows]))


def _failures(layout: Layout) -> list[tuple[str, Sql]]:
    """List what can be wrong with a record, and the conditions for it: on the input, or on what was evaluated apart."""
    if not layout.evaluates_apart:
        null = join(" OR ", [sql("({}) IS NULL", c.sql) for c in layout.group])
        return [("a group expression is null, the record is left out", null)]
    failures = []
    for i, (column, c) in enumerate(_groups(layout)):
        if c.can_raise:
            failures.append((_group_failed(i), sql("{} IS NULL", column)))
        value = sql("{0} IS NOT NULL AND {0}.v IS NULL" if c.can_raise else "{0} IS NULL", column)
        failures.append((f"group expression {i + 1} is null, the record is left out", value))
    return [*failures, *((ARGUMENT_FAILED, sql("{} IS NULL", column)) for column, c in layout.args if c.can_raise)]


def group_probes(layout: Layout, source: Sql) -> tuple[Probe, ...]:
    """Tell why groups and arguments could not be evaluated."""
    records = sql("(SELECT * FROM {} WHERE NOT vnull)", source)
    groups = [(_group_failed(i), c) for i, c in enumerate(layout.group)]
    tried = [*groups, *((ARGUMENT_FAILED, c) for _, c in layout.args)]
    return tuple(Probe(message, records, c.sql) for message, c in tried if c.can_raise)


def log_function_errors(layout: Layout, changed: Sql) -> list[Sql]:
    """Write what went wrong inside of aggregate functions to the errors, once per record.

    The errors know only the records' numbers; their places are looked up by these.
    """
    return [
        insert_errors(
            sql(
                "SELECT DISTINCT {}, {}, NULL::INTEGER, NULL::BIGINT, e.q, e.m FROM (SELECT unnest({}) AS e FROM {})",
                lit(layout.names.query_id),
                lit(RECORD_PROCESSING),
                aggregate.errors(layout.parts_of(i, "a")),
                changed,
            )
        )
        for i, aggregate in enumerate(layout.aggregates)
        if aggregate.errors is not None
    ]


def error_rows(layout: Layout, message: str, relation: Sql, where: Sql, detail: Sql | None = None) -> Sql:
    """Select error rows out of a relation with part, off and seq."""
    text = lit(message) if detail is None else sql("{} || {}", lit(message), detail)
    return sql(
        "SELECT {}, {}, part, off, seq, {} FROM {} WHERE ({})",
        lit(layout.names.query_id),
        lit(RECORD_PROCESSING),
        text,
        relation,
        where,
    )


def _group_failed(index: int) -> str:
    return f"group expression {index + 1} cannot be evaluated, the record is left out"


def _guarded(compiled: Compiled) -> Sql:
    return compiled.attempt if compiled.can_raise else compiled.sql
