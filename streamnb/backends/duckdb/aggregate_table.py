"""GROUP BY over a table: each change takes the old row out of its group and puts the new one into its own.

The operator keeps the groups and arguments of every input row. A change becomes up to two signed records, the old row
first: within one group they are one step, which shows only its end. A group whose rows are all gone stays.
"""

from __future__ import annotations

from streamnb.backends.duckdb.aggregate_layout import Layout, comma
from streamnb.backends.duckdb.aggregate_records import chunk_column, read_records
from streamnb.backends.duckdb.operator import BatchShape
from streamnb.backends.duckdb.steps import KeyedStep
from streamnb.duck import Sql, duck_type, ident, join, sql
from streamnb.state.keyed import KeyedTable

__all__ = ["input_rows", "signed_records"]


def _row_fields(layout: Layout) -> list[tuple[Sql, Sql]]:
    """What is kept of an input row: group columns and argument columns with their types."""
    fields = [(k, duck_type(t)) for k, t in zip(layout.keys, layout.shape.keys, strict=True)]
    for i, call in enumerate(layout.spec.calls):
        types = [duck_type(t) for t in call.aggregate.param_types]
        fields += [(ident(f"x{i}_{j}"), t) for j, t in enumerate(types)]
    return fields


def _input_keys(shape: BatchShape) -> list[tuple[Sql, str, Sql]]:
    """The key columns of the input: as they are, as they are kept, and their types."""
    keys = [(ident(f"k{i}"), f"i{i}", duck_type(t)) for i, t in enumerate(shape.keys)]
    return [*keys, (Sql("ws"), "iws", Sql("BIGINT"))] if shape.windowed else keys


def input_rows(layout: Layout, shape: BatchShape) -> KeyedTable:
    """Declare the table of input rows."""
    row = sql("STRUCT({})", comma([sql("{} {}", n, t) for n, t in _row_fields(layout)]))
    columns = [(name, type_) for _, name, type_ in _input_keys(shape)]
    return layout.names.keyed_table("agg_input", [*columns, ("row", row)], [name for name, _ in columns])


def signed_records(layout: Layout, shape: BatchShape, source: Sql) -> KeyedStep:
    """Read the changes into signed records (table r: sign, and ``emit``, whether the step shows); keep the new rows."""
    changes, stored = layout.table("d"), input_rows(layout, shape)
    records = sql(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT {} FROM ({})",
        layout.table("r"),
        comma(Sql("*, (ord >> 32)::BIGINT AS seq"), chunk_column(layout)),
        _signed(layout, changes),
    )
    changed = sql("(SELECT *, row IS NULL AS gone FROM {} WHERE is_last)", changes)
    scanned = (
        _paired(layout, shape, source, sql("(SELECT rowid AS rid, * FROM {})", stored.rows.name)),
        records,
        *stored.replaced(changed),
    )
    named = comma([sql("{} AS {}", k, ident(name)) for k, name, _ in _input_keys(shape)])
    touched = sql("SELECT {} FROM (SELECT {} FROM {})", stored.hashed, named, source)
    found = (_paired(layout, shape, source, stored.found), records)
    return KeyedStep((stored,), touched, scanned, found, (changed,))


def _paired(layout: Layout, shape: BatchShape, source: Sql, stored: Sql) -> Sql:
    """List the changes of input rows (table d): ``row`` as it is from then on, ``old`` as it was before."""
    keys = _input_keys(shape)
    names = [ident(name) for _, name, _ in keys]
    row = sql("struct_pack({})", comma([sql("{0} := r.{0}", n) for n, _ in _row_fields(layout)]))
    read = sql(
        "SELECT b.*, CASE WHEN r.ord IS NOT NULL THEN {} END AS row FROM (SELECT (seq::HUGEINT << 32) + sub AS"
        " ord, part, off, ts, hdr, {} FROM {} WHERE {}) b LEFT JOIN ({}) r ON r.ord = b.ord",
        row,
        comma([sql("{} AS {}", k, ident(n)) for k, n, _ in keys]),
        source,
        join(" AND ", [sql("{} IS NOT NULL", k) for k, _, _ in keys]),
        read_records(layout, source),
    )
    return sql(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT b.*, s.rid, CASE WHEN row_number() OVER ({o}) = 1"
        " THEN s.row ELSE lag(b.row) OVER ({o}) END AS old, lead(ord) OVER ({o}) IS NULL AS is_last"
        " FROM ({}) b LEFT JOIN {} s ON {}",
        layout.table("d"),
        read,
        stored,
        join(" AND ", [sql("s.{0} = b.{0}", n) for n in names]),
        o=sql("PARTITION BY {} ORDER BY ord", comma([sql("b.{}", n) for n in names])),
    )


def _signed(layout: Layout, changes: Sql) -> Sql:
    """Select each change as up to two records: the old row taken out, then the new one put in."""
    fields = [n for n, _ in _row_fields(layout)]
    same = join(" AND ", [sql("old.{0} IS NOT DISTINCT FROM row.{0}", k) for k in layout.keys])
    halves = (
        (Sql("old"), Sql("0"), Sql("-1"), sql("row IS NULL OR NOT ({})", same)),
        (Sql("row"), Sql("1"), Sql("1"), Sql("true")),
    )
    return join(
        " UNION ALL ",
        [
            sql(
                "SELECT ord + (ord & 4294967295) + {side} AS ord, part, off, ts, hdr, {fields}, {sign} AS sign,"
                " {emit} AS emit FROM {changes} WHERE {which} IS NOT NULL",
                side=side,
                fields=comma([sql("{}.{}", which, n) for n in fields]),
                sign=sign,
                emit=emit,
                changes=changes,
                which=which,
            )
            for which, side, sign, emit in halves
        ],
    )
