"""Layouts: the fixed text around the values of a producer's JSON documents, learned from samples.

Theory of operation: one program usually writes all documents of a topic, so they share key order, spelling and white
space. With a layout the text of a document can be rebuilt from its decoded values; when the rebuilt text equals the
document byte for byte, every question of duplicates, spelling, types, rounding or commas is answered at once: each
value stands in the document in exactly the form that its decoded value is written in.

A second test is tried where the first fails, for values written otherwise (``10`` for a DOUBLE, ``\\u00e9``): the layout
as a regular expression that leaves only forms which ``from_json`` decodes as ksqlDB does.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from streamnb import schema as s
from streamnb.duck import Sql, duck_type, ident, join, lit, sql
from streamnb.serde.json_text import json_text

__all__ = ["LAYOUTS_MAX", "Layout", "Member", "add_layouts", "layout_of", "pattern_of", "rebuilt", "structure_of"]

LAYOUTS_MAX = 8
_MEMBERS_MAX = 200
_PATTERN_MEMBERS_MAX = 60

_SPACE = re.compile(r"[ \t\n\r]*")
_NAME = re.compile(r'"([^"\\\x00-\x1f]+)"')
_DECODER = json.JSONDecoder()
_LEAVES = frozenset({s.BOOLEAN, s.INTEGER, s.BIGINT, s.DOUBLE, s.STRING})
_INTEGERS: dict[s.SqlType, s.SqlType] = {
    s.INTEGER: s.INTEGER,
    s.BIGINT: s.BIGINT,
    s.DATE: s.INTEGER,
    s.TIME: s.INTEGER,
    s.TIMESTAMP: s.BIGINT,
}


@dataclass(frozen=True)
class Member:
    """One value of a document: the text before it, its name, the type it is read as, the column that it fills.

    ``name`` is None for a bare document, ``column`` for a field that no column asks for.
    """

    before: str
    name: str | None
    type: s.SqlType
    quoted: bool
    column: int | None

    def value(self, parsed: Sql) -> Sql:
        """Write the decoded value, given the decoded document."""
        return parsed if self.name is None else sql("{}.{}", parsed, ident(self.name))


@dataclass(frozen=True)
class Layout:
    """The members of a document in order, and the text behind the last."""

    members: tuple[Member, ...]
    tail: str


def _read_as(type_: s.SqlType, text: str, value: Any) -> tuple[s.SqlType, bool] | None:
    """Choose the type that ``from_json`` reads a column's value as, and whether it stands in quotes."""
    quoted = text.startswith('"')
    if type_ in (s.STRING, s.BYTES):
        return (s.STRING, True) if quoted or value is None else None
    if type_ in _INTEGERS:
        return _INTEGERS[type_], quoted
    return (type_, False) if not quoted and _is_rebuildable(type_) else None


def _is_rebuildable(type_: s.SqlType) -> bool:
    """Tell whether the JSON text of a decoded value pins the value down at every depth."""
    if isinstance(type_, s.Array):
        return _is_rebuildable(type_.element)
    if isinstance(type_, s.Map):
        return type_.key == s.STRING and _is_rebuildable(type_.value)
    if isinstance(type_, s.Struct):
        names = {f.name.lower() for f in type_.fields}
        return len(names) == len(type_.fields) > 0 and all(f.name and _is_rebuildable(f.type) for f in type_.fields)
    return type_ in _LEAVES or isinstance(type_, s.Decimal)


def _guessed(value: Any) -> tuple[s.SqlType, bool] | None:
    """Choose how to read a value that no column asks for."""
    if isinstance(value, bool):
        return s.BOOLEAN, False
    if isinstance(value, int):
        return s.BIGINT, False
    if isinstance(value, float):
        return s.DOUBLE, False
    return (s.STRING, True) if value is None or isinstance(value, str) else None


def layout_of(text: str, columns: Sequence[s.Column], bare: bool) -> Layout | None:
    """Learn the layout of one document; None when it has none that the fast path could prove rows with."""
    try:
        members, position = _scan_bare(text, columns) if bare else _scan_record(text, columns)
    except (ValueError, RecursionError, _NoLayout):
        return None
    tail = text[position:]
    names = {m.name.lower() for m in members if m.name is not None}
    if tail.strip(" \t\r\n") or "\x00" in text or (not bare and len(names) != len(members)):
        return None
    return Layout(tuple(members), text[len(text) - len(tail) :] if bare else "}" + tail)


class _NoLayout(Exception):
    """The document cannot be laid out."""


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _scan_bare(text: str, columns: Sequence[s.Column]) -> tuple[list[Member], int]:
    start = _skip(text, 0)
    value, end = _DECODER.raw_decode(text, start)
    kind = _read_as(columns[0].type, text[start : start + 1], value)
    if kind is None:
        raise _NoLayout
    return [Member(text[:start], None, *kind, column=0)], end


def _scan_record(text: str, columns: Sequence[s.Column]) -> tuple[list[Member], int]:
    """List the members of an object and find the place behind its closing brace."""
    found: list[tuple[str, str, str, Any]] = []  # text before the value, name, first character, value
    mark = 0
    position = _skip(text, 0)
    if text[position : position + 1] != "{":
        raise _NoLayout
    while len(found) < _MEMBERS_MAX:
        name = _NAME.match(text, _skip(text, position + 1))
        if name is None:
            raise _NoLayout
        position = _skip(text, name.end())
        if text[position : position + 1] != ":":
            raise _NoLayout
        start = _skip(text, position + 1)
        value, end = _DECODER.raw_decode(text, start)
        found.append((text[mark:start], name.group(1), text[start], value))
        mark, position = end, _skip(text, end)
        if text[position : position + 1] == "}":
            return _members(found, text[mark:position], columns), position + 1
        if text[position : position + 1] != ",":
            raise _NoLayout
    raise _NoLayout


def _members(found: list[tuple[str, str, str, Any]], gap: str, columns: Sequence[s.Column]) -> list[Member]:
    if gap:
        raise _NoLayout  # white space before the closing brace
    names = [name for _, name, _, _ in found]
    uppers = {name.upper(): name for name in names}
    columns_of = {(c.name if c.name in names else uppers.get(c.name)): i for i, c in enumerate(columns)}
    members = []
    for before, name, first, value in found:
        column = columns_of.get(name)
        kind = _guessed(value) if column is None else _read_as(columns[column].type, first, value)
        if kind is None:
            raise _NoLayout
        members.append(Member(before, name, *kind, column=column))
    return members


def add_layouts(layouts: list[Layout], texts: Sequence[str], columns: Sequence[s.Column], bare: bool) -> None:
    """Learn from sample documents, the commonest layout first; layouts that contradict known ones are left out."""
    counts = Counter(layout_of(text, columns, bare) for text in texts)
    for layout, _ in counts.most_common():
        if layout is None or layout in layouts or len(layouts) >= LAYOUTS_MAX:
            continue
        if structure_of([*layouts, layout]) is not None:
            layouts.append(layout)


def structure_of(layouts: Sequence[Layout]) -> Sql | None:
    """Write the structure argument of ``from_json`` that serves all layouts; None when they contradict each other."""
    types: dict[str, tuple[str | None, str]] = {}
    for layout in layouts:
        for member in layout.members:
            entry = (member.name, str(duck_type(member.type)))
            if types.setdefault((member.name or "").lower(), entry) != entry:
                return None
    if any(name is None for name, _ in types.values()):
        return lit(json.dumps(next(iter(types.values()))[1]))
    return lit(json.dumps(dict(types.values())))


def rebuilt(layout: Layout, parsed: Sql) -> Sql:
    """Write the text of a document again from its decoded values."""
    parts: list[Sql] = []
    for member in layout.members:
        text = json_text(member.value(parsed), member.type)
        if member.quoted and member.type != s.STRING:
            text = sql("('\"' || {} || '\"')", text)
        parts += [lit(member.before), sql("coalesce({}, 'null')", text)]
    return sql("concat({})", join(", ", [*parts, lit(layout.tail)]))


_STRING_PATTERN = (
    r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u(?:[0-9a-ce-fA-CE-F][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2}'
    r'|[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}))*"'
)
_PATTERNS: dict[s.SqlType, str] = {
    s.STRING: _STRING_PATTERN,
    s.BOOLEAN: "true|false",
    s.INTEGER: "0|-?[1-9][0-9]{0,8}",
    s.BIGINT: "0|-?[1-9][0-9]{0,17}",
    s.DOUBLE: r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?(?:[eE][+-]?[0-9]{1,2})?",
}


def pattern_of(layout: Layout) -> str | None:
    """Write a layout as a regular expression (RE2); None when a value has no pattern."""
    if len(layout.members) > _PATTERN_MEMBERS_MAX:
        return None
    parts = []
    for member in layout.members:
        pattern = _pattern(member.type)
        if pattern is None or (member.quoted and member.type != s.STRING):
            return None
        parts.append(f"{_quote(member.before)}(?:null|{pattern})")
    return "".join(parts) + _quote(layout.tail)


def _quote(text: str) -> str:
    """Escape a constant for RE2, byte for byte where it is plain ASCII."""
    return re.sub(r"([^\w\s\"\x80-\U0010ffff])", r"\\\1", text)


def _pattern(type_: s.SqlType) -> str | None:
    if isinstance(type_, s.Decimal):
        whole = type_.precision - type_.scale
        digits = f"(?:0|[1-9][0-9]{{0,{whole - 1}}})" if whole else "0"
        return f"-?{digits}" + (rf"(?:\.[0-9]{{1,{type_.scale}}})?" if type_.scale else "")
    return _PATTERNS.get(type_)
