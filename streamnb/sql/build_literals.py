"""Parse trees of literals and types to the syntax tree: one method per rule of the grammar."""

from __future__ import annotations

import decimal
import math
from typing import Any

from lark import v_args
from lark.lexer import Token
from lark.tree import Meta
from lark.visitors import Transformer_NonRecursive

from streamnb import schema
from streamnb.errors import Span
from streamnb.schema import Array, Field, Map, SqlType, Struct
from streamnb.sql import ast
from streamnb.sql.bindings import BoundToken
from streamnb.sql.building import AT_LINE, BuildError, name_of, span_of, token_span

__all__ = ["LiteralBuilder", "text_literal"]

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
_LITERALS = (
    ast.NullLiteral,
    ast.BooleanLiteral,
    ast.IntegerLiteral,
    ast.LongLiteral,
    ast.DecimalLiteral,
    ast.DoubleLiteral,
)


@v_args(meta=True, inline=True)
class LiteralBuilder(Transformer_NonRecursive[Any, Any]):
    """Build literals and types."""

    # Literals

    def text(self, meta: Meta, token: Token) -> ast.StringLiteral:
        return text_literal(token)

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
        return ast.Cast(text_literal(text), _TYPES[kind], span=span_of(meta))

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


def text_literal(token: Token) -> ast.StringLiteral:
    """Make the literal of a quoted text."""
    return ast.StringLiteral(str(token), span=token_span(token))


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
