"""Scalar functions of JSON texts.

DuckDB reads well-formed documents; what it would answer differently (numbers whose digits it does not keep, JSON null,
documents with text behind the first value, malformed ones) goes to the Python function of the same overload.
"""

from __future__ import annotations

import re
from typing import Any

from streamnb.duck import Sql
from streamnb.functions.declare import Builder, Call, Function, fill, in_values, or_python
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


# DuckDB takes for JSON what Jackson does not: NaN, infinities, and a comma at the end of an array or object.
_ODD = r"regexp_matches({0}, '(?i)nan|inf|,\s*[\]\}}]')"
_VALID = f"(json_valid({{0}}) AND NOT {_ODD})"
# What DuckDB writes otherwise than it was read: escapes, fractions, and numbers without a BIGINT of that text.
_KEPT = rf"({_VALID} AND NOT regexp_matches({{0}}, '\\|[0-9][.eE]|-0|[0-9]{{{{19}}}}'))"
# DuckDB looks at constants while planning, whichever way the CASE around goes: hence TRY.
_KIND = "TRY(json_type({0}))"


def _parsed(kind: str, condition: str, result: str) -> Builder:
    """Make the builder of a function of a document of a kind, null for the others; Python reads what is odd."""
    return or_python(f"CASE WHEN {condition} THEN CASE WHEN {_KIND} = '{kind}' THEN {result} END ELSE {{python}} END")


_PLAIN_PATH = re.compile(r"'\$((?:\.[A-Za-z_@][A-Za-z0-9_@-]*|\[\d+\])*)'\Z")
_EXTRACTED = (
    "CASE WHEN {{0}} IS NULL THEN NULL WHEN {readable} THEN list_transform([{{0}} ->> '{path}'], lambda found:"
    " CASE WHEN found IS NULL THEN CASE WHEN contains({{0}}, 'null') THEN {python} END"
    r" WHEN regexp_matches(found, '^[-\[\{{{{0-9NI]') AND regexp_matches(found, '[.eEaf\{{{{]') THEN {python}"
    " WHEN contains({{0}}, '-0') AND contains(found, '0') THEN {python} ELSE found END)[1] ELSE {python} END"
)
_ESCAPED_NAME = r"\\u00(2[dD]|3[0-9]|[4-7])"
"""Finds a character escaped that the name of a plain path can have; nobody escapes those."""


def _has_names_once(path: str) -> str:
    """Write a condition under which DuckDB, which takes the first of equal names, finds what Jackson does: the last.

    Nearly all documents hold each name of the path once; only of the others the keys of its objects are counted.
    """
    names = [(path[: found.start()], found.group(1)) for found in re.finditer(r"\.\"([^\"]+)\"", path)]
    if not names:
        return _VALID
    twice = "|".join(dict.fromkeys(f'"{name}".*"{name}"' for _, name in names))
    count = "coalesce(len(list_filter(json_keys({{0}}, '{}'), lambda name: name = '{}')), 0)"
    once = " AND ".join(f"{count.format(place, name)} <= 1" for place, name in names)
    suspect = _ODD.replace("(?i)nan|inf", f"(?s)(?i:nan|inf)|{_ESCAPED_NAME}|{twice}")
    return (
        f"CASE WHEN NOT json_valid({{0}}) THEN false WHEN NOT {suspect} THEN true"
        f" WHEN {_ODD} OR regexp_matches({{0}}, '{_ESCAPED_NAME}') THEN false ELSE {once} END"
    )


def _extract_in_duckdb(call: Call) -> Sql | None:
    text, path = call.pieces()
    found = _PLAIN_PATH.match(path)
    if found is None:
        return None
    quoted = "$" + re.sub(r"\.([^.\[]+)", r'."\1"', found.group(1))
    return fill(_EXTRACTED.format(readable=_has_names_once(quoted), path=quoted, python=call.python), (text, path))


def _is_json(text: str | None) -> bool:
    try:
        return text is not None and parse_json(text) is not MISSING
    except ValueError:
        return False


def _array_length(text: str) -> int | None:
    value = parse_json(text)
    return len(value) if isinstance(value, list) else None


_LENGTH = _parsed("ARRAY", _VALID, "json_array_length({0})::INTEGER")


def _keys(text: str) -> list[str] | None:
    value = parse_json(text)
    return list(value) if isinstance(value, dict) else None


# Python drops what stands twice in an object.
_DISTINCT = (
    "list_transform([json_keys({0})], lambda names: CASE WHEN list_unique(names) = len(names) THEN names"
    " ELSE {python} END)[1]"
)
_KEYS = _parsed("OBJECT", _VALID, _DISTINCT)


def _items(text: str) -> list[str] | None:
    value = parse_json(text)
    return [write_json(item) for item in value] if isinstance(value, list) else None


def _records(text: str) -> dict[str, str] | None:
    value = parse_json(text)
    if not isinstance(value, dict):
        return None
    return {k: v if isinstance(v, str) else write_json(v) for k, v in value.items()}


_ITEM_IS_ODD = (
    r"contains(item, '{{') AND NOT (regexp_full_match(item, '\{{[^\{{]*\}}')"
    " AND list_unique(TRY(json_keys(item))) = len(TRY(json_keys(item))))"
)
_ITEMS = _parsed(
    "ARRAY",
    _KEPT,
    "list_transform([json_extract({0}, '$[*]')::VARCHAR[]], lambda items:"
    f" CASE WHEN len(list_filter(items, lambda item: {_ITEM_IS_ODD})) = 0 THEN items ELSE {{python}} END)[1]",
)
_RECORDS = _parsed(
    "OBJECT",
    rf"({_KEPT} AND regexp_full_match({{0}}, '[^\{{{{]*\{{{{[^\{{{{]*'))",
    "list_transform([json_keys({0})], lambda names: CASE WHEN list_unique(names) = len(names)"
    " THEN MAP(names, list_transform(json_extract({0}, '$.*'), lambda item:"
    " CASE WHEN json_type(item) = 'VARCHAR' THEN item ->> '$' ELSE item::VARCHAR END)) ELSE {python} END)[1]",
)


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


_CONTAINS = (
    f"CASE WHEN {{0}} IS NULL THEN false WHEN {_VALID} THEN {_KIND} = 'ARRAY' AND list_contains("
    "TRY(json_extract({0}, '$[*]'))::VARCHAR[], coalesce(to_json({1})::VARCHAR, 'null')) ELSE {python} END"
)


def _contains_in_duckdb(call: Call) -> Sql | None:
    """Compare what DuckDB writes, which for other types than these is not one text for equal values."""
    return or_python(_CONTAINS)(call) if call.types[1] in (INTEGER, BIGINT, BOOLEAN, STRING) else None


_IS_JSON = f"CASE WHEN {{0}} IS NULL THEN false WHEN {_VALID} THEN true ELSE {{python}} END"


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
        (in_values("(text STRING) -> BOOLEAN", _is_json, strict=False, sql_first=or_python(_IS_JSON)),),
    ),
    Function(
        "JSON_ARRAY_CONTAINS",
        _CATEGORY,
        "Tells whether a JSON array has an element.",
        (
            in_values(
                "(json STRING, value T) -> BOOLEAN",
                _array_contains,
                can_raise=True,
                strict=False,
                sql_first=_contains_in_duckdb,
            ),
        ),
    ),
    Function(
        "JSON_ARRAY_LENGTH",
        _CATEGORY,
        "Counts the elements of a JSON array.",
        (in_values("(json STRING) -> INT", _array_length, can_raise=True, sql_first=_LENGTH),),
    ),
    Function(
        "JSON_CONCAT",
        _CATEGORY,
        # Merging by name is a loop in SQL too.
        "Merges JSON objects, or joins other JSON values to one array.",
        (in_values("(values STRING...) -> STRING", _concat, can_raise=True, strict=False),),
    ),
    Function(
        "JSON_ITEMS",
        _CATEGORY,
        "Returns the elements of a JSON array, each as JSON.",
        (in_values("(json STRING) -> ARRAY<STRING>", _items, can_raise=True, sql_first=_ITEMS),),
    ),
    Function(
        "JSON_KEYS",
        _CATEGORY,
        "Returns the names in a JSON object.",
        (in_values("(json STRING) -> ARRAY<STRING>", _keys, can_raise=True, sql_first=_KEYS),),
    ),
    Function(
        "JSON_RECORDS",
        _CATEGORY,
        "Returns a JSON object as a map: a text as it is, anything else as JSON.",
        (in_values("(json STRING) -> MAP<STRING, STRING>", _records, can_raise=True, sql_first=_RECORDS),),
    ),
    Function(
        "TO_JSON_STRING",
        _CATEGORY,
        "Writes a value as JSON.",
        (in_values("(value T) -> STRING", to_json, strict=False, sql_first=_write_in_duckdb),),
    ),
)
