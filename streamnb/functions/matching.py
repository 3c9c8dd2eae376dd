"""How the arguments of a call are matched against a signature.

Matching follows ksqlDB: with exact types first, then with implicit conversions; NULL matches everything. Where ksqlDB
refuses numbers of different types for one type variable, the widest of them is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from streamnb import schema as s
from streamnb.functions.signatures import (
    AnyDecimal,
    AnyType,
    ArgType,
    LambdaArg,
    LambdaType,
    Signature,
    UnitArg,
    UnitType,
    Var,
)
from streamnb.schema import SqlType

__all__ = ["Match", "match", "widest_numeric"]


@dataclass(frozen=True)
class Match:
    """How arguments fit a signature.

    ``params`` has one type per argument, to which the argument is to be converted; None for a lambda, a unit, and a
    NULL whose type nothing determines. ``lambdas`` gives the parameter types of each lambda argument by its index.
    ``returns`` is None while it depends on a lambda's body, or when it is the type of an untyped NULL.
    """

    params: tuple[SqlType | None, ...]
    lambdas: dict[int, tuple[SqlType | None, ...]]
    returns: SqlType | None


_PRECISION_MAX = 38
_ORDER = (s.INTEGER, s.BIGINT)
_AS_DECIMAL: dict[SqlType, s.Decimal] = {s.INTEGER: s.Decimal(10, 0), s.BIGINT: s.Decimal(19, 0)}


def widest_numeric(left: SqlType, right: SqlType) -> SqlType | None:
    """Find the numeric type to which both types convert without CAST, or None when one is no number."""
    if not (left.is_numeric and right.is_numeric):
        return None
    if left == right:
        return left
    if s.DOUBLE in (left, right):
        return s.DOUBLE
    if left in _ORDER and right in _ORDER:
        return s.BIGINT
    a, b = (t if isinstance(t, s.Decimal) else _AS_DECIMAL[t] for t in (left, right))
    scale = max(a.scale, b.scale)
    return s.Decimal(min(max(a.precision - a.scale, b.precision - b.scale) + scale, _PRECISION_MAX), scale)


def _converts(source: SqlType, target: SqlType) -> bool:
    """Tell whether ksqlDB converts between two concrete types without being asked."""
    if source == s.STRING:
        return target in (s.DATE, s.TIME, s.TIMESTAMP)
    if source.is_numeric and isinstance(target, AnyDecimal):
        return source != s.DOUBLE
    return widest_numeric(source, target) == target


class _Unifier:
    """Binds type variables while arguments are matched."""

    def __init__(self, casts: bool) -> None:
        self.casts = casts
        self.bound: dict[str, SqlType] = {}
        self.pinned: set[str] = set()  # bound inside an ARRAY or MAP, whose elements are never converted

    def unify(self, param: SqlType, arg: SqlType, nested: bool = False) -> bool:
        if isinstance(param, Var):
            return self._bind(param.name, arg, nested)
        if isinstance(param, AnyType):
            return True
        if isinstance(param, AnyDecimal) and isinstance(arg, s.Decimal):
            return True
        if isinstance(param, s.Array) and isinstance(arg, s.Array):
            return self.unify(param.element, arg.element, True)
        if isinstance(param, s.Map) and isinstance(arg, s.Map):
            return self.unify(param.key, arg.key, True) and self.unify(param.value, arg.value, True)
        if isinstance(param, s.Struct) and isinstance(arg, s.Struct):
            same = [f.name for f in param.fields] == [f.name for f in arg.fields]
            return same and all(self.unify(p.type, a.type, True) for p, a in zip(param.fields, arg.fields, strict=True))
        if param == arg:
            return True
        return self.casts and not nested and _converts(arg, param)

    def _bind(self, name: str, arg: SqlType, nested: bool) -> bool:
        known = self.bound.setdefault(name, arg)
        if nested:
            self.pinned.add(name)
        if known == arg:
            return True
        if not self.casts or nested:
            return False
        wide = widest_numeric(known, arg)
        if wide is None or name in self.pinned:
            return _converts(arg, known)
        self.bound[name] = wide
        return True

    def concrete(self, param: SqlType) -> SqlType | None:
        """Replace the variables of a type; None when one of them is not bound."""
        if isinstance(param, Var):
            return self.bound.get(param.name)
        if isinstance(param, s.Array):
            element = self.concrete(param.element)
            return None if element is None else s.Array(element)
        if isinstance(param, s.Map):
            key, value = self.concrete(param.key), self.concrete(param.value)
            return None if key is None or value is None else s.Map(key, value)
        if isinstance(param, s.Struct):
            types = [self.concrete(f.type) for f in param.fields]
            fields = tuple(s.Field(f.name, t) for f, t in zip(param.fields, types, strict=True) if t is not None)
            return s.Struct(fields) if len(fields) == len(types) else None
        return None if isinstance(param, AnyDecimal | AnyType | UnitType | LambdaType) else param


def match(signature: Signature, args: Sequence[ArgType], casts: bool) -> Match | None:
    """Match arguments against a signature, or return None when they do not fit."""
    types = signature.expand(len(args))
    if types is None:
        return None
    unifier = _Unifier(casts)
    for param, arg in zip(types, args, strict=True):
        if not _accepts(unifier, param, arg):
            return None
    for param, arg in zip(types, args, strict=True):
        if not _unify_body(unifier, param, arg):
            return None
    params = tuple(_target(unifier, p, a) for p, a in zip(types, args, strict=True))
    lambdas = {
        i: tuple(unifier.concrete(x) for x in p.params) for i, p in enumerate(types) if isinstance(p, LambdaType)
    }
    return Match(params, lambdas, _returns(unifier, signature.returns, params))


def _accepts(unifier: _Unifier, param: SqlType, arg: ArgType) -> bool:
    if isinstance(param, LambdaType):
        return arg is None or (isinstance(arg, LambdaArg) and arg.params == len(param.params))
    if isinstance(arg, LambdaArg):
        return False
    if isinstance(param, UnitType) or isinstance(arg, UnitArg):
        return isinstance(param, UnitType) and isinstance(arg, UnitArg)
    return arg is None or unifier.unify(param, arg)


def _unify_body(unifier: _Unifier, param: SqlType, arg: ArgType) -> bool:
    """Unify the result of a lambda with the type of its body, once that is known."""
    if not isinstance(param, LambdaType) or not isinstance(arg, LambdaArg) or arg.result is None:
        return True
    return unifier.unify(param.result, arg.result)


def _target(unifier: _Unifier, param: SqlType, arg: ArgType) -> SqlType | None:
    """Find the type an argument is converted to."""
    if isinstance(arg, LambdaArg | UnitArg):
        return None
    if isinstance(param, AnyDecimal) and isinstance(arg, s.Primitive):
        return _AS_DECIMAL[arg]
    target = unifier.concrete(param)
    return arg if target is None else target


def _returns(unifier: _Unifier, returns: SqlType, params: Sequence[SqlType | None]) -> SqlType | None:
    """Find the type of the result; a bare DECIMAL is the widest of the decimal arguments."""
    if not isinstance(returns, AnyDecimal):
        return unifier.concrete(returns)
    decimals = [p for p in params if isinstance(p, s.Decimal)]
    widest: SqlType | None = decimals[0] if decimals else None
    for decimal in decimals[1:]:
        assert widest is not None
        widest = widest_numeric(widest, decimal)
    return widest
