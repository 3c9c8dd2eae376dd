"""Calls of the user's functions taken out of an expression, so that one that raises costs its own record only.

TRY() around an expression in which a record fails makes DuckDB evaluate the whole vector again, record by record, and
a Python function is called so often. Where a call is evaluated in any case, its catching form can be evaluated first,
``list_transform([call], lambda name: rest)[1]``, and the rest, which cannot raise, is left out where it gave NULL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from streamnb.backends.duckdb.compiler import RAISING_IS_NULL, Compiler
from streamnb.duck import Sql, ident, join, sql
from streamnb.plan import typed as t
from streamnb.plan.typed import Typed
from streamnb.schema import Field, Struct

__all__ = ["hoisted_attempt"]

_STRICT = (
    t.TypedArithmetic,
    t.TypedBetween,
    t.TypedCast,
    t.TypedComparison,
    t.TypedConcat,
    t.TypedElement,
    t.TypedField,
    t.TypedIn,
    t.TypedIsNull,
    t.TypedLike,
    t.TypedMapValue,
    t.TypedNegative,
    t.TypedNot,
)
"""Nodes that evaluate all their operands, whatever these are."""


@dataclass
class _Hoisting:
    calls: list[Sql] = field(default_factory=list)

    def rest(self, typed: Typed) -> Typed:
        """Replace the calls that are evaluated in any case, inner ones first, by the fields of what they gave."""
        if isinstance(typed, t.TypedLogical):
            return replace(typed, left=self.rest(typed.left))
        if isinstance(typed, t.TypedCall) and typed.function.name not in RAISING_IS_NULL:
            return self._call(self._operands(typed))
        return self._operands(typed) if isinstance(typed, _STRICT) else typed

    def _operands(self, typed: Any) -> Any:
        return replace(typed, **{f.name: self._part(getattr(typed, f.name)) for f in fields(typed)})

    def _part(self, part: Any) -> Any:
        if isinstance(part, Typed):
            return self.rest(part)
        return tuple(self._part(p) for p in part) if isinstance(part, tuple) else part

    def _call(self, call: t.TypedCall) -> Typed:
        attempt = Compiler().attempt(call)
        if attempt is None or call.type is None:
            return call
        self.calls.append(attempt)
        name = _name(len(self.calls) - 1)
        return t.TypedField(call.type, t.TypedColumn(Struct((Field("v", call.type),)), name, name), "v")


def _name(number: int) -> str:
    return f"call {number}"


def hoisted_attempt(typed: Typed) -> Sql | None:
    """Write an expression as a struct of its value, NULL where it raises; None where more than calls can raise."""
    hoisting = _Hoisting()
    rest = Compiler().compile(hoisting.rest(typed))
    if not hoisting.calls or rest.can_raise or rest.volatile:
        return None
    return _bound(hoisting.calls, rest.sql)


def _bound(calls: Sequence[Sql], rest: Sql) -> Sql:
    names = [ident(_name(i)) for i in range(len(calls))]
    failed = join(" OR ", [sql("{} IS NULL", n) for n in names])
    whole = sql("CASE WHEN {} THEN NULL ELSE struct_pack(v := {}) END", failed, rest)
    for name, call in reversed(list(zip(names, calls, strict=True))):
        whole = sql("list_transform([{}], lambda {}: {})[1]", call, name, whole)
    return whole
