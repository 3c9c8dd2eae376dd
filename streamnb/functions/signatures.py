"""Typed signatures of functions: their text form, and how arguments are matched against them.

A signature reads ``(ARRAY<T>, (T) => R) -> ARRAY<R>``. Words in lower case before a type name the parameter; one
capital letter is a type variable; ``X...`` takes any number of arguments; a bare DECIMAL stands for every precision
and scale; UNIT is a bare time unit; ANY is any type. Matching follows ksqlDB: exact types first, then with implicit
conversions; NULL matches everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from streamnb import schema as s
from streamnb.schema import SqlType

__all__ = [
    "ArgType",
    "LambdaArg",
    "Match",
    "Parameter",
    "Signature",
    "UnitArg",
    "match",
    "parse_signature",
    "parse_type",
    "widest_numeric",
]


@dataclass(frozen=True)
class LambdaArg:
    """A lambda used as an argument: how many parameters it has, and the type of its body once that is known."""

    params: int
    result: SqlType | None = None

    def __str__(self) -> str:
        return "LAMBDA"


@dataclass(frozen=True)
class UnitArg:
    """A bare time unit used as an argument, such as DAYS."""

    unit: str

    def __str__(self) -> str:
        return "INTERVALUNIT"


ArgType = SqlType | LambdaArg | UnitArg | None
"""The type of an argument; None is the untyped NULL."""


@dataclass(frozen=True)
class Var(SqlType):
    """A type variable."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class AnyDecimal(SqlType):
    """DECIMAL of every precision and scale."""

    def __str__(self) -> str:
        return "DECIMAL"


@dataclass(frozen=True)
class AnyType(SqlType):
    """Every type; several of them need not be the same."""

    def __str__(self) -> str:
        return "ANY"


@dataclass(frozen=True)
class UnitType(SqlType):
    """A bare time unit."""

    def __str__(self) -> str:
        return "INTERVALUNIT"


@dataclass(frozen=True)
class LambdaType(SqlType):
    """A lambda: the types of its parameters and of its body."""

    params: tuple[SqlType, ...]
    result: SqlType

    def __str__(self) -> str:
        return f"LAMBDA ({', '.join(map(str, self.params))}) => {self.result}"


@dataclass(frozen=True)
class Parameter:
    """A parameter of a signature; ``name`` may be empty."""

    type: SqlType
    name: str = ""
    variadic: bool = False

    def __str__(self) -> str:
        text = f"{self.type}{'...' if self.variadic else ''}"
        return f"{text} {self.name}" if self.name else text


@dataclass(frozen=True)
class Signature:
    """Parameters and result of one overload."""

    params: tuple[Parameter, ...]
    returns: SqlType

    @property
    def variadic(self) -> int | None:
        """The index of the variadic parameter, if there is one."""
        return next((i for i, p in enumerate(self.params) if p.variadic), None)

    def expand(self, count: int) -> tuple[SqlType, ...] | None:
        """List one parameter type per argument, or None when so many arguments do not fit."""
        types = tuple(p.type for p in self.params)
        at = self.variadic
        if at is None:
            return types if len(types) == count else None
        repeats = count - (len(types) - 1)
        return None if repeats < 0 else types[:at] + (types[at],) * repeats + types[at + 1 :]

    def variables(self) -> set[str]:
        """Name the type variables among the parameters."""
        return {v for p in self.params for v in _variables(p.type)}

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.params))}) -> {self.returns}"


def _variables(type_: SqlType) -> Iterator[str]:
    if isinstance(type_, Var):
        yield type_.name
    elif isinstance(type_, s.Array):
        yield from _variables(type_.element)
    elif isinstance(type_, s.Map):
        yield from _variables(type_.key)
        yield from _variables(type_.value)
    elif isinstance(type_, LambdaType):
        for param in type_.params:
            yield from _variables(param)
        yield from _variables(type_.result)


# Text form

_TOKEN = re.compile(r"\s*(->|=>|\.\.\.|[A-Za-z_][A-Za-z0-9_]*|`[^`]+`|\d+|[(),<>])")
_NAMES: dict[str, SqlType] = {
    "BOOLEAN": s.BOOLEAN,
    "INT": s.INTEGER,
    "INTEGER": s.INTEGER,
    "BIGINT": s.BIGINT,
    "DOUBLE": s.DOUBLE,
    "STRING": s.STRING,
    "VARCHAR": s.STRING,
    "BYTES": s.BYTES,
    "DATE": s.DATE,
    "TIME": s.TIME,
    "TIMESTAMP": s.TIMESTAMP,
    "ANY": AnyType(),
    "UNIT": UnitType(),
}


class _Reader:
    """Reads the tokens of a signature from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _TOKEN.findall(text)
        if "".join(self.tokens) != re.sub(r"\s+", "", text):
            raise ValueError(f"not a signature: {text!r}")
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, expected: str | None = None) -> str:
        token = self.peek()
        if not token or (expected is not None and token != expected):
            raise ValueError(f"not a signature: {self.text!r}: {expected or 'more text'} expected, not {token!r}")
        self.at += 1
        return token

    def accept(self, token: str) -> bool:
        if self.peek() == token:
            self.at += 1
            return True
        return False

    def signature(self) -> Signature:
        params = self.parameters()
        self.take("->")
        returns = self.type()
        if self.peek():
            self.take("")
        return Signature(params, returns)

    def parameters(self) -> tuple[Parameter, ...]:
        params: list[Parameter] = []
        self.take("(")
        while not self.accept(")"):
            if params:
                self.take(",")
            name = self.take() if re.match(r"[a-z]", self.peek()) else ""
            type_ = self.type()
            params.append(Parameter(type_, name, self.accept("...")))
        return tuple(params)

    def type(self) -> SqlType:
        if self.peek() == "(":
            params = self.parameters()
            self.take("=>")
            return LambdaType(tuple(p.type for p in params), self.type())
        name = self.take()
        if name == "ARRAY":
            self.take("<")
            element = self.type()
            self.take(">")
            return s.Array(element)
        if name == "MAP":
            self.take("<")
            key = self.type()
            self.take(",")
            value = self.type()
            self.take(">")
            return s.Map(key, value)
        if name == "STRUCT":
            return self.struct()
        if name == "DECIMAL":
            return self.decimal()
        if len(name) == 1:
            return Var(name)
        if name not in _NAMES:
            raise ValueError(f"not a signature: {self.text!r}: unknown type {name}")
        return _NAMES[name]

    def struct(self) -> SqlType:
        fields: list[s.Field] = []
        self.take("<")
        while not self.accept(">"):
            if fields:
                self.take(",")
            name = self.take().strip("`")
            fields.append(s.Field(name, self.type()))
        return s.Struct(tuple(fields))

    def decimal(self) -> SqlType:
        if not self.accept("("):
            return AnyDecimal()
        precision = int(self.take())
        self.take(",")
        scale = int(self.take())
        self.take(")")
        return s.Decimal(precision, scale)


@lru_cache(maxsize=2048)
def parse_signature(text: str) -> Signature:
    """Read the text of a signature. Raises: ValueError when it is none."""
    return _Reader(text).signature()


@lru_cache(maxsize=256)
def parse_type(text: str) -> SqlType:
    """Read the text of one type as signatures write it. Raises: ValueError when it is none."""
    return _Reader(f"() -> {text}").signature().returns


# Matching


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
