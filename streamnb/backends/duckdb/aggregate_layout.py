"""What all forms of aggregation share: names of columns, the reading of records, the state write, the output.

Theory of operation. ``records`` evaluates group and argument expressions once per record, drops records without a
group, and numbers the rest by ``ord`` = seq · 2^32 + sub, the total order of the query as one number. ``changes``
computes partials (grouped for the last change per key, running over ``ord`` for every change), looks the old states up
and merges. Rows of the state are replaced, in the table or by way of its index. A row is *shown* while HAVING holds;
the state remembers it, so that a row which stops matching leaves a tombstone, wherever the batch was cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from streamnb.backends.duckdb.expressions import Compiled, compile_expression
from streamnb.backends.duckdb.operator import BatchShape, Mode, Names
from streamnb.duck import Sql, duck_type, ident, join, lit, sql
from streamnb.errors import KsqlStatementError
from streamnb.functions.aggregate import Frame, ResolvedAggregate
from streamnb.plan.logical import AggregateCall, WindowSpec
from streamnb.plan.typed import Typed
from streamnb.schema import BIGINT, BYTES, STRING, Array, Map, SqlType, Struct
from streamnb.state.keyed import KeyedTable
from streamnb.state.streamtime import StreamClock
from streamnb.state.tables import HASH_TYPE, StateTable
from streamnb.windows import TimeWindows

__all__ = ["AggregateSpec", "Layout"]

RUNNING = Frame(Sql("running"))
GROUPED = Frame()


@dataclass(frozen=True)
class AggregateSpec:
    """A GROUP BY: group expressions and aggregate calls over the input's columns, window, HAVING.

    ``having`` refers to the output's columns k0.., v0.., ws, we, ts. ``part`` of the input must be a function of the
    group where there is a window, as after a repartition: it says whose stream time counts.
    """

    group: tuple[Typed, ...]
    calls: tuple[AggregateCall, ...]
    window: WindowSpec | None = None
    having: Typed | None = None
    emit_final: bool = False
    input_is_table: bool = False


def comma(*pieces: Sql | Sequence[Sql]) -> Sql:
    """List pieces, and the members of lists of pieces, with commas."""
    flat: list[Sql] = []
    for piece in pieces:
        flat += [piece] if isinstance(piece, Sql) else list(piece)
    return join(", ", flat)


def show(target: Sql, rows: Sql) -> Sql:
    """Make the output batch ``target`` of a query: a view, since whoever reads it does so once."""
    return sql("CREATE OR REPLACE TEMP VIEW {} AS {}", target, rows)


@dataclass(frozen=True)
class Layout:
    """The names, types and SQL pieces of one aggregation."""

    spec: AggregateSpec
    names: Names
    mode: Mode

    @cached_property
    def group(self) -> list[Compiled]:
        """The group expressions."""
        return [compile_expression(g) for g in self.spec.group]

    @property
    def volatile(self) -> bool:
        """Whether the group has another value each time, so that it must not be evaluated twice."""
        return any(c.volatile for c in self.group)

    @cached_property
    def args(self) -> list[tuple[Sql, Compiled]]:
        """The argument expressions with the columns that take them."""
        pairs = [(i, j, a) for i, c in enumerate(self.spec.calls) for j, a in enumerate(c.args)]
        return [(ident(f"x{i}_{j}"), compile_expression(a)) for i, j, a in pairs]

    @cached_property
    def having(self) -> Compiled | None:
        """The HAVING condition."""
        return compile_expression(self.spec.having) if self.spec.having is not None else None

    @property
    def shape(self) -> BatchShape:
        """The shape of the output."""
        keys = tuple(_type_of(g) for g in self.spec.group)
        values = tuple(c.aggregate.result_type for c in self.spec.calls)
        return BatchShape(keys, values, self.spec.window is not None)

    @property
    def window(self) -> WindowSpec:
        """The window of a windowed aggregation."""
        if self.spec.window is None:
            raise ValueError("the aggregation has no window")
        return self.spec.window

    @property
    def windows(self) -> TimeWindows:
        """The arithmetic of tumbling and hopping windows."""
        window = self.window
        return TimeWindows(window.size_ms, window.advance_ms, window.grace_ms, window.retention_ms)

    @property
    def overlaps(self) -> bool:
        """Whether a record can fall into several windows; ``wi`` is then the rank of one among them."""
        return self.spec.window is not None and self.window.advance_ms < self.window.size_ms

    @property
    def keys(self) -> list[Sql]:
        """The group columns."""
        return self.shape.key_columns()

    @property
    def identity(self) -> list[Sql]:
        """The columns that name a row of state: the group, and the window's start."""
        return [*self.keys, ident("ws")] if self.spec.window is not None else self.keys

    def table(self, name: str) -> Sql:
        """Name a TEMP table of this operator."""
        return self.names.temp(f"agg_{name}")

    @property
    def rows(self) -> StateTable:
        """The state: one row per group and window."""
        return self.names.state_table("agg", self._columns) if self.keyed is None else self.keyed.rows

    @property
    def keyed(self) -> KeyedTable | None:
        """The state as a keyed table, where it is one.

        Of windows only the newest are read.
        """
        if self.spec.window is not None or self.volatile:
            return None
        return self.names.keyed_table("agg", self._columns, [f"k{i}" for i in range(len(self.shape.keys))])

    @property
    def _columns(self) -> list[tuple[str, Sql]]:
        windowed = self.spec.window is not None
        session = windowed and self.window.kind == "SESSION"
        columns = [("h", HASH_TYPE)] if self.hashes else []
        columns += [(f"k{i}", duck_type(t)) for i, t in enumerate(self.shape.keys)]
        columns += [("ws", Sql("BIGINT"))] if windowed else []
        columns += [("we", Sql("BIGINT"))] if session else []
        columns += [("part", Sql("INTEGER"))] if windowed else []
        columns += [("rt", Sql("BIGINT"))]
        columns += [(f"a{i}_{j}", type_) for i, a in enumerate(self.aggregates) for j, type_ in enumerate(a.parts)]
        return [*columns, ("shown", Sql("BOOLEAN"))] if self.tracks_shown else columns

    @property
    def hashes(self) -> bool:
        """Whether the state has a hash of the group: for texts and the like, and for several columns.

        A single number is looked up as fast without; of a windowed state only the newest part is read.
        """
        keys = self.shape.keys
        plain = len(keys) == 1 and keys[0] not in (STRING, BYTES) and not isinstance(keys[0], Array | Map | Struct)
        return not plain and self.spec.window is None and not self.volatile

    @property
    def clock(self) -> StreamClock:
        """Stream time and the number of late records, per partition."""
        return StreamClock.of(self.names.state("agg_clock"), durable=self.names.durable)

    @property
    def tracks_shown(self) -> bool:
        """Whether the state remembers if HAVING held."""
        return self.spec.having is not None and not self.spec.emit_final

    @property
    def every(self) -> bool:
        """Whether every change leaves the operator."""
        return self.mode is Mode.EVERY and not self.spec.emit_final

    @property
    def chunked(self) -> bool:
        """Whether running partials are as long as a key's records, and the batch is therefore taken in pieces."""
        return self.every and any(a.grows for a in self.aggregates)

    @cached_property
    def aggregates(self) -> list[ResolvedAggregate]:
        """The aggregates; over a table those forms that take a sign behind their arguments."""
        resolved = [c.aggregate for c in self.spec.calls]
        if not self.spec.input_is_table:
            return resolved
        over_table = [a.over_table for a in resolved]
        refused = [a.name for a in resolved if a.over_table is None]
        if refused:
            raise KsqlStatementError(
                f"The aggregation function(s) ({', '.join(refused)}) cannot be applied to a table source, only to a"
                " stream source."
            )
        return [a for a in over_table if a is not None]

    def parts(self, prefix: str) -> list[Sql]:
        """The part columns of all calls, with a prefix: a (new), o (old) or p (partial)."""
        return [p for i in range(len(self.spec.calls)) for p in self.parts_of(i, prefix)]

    def parts_of(self, call: int, prefix: str, relation: str | None = None) -> list[Sql]:
        """The part columns of one call."""
        path = [] if relation is None else [relation]
        return [ident(*path, f"{prefix}{call}_{j}") for j in range(len(self.aggregates[call].parts))]

    def arguments_of(self, call: int) -> list[Sql]:
        """The argument columns of one call."""
        columns = [ident(f"x{call}_{j}") for j in range(len(self.spec.calls[call].args))]
        return [*columns, Sql("sign")] if self.spec.input_is_table else columns

    def partials(self, frame: Frame) -> list[Sql]:
        """The partials of all calls, named p."""
        out = []
        for i, aggregate in enumerate(self.aggregates):
            values = aggregate.partial(frame, self.arguments_of(i))
            out += [sql("{} AS {}", v, n) for v, n in zip(values, self.parts_of(i, "p"), strict=True)]
        return out

    def merges(self) -> list[Sql]:
        """The merges of old parts (of relation s) with partials (of relation p), named a."""
        out = []
        for i, aggregate in enumerate(self.aggregates):
            values = aggregate.merge(self.parts_of(i, "a", "s"), self.parts_of(i, "p", "p"))
            out += [sql("{} AS {}", v, n) for v, n in zip(values, self.parts_of(i, "a"), strict=True)]
        return out

    def results(self) -> list[Sql]:
        """The results of all calls from the parts named a."""
        return [a.finish(self.parts_of(i, "a")) for i, a in enumerate(self.aggregates)]

    def named_results(self) -> list[Sql]:
        """The results of all calls, named v0, v1, ..."""
        return [sql("{} AS {}", r, v) for r, v in zip(self.results(), self.shape.value_columns(), strict=True)]

    @property
    def evaluates_apart(self) -> bool:
        """Whether an expression can raise, so that records are evaluated into a table of their own first."""
        return any(c.can_raise for c in self.group) or any(c.can_raise for _, c in self.args)

    def window_end(self) -> list[Sql]:
        """The column ``we`` of a time window's row."""
        if self.spec.window is None:
            return []
        return [sql("ws + {} AS we", lit(self.window.size_ms))]

    @property
    def window_kind(self) -> str | None:
        """TUMBLING, HOPPING, SESSION or None."""
        return self.spec.window.kind if self.spec.window is not None else None


def _type_of(typed: Typed) -> SqlType:
    return typed.type if typed.type is not None else BIGINT
