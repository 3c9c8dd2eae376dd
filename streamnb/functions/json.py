"""Scalar functions of JSON texts.

DuckDB reads well-formed documents; what it would answer differently (numbers whose digits it does not keep, JSON null,
documents with text behind the first value, malformed ones) goes to the Python function of the same overload.
"""

from __future__ import annotations

import re
from typing import Any

from streamnb.duck import Sql
from streamnb.functions.declare import Call, Function, fill, in_values
from streamnb.functions.jsontext import MISSING, Number, parse_json, to_json, write_json
from streamnb.schema import BIGINT, BOOLEAN, INTEGER, STRING

__all__ = ["FUNCTIONS"]

_CATEGORY = "json"

_STEP = re.compile(r"\.([^.\[\]\"'\s]+)|\[\s*(-?\d+)\s*\]|\[\s*[\"]([^\"]*)[\"]\s*\]")


def _steps(path: str) -> list[str]:
    """Split a path such as ``$.a[0].b`` into names and positions."""
    if not path.startswith("$"):
        raise ValueError(f"Invalid JSON path: {path}")
    steps, at = [], 1
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None:
            raise ValueError(f"Invalid JSON path: {path}")
        steps.append(next(part for part in found.groups() if part is not None))
        at = found.end()
    return steps


def _extract(text: str, path: str) -> str | None:
    steps = _steps(path)
    node = parse_json(text)
    for step in steps:
        if isinstance(node, list):
            node = node[int(step)] if step.isdecimal() and int(step) < len(node) else MISSING
        else:
            node = node.get(step, MISSING) if isinstance(node, dict) else MISSING
        if node is MISSING:
            return None
    if node is MISSING:
        return None
    return str(node) if isinstance(node, str) else write_json(node)


_PLAIN_PATH = re.compile(r"'\$((?:\.[A-Za-z_@][A-Za-z0-9_@-]*|\[\d+\])*)'\Z")
_EXTRACTED = (
    "CASE WHEN {{0}} IS NULL THEN NULL WHEN json_valid({{0}}) THEN list_transform([{{0}} ->> '{path}'], lambda found:"
    " CASE WHEN found IS NULL THEN CASE WHEN contains({{0}}, 'null') THEN {python} END"
    r" WHEN regexp_matches(found, '^[-\[\{{{{0-9NI]') AND regexp_matches(found, '[.eEaf]') THEN {python}"
    " ELSE found END)[1] ELSE {python} END"
)


def _extract_in_duckdb(call: Call) -> Sql | None:
    text, path = call.pieces()
    found = _PLAIN_PATH.match(path)
    if found is None:
        return None
    quoted = re.sub(r"\.([^.\[]+)", r'."\1"', found.group(1))
    return fill(_EXTRACTED.format(path=f"${quoted}", python=call.python), (text, path))


def _is_json(text: str | None) -> bool:
    try:
        return text is not None and parse_json(text) is not MISSING
    except ValueError:
        return False


def _array_length(text: str) -> int | None:
    value = parse_json(text)
    return len(value) if isinstance(value, list) else None


def _array_length_in_duckdb(call: Call) -> Sql | None:
    # DuckDB looks at constants while planning, whichever way the CASE around goes: hence TRY.
    known = "CASE WHEN TRY(json_type({0})) = 'ARRAY' THEN json_array_length({0})::INTEGER END"
    template = f"CASE WHEN {{0}} IS NULL THEN NULL WHEN json_valid({{0}}) THEN {known} ELSE {call.python} END"
    return fill(template, call.pieces())


def _keys(text: str) -> list[str] | None:
    value = parse_json(text)
    return list(value) if isinstance(value, dict) else None


def _items(text: str) -> list[str] | None:
    value = parse_json(text)
    return [write_json(item) for item in value] if isinstance(value, list) else None


def _records(text: str) -> dict[str, str] | None:
    value = parse_json(text)
    if not isinstance(value, dict):
        return None
    return {k: v if isinstance(v, str) else write_json(v) for k, v in value.items()}


def _concat(*texts: str | None) -> str | None:
    """Merge objects, of equal names the last counts; otherwise join everything to one array."""
    if not texts or any(text is None for text in texts):
        return None
    values = [parse_json(text) for text in texts if text is not None]
    if any(value is MISSING for value in values):
        return None
    if all(isinstance(value, dict) for value in values):
        return write_json({k: v for value in values for k, v in value.items()})
    return write_json([item for value in values for item in (value if isinstance(value, list) else [value])])


def _array_contains(text: str | None, value: Any) -> bool:
    """Look for a value of the same JSON type: 1 is not in ``[1.0]``."""
    items = None if text is None else parse_json(text)
    if not isinstance(items, list):
        return False
    return any(_same(item, value) for item in items)


def _same(item: Any, value: Any) -> bool:
    if value is None or isinstance(value, bool):
        return item is value
    if isinstance(value, str):
        return not isinstance(item, Number) and bool(item == value)
    if not isinstance(item, Number):
        return False
    whole = re.fullmatch(r"-?\d+", item) is not None
    if isinstance(value, int):
        return whole and int(item) == value
    return not whole and float(item) == float(value)


def _write_in_duckdb(call: Call) -> Sql | None:
    """Leave the types to DuckDB that it writes as Jackson does."""
    if call.types[0] not in (INTEGER, BIGINT, BOOLEAN, STRING):
        return None
    return fill("coalesce(to_json({0})::VARCHAR, 'null')", call.pieces())


FUNCTIONS: tuple[Function, ...] = (
    Function(
        "EXTRACTJSONFIELD",
        _CATEGORY,
        "Returns what a path such as $.a[0].b leads to: a text as it is, anything else as JSON.",
        (in_values("(json STRING, path STRING) -> STRING", _extract, can_raise=True, sql_first=_extract_in_duckdb),),
    ),
    Function(
        "IS_JSON_STRING",
        _CATEGORY,
        "Tells whether a text is JSON.",
        (in_values("(text STRING) -> BOOLEAN", _is_json, strict=False),),
    ),
    Function(
        "JSON_ARRAY_CONTAINS",
        _CATEGORY,
        "Tells whether a JSON array has an element.",
        (in_values("(json STRING, value T) -> BOOLEAN", _array_contains, can_raise=True, strict=False),),
    ),
    Function(
        "JSON_ARRAY_LENGTH",
        _CATEGORY,
        "Counts the elements of a JSON array.",
        (in_values("(json STRING) -> INT", _array_length, can_raise=True, sql_first=_array_length_in_duckdb),),
    ),
    Function(
        "JSON_CONCAT",
        _CATEGORY,
        "Merges JSON objects, or joins other JSON values to one array.",
        (in_values("(values STRING...) -> STRING", _concat, can_raise=True, strict=False),),
    ),
    Function(
        "JSON_ITEMS",
        _CATEGORY,
        "Returns the elements of a JSON array, each as JSON.",
        (in_values("(json STRING) -> ARRAY<STRING>", _items, can_raise=True),),
    ),
    Function(
        "JSON_KEYS",
        _CATEGORY,
        "Returns the names in a JSON object.",
        (in_values("(json STRING) -> ARRAY<STRING>", _keys, can_raise=True),),
    ),
    Function(
        "JSON_RECORDS",
        _CATEGORY,
        "Returns a JSON object as a map: a text as it is, anything else as JSON.",
        (in_values("(json STRING) -> MAP<STRING, STRING>", _records, can_raise=True),),
    ),
    Function(
        "TO_JSON_STRING",
        _CATEGORY,
        "Writes a value as JSON.",
        (in_values("(value T) -> STRING", to_json, strict=False, sql_first=_write_in_duckdb),),
    ),
)
