"""The user's aggregate functions: Python classes, folded over the records of a group.

Theory of operation. The state is one struct: ``s`` the value that the class keeps, ``v`` the result that ``map``
makes of it, ``e`` the errors of the records folded in last. A partial is the list of the group's new records in their
order; ``merge`` folds it into the old state, record by record, as ksqlDB does. So nothing depends on where a batch
ends, also because ``s`` is brought to its SQL type after each record, not only when it is stored. ``v`` is made when
the state changes: a pull query calls no Python.

A record that fails does not count: the state stays what it was before it, and what it was is a copy that the class
never gets hold of. With every change wanted, the partials of a group's records are lists that grow by one; each goes
on where the one before it ended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from streamnb import schema as s
from streamnb.duck import Sql, duck_type, ident, join, lit, sql
from streamnb.errors import KsqlFunctionError
from streamnb.functions.aggregate import Frame, Parts, ResolvedAggregate, undoable
from streamnb.functions.installed import PythonFunction
from streamnb.functions.user_bodies import failure
from streamnb.functions.user_values import WrongValue, column_array, converter, read_column
from streamnb.schema import SqlType

__all__ = ["AggregateTypes", "Define", "resolved_aggregate"]

Define = Callable[[str, Callable[..., Any], Sequence[SqlType], SqlType], PythonFunction]
"""Makes a body a function that DuckDB knows: what it is for, the body, its parameters, its result."""

_ERRORS = s.Array(s.Struct((s.Field("q", s.BIGINT), s.Field("m", s.STRING))))


@dataclass(frozen=True)
class AggregateTypes:
    """What an aggregate takes per record, keeps, and returns."""

    params: tuple[SqlType, ...]
    state: SqlType
    returns: SqlType

    @property
    def stored(self) -> s.Struct:
        """The type of the state as it is stored."""
        return s.Struct((s.Field("s", self.state), s.Field("v", self.returns), s.Field("e", _ERRORS)))

    @property
    def records(self) -> s.Array:
        """The type of a partial: per record its place (q, n), whether it is taken back (g = -1), its arguments."""
        place = [s.Field("q", s.BIGINT), s.Field("n", s.BIGINT), s.Field("g", s.INTEGER)]
        return s.Array(s.Struct((*place, *(s.Field(f"a{i}", p) for i, p in enumerate(self.params)))))


@dataclass
class _Progress:
    """How far a fold is: the state it began with, the places of the records it took in, the state and errors now."""

    start: Any
    places: list[tuple[int, int]]
    state: Any
    errors: list[dict[str, Any]]


class _Folding:
    """Applies one instance of the user's class."""

    def __init__(self, name: str, instance: Any, types: AggregateTypes) -> None:
        self.name = name
        self.instance = instance
        self.types = types
        self.to_state = converter(types.state)
        self.to_result = converter(types.returns)
        self.names = [f"a{i}" for i in range(len(types.params))]
        self.shares = not isinstance(types.state, s.Array | s.Map | s.Struct)

    def start(self) -> Any:
        """Make the state of a new group."""
        try:
            return self.to_state(self.instance.initialize())
        except Exception as error:
            raise _cannot_start(self.name, error) from error

    def fold_body(self, olds: pa.ChunkedArray, records: pa.ChunkedArray) -> pa.Array:
        """Fold each row's records into its old state."""
        out: list[dict[str, Any]] = []
        before: _Progress | None = None
        pairs = zip(read_column(olds, self.types.stored), read_column(records, self.types.records), strict=True)
        for old, rows in pairs:
            before = self._fold(old, rows or [], before)
            out.append(self._stored(before))
        return column_array(out, self.types.stored)

    def _fold(self, old: dict[str, Any] | None, rows: list[dict[str, Any]], before: _Progress | None) -> _Progress:
        places = [(r["q"], r["n"]) for r in rows]
        start = None if old is None else old["s"]
        if before is not None and len(places) > 1 and places[:-1] == before.places and start == before.start:
            now = _Progress(start, places, before.state, list(before.errors))
            rows = rows[-1:]
        else:
            # errors without a place are those of a merge of sessions: they are the new record's
            merging = [] if old is None else [e["m"] for e in old["e"] or () if e["q"] is None]
            errors = [{"q": place[0], "m": m} for m in merging for place in places[:1]]
            now = _Progress(start, places, self.start() if old is None else start, errors)
        for row in rows:
            step = self.instance.undo if row["g"] < 0 else self.instance.aggregate
            try:
                now.state = self.to_state(step(self._copy(now.state), *[row[n] for n in self.names]))
            except Exception as error:
                now.errors.append({"q": row["q"], "m": self._message(error)})
        return now

    def _stored(self, now: _Progress) -> dict[str, Any]:
        errors = now.errors
        try:
            result = self._result(now.state)
        except Exception as error:
            result = None
            errors = [*errors, {"q": now.places[-1][0] if now.places else None, "m": self._message(error)}]
        return {"s": now.state, "v": result, "e": errors}

    def _result(self, state: Any) -> Any:
        mapped = getattr(self.instance, "map", None)
        return self.to_result(state if mapped is None else mapped(self._copy(state)))

    def merge_body(self, states: pa.ChunkedArray) -> pa.Array:
        """Merge the states of sessions, in their order; one that cannot be merged is left out."""
        return column_array(
            [self._merged(row or []) for row in read_column(states, s.Array(self.types.stored))], self.types.stored
        )

    def _merged(self, stored: list[dict[str, Any]]) -> dict[str, Any] | None:
        if not stored:
            return None
        state, errors = stored[0]["s"], []
        for other in stored[1:]:
            try:
                state = self.to_state(self.instance.merge(self._copy(state), other["s"]))
            except Exception as error:
                errors.append({"q": None, "m": self._message(error)})
        return {"s": state, "v": None, "e": errors}

    def _copy(self, state: Any) -> Any:
        return state if self.shares else self.to_state(state)

    def _message(self, error: Exception) -> str:
        return f"Error in an aggregate function: {failure(self.name, error)}"


def _cannot_start(name: str, error: Exception) -> KsqlFunctionError:
    hint = None
    if isinstance(error, WrongValue):
        hint = "declare the type of the state: @udaf(..., state='STRUCT<TOTAL DOUBLE, N BIGINT>')"
    return KsqlFunctionError(f"{failure(name, error)}, in initialize", hint=hint)


def resolved_aggregate(name: str, instance: Any, types: AggregateTypes, define: Define) -> ResolvedAggregate:
    """Fix an aggregate function to its types.

    Raises: KsqlFunctionError when ``initialize`` fails, or gives something else than a state.
    """
    folding = _Folding(name, instance, types)
    folding.start()
    stored = duck_type(types.stored)
    fold = define("fold", folding.fold_body, (types.stored, types.records), types.stored)
    merges = hasattr(instance, "merge")
    combined = define("merge", folding.merge_body, (s.Array(types.stored),), types.stored)

    def records(frame: Frame, args: Parts, sign: Sql) -> list[Sql]:
        place = {"q": sql("({} >> 32)::BIGINT", frame.order), "n": sql("({} & 4294967295)::BIGINT", frame.order)}
        fields = [*place.items(), ("g", sql("{}::INTEGER", sign)), *((f"a{i}", a) for i, a in enumerate(args))]
        record = sql("struct_pack({})", join(", ", [sql("{} := {}", ident(n), v) for n, v in fields]))
        return [frame.call("list", record, ordered=True)]

    aggregate = ResolvedAggregate(
        name=name,
        result_type=types.returns,
        param_types=types.params,
        parts=(stored,),
        partial=lambda f, a: records(f, a, lit(1)),
        merge=lambda o, p: [sql("{}({}::{}, {}::{})", ident(fold.name), o[0], stored, p[0], duck_type(types.records))],
        combine=lambda f, p: [sql("{}({}::{}[])", ident(combined.name), f.call("list", p[0], ordered=True), stored)],
        finish=lambda p: sql("({}).v", p[0]),
        grows=True,
        mergeable=merges,
        errors=lambda p: sql("({}).e", p[0]),
    )
    return undoable(aggregate, records) if hasattr(instance, "undo") else aggregate
