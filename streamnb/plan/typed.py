"""Typed expressions: frozen nodes, each with the SQL type of its value.

The implicit conversions of a statement stand in the tree as ``TypedCast`` nodes, so a backend needs no rules of its
own: the operands of a comparison have one type, those of arithmetic the type the result is computed in.
"""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from streamnb.errors import Span
from streamnb.schema import SqlType
from streamnb.sql.ast import NO_SPAN

if TYPE_CHECKING:
    from streamnb.functions.registry import Resolved

__all__ = [
    "Constant",
    "Typed",
    "TypedArithmetic",
    "TypedArray",
    "TypedAtTimeZone",
    "TypedBetween",
    "TypedCall",
    "TypedCase",
    "TypedCast",
    "TypedColumn",
    "TypedComparison",
    "TypedConcat",
    "TypedElement",
    "TypedField",
    "TypedIn",
    "TypedIsNull",
    "TypedLambda",
    "TypedLike",
    "TypedLiteral",
    "TypedLogical",
    "TypedMap",
    "TypedMapValue",
    "TypedNegative",
    "TypedNot",
    "TypedParam",
    "TypedStruct",
    "TypedUnit",
    "children",
    "walk",
]

Constant = None | bool | int | float | decimal.Decimal | str | bytes | datetime.date | datetime.time | datetime.datetime
"""The value of a literal; DATE, TIME and TIMESTAMP are naive Python values in UTC."""


@dataclass(frozen=True)
class Typed:
    """Base of all typed expressions; ``type`` is None for the untyped NULL, and for lambdas and units.

    ``span`` is where the expression was written, for EXPLAIN; it takes no part in comparison.
    """

    type: SqlType | None
    span: Span = field(default=NO_SPAN, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class TypedLiteral(Typed):
    """A constant; None of any type is NULL."""

    value: Constant


@dataclass(frozen=True)
class TypedColumn(Typed):
    """A column of the batch: its internal name, and the name people know it by."""

    column: str
    label: str


@dataclass(frozen=True)
class TypedParam(Typed):
    """A parameter of a lambda around the expression; ``name`` is unique among nested lambdas."""

    name: str


@dataclass(frozen=True)
class TypedField(Typed):
    """A field of a struct."""

    base: Typed
    name: str


@dataclass(frozen=True)
class TypedElement(Typed):
    """An element of an array: counted from 1, or from the end when negative; NULL outside."""

    base: Typed
    index: Typed


@dataclass(frozen=True)
class TypedMapValue(Typed):
    """The value of a key of a map; NULL when it is missing."""

    base: Typed
    key: Typed


@dataclass(frozen=True)
class TypedCall(Typed):
    """A scalar function applied to arguments, which have the types it takes."""

    function: Resolved
    args: tuple[Typed, ...]


@dataclass(frozen=True)
class TypedLambda(Typed):
    """A lambda as an argument: its parameters by their unique names, and its body. ``type`` is None."""

    params: tuple[TypedParam, ...]
    body: Typed


@dataclass(frozen=True)
class TypedUnit(Typed):
    """A bare time unit as an argument. ``type`` is None."""

    unit: str


@dataclass(frozen=True)
class TypedCast(Typed):
    """A conversion to ``type``, by ksqlDB's rules for CAST."""

    operand: Typed


@dataclass(frozen=True)
class TypedCase(Typed):
    """The result of the first condition that is true, else the default, else NULL; others are not evaluated."""

    whens: tuple[tuple[Typed, Typed], ...]
    default: Typed | None


@dataclass(frozen=True)
class TypedNegative(Typed):
    """``-operand``."""

    operand: Typed


@dataclass(frozen=True)
class TypedArithmetic(Typed):
    """``left op right`` for + - * / %.

    Operands of INTEGER, BIGINT and DOUBLE have the type of the result; those of DECIMAL keep their own precision.
    """

    op: str
    left: Typed
    right: Typed


@dataclass(frozen=True)
class TypedConcat(Typed):
    """Two texts, or two byte strings, one behind the other; NULL when one of them is."""

    left: Typed
    right: Typed


@dataclass(frozen=True)
class TypedComparison(Typed):
    """``left op right`` for = <> < <= > >= and IS [NOT] DISTINCT FROM.

    Never NULL: with a NULL on either side = <> < <= > >= are false.
    """

    op: str
    left: Typed
    right: Typed


@dataclass(frozen=True)
class TypedBetween(Typed):
    """``low <= operand <= high``; false when one of them is NULL."""

    operand: Typed
    low: Typed
    high: Typed


@dataclass(frozen=True)
class TypedIn(Typed):
    """Whether the operand equals one of the items; false when it is NULL."""

    operand: Typed
    items: tuple[Typed, ...]


@dataclass(frozen=True)
class TypedLike(Typed):
    """Whether a text matches a LIKE pattern; false when one of them is NULL."""

    operand: Typed
    pattern: Typed
    escape: str | None


@dataclass(frozen=True)
class TypedLogical(Typed):
    """AND or OR, three-valued; ``op`` is the word."""

    op: str
    left: Typed
    right: Typed


@dataclass(frozen=True)
class TypedNot(Typed):
    """NOT, three-valued."""

    operand: Typed


@dataclass(frozen=True)
class TypedIsNull(Typed):
    """IS NULL, or IS NOT NULL when negated."""

    operand: Typed
    negated: bool


@dataclass(frozen=True)
class TypedArray(Typed):
    """An array of its items; an item that raises is NULL."""

    items: tuple[Typed, ...]


@dataclass(frozen=True)
class TypedMap(Typed):
    """A map of its entries: the last one of equal keys counts; a key or value that raises is NULL."""

    entries: tuple[tuple[Typed, Typed], ...]


@dataclass(frozen=True)
class TypedStruct(Typed):
    """A struct of its fields' values, in the order of the type; a value that raises is NULL."""

    values: tuple[Typed, ...]


@dataclass(frozen=True)
class TypedAtTimeZone(Typed):
    """A UTC timestamp as the wall clock of a time zone shows it."""

    operand: Typed
    zone: Typed


def children(typed: Typed) -> Iterator[Typed]:
    """Go through the direct operands of a node, in the order they are written."""
    for f in fields(typed):
        yield from _operands(getattr(typed, f.name))


def _operands(part: object) -> Iterator[Typed]:
    if isinstance(part, Typed):
        yield part
    elif isinstance(part, tuple):
        for item in part:
            yield from _operands(item)


def walk(typed: Typed) -> Iterator[Typed]:
    """Go through a tree from the root down."""
    yield typed
    for child in children(typed):
        yield from walk(child)
