"""DISTINCT: one record for equal values.

Of a stream, the first one: the state is the values seen. Of a table, a row is there while any of the table's rows has
its values: the state is the row of each key, and how many rows have the same values.
"""

from __future__ import annotations

from streamnb.backends.duckdb.operator import BatchShape, Names, Stage
from streamnb.backends.duckdb.steps import Statement
from streamnb.duck import Sql, duck_type, ident, join, sql
from streamnb.plan.logical import Distinct

__all__ = ["compile_distinct"]


def compile_distinct(node: Distinct, source: Sql, target: Sql, shape: BatchShape, names: Names, step: str) -> Stage:
    """Compile DISTINCT; the values of the input are the key of the output."""
    if node.is_table:
        return _of_table(node, source, target, shape, names, step)
    return _of_stream(node, source, target, shape, names, step)


def _of_stream(node: Distinct, source: Sql, target: Sql, shape: BatchShape, names: Names, step: str) -> Stage:
    output = BatchShape(node.keys, ())
    values, keys = shape.value_columns(), output.key_columns()
    kept = [(f"k{i}", duck_type(type_)) for i, type_ in enumerate(node.keys)]
    seen = names.state_table(f"{step}_seen", [("h", Sql("UBIGINT")), *kept])
    firsts = names.temp(f"{step}_firsts")
    listed = join(", ", values)
    same = join(" AND ", [sql("s.{} IS NOT DISTINCT FROM f.{}", k, v) for k, v in zip(keys, values, strict=True)])
    columns = [*output.meta_columns(), *(sql("{} AS {}", v, k) for k, v in zip(keys, values, strict=True))]
    statements = (
        sql(
            "CREATE OR REPLACE TEMP TABLE {} AS SELECT *, hash({}) AS h FROM {} WHERE NOT vnull QUALIFY row_number()"
            " OVER (PARTITION BY {} ORDER BY seq, sub) = 1",
            firsts,
            listed,
            source,
            listed,
        ),
        # Joined and not looked for in the rows seen: DuckDB would build a hash table of these, which are many.
        sql(
            "CREATE OR REPLACE TEMP TABLE {} AS SELECT {} FROM {firsts} b WHERE NOT EXISTS (SELECT 1 FROM (SELECT"
            " f.seq, f.sub FROM {} s JOIN {firsts} f ON s.h = f.h WHERE {}) n WHERE n.seq = b.seq AND n.sub = b.sub)",
            target,
            join(", ", columns),
            seen.name,
            same,
            firsts=firsts,
        ),
        sql("INSERT INTO {} SELECT hash({keys}), {keys} FROM {}", seen.name, target, keys=join(", ", keys)),
    )
    return Stage((seen,), statements, output)


def _of_table(node: Distinct, source: Sql, target: Sql, shape: BatchShape, names: Names, step: str) -> Stage:
    output = BatchShape(node.keys, ())
    row_type = sql("STRUCT({})", join(", ", shape.typed_values()))
    row_keys = [*shape.key_columns(), *([ident("ws")] if shape.windowed else [])]
    key_types = [*map(duck_type, shape.keys), *([Sql("BIGINT")] if shape.windowed else [])]
    rows = names.state_table(
        f"{step}_rows",
        [*((f"i{i}", type_) for i, type_ in enumerate(key_types)), ("row", row_type)],
    )
    counts = names.state_table(f"{step}_counts", [("row", row_type), ("n", Sql("BIGINT"))])
    changes, events = names.temp(f"{step}_changes"), names.temp(f"{step}_events")
    statements: tuple[Statement, ...] = (
        _changes(changes, rows.name, source, shape, row_keys),
        _events(events, counts.name, changes),
        sql("DELETE FROM {} WHERE rowid IN (SELECT rid FROM {})", rows.name, changes),
        sql(
            "INSERT INTO {} SELECT {}, row FROM {} WHERE is_last AND row IS NOT NULL",
            rows.name,
            join(", ", [ident(f"i{i}") for i in range(len(key_types))]),
            changes,
        ),
        sql("DELETE FROM {} WHERE rowid IN (SELECT rid FROM {})", counts.name, events),
        sql("INSERT INTO {} SELECT row, n FROM {} WHERE is_last AND n > 0", counts.name, events),
        sql(
            "CREATE OR REPLACE TEMP TABLE {} AS SELECT seq, sub, part, off, ts, hdr, sign < 0 AS vnull, {} FROM {}"
            " WHERE n = CASE WHEN sign > 0 THEN 1 ELSE 0 END",
            target,
            join(
                ", ",
                [sql("row.{} AS {}", v, k) for v, k in zip(shape.value_columns(), output.key_columns(), strict=True)],
            ),
            events,
        ),
    )
    return Stage((rows, counts), statements, output)


def _changes(changes: Sql, rows: Sql, source: Sql, shape: BatchShape, keys: list[Sql]) -> Sql:
    """Pair each change of the input with the row it takes the place of, and find the last one of each key."""
    same = join(" AND ", [sql("s.{0} IS NOT DISTINCT FROM b.{0}", ident(f"i{i}")) for i in range(len(keys))])
    over = sql("PARTITION BY {} ORDER BY seq, sub", join(", ", [sql("b.{}", ident(f"i{i}")) for i in range(len(keys))]))
    return sql(
        "CREATE OR REPLACE TEMP TABLE {changes} AS SELECT b.*, s.rowid AS rid, CASE WHEN row_number() OVER ({over}) = 1"
        " THEN s.row ELSE lag(b.row) OVER ({over}) END AS old, lead(seq) OVER ({over}) IS NULL AS is_last FROM (SELECT"
        " seq, sub, part, off, ts, hdr, {keys}, CASE WHEN NOT vnull THEN struct_pack({values}) END AS row FROM"
        " {source}) b LEFT JOIN {rows} s ON {same}",
        changes=changes,
        over=over,
        keys=join(", ", [sql("{} AS {}", k, ident(f"i{i}")) for i, k in enumerate(keys)]),
        values=join(", ", [sql("{0} := {0}", v) for v in shape.value_columns()]),
        source=source,
        rows=rows,
        same=same,
    )


def _events(events: Sql, counts: Sql, changes: Sql) -> Sql:
    """Count the rows with the same values on: behind each row that leaves or comes (sign -1 or 1) there are ``n``."""
    half = (
        "SELECT seq, 2 * sub + {side} AS sub, part, off, ts, hdr, {which} AS row, {sign} AS sign FROM {changes}"
        " WHERE {which} IS NOT NULL AND old IS DISTINCT FROM row"
    )
    signed = [
        sql(half, side=Sql(side), which=Sql(which), sign=Sql(sign), changes=changes)
        for which, side, sign in (("old", "0", "-1"), ("row", "1", "1"))
    ]
    return sql(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT e.*, c.rowid AS rid, coalesce(c.n, 0) + sum(sign) OVER (PARTITION BY"
        " e.row ORDER BY seq, sub) AS n, lead(seq) OVER (PARTITION BY e.row ORDER BY seq, sub) IS NULL AS is_last FROM"
        " ({}) e LEFT JOIN {} c ON c.row IS NOT DISTINCT FROM e.row",
        events,
        join(" UNION ALL ", signed),
        counts,
    )
