"""Typed signatures of functions; ``signature_text`` reads them from text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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
    "variables_of",
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
    """A parameter of a signature; ``name`` may be empty. A ``constant`` takes a literal, the same for all records."""

    type: SqlType
    name: str = ""
    variadic: bool = False
    constant: bool = False

    def __str__(self) -> str:
        text = f"{self.type}{'...' if self.variadic else ''}"
        words = ("const" if self.constant else "", text, self.name)
        return " ".join(word for word in words if word)


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
        params = self.expand_parameters(count)
        return None if params is None else tuple(p.type for p in params)

    def expand_parameters(self, count: int) -> tuple[Parameter, ...] | None:
        """List one parameter per argument, or None when so many arguments do not fit."""
        params, at = self.params, self.variadic
        if at is None:
            return params if len(params) == count else None
        repeats = count - (len(params) - 1)
        return None if repeats < 0 else params[:at] + (params[at],) * repeats + params[at + 1 :]

    def variables(self) -> set[str]:
        """Name the type variables among the parameters."""
        return {v for p in self.params for v in variables_of(p.type)}

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.params))}) -> {self.returns}"


def variables_of(type_: SqlType) -> Iterator[str]:
    """Go through the type variables of a type."""
    if isinstance(type_, Var):
        yield type_.name
    elif isinstance(type_, s.Array):
        yield from variables_of(type_.element)
    elif isinstance(type_, s.Map):
        yield from variables_of(type_.key)
        yield from variables_of(type_.value)
    elif isinstance(type_, s.Struct):
        for field in type_.fields:
            yield from variables_of(field.type)
    elif isinstance(type_, LambdaType):
        for param in type_.params:
            yield from variables_of(param)
        yield from variables_of(type_.result)
