"""Values as the user's functions see them, checked against the SQL types they are declared with.

Python has: bool, int, float, str, bytes, ``decimal.Decimal``, ``datetime.date``, ``time`` and naive ``datetime`` in
UTC, list, dict (MAP, and STRUCT by its fields' names). What a function returns is taken strictly, because Arrow is
not: it cuts 1.5 to 1 and splits a text into a list of letters.
"""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from streamnb import schema as s
from streamnb.duck import field_names
from streamnb.functions.values import holds_map
from streamnb.schema import SqlType
from streamnb.serde.arrow import arrow_type

__all__ = ["Converter", "WrongValue", "are_exact", "column_array", "converter", "read_column"]

Converter = Callable[[Any], Any]
"""Makes a new value of an SQL type out of what a function returned. Raises: WrongValue."""

_SHOWN_MAX = 60
_EXACT: dict[SqlType, type] = {
    s.BOOLEAN: bool,
    s.INTEGER: int,
    s.BIGINT: int,
    s.DOUBLE: float,
    s.STRING: str,
    s.BYTES: bytes,
}
_BITS: dict[SqlType, int] = {s.INTEGER: 31, s.BIGINT: 63}


class WrongValue(Exception):
    """A value is not of the type it is declared with."""

    def __init__(self, value: object, type_: SqlType, more: str = "") -> None:
        text = repr(value)
        text = text if len(text) <= _SHOWN_MAX else f"{text[: _SHOWN_MAX - 3]}..."
        super().__init__(f"it returned {text} ({type(value).__name__}) where {type_} is declared{more}")


# Into SQL


def converter(type_: SqlType) -> Converter:
    """Make the converter of a type."""
    if isinstance(type_, s.Array):
        return _array(type_)
    if isinstance(type_, s.Map):
        return _map(type_)
    if isinstance(type_, s.Struct):
        return _struct(type_)
    if isinstance(type_, s.Decimal):
        return _decimal(type_)
    convert = _PRIMITIVES[type_]
    return lambda value: None if value is None else convert(value, type_)


def are_exact(values: Sequence[Any], type_: SqlType) -> bool:
    """Tell, without a look at each, whether all values are of the type already; False where it takes a look."""
    exact = _EXACT.get(type_)
    if exact is None or not set(map(type, values)) <= {exact, type(None)}:
        return False
    if type_ == s.STRING:
        return all(v is None or v.isascii() for v in values)
    if type_ in _BITS:
        limit = 1 << _BITS[type_]
        known = [v for v in values if v is not None]
        return not known or (min(known) >= -limit and max(known) < limit)
    return True


def _whole(value: Any, type_: SqlType) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise WrongValue(value, type_)
    bits = _BITS[type_]
    if not -(1 << bits) <= value < 1 << bits:
        raise WrongValue(value, type_, ", which cannot hold it")
    return int(value)


def _boolean(value: Any, type_: SqlType) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise WrongValue(value, type_)
    return bool(value)


def _double(value: Any, type_: SqlType) -> float:
    if isinstance(value, bool) or not isinstance(value, float | int | np.floating | np.integer | decimal.Decimal):
        raise WrongValue(value, type_)
    return float(value)


def _text(value: Any, type_: SqlType) -> str:
    if not isinstance(value, str):
        raise WrongValue(value, type_)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise WrongValue(value, type_, ", and it is no Unicode text") from error
    return str(value)


def _bytes(value: Any, type_: SqlType) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise WrongValue(value, type_)
    return bytes(value)


def _date(value: Any, type_: SqlType) -> datetime.date:
    if not isinstance(value, datetime.date) or isinstance(value, datetime.datetime):
        raise WrongValue(value, type_)
    return value


def _time(value: Any, type_: SqlType) -> datetime.time:
    if not isinstance(value, datetime.time):
        raise WrongValue(value, type_)
    return value.replace(tzinfo=None)


def _timestamp(value: Any, type_: SqlType) -> datetime.datetime:
    if not isinstance(value, datetime.datetime):
        raise WrongValue(value, type_)
    return value if value.tzinfo is None else value.astimezone(datetime.UTC).replace(tzinfo=None)


_PRIMITIVES: dict[SqlType, Callable[[Any, SqlType], Any]] = {
    s.BOOLEAN: _boolean,
    s.INTEGER: _whole,
    s.BIGINT: _whole,
    s.DOUBLE: _double,
    s.STRING: _text,
    s.BYTES: _bytes,
    s.DATE: _date,
    s.TIME: _time,
    s.TIMESTAMP: _timestamp,
}


def _decimal(type_: s.Decimal) -> Converter:
    """Round to the scale, half up, as ksqlDB does; what is too large is wrong."""
    unit = decimal.Decimal(1).scaleb(-type_.scale)
    context = decimal.Context(prec=type_.precision, rounding=decimal.ROUND_HALF_UP)

    def convert(value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, decimal.Decimal | int):
            raise WrongValue(value, type_)
        try:
            return decimal.Decimal(value).quantize(unit, context=context)
        except decimal.InvalidOperation as error:
            raise WrongValue(value, type_, ", which cannot hold it") from error

    return convert


def _array(type_: s.Array) -> Converter:
    element = converter(type_.element)

    def convert(value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, list | tuple | np.ndarray):
            raise WrongValue(value, type_)
        items = list(value)
        return items if are_exact(items, type_.element) else [element(item) for item in items]

    return convert


def _map(type_: s.Map) -> Converter:
    key, item = converter(type_.key), converter(type_.value)

    def convert(value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, dict):
            raise WrongValue(value, type_)
        if None in value:
            raise WrongValue(value, type_, ", and a key is None")
        return {key(k): item(v) for k, v in value.items()}

    return convert


def _struct(type_: s.Struct) -> Converter:
    fields = {f.name: converter(f.type) for f in type_.fields}

    def convert(value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, dict):
            raise WrongValue(value, type_)
        named = value
        if not value.keys() <= fields.keys():
            named = {k if k in fields else str(k).upper(): v for k, v in value.items()}
            strange = [k for k in named if k not in fields]
            if strange:
                raise WrongValue(value, type_, f", which has no field {strange[0]}")
        return {name: field(named.get(name)) for name, field in fields.items()}

    return convert


def column_array(values: Sequence[Any], type_: SqlType) -> pa.Array:
    """Build the Arrow array of values that a converter of the type has made."""
    if _renames(type_):
        values = [_to_duck(v, type_) for v in values]
    return pa.array(values, arrow_type(type_))


# Out of SQL


def read_column(array: pa.ChunkedArray | pa.Array, type_: SqlType) -> list[Any]:
    """List the Python values of a column of a type."""
    values: list[Any] = array.to_pylist(maps_as_pydicts="strict") if holds_map(type_) else array.to_pylist()
    return [_from_duck(v, type_) for v in values] if _renames(type_) else values


def _renames(type_: SqlType) -> bool:
    """Tell whether DuckDB knows a field by another name than SQL does."""
    if isinstance(type_, s.Array):
        return _renames(type_.element)
    if isinstance(type_, s.Map):
        return _renames(type_.key) or _renames(type_.value)
    if isinstance(type_, s.Struct):
        names = tuple(f.name for f in type_.fields)
        return names != field_names(type_) or any(_renames(f.type) for f in type_.fields)
    return False


def _to_duck(value: Any, type_: SqlType) -> Any:
    if value is None:
        return None
    if isinstance(type_, s.Array):
        return [_to_duck(v, type_.element) for v in value]
    if isinstance(type_, s.Map):
        return {_to_duck(k, type_.key): _to_duck(v, type_.value) for k, v in value.items()}
    if isinstance(type_, s.Struct):
        names = zip(field_names(type_), type_.fields, strict=True)
        return {n: _to_duck(value[f.name], f.type) for n, f in names}
    return value


def _from_duck(value: Any, type_: SqlType) -> Any:
    if value is None:
        return None
    if isinstance(type_, s.Array):
        return [_from_duck(v, type_.element) for v in value]
    if isinstance(type_, s.Map):
        return {_from_duck(k, type_.key): _from_duck(v, type_.value) for k, v in value.items()}
    if isinstance(type_, s.Struct):
        names = zip(field_names(type_), type_.fields, strict=True)
        return {f.name: _from_duck(value[n], f.type) for n, f in names}
    return value
