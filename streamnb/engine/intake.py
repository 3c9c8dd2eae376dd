"""From raw records to the ordered batches of a query: decode, timestamp, total order.

The order is that of Kafka Streams within a task: by the running maximum of the timestamps of a record's partition
(``m``), tables before streams, then the source's place in the statement, the partition and the offset. Where a
partition has more records than were read, what sorts behind its last one waits for the next batch, so that a batch
is always a slice of the order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from streamnb.backends.duckdb.compile import Input
from streamnb.backends.duckdb.expressions import compile_expression
from streamnb.backends.duckdb.operator import BatchShape
from streamnb.catalog import DataSource
from streamnb.duck import Sql, duck_type, ident, join, lit, sql
from streamnb.engine.readers import Slice, TopicReader
from streamnb.engine.sides import key_side, value_side
from streamnb.failpoints import failpoint
from streamnb.functions.registry import Registry
from streamnb.plan.expressions import Env, type_expression
from streamnb.plan.typed import TypedColumn
from streamnb.schema import BIGINT, STRING, TIMESTAMP, Column
from streamnb.serde.base import Rejected
from streamnb.serde.decode import decode_batch
from streamnb.sql import ast
from streamnb.store import Store

__all__ = ["Intake", "Taken", "rowtime"]

_LOWEST = -(2**62)


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
    call = ast.Call(
        "STRINGTOTIMESTAMP", (ast.ColumnRef(name), ast.StringLiteral(source.timestamp.pattern or ""))
    )
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
    more: bool = False
    waiting: bool = False


class Intake:
    """The sources of one query. Belongs to the thread that runs the query."""

    def __init__(
        self, query_id: str, inputs: Sequence[Input], readers: Sequence[TopicReader], registry: Registry
    ) -> None:
        self.query_id = query_id
        self.inputs = inputs
        self.readers = readers
        self._sides = [(key_side(i.source), value_side(i.source)) for i in inputs]
        self._rowtimes = [rowtime(i.source, registry) for i in inputs]

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
        slices = [
            reader.read(store, positions[i], rows_max, self._raw(i)) for i, reader in enumerate(self.readers)
        ]
        taken.waiting = any(s.waiting for s in slices)
        if not any(s.count for s in slices) or (len(slices) > 1 and taken.waiting):
            return taken
        failpoint("source.polled")
        for i, slice_ in enumerate(slices):
            if slice_.count:
                taken.rejected += self._decode(store, i, slice_)
        failpoint("source.decoded")
        self._order(store, slices, taken, next_seq)
        return taken

    def _raw(self, i: int) -> Sql:
        return ident("temp", f"{self.query_id}:raw{i}")

    def _decoded(self, i: int) -> Sql:
        return ident("temp", f"{self.query_id}:decoded{i}")

    def _decode(self, store: Store, i: int, slice_: Slice) -> list[tuple[str, Rejected]]:
        key, value = self._sides[i]
        passing = [sql("part"), sql("off"), sql("ts"), sql("hdr")]
        rejected = decode_batch(store, self._raw(i), self._decoded(i), key, value, passing)
        return [(self.readers[i].topic, r) for r in rejected]

    def _order(self, store: Store, slices: Sequence[Slice], taken: Taken, next_seq: int) -> None:
        """Give the records their places in the query's order, and hold back what must wait."""
        active = [i for i, s in enumerate(slices) if s.count]
        parts = sum(len(taken.positions[i]) for i in range(len(slices)))
        if parts == 1:
            self._single(store, active[0], slices[active[0]], taken, next_seq)
            return
        ordered = ident("temp", f"{self.query_id}:order")
        union = join(" UNION ALL ", [self._running(i, taken) for i in active])
        store.execute(sql("CREATE OR REPLACE TEMP TABLE {} AS {}", ordered, union))
        keep = self._hold_back(store, ordered, slices, taken)
        seq = sql(
            "SELECT src, part, off, ts, {} + row_number() OVER (ORDER BY m, rank, src, part, off) AS seq FROM {} {}",
            lit(next_seq - 1),
            ordered,
            keep,
        )
        numbered = ident("temp", f"{self.query_id}:numbered")
        store.execute(sql("CREATE OR REPLACE TEMP TABLE {} AS {}", numbered, seq))
        taken.count = int(store.rows(sql("SELECT count(*) FROM {}", numbered))[0][0])
        for i in range(len(slices)):
            if i not in active:
                self._empty(store, i)
                continue
            rows = sql(
                "(SELECT d.* REPLACE (n.ts AS ts), n.seq FROM {} d JOIN {} n ON n.src = {} AND n.part = d.part AND n.off"
                " = d.off)",
                self._decoded(i),
                numbered,
                lit(i),
            )
            self._publish(store, i, rows, sql("seq"))

    def _single(self, store: Store, i: int, slice_: Slice, taken: Taken, next_seq: int) -> None:
        """Order the records of the only partition there is: by offset."""
        ts = self._rowtimes[i]
        rows = sql(
            "(SELECT * {}, {} + row_number() OVER (ORDER BY off) AS seq FROM {} {})",
            sql("REPLACE ({} AS ts)", ts) if ts is not None else sql(""),
            lit(next_seq - 1),
            self._decoded(i),
            sql("WHERE ({}) >= 0", ts) if ts is not None else sql(""),
        )
        taken.count = self._publish(store, i, rows, sql("seq"))
        if ts is not None:
            taken.untimed = int(store.rows(sql("SELECT count(*) FROM {}", self._decoded(i)))[0][0]) - taken.count
        taken.positions[i] = dict(slice_.next)
        taken.more = bool(slice_.more)

    def _running(self, i: int, taken: Taken) -> Sql:
        """Select an input's records with their timestamp and the running maximum of their partition."""
        ts = self._rowtimes[i] or sql("ts")
        known = [
            sql("WHEN {} THEN {}", lit(part), lit(m)) for (src, part), m in taken.running.items() if src == i
        ]
        before = sql("CASE part {} ELSE {} END", join(" ", known), lit(_LOWEST)) if known else lit(_LOWEST)
        return sql(
            "SELECT {}::INTEGER AS src, {}::INTEGER AS rank, part, off, t AS ts, greatest({}, max(t) OVER (PARTITION BY"
            " part ORDER BY off ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) AS m FROM (SELECT part, off, {} AS t"
            " FROM {}) WHERE t >= 0",
            lit(i),
            lit(0 if self.inputs[i].source.is_table else 1),
            before,
            ts,
            self._decoded(i),
        )

    def _hold_back(self, store: Store, ordered: Sql, slices: Sequence[Slice], taken: Taken) -> Sql:
        """Find how far the order is known, move the positions there, and return the condition for what is in."""
        reached = store.rows(
            sql("SELECT src, rank, part, max(m), max(off) + 1 FROM {} GROUP BY src, rank, part", ordered)
        )
        before = dict(taken.running)
        tops = {(src, part): (m, rank, src, part) for src, rank, part, m, _ in reached}
        frontier = None
        for i, slice_ in enumerate(slices):
            for part in slice_.more:
                top = tops.get((i, part))
                if top is not None and (frontier is None or top < frontier):
                    frontier = top
        taken.more = any(s.more for s in slices)
        for i, slice_ in enumerate(slices):
            taken.positions[i] = dict(slice_.next)
        for (src, part), (m, *_) in tops.items():
            taken.running[src, part] = m
        if frontier is None:
            return sql("")
        keep = sql("(m, rank, src, part) <= ({}, {}, {}, {})", *map(lit, frontier))
        held = store.rows(
            sql(
                "SELECT src, part, min(off) FILTER (WHERE NOT {keep}), max(m) FILTER (WHERE {keep}) FROM {ordered}"
                " GROUP BY src, part",
                keep=keep,
                ordered=ordered,
            )
        )
        for src, part, first_held, m in held:
            if first_held is not None:
                taken.positions[src][part] = first_held
                if m is not None:
                    taken.running[src, part] = m
                elif (src, part) in before:
                    taken.running[src, part] = before[src, part]
                else:
                    del taken.running[src, part]
        taken.rejected = [
            (topic, r) for topic, r in taken.rejected if r.off < self._position_of(topic, r.part, taken)
        ]
        return sql("WHERE {}", keep)

    def _position_of(self, topic: str, part: int, taken: Taken) -> int:
        return max(taken.positions[i][part] for i, r in enumerate(self.readers) if r.topic == topic)

    def _publish(self, store: Store, i: int, rows: Sql, seq: Sql) -> int:
        """Create an input's batch table from its decoded rows; return how many there are."""
        source = self.inputs[i].source
        shape = BatchShape(
            tuple(c.type for c in source.schema.key),
            tuple(c.type for c in source.schema.value),
            source.window is not None,
        )
        columns: list[Sql] = [sql("{} AS seq", seq), sql("0::BIGINT AS sub"), *shape.columns()[2:]]
        columns += self._header_columns(source)
        statement = sql(
            "CREATE OR REPLACE TEMP TABLE {} AS SELECT {} FROM {}", self.inputs[i].batch, join(", ", columns), rows
        )
        return int(store.rows(statement)[0][0])

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

    def _empty(self, store: Store, i: int) -> None:
        """Create an empty batch for an input without new records."""
        source = self.inputs[i].source
        types: list[Sql] = [sql("{} {}", ident(n), Sql(t)) for n, t in _META]
        if source.window is not None:
            types += [sql("ws BIGINT"), sql("we BIGINT")]
        types += [sql("{} {}", ident(f"k{n}"), duck_type(c.type)) for n, c in enumerate(source.schema.key)]
        values = (*source.schema.value, *source.schema.headers)
        types += [sql("{} {}", ident(f"v{n}"), duck_type(c.type)) for n, c in enumerate(values)]
        store.execute(sql("CREATE OR REPLACE TEMP TABLE {} ({})", self.inputs[i].batch, join(", ", types)))


_META = (
    ("seq", "BIGINT"),
    ("sub", "BIGINT"),
    ("part", "INTEGER"),
    ("off", "BIGINT"),
    ("ts", "BIGINT"),
    ("hdr", "STRUCT(k VARCHAR, v BLOB)[]"),
    ("vnull", "BOOLEAN"),
)
