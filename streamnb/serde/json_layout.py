"""Layouts: the fixed text around the values of a producer's JSON documents, learned from samples.

Theory of operation: one program usually writes all documents of a topic, so they share key order, spelling and white
space. With a layout the text of a document can be rebuilt from its decoded values; when the rebuilt text equals the
document byte for byte, every question of duplicates, spelling, types, rounding or commas is answered at once: each
value stands in the document in exactly the form that its decoded value is written in.

A second test is tried where the first fails, for values written otherwise (``10`` for a DOUBLE, ``\\u00e9``): the
layout as a regular expression that leaves only forms which ``from_json`` decodes as ksqlDB does.
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
from streamnb.serde.base import Memory
from streamnb.serde.json_shape import is_rebuildable, shape_of
from streamnb.serde.json_text import constant, plain_json_text

__all__ = ["LAYOUTS_MAX", "Layout", "Member", "layout_of", "learn_layouts", "pattern_of", "rebuilt", "structure_of"]

LAYOUTS_MAX = 8
_MEMBERS_MAX = 200
_PATTERN_MEMBERS_MAX = 60

_SPACE = re.compile(r"[ \t\n\r]*")
_NAME = re.compile(r'"([^"\\\x00-\x1f]+)"')
_DECODER = json.JSONDecoder()
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

    ``name`` is None for a bare document, ``column`` for a field that no column asks for. ``spaced``: inside the value,
    commas and colons are followed by a blank.
    """

    before: str
    name: str | None
    type: s.SqlType
    quoted: bool
    column: int | None
    spaced: bool = False

    def value(self, parsed: Sql) -> Sql:
        """Write the decoded value, given the decoded document."""
        return parsed if self.name is None else sql("{}.{}", parsed, ident(self.name))


@dataclass(frozen=True)
class Layout:
    """The members of a document in order, and the text behind the last."""

    members: tuple[Member, ...]
    tail: str


@dataclass(frozen=True)
class _Found:
    """A value as it stands in a document: the text before it, its name, its own text, what it is."""

    before: str
    name: str | None
    text: str
    value: Any


class _NoLayoutError(Exception):
    """The document cannot be laid out."""


def layout_of(text: str, columns: Sequence[s.Column], bare: bool) -> tuple[Layout, bool] | None:
    """Learn the layout of one document, and whether its values have the form that they are rebuilt in.

    None when the document has no layout that rows could be proved with.
    """
    try:
        found, end = _scan_bare(text) if bare else _scan_record(text)
        members = [_member(f, columns, c) for f, c in zip(found, _columns_of(found, columns, bare), strict=True)]
    except (ValueError, RecursionError, _NoLayoutError):
        return None
    names = {m.name.lower() for m in members if m.name is not None}
    tail = text[end:]
    if tail.strip("} \t\r\n") or "\x00" in text or (not bare and len(names) != len(members)):
        return None
    usual = all(_is_usual(f, m.type) for f, m in zip(found, members, strict=True))
    return Layout(tuple(members), tail), usual


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _scan_bare(text: str) -> tuple[list[_Found], int]:
    start = _skip(text, 0)
    value, end = _DECODER.raw_decode(text, start)
    return [_Found(text[:start], None, text[start:end], value)], end


def _scan_record(text: str) -> tuple[list[_Found], int]:
    """List the values of an object and find the place behind the last."""
    found: list[_Found] = []
    mark = 0
    position = _skip(text, 0)
    if text[position : position + 1] != "{":
        raise _NoLayoutError
    while len(found) < _MEMBERS_MAX:
        name = _NAME.match(text, _skip(text, position + 1))
        if name is None:
            raise _NoLayoutError
        position = _skip(text, name.end())
        if text[position : position + 1] != ":":
            raise _NoLayoutError
        start = _skip(text, position + 1)
        value, end = _DECODER.raw_decode(text, start)
        found.append(_Found(text[mark:start], name.group(1), text[start:end], value))
        mark, position = end, _skip(text, end)
        following = text[position : position + 1]
        if following == "}" and text.count("}", mark) == 1:
            return found, mark
        if following != ",":
            raise _NoLayoutError
    raise _NoLayoutError


def _columns_of(found: Sequence[_Found], columns: Sequence[s.Column], bare: bool) -> list[int | None]:
    """Say for each value which column it fills: by the exact name, or else by the upper-cased one."""
    if bare:
        return [0]
    names = [f.name or "" for f in found]
    uppers = {name.upper(): name for name in names}
    wanted = [c.name if c.name in names else uppers.get(c.name) for c in columns]
    if any(wanted.count(name) > 1 for name in names):
        raise _NoLayoutError  # one value fills two columns
    return [wanted.index(name) if name in wanted else None for name in names]


def _member(found: _Found, columns: Sequence[s.Column], column: int | None) -> Member:
    kind = _guessed(found.value) if column is None else _read_as(columns[column].type, found)
    if kind is None:
        raise _NoLayoutError
    spaced = '": ' in found.text or '", ' in found.text or bool(re.match(r"\[[^\"]*, ", found.text))
    return Member(found.before, found.name, *kind, column, spaced and not found.text.startswith('"'))


def _read_as(type_: s.SqlType, found: _Found) -> tuple[s.SqlType, bool] | None:
    """Choose the type that ``from_json`` reads a column's value as, and whether it stands in quotes."""
    quoted = found.text.startswith('"')
    if not (quoted or _fits(type_, found.value)):
        return None
    if type_ in (s.STRING, s.BYTES):
        return (s.STRING, True) if quoted or found.value is None else None
    if type_ in _INTEGERS:
        return _INTEGERS[type_], quoted
    if quoted or not is_rebuildable(type_):
        return None
    shape = shape_of(type_, found.value)
    return None if shape is None else (shape, False)


def _fits(type_: s.SqlType, value: Any) -> bool:
    """Tell whether a value that is no text has the kind that a type is read from."""
    if value is None:
        return True
    if isinstance(type_, s.Array):
        return isinstance(value, list)
    if isinstance(type_, (s.Map, s.Struct)):
        return isinstance(value, dict)
    return isinstance(value, bool) == (type_ == s.BOOLEAN) and isinstance(value, (int, float))


def _guessed(value: Any) -> tuple[s.SqlType, bool] | None:
    """Choose how to read a value that no column asks for."""
    if isinstance(value, bool):
        return s.BOOLEAN, False
    if isinstance(value, int):
        return s.BIGINT, False
    if isinstance(value, float):
        return s.DOUBLE, False
    return (s.STRING, True) if value is None or isinstance(value, str) else None


def _is_usual(found: _Found, type_: s.SqlType) -> bool:
    """Tell whether a scalar value is written as it will be rebuilt."""
    if found.value is None:
        return True
    if type_ == s.STRING:
        return found.text == constant(found.value)
    if type_ == s.DOUBLE:
        return isinstance(found.value, float) and found.text == repr(found.value)
    if isinstance(type_, s.Decimal):
        return len(found.text.partition(".")[2]) == type_.scale
    return True


def learn_layouts(memory: Memory, texts: Sequence[str], columns: Sequence[s.Column], bare: bool) -> None:
    """Learn from sample documents, the commonest layout first; layouts that contradict known ones are left out."""
    layouts: list[Layout] = memory.layouts
    learned = [found for text in texts if (found := layout_of(text, columns, bare)) is not None]
    memory.unusual = memory.unusual or not all(usual for _, usual in learned)
    for layout, _ in Counter(layout for layout, _ in learned).most_common():
        if layout in layouts or len(layouts) >= LAYOUTS_MAX:
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
        text = plain_json_text(member.value(parsed), member.type, spaced=member.spaced)
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
