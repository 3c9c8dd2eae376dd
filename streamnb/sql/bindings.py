"""Values of the program that a statement stands in: ``:name`` takes one as a literal, ``{{name}}`` as a name.

Each becomes one token, which carries a literal of the syntax tree or a checked name and never the text of a value, so
that no value can change what a statement does.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import math
import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from lark.lexer import Token

from streamnb import schema
from streamnb.errors import KsqlError, ParseFailedError, Span
from streamnb.sql import ast

__all__ = ["BOUND_VALUE", "BoundToken", "bound_name", "bound_value", "literal_of", "value_of"]

BOUND_VALUE = "BOUND_VALUE"
"""The terminal of a value that is no plain number and no text: those are the terminals that they are elsewhere."""

_ITEMS_MAX = 10_000
_DIGITS_MAX = 38  # of a DECIMAL
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_@]*\Z")
_QUOTED = re.compile(r'`(?P<back>(?:[^`]|``)+)`\Z|"(?P<double>(?:[^"]|"")+)"\Z')
_INTEGER_MAX = 2**31 - 1
_BIGINT_MAX = 2**63 - 1
_BINDABLE = (bool, int, float, decimal.Decimal, str, bytes, dt.date, dt.time, list, tuple, dict, type(None))
_UNWRAPPED_MAX = 8


class BoundToken(Token):
    """A token that stands for a value: ``expression`` is its literal, and None for a name."""

    expression: ast.Expression | None = None


def value_of(value: object) -> object:
    """Take a value out of what holds it: a parameter or widget (its ``value``), a NumPy scalar, array, or column."""
    for _ in range(_UNWRAPPED_MAX):
        if isinstance(value, _BINDABLE):
            return value
        to_list = getattr(value, "tolist", None)
        if callable(to_list) and not isinstance(value, type):
            value = to_list()
        elif hasattr(value, "value") and not isinstance(value, type):
            value = value.value
        else:
            return value
    return value


def literal_of(value: object, span: Span = ast.NO_SPAN) -> ast.Expression:
    """Make the literal of a value, as an expression that the printer writes and the parser reads again.

    A date or time without a zone is UTC's, and milliseconds are what a TIMESTAMP keeps. A dict whose values are of one
    type is a MAP, any other dict and a dataclass a STRUCT. Raises: KsqlError for a value that has no literal.
    """
    value = value_of(value)
    if isinstance(value, list | tuple | dict) or (dataclasses.is_dataclass(value) and not isinstance(value, type)):
        return _composed(value, span)
    make = next((m for kind, m in _SCALARS if isinstance(value, kind)), None)
    if make is None:
        raise KsqlError(
            f"type {type(value).__name__} has no literal",
            hint="bind a number, text, bool, bytes, date, time, None, or a list or dict of these; or str(...) of it",
        )
    return make(value, span)


def bound_value(name: str, parameters: Mapping[str, object] | None, text: str, span: Span) -> BoundToken:
    """Make the token of ``:name``. Raises: ParseFailedError when there is no such value, or it has no literal."""
    value = _look_up(name, f":{name}", parameters, text, span)
    try:
        expression = literal_of(value, span)
    except KsqlError as error:
        raise _refused(f":{name} cannot be bound: {error.message}", error.hint, text, span) from None
    kind, written = BOUND_VALUE, f":{name}"
    if isinstance(expression, ast.StringLiteral):
        kind, written = "TEXT", expression.value
    elif isinstance(expression, ast.IntegerLiteral | ast.LongLiteral) and expression.value >= 0:
        kind, written = "INTEGER_VALUE", str(expression.value)
    token = BoundToken(kind, written, span.start, end_pos=span.end)
    token.expression = expression
    return token


def bound_name(name: str, parameters: Mapping[str, object] | None, text: str, span: Span) -> BoundToken:
    """Make the token of ``{{name}}``: a plain word is folded as if it were typed, all else is a quoted name.

    Raises: ParseFailedError when there is no such value, or it is no name.
    """
    value = value_of(_look_up(name, f"{{{{{name}}}}}", parameters, text, span))
    if not isinstance(value, str):
        hint = f"a value is written :{name}" if isinstance(value, _BINDABLE) else None
        raise _refused(f"{{{{{name}}}}} is of type {type(value).__name__}, and a name is text", hint, text, span)
    if _PLAIN.match(value):
        return BoundToken("NAME", value, span.start, end_pos=span.end)
    quoted = _QUOTED.match(value)
    if quoted is not None:
        value = (quoted["back"] or "").replace("``", "`") or (quoted["double"] or "").replace('""', '"')
    if not value or not value.isprintable():
        what = "holds a character that cannot be printed" if value else "is empty"
        raise _refused(f"the name in {{{{{name}}}}} {what}", None, text, span)
    return BoundToken("QUOTED_NAME", value, span.start, end_pos=span.end)


def _look_up(name: str, written: str, parameters: Mapping[str, object] | None, text: str, span: Span) -> object:
    if parameters is not None and name in parameters:
        return parameters[name]
    known = [n for n in parameters or () if not n.startswith("_")]
    near = get_close_matches(name, known, 1)
    hint = f"in a notebook it is the Python variable {name}, in Python execute(..., params={{'{name}': ...}})"
    if near:
        hint = f"did you mean {written.replace(name, near[0])}?"
    raise _refused(f"there is no value for {written}", hint, text, span)


def _refused(summary: str, hint: str | None, text: str, span: Span) -> ParseFailedError:
    return ParseFailedError(summary, summary=summary, hint=hint, text=text, span=span)


# Literals of values


def _whole(value: Any, span: Span) -> ast.Expression:
    whole = int(value)
    if not -_BIGINT_MAX - 1 <= whole <= _BIGINT_MAX:
        raise KsqlError("the number is out of BIGINT's range", hint="bind a decimal.Decimal")
    if -_INTEGER_MAX - 1 <= whole <= _INTEGER_MAX:
        return ast.IntegerLiteral(whole, span=span)
    return ast.LongLiteral(whole, span=span)


def _double(value: Any, span: Span) -> ast.Expression:
    number = float(value)
    if math.isfinite(number):
        return ast.DoubleLiteral(number, span=span)
    word = "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    return ast.Cast(ast.StringLiteral(word, span=span), schema.DOUBLE, span=span)


def _decimal(value: Any, span: Span) -> ast.Expression:
    digits = value.as_tuple().digits
    if not value.is_finite() or max(len(digits), abs(value.adjusted())) > _DIGITS_MAX:
        raise KsqlError(f"{value} fits no DECIMAL")
    return ast.DecimalLiteral(decimal.Decimal(f"{value:f}"), span=span)


def _text(value: Any, span: Span) -> ast.Expression:
    if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
        raise KsqlError("the text holds half a character, which has no UTF-8 form")
    return ast.StringLiteral(str.__str__(value), span=span)


def _bytes(value: Any, span: Span) -> ast.Expression:
    pieces = (ast.StringLiteral(bytes(value).hex(), span=span), ast.StringLiteral("hex", span=span))
    return ast.Call("TO_BYTES", pieces, span=span)


def _timestamp(value: Any, span: Span) -> ast.Expression:
    if value != value:  # pandas' NaT
        return ast.NullLiteral(span=span)
    utc = value if value.tzinfo is None else value.astimezone(dt.UTC)
    written = utc.replace(tzinfo=None).isoformat(timespec="milliseconds")
    return ast.Cast(ast.StringLiteral(written, span=span), schema.TIMESTAMP, span=span)


def _date(value: Any, span: Span) -> ast.Expression:
    return ast.Cast(ast.StringLiteral(value.isoformat(), span=span), schema.DATE, span=span)


def _time(value: Any, span: Span) -> ast.Expression:
    written = value.replace(tzinfo=None).isoformat(timespec="milliseconds")
    return ast.Cast(ast.StringLiteral(written, span=span), schema.TIME, span=span)


_SCALARS: tuple[tuple[type, Callable[[Any, Span], ast.Expression]], ...] = (
    (type(None), lambda value, span: ast.NullLiteral(span=span)),
    (bool, lambda value, span: ast.BooleanLiteral(bool(value), span=span)),
    (int, _whole),
    (float, _double),
    (decimal.Decimal, _decimal),
    (str, _text),
    (bytes, _bytes),
    (bytearray, _bytes),
    (dt.datetime, _timestamp),
    (dt.date, _date),
    (dt.time, _time),
)


def _composed(value: Any, span: Span) -> ast.Expression:
    """Make an ARRAY, MAP or STRUCT."""
    if isinstance(value, dict):
        fields = value
    elif dataclasses.is_dataclass(value):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    else:
        return ast.ArrayConstructor(tuple(_items(value, span)), span=span)
    items = list(zip(fields, _items(list(fields.values()), span), strict=True))
    as_map = isinstance(value, dict) and len({_kind(item) for _, item in items}) == 1
    if as_map:
        return ast.MapConstructor(tuple((literal_of(k, span), v) for k, v in items), span=span)
    if not all(isinstance(key, str) and key for key in fields):
        raise KsqlError("the keys of a STRUCT are names", hint="a dict whose values are of one type is a MAP")
    return ast.StructConstructor(tuple((k.upper() if _PLAIN.match(k) else k, v) for k, v in items), span=span)


def _items(values: Sequence[object], span: Span) -> list[ast.Expression]:
    if not values:
        raise KsqlError("what is empty has no type", hint="give it an element, or bind None")
    if len(values) > _ITEMS_MAX:
        raise KsqlError(f"{len(values):,} elements are too many for a statement", hint="put them into a table")
    return [literal_of(v, span) for v in values]


def _kind(item: ast.Expression) -> object:
    """Tell the kind of a literal, as far as it decides between MAP and STRUCT."""
    if isinstance(item, ast.IntegerLiteral | ast.LongLiteral):
        return "whole"
    return item.type if isinstance(item, ast.Cast) else type(item)
