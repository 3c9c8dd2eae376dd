"""From raw records to the ordered batches of a query: decode, timestamp, total order (see ``order``).

Where the records' own timestamps count, they are ordered first, and only those are decoded that the batch can hold;
timestamps among the values need the values first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from streamnb.backends.duckdb.compile import Input
from streamnb.backends.duckdb.expressions import compile_expression
from streamnb.backends.duckdb.operator import BatchShape
from streamnb.catalog import DataSource
from streamnb.duck import Sql, ident, join, lit, sql
from streamnb.engine.order import Arrivals, Ordered, order_records
from streamnb.engine.readers import Slice, TopicReader
from streamnb.engine.sides import key_side, value_side
from streamnb.errors import KsqlError
from streamnb.failpoints import failpoint
from streamnb.functions.registry import Registry
from streamnb.log.base import RECORD_SCHEMA
from streamnb.native import contiguous
from streamnb.plan.expressions import Env, type_expression
from streamnb.plan.typed import TypedColumn
from streamnb.schema import BIGINT, STRING, TIMESTAMP, Column
from streamnb.serde.base import AHEAD_OK, FastPath, Rejected, Side
from streamnb.serde.decode import decode_batch
from streamnb.sql import ast
from streamnb.store import Store

__all__ = ["Intake", "Taken", "rowtime"]

DOUBTFUL_SHARE_MAX = 0.05


def rowtime(source: DataSource, registry: Registry) -> Sql | None:
    """Write the expression that takes ROWTIME from the source's TIMESTAMP column, over columns ``k0..``, ``v0..``.

    None when the record's own timestamp counts. The expression is NULL where the column holds no time.
    """
    if source.timestamp is None:
        return None
    name = source.timestamp.column
    columns: list[tuple[Column, str]] = [(c, f"k{i}") for i, c in enumerate(source.schema.key)]
    columns += [(c, f"v{i}") for i, c in enumerate(source.schema.value)]
    column, internal = next((c, i) for c, i in columns if c.name == name)
    if column.type == BIGINT:
        return ident(internal)
    if column.type == TIMESTAMP:
        return sql("epoch_ms({})", ident(internal))
    call = ast.Call("STRINGTOTIMESTAMP", (ast.ColumnRef(name), ast.StringLiteral(source.timestamp.pattern or "")))
    compiled = compile_expression(type_expression(call, _OneColumn(internal), Env(registry)))
    return sql("TRY({})", compiled.sql)


@dataclass(frozen=True)
class _OneColumn:
    """The scope of a timestamp expression: the text column, whatever its name."""

    internal: str

    def resolve(self, ref: ast.ColumnRef) -> TypedColumn:
        return TypedColumn(column=self.internal, type=STRING, label=ref.name)


@dataclass
class Taken:
    """What one intake gave: records per input, the positions behind them, and what could not be decoded.

    ``waiting`` tells that records are on their way, so that an empty intake is not the end.
    """

    count: int = 0
    positions: dict[int, dict[int, int]] = field(default_factory=dict)
    running: dict[tuple[int, int], int] = field(default_factory=dict)
    rejected: list[tuple[str, Rejected]] = field(default_factory=list)
    untimed: int = 0
    keyless: int = 0
    more: bool = False
    waiting: bool = False


class Intake:
    """The sources of one query. Belongs to the thread that runs the query."""

    def __init__(
        self,
        query_id: str,
        inputs: Sequence[Input],
        readers: Sequence[TopicReader],
        registry: Registry,
        *,
        strict_times: bool = False,
    ) -> None:
        """Prepare to read; ``strict_times`` stops the query at a record whose TIMESTAMP column holds no time."""
        self.query_id = query_id
        self.inputs = inputs
        self.readers = readers
        self._sides = [(key_side(i.source), value_side(i.source)) for i in inputs]
        for reader, (_, value) in zip(readers, self._sides, strict=True):
            reader.prepare = partial(_decode_ahead, side=value)
        self._rowtimes = [rowtime(i.source, registry) for i in inputs]
        self._strict_times = strict_times

    def take(
        self,
        store: Store,
        positions: dict[int, dict[int, int]],
        running: dict[tuple[int, int], int],
        next_seq: int,
        rows_max: int,
    ) -> Taken:
        """Read the next records of every source and put them, ordered, into the inputs' batch tables.

        ``positions`` maps inputs to the offsets to go on at, ``running`` (input, partition) to the highest timestamp
        so far. Nothing is remembered here, so a tick that is taken back is taken again by the same call.
        """
        taken = Taken(positions={i: dict(p) for i, p in positions.items()}, running=dict(running))
        slices = [reader.read(store, positions[i], rows_max) for i, reader in enumerate(self.readers)]
        taken.waiting = any(s.waiting for s in slices)
        if not any(s.count for s in slices) or (len(slices) > 1 and taken.waiting):
            return taken
        failpoint("source.polled")
        taken.more = any(s.more for s in slices)
        if all(rowtime is None for rowtime in self._rowtimes):
            self._order_and_decode(store, slices, taken, next_seq)
        else:
            self._decode_and_order(store, slices, taken, next_seq)
        return taken

    def _decoded(self, i: int) -> Sql:
        return ident("temp", f"{self.query_id}:decoded{i}")

    def _order_and_decode(self, store: Store, slices: Sequence[Slice], taken: Taken, next_seq: int) -> None:
        """Order by the records' own timestamps, and decode what the batch holds.

        Records that turn out to be undecodable leave gaps in the numbers, and count for the order.
        """
        records = [RECORD_SCHEMA.empty_table() if s.records is None else s.records for s in slices]
        arrivals = [_arrivals(r) for r in records]
        ordered = self._order(arrivals, slices, taken, next_seq)
        for i, table in enumerate(records):
            seq = np.full(table.num_rows, -1, np.int64)
            seq[ordered.rows[i]] = ordered.seq[i]
            name = f"{self.query_id}:numbered{i}"
            table = _decode_ahead(table.append_column("i", pa.array(seq)), self._sides[i][1])
            store.register(name, table)
            kept = ident("temp", name)
            if len(ordered.rows[i]) < table.num_rows:  # the rest waits, or has no timestamp
                kept = sql("(SELECT * FROM {} WHERE i >= 0)", kept)
            self._decode(store, i, kept, taken, table)
            self._publish(store, i, self._decoded(i), view=True)
        failpoint("source.decoded")
        taken.count = ordered.count

    def _decode_and_order(self, store: Store, slices: Sequence[Slice], taken: Taken, next_seq: int) -> None:
        """Decode all that was read, and order it by timestamps that are among the values."""
        arrivals = []
        for i, slice_ in enumerate(slices):
            if slice_.records is not None:
                self._decode(store, i, self._numbered(store, i, slice_.records), taken, slice_.records)
            else:
                self._create_decoded(store, i)
            ts = self._rowtimes[i] or sql("ts")
            times = sql("SELECT part, off, coalesce({}, -1)::BIGINT AS ts, seq FROM {}", ts, self._decoded(i))
            arrivals.append(store.arrow(times))
        failpoint("source.decoded")
        ordered = self._order([_arrivals(a) for a in arrivals], slices, taken, next_seq)
        taken.rejected = [(t, r) for t, r in taken.rejected if r.off < self._position_of(t, r.part, taken)]
        for i, table in enumerate(arrivals):
            numbers = table.select(["seq", "ts"]).take(pa.array(ordered.rows[i]))
            numbered = f"{self.query_id}:numbered{i}"
            store.register(numbered, numbers.append_column("n", pa.array(ordered.seq[i])))
            rows = sql(
                "(SELECT d.* REPLACE (n.ts AS ts, n.n AS seq) FROM {} d JOIN {} n ON n.seq = d.seq)",
                self._decoded(i),
                ident("temp", numbered),
            )
            self._publish(store, i, rows, view=False)
        taken.count = ordered.count

    def _numbered(self, store: Store, i: int, records: pa.Table) -> Sql:
        """Make the raw records that were read of a source readable, with a number ``i``."""
        name = f"{self.query_id}:records{i}"
        store.register(name, records.append_column("i", pa.array(np.arange(records.num_rows))))
        return ident("temp", name)

    def _order(self, arrivals: Sequence[Arrivals], slices: Sequence[Slice], taken: Taken, next_seq: int) -> Ordered:
        """Find the slice of the order that is known, and move the positions behind it."""
        ordered = order_records(
            arrivals,
            tables=[i.source.is_table or i.is_looked_up for i in self.inputs],
            more={(i, part) for i, s in enumerate(slices) for part in s.more},
            running=taken.running,
            next_seq=next_seq,
        )
        for i, slice_ in enumerate(slices):
            taken.positions[i] = dict(slice_.next)
        for (i, part), off in ordered.held.items():
            taken.positions[i][part] = off
        taken.running = ordered.running
        taken.untimed = ordered.untimed
        if taken.untimed and self._strict_times:
            raise KsqlError(
                "Fatal user code error in TimestampExtractor callback for record",
                summary=f"{taken.untimed} records have no valid timestamp",
                hint="with 'ksql.timestamp.throw.on.invalid' = 'false' they are left out.",
            )
        return ordered

    def _position_of(self, topic: str, part: int, taken: Taken) -> int:
        return max(taken.positions[i][part] for i, r in enumerate(self.readers) if r.topic == topic)

    def _decode(self, store: Store, i: int, source: Sql, taken: Taken, records: pa.Table) -> None:
        key, value = self._sides[i]
        passing = [sql("i AS seq"), sql("0::BIGINT AS sub"), sql("part"), sql("off"), sql("ts"), sql("hdr")]
        rejected = decode_batch(store, source, self._decoded(i), key, value, passing, _ahead_path(records, value))
        taken.rejected += [(self.readers[i].topic, r) for r in rejected]
        taken.keyless += self._drop_keyless(store, i)

    def _drop_keyless(self, store: Store, i: int) -> int:
        """Drop the records of a table that have no key: they say nothing about any row."""
        source = self.inputs[i].source
        if not source.is_table:
            return 0
        nothing = [sql("{} IS NULL", ident(f"k{n}")) for n in range(len(source.schema.key))]
        return int(store.rows(sql("DELETE FROM {} WHERE {}", self._decoded(i), join(" AND ", nothing)))[0][0])

    def _shape(self, i: int) -> BatchShape:
        source = self.inputs[i].source
        return BatchShape(
            tuple(c.type for c in source.schema.key),
            tuple(c.type for c in source.schema.value),
            source.window is not None,
        )

    def _publish(self, store: Store, i: int, rows: Sql, *, view: bool) -> None:
        """Create an input's batch from its decoded rows, as a table or, where they are one already, as a view.

        A view stays for the batches to come: it finds the table by its name, anew each time.
        """
        columns = join(", ", [*self._shape(i).columns(), *self._header_columns(self.inputs[i].source)])
        batch = self.inputs[i].batch
        if not view:
            store.execute(sql("CREATE OR REPLACE TEMP TABLE {} AS SELECT {} FROM {}", batch, columns, rows))
            return
        statement = sql("CREATE OR REPLACE TEMP VIEW {} AS SELECT {} FROM {}", batch, columns, rows)
        views = store.memory.setdefault("views", {})
        if views.get(batch) != statement:
            store.execute(statement)
            views[batch] = statement

    def _create_decoded(self, store: Store, i: int) -> None:
        """Create the table of decoded rows for an input without new records."""
        store.execute(self._shape(i).create(self._decoded(i)))

    def _header_columns(self, source: DataSource) -> list[Sql]:
        """Write the header columns, which follow the value columns."""
        columns = []
        for n, column in enumerate(source.schema.headers, start=len(source.schema.value)):
            name = ident(f"v{n}")
            if column.header_key is None:
                value = sql("list_transform(coalesce(hdr, []), lambda h: struct_pack(KEY := h.k, VALUE := h.v))")
            else:
                value = sql("list_filter(hdr, lambda h: h.k = {})[-1].v", lit(column.header_key))
            columns.append(sql("{} AS {}", value, name))
        return columns


def _arrivals(records: pa.Table) -> Arrivals:
    part, off, ts = (records[name].to_numpy().astype("int64", copy=False) for name in ("part", "off", "ts"))
    return Arrivals(part, off, ts)


def _decode_ahead(records: pa.Table, side: Side) -> pa.Table:
    """Decode the values before DuckDB sees them, into columns beside the records, where the format can."""
    if not side.columns or not records.num_rows or AHEAD_OK in records.column_names:
        return records
    for name, column in side.format.decode_ahead(side, contiguous(records["value"])).items():
        records = records.append_column(name, column)
    return records


def _ahead_path(records: pa.Table, side: Side) -> FastPath | None:
    """Find the path to values that were decoded ahead; None where they were not, or too many are in doubt."""
    if AHEAD_OK not in records.column_names:
        return None
    doubtful = records.num_rows - (pc.sum(records[AHEAD_OK]).as_py() or 0)
    return side.format.ahead_path(side, sql("value")) if doubtful <= records.num_rows * DOUBTFUL_SHARE_MAX else None
