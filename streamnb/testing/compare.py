"""Compares what came out with what a case expects.

Numbers are compared as ksqlDB's runner does: whole numbers exactly (the expected one is truncated first), decimals with
digits and scale, doubles within a relative error of 1e-9.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from streamnb.schema import DOUBLE, Array, Column, Field, Map, SqlType, Struct
from streamnb.schema import Decimal as DecimalType

__all__ = ["nodes_match", "record_matches", "side_type"]


def nodes_match(expected: Any, actual: Any, type_: SqlType | None = None) -> bool:
    """Tell whether a node matches an expected one; ``type_`` is the column type where it is known."""
    if expected is None:
        return actual is None
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    if isinstance(expected, Mapping):
        return isinstance(actual, Mapping) and _objects_match(expected, actual, type_)
    if isinstance(expected, list):
        element = type_.element if isinstance(type_, Array) else None
        return (
            isinstance(actual, list)
            and len(expected) == len(actual)
            and all(nodes_match(e, a, element) for e, a in zip(expected, actual, strict=True))
        )
    if isinstance(expected, str):
        return _texts_match(expected, actual)
    return _numbers_match(expected, actual, type_)


def _objects_match(expected: Mapping[str, Any], actual: Mapping[str, Any], type_: SqlType | None) -> bool:
    if len(expected) != len(actual):
        return False
    for name, value in expected.items():
        found = name if name in actual else name.upper()
        if value is not None and found not in actual:
            return False
        if not nodes_match(value, actual.get(found), _inner(type_, found)):
            return False
    return True


def _inner(type_: SqlType | None, name: str) -> SqlType | None:
    if isinstance(type_, Map):
        return type_.value
    if isinstance(type_, Struct):
        field = type_.field(name)
        return field.type if field is not None else None
    return None


def _texts_match(expected: str, actual: Any) -> bool:
    if isinstance(actual, bytes):
        return base64.b64encode(actual).decode() == expected
    if isinstance(actual, Decimal):
        return f"{actual:f}" == expected
    return bool(expected == actual)


def _numbers_match(expected: Any, actual: Any, type_: SqlType | None) -> bool:
    if not isinstance(actual, int | float | Decimal):
        return False
    if type_ == DOUBLE or isinstance(actual, float):
        return math.isclose(float(expected), float(actual), rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(type_, DecimalType) or isinstance(actual, Decimal):
        wanted = Decimal(expected)
        return wanted == actual and wanted.as_tuple().exponent == Decimal(actual).as_tuple().exponent
    return int(expected) == actual


def record_matches(
    expected: Mapping[str, Any],
    actual: Mapping[str, Any],
    key: SqlType | None,
    value: SqlType | None,
    *,
    no_inputs: bool,
) -> str | None:
    """Compare a record's window, key, value, headers and timestamp; say what differs, or None."""
    window = expected.get("window")
    wanted = (window["start"], window["end"], window.get("type", "time").lower()) if window else None
    if wanted != actual["window"]:
        return f"window {actual['window']}, expected {wanted}"
    if not nodes_match(expected.get("key"), actual["key"], key):
        return f"key {actual['key']!r}, expected {expected.get('key')!r}"
    if not nodes_match(expected.get("value"), actual["value"], value):
        return f"value {_short(actual['value'])}, expected {_short(expected.get('value'))}"
    headers = [(h["KEY"], _decoded(h["VALUE"])) for h in expected.get("headers", [])]
    if headers != actual["headers"]:
        return f"headers {actual['headers']}, expected {headers}"
    timestamp = expected.get("timestamp")
    if timestamp is None or timestamp == actual["timestamp"] or (no_inputs and timestamp == 0):
        return None
    return f"timestamp {actual['timestamp']}, expected {timestamp}"


def _decoded(base64_text: str | None) -> bytes | None:
    return None if base64_text is None else base64.b64decode(base64_text)


def _short(node: Any) -> str:
    text = repr(node)
    return text if len(text) <= 300 else text[:300] + "…"


def side_type(columns: Sequence[Column], *, bare: bool) -> SqlType | None:
    """Give the type of one side's node: that of its only column when it stands bare, else a struct of them."""
    if not columns:
        return None
    if bare:
        return columns[0].type
    return Struct(tuple(Field(c.name, c.type) for c in columns))
