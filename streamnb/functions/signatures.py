"""Typed signatures of functions, and their text form.

A signature reads ``(ARRAY<T>, (T) => R) -> ARRAY<R>``. Words in lower case before a type name the parameter; one
capital letter is a type variable; ``X...`` takes any number of arguments; a bare DECIMAL stands for every precision
and scale; UNIT is a bare time unit; ANY is any type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from streamnb import schema as s
from streamnb.schema import SqlType

__all__ = [
    "AnyDecimal",
    "AnyType",
    "ArgType",
    "LambdaArg",
    "LambdaType",
    "Parameter",
    "Signature",
    "UnitArg",
    "UnitType",
    "Var",
    "parse_signature",
    "parse_type",
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
