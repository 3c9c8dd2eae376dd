"""Scalar functions that write and read dates, times and timestamps with Java's patterns.

A constant pattern of common letters is translated for DuckDB's strftime and strptime; a text that such a pattern does
not read to the letter, and every other pattern, goes to the translator of Java's patterns in Python.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from functools import lru_cache

from streamnb.duck import Sql, lit
from streamnb.functions.declare import Builder, Call, Function, Overload, fill, in_values
from streamnb.functions.javatime import DATE_LETTERS, TIME_LETTERS, Parsed, Token, java_pattern, zone

__all__ = ["FUNCTIONS"]

_CATEGORY = "date time"
_UTC = datetime.UTC
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=_UTC)
_EPOCH_DAY = datetime.date(1970, 1, 1)

# Java letters, what strftime calls them, and the texts that strptime and Java read alike.
_WRITTEN = {
    "yyyy": "%Y",
    "uuuu": "%Y",
    "MM": "%m",
    "MMM": "%b",
    "MMMM": "%B",
    "dd": "%d",
    "DDD": "%j",
    "E": "%a",
    "EEE": "%a",
    "EEEE": "%A",
    "HH": "%H",
    "hh": "%I",
    "mm": "%M",
    "ss": "%S",
    "SSS": "%g",
    "SSSSSS": "%f",
    "a": "%p",
}
_READ = {
    "yyyy": r"\d\d\d\d",
    "MM": r"\d\d",
    "dd": r"\d\d",
    "HH": r"\d\d",
    "mm": r"\d\d",
    "ss": r"\d\d",
    "SSS": r"\d\d\d",
    "X": "Z",
    "XXX": "Z",
}


def _epoch_ms(moment: datetime.datetime) -> int:
    return (moment - _EPOCH) // datetime.timedelta(milliseconds=1)


def _moment(ms: int, zone_name: str) -> datetime.datetime:
    return (_EPOCH + datetime.timedelta(milliseconds=ms)).astimezone(zone(zone_name))


def _format_ms(ms: int, pattern: str, zone_name: str = "UTC") -> str:
    return java_pattern(pattern).format(_moment(ms, zone_name))


def _format_timestamp(value: datetime.datetime, pattern: str, zone_name: str = "UTC") -> str:
    return java_pattern(pattern).format(value.replace(tzinfo=_UTC).astimezone(zone(zone_name)))


def _format_date(value: datetime.date, pattern: str) -> str:
    moment = datetime.datetime.combine(value, datetime.time(), tzinfo=_UTC)
    return java_pattern(pattern).format(moment, DATE_LETTERS)


def _format_days(days: int, pattern: str) -> str:
    return _format_date(_EPOCH_DAY + datetime.timedelta(days=days), pattern)


def _format_time(value: datetime.time, pattern: str) -> str:
    moment = datetime.datetime.combine(_EPOCH_DAY, value, tzinfo=_UTC)
    return java_pattern(pattern).format(moment, TIME_LETTERS)


def _parse_ms(text: str, pattern: str, zone_name: str = "UTC") -> int:
    return java_pattern(pattern).parse(text).epoch_ms(zone(zone_name))


def _parse_timestamp(text: str, pattern: str, zone_name: str = "UTC") -> datetime.datetime:
    ms = _parse_ms(text, pattern, zone_name)
    return (_EPOCH + datetime.timedelta(milliseconds=ms)).replace(tzinfo=None)


def _parse_date(text: str, pattern: str) -> datetime.date:
    return java_pattern(pattern).parse(text).date()


def _parse_days(text: str, pattern: str) -> int:
    return (_parse_date(text, pattern) - _EPOCH_DAY).days


def _parse_time(text: str, pattern: str) -> datetime.time:
    parsed: Parsed = java_pattern(pattern).parse(text)
    if not parsed.has("HkKhAN"):
        raise ValueError(f"Text '{text}' could not be parsed: no time of day in it")
    return parsed.time()


def _convert_tz(value: datetime.datetime, source: str, target: str) -> datetime.datetime:
    return value.replace(tzinfo=zone(source)).astimezone(zone(target)).replace(tzinfo=None)


# The same in DuckDB, for constant patterns

_LITERAL = re.compile(r"'((?:[^']|'')*)'\Z")


def _constant_tokens(piece: Sql) -> list[Token] | None:
    """Read the pattern in a text literal; None when it is no constant, or no pattern."""
    found = _LITERAL.match(piece)
    try:
        return java_pattern(found.group(1).replace("''", "'")).tokens if found else None
    except ValueError:
        return None


def _strftime(tokens: list[Token]) -> str | None:
    """Translate a pattern, or return None when DuckDB lacks one of its letters."""
    parts = []
    for token in tokens:
        text = _WRITTEN.get(token.letter * token.count) if token.letter else token.text.replace("%", "%%")
        if text is None:
            return None
        parts.append(text)
    return "".join(parts)


def _fixed_offset_ms(pieces: Sequence[Sql]) -> int | None:
    """Find the offset of a constant zone behind the pattern, 0 where there is none; None when it varies or is odd."""
    if len(pieces) < 3:
        return 0
    found = _LITERAL.match(pieces[2])
    try:
        offset = zone(found.group(1).replace("''", "'")).utcoffset(None) if found else None
    except ValueError:
        return None
    return None if offset is None else offset // datetime.timedelta(milliseconds=1)


def _shifted(moment: str, offset_ms: int) -> str:
    return f"({moment} + to_milliseconds({offset_ms}))" if offset_ms else moment


def _format_first(argument: str, letters: frozenset[str] | None = None) -> Builder:
    """Make the builder of a function that writes ``argument``; a zone whose offset varies is left to Python."""

    def build(call: Call) -> Sql | None:
        pieces = call.pieces()
        tokens, offset_ms = _constant_tokens(pieces[1]), _fixed_offset_ms(pieces)
        if (
            tokens is None
            or offset_ms is None
            or (letters is not None and any(t.letter and t.letter not in letters for t in tokens))
        ):
            return None
        written = _strftime(tokens)
        if written is None:
            return None
        return fill(f"strftime({_shifted(argument, offset_ms)}, {{1}})", (pieces[0], lit(written)))

    return build


@lru_cache(maxsize=256)
def _strptime(tokens: tuple[Token, ...], needed: frozenset[str]) -> tuple[str, str] | None:
    """Translate a pattern to the form of the texts that are sure, and strptime's format; None where it cannot be."""
    if {t.letter for t in tokens} & needed != needed:
        return None
    shape, form = [], []
    for token in tokens:
        letters = token.letter * token.count
        known = _READ.get(letters) if token.letter else re.escape(token.text)
        if known is None:
            return None
        shape.append(known)
        form.append(token.text.replace("%", "%%") if not token.letter else "Z" if known == "Z" else _WRITTEN[letters])
    return "".join(shape), "".join(form)


def _parse_first(result: str, needed: str) -> Builder:
    """Make the builder of a function that reads a text with the given fields and more."""

    def build(call: Call) -> Sql | None:
        pieces = call.pieces()
        tokens, offset_ms = _constant_tokens(pieces[1]), _fixed_offset_ms(pieces)
        forms = None if tokens is None else _strptime(tuple(tokens), frozenset(needed))
        if tokens is None or forms is None or offset_ms is None:
            return None
        named = any(token.letter == "X" for token in tokens)
        shape, form = f"{{{len(pieces)}}}", f"{{{len(pieces) + 1}}}"
        read = result.format(_shifted(f"try_strptime({{0}}, {form})", 0 if named else -offset_ms))
        template = f"coalesce(CASE WHEN regexp_full_match({{0}}, {shape}) THEN {read} END, {call.python})"
        return fill(template, (*pieces, lit(forms[0]), lit(forms[1])))

    return build


def _convert_in_duckdb(call: Call) -> Sql | None:
    """Shift by constant offsets; DuckDB's own time zones are of another edition than Python's."""
    value, source, target = call.pieces()
    from_ms, to_ms = (_fixed_offset_ms((value, value, piece)) for piece in (source, target))
    if from_ms is None or to_ms is None:
        return None
    return fill("({0} + to_milliseconds({1}))", (value, lit(to_ms - from_ms)))


def _writes(name: str, doc: str, *overloads: Overload) -> Function:
    return Function(name, _CATEGORY, doc, overloads)


_AS_DAYS = "({} ::DATE - DATE '1970-01-01')::INTEGER"
_MS, _TIMESTAMP = _format_first("epoch_ms({0}::BIGINT)"), _format_first("{0}")
_READ_MS, _READ_TIMESTAMP = _parse_first("epoch_ms({})", "yMd"), _parse_first("{}", "yMd")

FUNCTIONS: tuple[Function, ...] = (
    _writes(
        "CONVERT_TZ",
        "Converts a timestamp from the wall clock of one time zone to that of another.",
        in_values(
            "(value TIMESTAMP, source STRING, target STRING) -> TIMESTAMP",
            _convert_tz,
            can_raise=True,
            sql_first=_convert_in_duckdb,
        ),
    ),
    _writes(
        "DATETOSTRING",
        "Writes a number of days since the epoch as a date with a pattern.",
        in_values(
            "(days INT, pattern STRING) -> STRING",
            _format_days,
            can_raise=True,
            sql_first=_format_first("DATE '1970-01-01' + {0}", DATE_LETTERS),
        ),
    ),
    _writes(
        "FORMAT_DATE",
        "Writes a date with a pattern.",
        in_values(
            "(value DATE, pattern STRING) -> STRING",
            _format_date,
            can_raise=True,
            sql_first=_format_first("{0}", DATE_LETTERS),
        ),
    ),
    _writes(
        "FORMAT_TIME",
        "Writes a time of day with a pattern.",
        in_values(
            "(value TIME, pattern STRING) -> STRING",
            _format_time,
            can_raise=True,
            sql_first=_format_first("DATE '1970-01-01' + {0}", TIME_LETTERS),
        ),
    ),
    _writes(
        "FORMAT_TIMESTAMP",
        "Writes a timestamp with a pattern, in UTC or another time zone.",
        in_values(
            "(value TIMESTAMP, pattern STRING) -> STRING", _format_timestamp, can_raise=True, sql_first=_TIMESTAMP
        ),
        in_values(
            "(value TIMESTAMP, pattern STRING, zone STRING) -> STRING",
            _format_timestamp,
            can_raise=True,
            sql_first=_TIMESTAMP,
        ),
    ),
    _writes(
        "PARSE_DATE",
        "Reads a date with a pattern.",
        in_values(
            "(text STRING, pattern STRING) -> DATE",
            _parse_date,
            can_raise=True,
            sql_first=_parse_first("{}::DATE", "yMd"),
        ),
    ),
    _writes(
        "PARSE_TIME",
        "Reads a time of day with a pattern.",
        in_values(
            "(text STRING, pattern STRING) -> TIME",
            _parse_time,
            can_raise=True,
            sql_first=_parse_first("{}::TIME", "Hm"),
        ),
    ),
    _writes(
        "PARSE_TIMESTAMP",
        "Reads a timestamp with a pattern, in UTC or another time zone where the text names none.",
        in_values(
            "(text STRING, pattern STRING) -> TIMESTAMP", _parse_timestamp, can_raise=True, sql_first=_READ_TIMESTAMP
        ),
        in_values(
            "(text STRING, pattern STRING, zone STRING) -> TIMESTAMP",
            _parse_timestamp,
            can_raise=True,
            sql_first=_READ_TIMESTAMP,
        ),
    ),
    _writes(
        "STRINGTODATE",
        "Reads a date with a pattern, as a number of days since the epoch.",
        in_values(
            "(text STRING, pattern STRING) -> INT",
            _parse_days,
            can_raise=True,
            sql_first=_parse_first(_AS_DAYS, "yMd"),
        ),
    ),
    _writes(
        "STRINGTOTIMESTAMP",
        "Reads a timestamp with a pattern, as a number of milliseconds since the epoch.",
        in_values("(text STRING, pattern STRING) -> BIGINT", _parse_ms, can_raise=True, sql_first=_READ_MS),
        in_values(
            "(text STRING, pattern STRING, zone STRING) -> BIGINT", _parse_ms, can_raise=True, sql_first=_READ_MS
        ),
    ),
    _writes(
        "TIMESTAMPTOSTRING",
        "Writes a number of milliseconds since the epoch as a timestamp with a pattern.",
        in_values("(ms BIGINT, pattern STRING) -> STRING", _format_ms, can_raise=True, sql_first=_MS),
        in_values("(ms BIGINT, pattern STRING, zone STRING) -> STRING", _format_ms, can_raise=True, sql_first=_MS),
    ),
)
