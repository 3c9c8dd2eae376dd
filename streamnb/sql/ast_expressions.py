"""The syntax tree of expressions."""

from __future__ import annotations

import decimal
from dataclasses import dataclass, field

from streamnb.errors import Span
from streamnb.schema import SqlType

__all__ = [
    "NO_SPAN",
    "ArrayConstructor",
    "AtTimeZone",
    "Between",
    "Binary",
    "BooleanLiteral",
    "Call",
    "Case",
    "Cast",
    "ColumnRef",
    "DecimalLiteral",
    "DoubleLiteral",
    "Expression",
    "FieldRef",
    "InList",
    "IntegerLiteral",
    "IsNull",
    "Lambda",
    "Like",
    "LongLiteral",
    "MapConstructor",
    "Node",
    "NullLiteral",
    "Star",
    "StringLiteral",
    "StructConstructor",
    "StructStar",
    "Subscript",
    "TimeUnit",
    "TypeName",
    "Unary",
    "WhenClause",
]

NO_SPAN = Span(0, 0)


@dataclass(frozen=True)
class Node:
    """Base of all nodes. The span takes no part in comparison."""

    span: Span = field(default=NO_SPAN, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class Expression(Node):
    """Base of all expressions."""


@dataclass(frozen=True)
class NullLiteral(Expression):
    """NULL."""


@dataclass(frozen=True)
class BooleanLiteral(Expression):
    """TRUE or FALSE."""

    value: bool


@dataclass(frozen=True)
class IntegerLiteral(Expression):
    """A whole number that fits INTEGER (else it is a LongLiteral)."""

    value: int


@dataclass(frozen=True)
class LongLiteral(Expression):
    """A whole number that fits BIGINT only."""

    value: int


@dataclass(frozen=True)
class DecimalLiteral(Expression):
    """A number with a point and no exponent: DECIMAL with the digits as written."""

    value: decimal.Decimal


@dataclass(frozen=True)
class DoubleLiteral(Expression):
    """A number with an exponent."""

    value: float


@dataclass(frozen=True)
class StringLiteral(Expression):
    """Text in single quotes, with the quotes removed."""

    value: str


@dataclass(frozen=True)
class ColumnRef(Expression):
    """A column: ``name``, or ``source.name``."""

    name: str
    source: str | None = None


@dataclass(frozen=True)
class FieldRef(Expression):
    """A field of a struct: ``base->name``."""

    base: Expression
    name: str


@dataclass(frozen=True)
class Subscript(Expression):
    """``base[index]``: an element of an array or the value of a map's key."""

    base: Expression
    index: Expression


@dataclass(frozen=True)
class Call(Expression):
    """A function call; ``COUNT(*)`` has the single argument ``Star``. The name is upper case."""

    name: str
    args: tuple[Expression, ...]


@dataclass(frozen=True)
class Lambda(Expression):
    """``x => body`` or ``(k, v) => body``; an argument is used in the body as a ``ColumnRef``."""

    params: tuple[str, ...]
    body: Expression


@dataclass(frozen=True)
class Cast(Expression):
    """``CAST(operand AS type)``."""

    operand: Expression
    type: SqlType


@dataclass(frozen=True)
class WhenClause(Node):
    """``WHEN condition THEN result``; in a simple CASE ``condition`` is the compared operand."""

    condition: Expression
    result: Expression


@dataclass(frozen=True)
class Case(Expression):
    """A searched CASE (``operand`` is None) or a simple one."""

    operand: Expression | None
    whens: tuple[WhenClause, ...]
    default: Expression | None


@dataclass(frozen=True)
class Unary(Expression):
    """``-x``, ``+x`` or ``NOT x``; ``op`` is ``-``, ``+`` or ``NOT``."""

    op: str
    operand: Expression


@dataclass(frozen=True)
class Binary(Expression):
    """An operator between two operands: + - * / % || AND OR = <> < <= > >=.

    ``!=`` is stored as ``<>``. IS [NOT] DISTINCT FROM is a Binary with that text as its operator.
    """

    op: str
    left: Expression
    right: Expression


@dataclass(frozen=True)
class IsNull(Expression):
    """``operand IS [NOT] NULL``."""

    operand: Expression
    negated: bool = False


@dataclass(frozen=True)
class Between(Expression):
    """``operand [NOT] BETWEEN low AND high``."""

    operand: Expression
    low: Expression
    high: Expression
    negated: bool = False


@dataclass(frozen=True)
class InList(Expression):
    """``operand [NOT] IN (items)``."""

    operand: Expression
    items: tuple[Expression, ...]
    negated: bool = False


@dataclass(frozen=True)
class Like(Expression):
    """``operand [NOT] LIKE pattern [ESCAPE escape]``; ``escape`` is one character."""

    operand: Expression
    pattern: Expression
    escape: str | None = None
    negated: bool = False


@dataclass(frozen=True)
class ArrayConstructor(Expression):
    """``ARRAY[a, b]``."""

    items: tuple[Expression, ...]


@dataclass(frozen=True)
class MapConstructor(Expression):
    """``MAP(k := v, ...)``."""

    entries: tuple[tuple[Expression, Expression], ...]


@dataclass(frozen=True)
class StructConstructor(Expression):
    """``STRUCT(name := value, ...)``."""

    fields: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True)
class TimeUnit(Expression):
    """A bare time unit used as an argument, as in ``DATEADD(DAYS, 1, d)``; upper case, plural (``DAYS``)."""

    unit: str


@dataclass(frozen=True)
class AtTimeZone(Expression):
    """``operand AT TIME ZONE zone``."""

    operand: Expression
    zone: Expression


@dataclass(frozen=True)
class Star(Expression):
    """``*`` in a select list or in ``COUNT(*)``; ``source.*`` when ``source`` is given."""

    source: str | None = None


@dataclass(frozen=True)
class StructStar(Node):
    """``struct->*`` in a select list."""

    base: Expression


@dataclass(frozen=True)
class TypeName(SqlType):
    """A type named in a statement that is no built-in one: a custom type to be looked up."""

    name: str

    def __str__(self) -> str:
        return self.name
