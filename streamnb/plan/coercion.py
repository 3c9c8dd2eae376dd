"""Implicit conversions: one value to a wanted type, and a list of values to the type they have in common.

In a list (IN, ARRAY, MAP, CASE) columns and other computed values set the type, numbers widen, and literals follow:
a text literal becomes a number, a boolean or a date when the others are, any literal becomes text when the others are.
"""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Sequence
from dataclasses import replace

from streamnb import schema as s
from streamnb.errors import KsqlStatementError
from streamnb.plan.temporal import parse_date, parse_time, parse_timestamp
from streamnb.plan.typed import Constant, Typed, TypedArray, TypedCast, TypedLiteral, TypedMap, TypedStruct
from streamnb.plan.types import common_type, converts_implicitly, type_name
from streamnb.schema import Array, Decimal, Field, Map, SqlType, Struct

__all__ = ["coerce", "coerce_all", "convert", "parse_boolean"]

_TEMPORAL = (s.DATE, s.TIME, s.TIMESTAMP)


class _Mismatch(Exception):
    """Two types have nothing in common."""


def parse_boolean(text: str) -> bool | None:
    """Read a boolean: any beginning of true, yes, false or no, in any case; None when the text is none."""
    word = text.strip().lower()
    if not word:
        return None
    if "true".startswith(word) or "yes".startswith(word):
        return True
    return False if "false".startswith(word) or "no".startswith(word) else None


def coerce(typed: Typed, target: SqlType) -> Typed:
    """Convert a value to a wanted type, where ksqlDB does so without CAST.

    Raises: KsqlStatementError when it does not.
    """
    if typed.type == target:
        return typed
    if typed.type is None or (isinstance(typed, TypedLiteral) and typed.value is None):
        return TypedLiteral(target, None)
    if converts_implicitly(typed.type, target) or (typed.type == s.STRING and target in _TEMPORAL):
        return convert(typed, target)
    if isinstance(typed, TypedArray | TypedMap | TypedStruct):
        try:
            if _merge(target, typed) == target:
                return convert(typed, target)
        except _Mismatch:
            pass
    raise KsqlStatementError(
        f"Cannot implicitly convert a value of type {typed.type} to {target}.",
        summary=f"a value of type {typed.type} is no {target}",
        hint=f"write CAST(... AS {target}) if the value can be converted",
    )


def coerce_all(items: Sequence[tuple[Typed, str]]) -> tuple[SqlType | None, list[Typed]]:
    """Convert values to the type they have in common; each comes with its text for messages.

    The type is None, and the values are returned as they are, when all of them are the untyped NULL.
    Raises: KsqlStatementError when there is no common type, or a text literal does not read as one.
    """
    known = [(typed, text) for typed, text in items if typed.type is not None]
    if not known:
        return None, [typed for typed, _ in items]
    firm = [(typed, text) for typed, text in known if not _is_soft(typed)]
    soft = [(typed, text) for typed, text in known if _is_soft(typed)]
    if firm:
        target = _type(firm[0][0])
    else:
        target = next((_type(typed) for typed, _ in soft if typed.type != s.STRING), s.STRING)
    for typed, text in (*firm, *soft):
        try:
            target = _merge(target, typed)
        except _Mismatch:
            raise KsqlStatementError(
                f"operator does not exist: {target} = {type_name(typed.type)} ({text})\n"
                "Hint: You might need to add explicit type casts.",
                summary=f"{text} is of type {type_name(typed.type)}, the values beside it are of type {target}",
                hint=f"write CAST({text} AS {target}), or convert the others",
            ) from None
    return target, [convert(typed, target) for typed, _ in items]


def _type(typed: Typed) -> SqlType:
    assert typed.type is not None
    return typed.type


def _is_soft(typed: Typed) -> bool:
    """Tell whether a value is made of literals only, so that it follows the types of others."""
    if isinstance(typed, TypedArray):
        return all(map(_is_soft, typed.items))
    if isinstance(typed, TypedMap):
        return all(_is_soft(part) for entry in typed.entries for part in entry)
    if isinstance(typed, TypedStruct):
        return all(map(_is_soft, typed.values))
    return isinstance(typed, TypedLiteral)


def _merge(target: SqlType, typed: Typed) -> SqlType:
    """Widen a type so that a value fits. Raises: _Mismatch, or KsqlStatementError for text that does not read."""
    if typed.type is None or typed.type == target:
        return target
    if isinstance(typed, TypedLiteral):
        if typed.value is None:
            return _common(target, typed.type)
        if typed.type == s.STRING:
            return _merge_text(target, str(typed.value))
        return s.STRING if target == s.STRING else _common(target, typed.type)
    if isinstance(typed, TypedArray) and isinstance(target, Array):
        element = target.element
        for item in typed.items:
            element = _merge(element, item)
        return Array(element)
    if isinstance(typed, TypedMap) and isinstance(target, Map):
        key, value = target.key, target.value
        for k, v in typed.entries:
            key, value = _merge(key, k), _merge(value, v)
        return Map(key, value)
    if isinstance(typed, TypedStruct) and isinstance(target, Struct):
        return _merge_struct(target, typed)
    return _common(target, typed.type)


def _merge_struct(target: Struct, typed: TypedStruct) -> Struct:
    assert isinstance(typed.type, Struct)
    fields = {f.name: f.type for f in target.fields}
    for f, value in zip(typed.type.fields, typed.values, strict=True):
        fields[f.name] = _merge(fields[f.name], value) if f.name in fields else f.type
    return Struct(tuple(Field(name, type_) for name, type_ in fields.items()))


def _common(left: SqlType, right: SqlType) -> SqlType:
    found = common_type(left, right)
    if found is None:
        raise _Mismatch
    return found


def _merge_text(target: SqlType, text: str) -> SqlType:
    if target == s.STRING or target in _TEMPORAL:
        return target
    if target == s.BOOLEAN and parse_boolean(text) is not None:
        return target
    if target.is_numeric and (number := _number(text)) is not None:
        if target == s.DOUBLE:
            return target
        return _common(target, _number_type(number))
    if target == s.BOOLEAN or target.is_numeric:
        raise KsqlStatementError(
            f'invalid input syntax for type {target.base}: "{text}".',
            summary=f"'{text}' is no {target.base}",
            hint="the values beside it set the type that the text is converted to",
        )
    raise _Mismatch


def _number(text: str) -> decimal.Decimal | None:
    try:
        number = decimal.Decimal(text.strip())
    except decimal.InvalidOperation:
        return None
    return number if number.is_finite() and "_" not in text else None


_DIGITS_MAX = 38  # of a DECIMAL


def _number_type(number: decimal.Decimal) -> SqlType:
    """Find the narrowest exact type that holds a number."""
    if number.adjusted() >= _DIGITS_MAX:
        return Decimal(_DIGITS_MAX, 0)
    if number == number.to_integral_value():
        if abs(number) < 2**31:
            return s.INTEGER
        if abs(number) < 2**63:
            return s.BIGINT
        return Decimal(min(38, number.adjusted() + 1), 0)
    scale = -int(number.normalize().as_tuple().exponent)
    return Decimal(min(38, max(number.adjusted() + 1, 0) + scale), min(38, scale))


def convert(typed: Typed, target: SqlType) -> Typed:
    """Convert a value to a type that is known to fit; constants and constructors are converted in place."""
    if typed.type == target:
        return typed
    if typed.type is None:
        return TypedLiteral(target, None)
    if isinstance(typed, TypedLiteral):
        done, value = _constant(typed.value, typed.type, target)
        return TypedLiteral(target, value) if done else TypedCast(target, typed)
    if isinstance(typed, TypedArray) and isinstance(target, Array):
        return replace(typed, type=target, items=tuple(convert(i, target.element) for i in typed.items))
    if isinstance(typed, TypedMap) and isinstance(target, Map):
        entries = tuple((convert(k, target.key), convert(v, target.value)) for k, v in typed.entries)
        return replace(typed, type=target, entries=entries)
    if isinstance(typed, TypedStruct) and isinstance(target, Struct):
        assert isinstance(typed.type, Struct)
        known = {f.name: value for f, value in zip(typed.type.fields, typed.values, strict=True)}
        values = [convert(known.get(f.name, TypedLiteral(None, None)), f.type) for f in target.fields]
        return replace(typed, type=target, values=tuple(values))
    return TypedCast(target, typed)


def _constant(value: Constant, source: SqlType, target: SqlType) -> tuple[bool, Constant]:
    """Convert a constant here and now; False when it is left to CAST."""
    if value is None:
        return True, None
    if isinstance(value, str):
        return _from_text(value, target)
    if target == s.STRING and not isinstance(value, float | bytes | datetime.date | datetime.time):
        if isinstance(value, bool):
            return True, "true" if value else "false"
        return True, f"{value:f}" if isinstance(value, decimal.Decimal) else str(value)
    if isinstance(value, int | decimal.Decimal) and not isinstance(value, bool):
        if target == s.DOUBLE:
            return True, float(value)
        if target == s.BIGINT and source == s.INTEGER:
            return True, value
        if isinstance(target, Decimal) and converts_implicitly(source, target):
            return True, _scaled(decimal.Decimal(value), target.scale)
    return False, None


def _from_text(text: str, target: SqlType) -> tuple[bool, Constant]:
    if target == s.DATE:
        return True, parse_date(text)
    if target == s.TIME:
        return True, parse_time(text)
    if target == s.TIMESTAMP:
        return True, parse_timestamp(text)
    if target == s.BOOLEAN:
        return True, parse_boolean(text)
    number = _number(text)
    if number is None or not target.is_numeric:
        return False, None
    if target == s.DOUBLE:
        return True, float(number)
    if number.adjusted() >= _DIGITS_MAX:  # CAST fails where it is evaluated; 1E999999999 would not even fit here
        return False, None
    if isinstance(target, Decimal):
        return True, _scaled(number, target.scale)
    return True, int(number)


def _scaled(number: decimal.Decimal, scale: int) -> decimal.Decimal:
    with decimal.localcontext() as context:
        context.prec = 80
        return number.quantize(decimal.Decimal(1).scaleb(-scale))
