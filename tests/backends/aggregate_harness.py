"""Runs a compiled aggregation over records cut into batches, and reads its output back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from streamnb.backends.duckdb.aggregate import AggregateSpec, compile_aggregate
from streamnb.backends.duckdb.operator import BatchShape, Mode, Names, Stage
from streamnb.backends.duckdb.steps import create_errors, run_statements
from streamnb.duck import Sql, ident, sql
from streamnb.functions.aggregate import resolve_aggregate
from streamnb.plan.logical import AggregateCall, WindowSpec
from streamnb.plan.typed import Typed, TypedColumn
from streamnb.schema import BIGINT, STRING, SqlType
from streamnb.store import Store
from tests.oracle.aggregate import Output, Record

SOURCE = ident("temp", "source_batch")
TARGET = ident("temp", "target_batch")


def column(name: str, type_: SqlType = BIGINT) -> TypedColumn:
    """A column of the input by its internal name."""
    return TypedColumn(type=type_, column=name, label=name.upper())


def aggregate_call(name: str, *columns: TypedColumn, constants: Sequence[Any] = (), **options: Any) -> AggregateCall:
    """Resolve an aggregate over columns, with its trailing constants."""
    types: list[SqlType | None] = [c.type for c in columns]
    values = {len(columns) + i: value for i, value in enumerate(constants)}
    types += [None for _ in constants]
    if any(isinstance(c, bool) for c in constants) or constants:
        from streamnb.schema import BOOLEAN, INTEGER

        types[len(columns) :] = [BOOLEAN if isinstance(c, bool) else INTEGER for c in constants]
    return AggregateCall(resolve_aggregate(name, types, values, **options), tuple(columns))


def tumbling(size: int, grace: int, retention: int | None = None) -> WindowSpec:
    """A tumbling window."""
    return WindowSpec("TUMBLING", size, size, grace, size + grace if retention is None else retention)


def hopping(size: int, advance: int, grace: int, retention: int | None = None) -> WindowSpec:
    """A hopping window."""
    return WindowSpec("HOPPING", size, advance, grace, size + grace if retention is None else retention)


def session(gap: int, grace: int) -> WindowSpec:
    """A session window."""
    return WindowSpec("SESSION", gap, gap, grace, gap + grace)


class Runner:
    """An aggregation over a key of one type and value columns of given types, on a database in memory."""

    def __init__(
        self,
        calls: Sequence[AggregateCall],
        *,
        values: Sequence[SqlType] = (BIGINT,),
        key: SqlType = STRING,
        group: Sequence[Typed] | None = None,
        window: WindowSpec | None = None,
        having: Typed | None = None,
        final: bool = False,
        mode: Mode = Mode.EVERY,
        store: Store | None = None,
        table: bool = False,
    ) -> None:
        self.shape = BatchShape((key,), tuple(values))
        self.spec = AggregateSpec(
            group=tuple(group) if group is not None else (column("k0", key),),
            calls=tuple(calls),
            window=window,
            having=having,
            emit_final=final,
            input_is_table=table,
        )
        self.store = store or Store.open()
        self.stage: Stage = compile_aggregate(self.spec, SOURCE, TARGET, self.shape, Names("Q", durable=False), mode)
        self.store.execute(create_errors())
        self.store.execute(sql("DELETE FROM temp.errors"))
        self.store.versions.clear()
        for table_ in self.stage.tables:
            self.store.execute(table_.drop())
            self.store.execute(table_.create())

    def batch(self, records: Iterable[Record]) -> list[Output]:
        """Run one micro-batch."""
        rows = list(records)
        self.store.execute(self.shape.create(SOURCE))
        data: dict[str, Any] = {
            "seq": pa.array([r.seq for r in rows], pa.int64()),
            "part": pa.array([r.part for r in rows], pa.int32()),
            "ts": pa.array([r.ts for r in rows], pa.int64()),
            "null": pa.array([r.null for r in rows], pa.bool_()),
            "k0": pa.array([r.key for r in rows]),
        }
        for i in range(len(self.shape.values)):
            data[f"v{i}"] = pa.array([None if r.null else r.values[i] for r in rows])
        self.store.register("records_in", pa.table(data))
        values = [Sql(f"v{i}") for i in range(len(self.shape.values))]
        self.store.execute(
            sql(
                'INSERT INTO {} SELECT seq, 0, part, seq, ts, NULL, "null", k0{} FROM records_in ORDER BY hash(seq)',
                SOURCE,
                Sql("".join(f", {v}" for v in values)),
            )
        )
        self.store.unregister("records_in")
        return self.run()

    def run(self) -> list[Output]:
        """Run the statements over what stands in the source batch."""
        run_statements(self.store, self.stage.statements)
        return list(self.outputs())

    def outputs(self) -> Iterator[Output]:
        """Read the output batch, checking that its order is total."""
        windowed = self.spec.window is not None
        bounds = Sql("ws, we") if windowed else Sql("NULL, NULL")
        values = Sql(", ".join(f"v{i}" for i in range(len(self.spec.calls))))
        rows = self.store.rows(
            sql("SELECT seq, sub, ts, vnull, k0, {}, {} FROM {} ORDER BY seq, sub", bounds, values, TARGET)
        )
        assert len({row[:2] for row in rows}) == len(rows)
        for seq, _, ts, vnull, key, ws, we, *results in rows:
            yield Output(seq, ts, key, ws, we, None if vnull else tuple(results))

    def errors(self) -> list[tuple[Any, ...]]:
        """The logged errors as (part, off, seq, message)."""
        return self.store.rows(sql("SELECT part, off, seq, message FROM temp.errors ORDER BY seq, message"))

    def late(self) -> int:
        """The number of records refused as late."""
        assert self.stage.late is not None
        return int(self.store.rows(self.stage.late)[0][0])

    def view(self) -> list[tuple[Any, ...]]:
        """The table as it is now."""
        assert self.stage.view is not None
        return sorted(self.store.rows(self.stage.view), key=repr)


def cut(records: Sequence[Record], sizes: Sequence[int]) -> Iterator[Sequence[Record]]:
    """Cut records into batches of the sizes, taken round and round."""
    start = turn = 0
    while start < len(records):
        end = start + sizes[turn % len(sizes)]
        yield records[start:end]
        start, turn = end, turn + 1
