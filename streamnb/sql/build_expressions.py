"""Parse trees of expressions, literals and types to the syntax tree: one method per rule of the grammar."""

from __future__ import annotations

import decimal
import math
from typing import Any

from lark import v_args
from lark.lexer import Token
from lark.tree import Meta
from lark.visitors import Transformer_NonRecursive

from streamnb import schema
from streamnb.errors import ParseFailedError, Span
from streamnb.schema import Array, Field, Map, SqlType, Struct
from streamnb.sql import ast
from streamnb.sql.bindings import BoundToken

__all__ = ["BuildError", "ExpressionBuilder"]

AT_LINE = "Failed to prepare statement: line {line}:{after}: "

_INTEGER_MAX = 2**31 - 1
_BIGINT_MAX = 2**63 - 1
_DIGITS_MAX = 1000  # of a DECIMAL literal: no type holds as many, and 1E999999999 would not even print

_TYPES: dict[str, SqlType] = {
    "BOOLEAN": schema.BOOLEAN,
    "INT": schema.INTEGER,
    "INTEGER": schema.INTEGER,
    "BIGINT": schema.BIGINT,
    "DOUBLE": schema.DOUBLE,
    "STRING": schema.STRING,
    "VARCHAR": schema.STRING,
    "BYTES": schema.BYTES,
    "DATE": schema.DATE,
    "TIME": schema.TIME,
    "TIMESTAMP": schema.TIMESTAMP,
}
_TYPED_LITERALS = ("DATE", "TIME", "TIMESTAMP")
# Functions whose first argument is a bare time unit; elsewhere a unit's name is a column.
_UNIT_FUNCTIONS = frozenset(("DATEADD", "DATESUB", "TIMEADD", "TIMESUB", "TIMESTAMPADD", "TIMESTAMPSUB"))
_UNITS = frozenset(("DAYS", "HOURS", "MINUTES", "SECONDS", "MILLISECONDS"))
# In 2018 the bounds were functions.
_WINDOW_BOUNDS = frozenset(("WINDOWSTART", "WINDOWEND"))


_LITERALS = (
    ast.NullLiteral,
    ast.BooleanLiteral,
    ast.IntegerLiteral,
    ast.LongLiteral,
    ast.DecimalLiteral,
    ast.DoubleLiteral,
)


class BuildError(ParseFailedError):
    """Text that fits the grammar and is no statement all the same.

    ``place`` is what the parser, which knows the script, puts before the message: a format with ``line``, ``column``
    (from 1) and ``after`` (one more: ksqlDB counts so in some messages).
    """

    def __init__(
        self,
        message: str,
        *,
        span: Span,
        summary: str,
        hint: str | None = None,
        place: str = "Failed to prepare statement: ",
    ) -> None:
        super().__init__(message, summary=summary, hint=hint, span=span)
        self.place = place


def span_of(meta: Meta) -> Span:
    """Return where a rule's text stands; the empty span at 0 for an empty rule."""
    return ast.NO_SPAN if meta.empty else Span(meta.start_pos, meta.end_pos)


def name_of(token: Token) -> str:
    """Resolve a name: as written if it was quoted, else upper case."""
    return str(token) if token.type == "QUOTED_NAME" else token.upper()


def plural(unit: str) -> str:
    """Write a time unit in upper case and plural."""
    unit = unit.upper()
    return unit if unit.endswith("S") else unit + "S"


@v_args(meta=True, inline=True)
class ExpressionBuilder(Transformer_NonRecursive[Any, Any]):
    """Build expressions, literals and types."""

    # Operators

    def or_(self, meta: Meta, left: ast.Expression, right: ast.Expression) -> ast.Binary:
        return ast.Binary("OR", left, right, span=span_of(meta))

    def and_(self, meta: Meta, left: ast.Expression, right: ast.Expression) -> ast.Binary:
        return ast.Binary("AND", left, right, span=span_of(meta))

    def not_(self, meta: Meta, operand: ast.Expression) -> ast.Unary:
        return ast.Unary("NOT", operand, span=span_of(meta))

    def compare_op(self, meta: Meta, op: Token) -> str:
        return "<>" if op == "!=" else str(op)

    def compare(self, meta: Meta, left: ast.Expression, op: str, right: ast.Expression) -> ast.Binary:
        return ast.Binary(op, left, right, span=span_of(meta))

    def is_null(self, meta: Meta, operand: ast.Expression, negated: Token | None) -> ast.IsNull:
        return ast.IsNull(operand, negated is not None, span=span_of(meta))

    def is_distinct(self, meta: Meta, left: ast.Expression, negated: Token | None, right: ast.Expression) -> ast.Binary:
        op = "IS DISTINCT FROM" if negated is None else "IS NOT DISTINCT FROM"
        return ast.Binary(op, left, right, span=span_of(meta))

    def between(
        self, meta: Meta, operand: ast.Expression, negated: Token | None, low: ast.Expression, high: ast.Expression
    ) -> ast.Between:
        return ast.Between(operand, low, high, negated is not None, span=span_of(meta))

    def in_list(self, meta: Meta, operand: ast.Expression, negated: Token | None, *items: ast.Expression) -> ast.InList:
        return ast.InList(operand, items, negated is not None, span=span_of(meta))

    def in_bound(self, meta: Meta, operand: ast.Expression, negated: Token | None, token: BoundToken) -> ast.InList:
        if not isinstance(token.expression, ast.ArrayConstructor):
            raise BuildError(
                f"IN takes a list, and {token} is none",
                summary=f"IN takes a list, and {token} is none",
                hint=f"write IN ({token}), or bind a list",
                span=token_span(token),
            )
        return ast.InList(operand, token.expression.items, negated is not None, span=span_of(meta))

    def like(
        self, meta: Meta, operand: ast.Expression, negated: Token | None, pattern: ast.Expression, escape: Token | None
    ) -> ast.Like:
        if escape is not None and len(escape) != 1:
            raise BuildError(
                f"Expected exactly one character in ESCAPE but got: {escape}",
                summary="ESCAPE takes exactly one character",
                span=span_of(meta),
            )
        character = None if escape is None else str(escape)
        return ast.Like(operand, pattern, character, negated is not None, span=span_of(meta))

    def concat(self, meta: Meta, left: ast.Expression, right: ast.Expression) -> ast.Binary:
        return ast.Binary("||", left, right, span=span_of(meta))

    def arithmetic(self, meta: Meta, left: ast.Expression, op: Token, right: ast.Expression) -> ast.Binary:
        return ast.Binary(str(op), left, right, span=span_of(meta))

    def negate(self, meta: Meta, operand: ast.Expression) -> ast.Unary:
        return ast.Unary("-", operand, span=span_of(meta))

    def plus(self, meta: Meta, operand: ast.Expression) -> ast.Unary:
        return ast.Unary("+", operand, span=span_of(meta))

    def at_time_zone(self, meta: Meta, operand: ast.Expression, zone: Token) -> ast.AtTimeZone:
        return ast.AtTimeZone(operand, _text(zone), span=span_of(meta))

    def field_ref(self, meta: Meta, base: ast.Expression, name: Token) -> ast.FieldRef:
        return ast.FieldRef(base, name_of(name), span=span_of(meta))

    def subscript(self, meta: Meta, base: ast.Expression, index: ast.Expression) -> ast.Subscript:
        return ast.Subscript(base, index, span=span_of(meta))

    def paren(self, meta: Meta, inner: ast.Expression) -> ast.Expression:
        return inner

    # Primary expressions

    def column_ref(self, meta: Meta, name: Token) -> ast.ColumnRef:
        return ast.ColumnRef(name_of(name), span=span_of(meta))

    def qualified_ref(self, meta: Meta, source: Token, name: Token) -> ast.ColumnRef:
        return ast.ColumnRef(name_of(name), name_of(source), span=span_of(meta))

    def call(self, meta: Meta, name: Token, *args: ast.Expression | None) -> ast.Expression:
        function = name.upper()
        given = tuple(a for a in args if a is not None)
        if not given and function in _WINDOW_BOUNDS:
            return ast.ColumnRef(function, span=span_of(meta))
        if given and function in _UNIT_FUNCTIONS:
            given = (_as_unit(given[0]), *given[1:])
        return ast.Call(function, given, span=span_of(meta))

    def call_star(self, meta: Meta, name: Token, star: Token) -> ast.Call:
        return ast.Call(name.upper(), (ast.Star(span=token_span(star)),), span=span_of(meta))

    def lambda_one(self, meta: Meta, param: Token | ast.Expression, body: ast.Expression) -> ast.Lambda:
        name = name_of(param) if isinstance(param, Token) else _param(param)
        return ast.Lambda((name,), body, span=span_of(meta))

    def lambda_many(self, meta: Meta, *children: ast.Expression) -> ast.Lambda:
        *params, body = children
        return ast.Lambda(tuple(map(_param, params)), body, span=span_of(meta))

    def typed_literal(self, meta: Meta, name: Token, text: Token) -> ast.Expression:
        kind = name.upper()
        if kind == "DECIMAL":
            return _decimal(str(text), span_of(meta))
        if kind not in _TYPED_LITERALS:
            raise BuildError(
                f"Unknown type: {kind}",
                place=AT_LINE,
                summary=f"no literal of type {kind} is known",
                hint=f"a literal with a type starts with {', '.join(_TYPED_LITERALS)} or DECIMAL",
                span=token_span(name),
            )
        return ast.Cast(_text(text), _TYPES[kind], span=span_of(meta))

    def cast(self, meta: Meta, operand: ast.Expression, target: SqlType) -> ast.Cast:
        return ast.Cast(operand, target, span=span_of(meta))

    def case(self, meta: Meta, operand: ast.Expression | None, *rest: Any) -> ast.Case:
        *whens, default = rest
        return ast.Case(operand, tuple(whens), default, span=span_of(meta))

    def when(self, meta: Meta, condition: ast.Expression, result: ast.Expression) -> ast.WhenClause:
        return ast.WhenClause(condition, result, span=span_of(meta))

    def array(self, meta: Meta, *items: ast.Expression | None) -> ast.ArrayConstructor:
        return ast.ArrayConstructor(tuple(i for i in items if i is not None), span=span_of(meta))

    def map(self, meta: Meta, *entries: tuple[ast.Expression, ast.Expression] | None) -> ast.MapConstructor:
        return ast.MapConstructor(tuple(e for e in entries if e is not None), span=span_of(meta))

    def entry(self, meta: Meta, key: ast.Expression, value: ast.Expression) -> tuple[ast.Expression, ast.Expression]:
        return key, value

    def struct(self, meta: Meta, *fields: tuple[str, ast.Expression] | None) -> ast.StructConstructor:
        return ast.StructConstructor(tuple(f for f in fields if f is not None), span=span_of(meta))

    def field(self, meta: Meta, name: Token, value: ast.Expression) -> tuple[str, ast.Expression]:
        return name_of(name), value

    # Literals

    def text(self, meta: Meta, token: Token) -> ast.StringLiteral:
        return _text(token)

    def bound(self, meta: Meta, token: BoundToken) -> ast.Expression:
        assert token.expression is not None
        return token.expression

    def bound_literal(self, meta: Meta, token: BoundToken) -> ast.Expression:
        literal = self.bound(meta, token)
        if not isinstance(literal, _LITERALS):
            problem = f"a number, text, TRUE, FALSE or NULL is expected here, and {token} is none of these"
            raise BuildError(problem, summary=problem, hint="bind str(...) of it", span=token_span(token))
        return literal

    def null(self, meta: Meta) -> ast.NullLiteral:
        return ast.NullLiteral(span=span_of(meta))

    def true(self, meta: Meta) -> ast.BooleanLiteral:
        return ast.BooleanLiteral(True, span=span_of(meta))

    def false(self, meta: Meta) -> ast.BooleanLiteral:
        return ast.BooleanLiteral(False, span=span_of(meta))

    def unsigned_number(self, meta: Meta, token: Token) -> Token:
        # Stays a token until the sign is known.
        return token

    def positive_number(self, meta: Meta, token: Token) -> ast.Expression:
        return _number(token, "", span_of(meta))

    def negative_number(self, meta: Meta, token: Token) -> ast.Expression:
        return _number(token, "-", span_of(meta))

    def integer(self, meta: Meta, token: Token) -> int:
        return _whole(str(token), span_of(meta))

    # Types

    def named_type(self, meta: Meta, name: Token, _params: None) -> SqlType:
        resolved = name_of(name)
        return _TYPES.get(resolved) or ast.TypeName(resolved)

    def type_params(self, meta: Meta, *_params: Token) -> None:
        # VARCHAR(STRING) and VARCHAR(10) are accepted, and mean VARCHAR.
        return None

    def type_param(self, meta: Meta, param: Token) -> Token:
        return param

    def array_type(self, meta: Meta, element: SqlType) -> Array:
        return Array(element)

    def map_type(self, meta: Meta, key: SqlType, value: SqlType) -> Map:
        return Map(key, value)

    def struct_type(self, meta: Meta, *fields: Field | None) -> Struct:
        return Struct(tuple(f for f in fields if f is not None))

    def field_type(self, meta: Meta, name: Token, field_type: SqlType) -> Field:
        return Field(name_of(name), field_type)

    def decimal_type(self, meta: Meta, precision: ast.Expression, scale: ast.Expression) -> schema.Decimal:
        if not isinstance(precision, ast.IntegerLiteral) or not isinstance(scale, ast.IntegerLiteral):
            raise BuildError(
                "Value must be integer for command: DECIMAL(PRECISION)",
                summary="precision and scale of a DECIMAL are whole numbers",
                span=span_of(meta),
            )
        return _decimal_type(precision.value, scale.value, span_of(meta))


def token_span(token: Token) -> Span:
    """Tell where a token stands."""
    return Span(token.start_pos or 0, token.end_pos or 0)


def _text(token: Token) -> ast.StringLiteral:
    return ast.StringLiteral(str(token), span=token_span(token))


def _as_unit(argument: ast.Expression) -> ast.Expression:
    if isinstance(argument, ast.ColumnRef) and argument.source is None and plural(argument.name) in _UNITS:
        return ast.TimeUnit(plural(argument.name), span=argument.span)
    return argument


def _param(expression: ast.Expression) -> str:
    if isinstance(expression, ast.ColumnRef) and expression.source is None:
        return expression.name
    raise BuildError(
        "Lambda function arguments must be identifiers.",
        summary="a lambda's arguments are names",
        hint="write x => ..., or (k, v) => ...",
        span=expression.span,
    )


def _number(token: Token, sign: str, span: Span) -> ast.Expression:
    text = sign + str(token)
    if token.type == "DECIMAL_VALUE":
        return _decimal(text, span)
    if token.type == "FLOATING_VALUE":
        value = float(text)
        if math.isinf(value):
            raise _bad_number("Number overflows DOUBLE", text, span)
        return ast.DoubleLiteral(value, span=span)
    whole = _whole(text, span)
    if -_INTEGER_MAX - 1 <= whole <= _INTEGER_MAX:
        return ast.IntegerLiteral(whole, span=span)
    return ast.LongLiteral(whole, span=span)


def _whole(text: str, span: Span) -> int:
    """Read a whole number that is a BIGINT."""
    digits = text.lstrip("-0") or "0"  # Python reads no more than 4300 of them
    if len(digits) <= len(str(_BIGINT_MAX)):
        whole = -int(digits) if text.startswith("-") else int(digits)
        if -_BIGINT_MAX - 1 <= whole <= _BIGINT_MAX:
            return whole
    raise _bad_number("Invalid numeric literal", text, span)


def _bad_number(problem: str, text: str, span: Span) -> BuildError:
    return BuildError(
        f"{problem}: {text}",
        place=AT_LINE,
        summary=f"the number {text} is out of range",
        hint="write it as text and cast it to DECIMAL" if "DOUBLE" not in problem else None,
        span=span,
    )


def _decimal(text: str, span: Span) -> ast.DecimalLiteral:
    try:
        value = decimal.Decimal(text)
    except decimal.InvalidOperation:
        value = decimal.Decimal("NaN")
    if not value.is_finite() or not -_DIGITS_MAX < value.adjusted() < _DIGITS_MAX:
        raise BuildError(
            f"Invalid numeric literal: {text}", place=AT_LINE, summary=f"{text} is no decimal number", span=span
        )
    return ast.DecimalLiteral(value, span=span)


def _decimal_type(precision: int, scale: int, span: Span) -> schema.Decimal:
    written = f"DECIMAL({precision},{scale})"
    problem = None
    if precision < 1:
        problem = f"DECIMAL precision must be >= 1: {written}"
    elif scale < 0:
        problem = f"DECIMAL scale must be >= 0: {written}"
    elif precision < scale:
        problem = f"DECIMAL precision must be >= scale: {written}"
    if problem is not None:
        raise BuildError(problem, summary=problem, span=span)
    return schema.Decimal(precision, scale)
