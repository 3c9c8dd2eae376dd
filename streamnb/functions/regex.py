"""Scalar functions of regular expressions, which are Java's.

A pattern that is a constant and means the same to RE2 runs inside DuckDB. Others run on Python's engine, translated;
what that engine cannot say (such as ``\\p{IsGreek}``) raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from streamnb.duck import Sql, sql
from streamnb.functions.declare import Builder, Call, Function, Overload, in_values

__all__ = ["FUNCTIONS", "java_pattern"]

_CATEGORY = "regular expression"

_CLASSES = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "XDigit": "0-9a-fA-F",
    "Punct": r"!-/:-@\[-`{-~",
    "Space": r"\t-\r ",
    "Blank": r" \t",
    "ASCII": r"\x00-\x7f",
}
_JAVA_ONLY = re.compile(r"\\\\|\\[pP]\{(\w+)\}|\\([zZhR])|\(\?<(?=[A-Za-z])|\\k<(\w+)>")
_ESCAPES = {"z": r"\Z", "Z": r"(?=\n?\Z)", "h": r"[ \t\xa0]", "R": r"(?:\r\n|[\n-\r\x85\u2028\u2029])"}


def _python_text(pattern: str) -> str:
    def replace(found: re.Match[str]) -> str:
        text = found.group()
        if text == "\\\\":
            return text
        if found.group(1):
            members = _CLASSES.get(found.group(1))
            if members is None:
                raise ValueError(f"regular expression class {text} is not supported")
            inside = pattern.count("[", 0, found.start()) > pattern.count("]", 0, found.start())
            if inside and text[1] == "p":
                return members
            return f"[{'^' if text[1] == 'P' else ''}{members}]"
        if found.group(2):
            return _ESCAPES[found.group(2)]
        return f"(?P={found.group(3)})" if found.group(3) else "(?P<"

    return _JAVA_ONLY.sub(replace, pattern)


@lru_cache(maxsize=512)
def java_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a Java regular expression with Python's engine.

    Raises: ValueError when it is invalid, or has no equal here.
    """
    try:
        return re.compile(_python_text(pattern), re.ASCII)
    except re.error as error:
        raise ValueError(f"Invalid regular expression pattern: {pattern}: {error}") from error


def _extract(pattern: str, text: str, group: int = 0) -> str | None:
    compiled = java_pattern(pattern)
    found = compiled.search(text) if 0 <= group <= compiled.groups else None
    return found.group(group) if found else None


def _extract_all(pattern: str, text: str, group: int = 0) -> list[str | None] | None:
    compiled = java_pattern(pattern)
    if not 0 <= group <= compiled.groups:
        return None
    return [found.group(group) for found in compiled.finditer(text)]


_REPLACEMENT = re.compile(r"\\(.)|\$(\d|\{\w+\})", re.S)


def _replace(text: str, pattern: str, replacement: str) -> str:
    compiled = java_pattern(pattern)

    def fill_in(found: re.Match[str]) -> str:
        def part(mark: re.Match[str]) -> str:
            if mark.group(1):
                return mark.group(1)
            name = mark.group(2).strip("{}")
            return found.group(int(name) if name.isdigit() else name) or ""

        return _REPLACEMENT.sub(part, replacement)

    return compiled.sub(fill_in, text)


def _split(text: str, pattern: str) -> list[str]:
    """Cut a text at every match; a pattern that can be empty also drops empty texts at the end."""
    compiled = java_pattern(pattern)
    can_be_empty = compiled.fullmatch("") is not None
    parts, at = [], 0
    for found in compiled.finditer(text):
        if can_be_empty and found.end() == 0:
            continue
        parts.append(text[at : found.start()])
        at = found.end()
    parts.append(text[at:])
    while can_be_empty and len(parts) > 1 and not parts[-1]:
        parts.pop()
    return parts


# DuckDB where a constant pattern means the same to RE2 and to Java

_COMMON = re.compile(
    r"""(?: [^\\$\[\](){}*+?|^]            # a plain character
        | \\[dDwWsS.\-/()\[\]{}*+?|^$\\]   # an escape both have
        | \[\^?(?:[^\\\[\]&]|\\[dws.\-/()\[\]{}*+?|^$\\])+\]
        | \((?:\?:)? | \) | \| | \^
        )(?:[*+?]\??|\{\d{1,3}(?:,\d{0,3})?\}\??)?(?![*+?{])""",
    re.VERBOSE,
)
_LITERAL = re.compile(r"'((?:[^']|'')*)'\Z")


def _constant(piece: Sql) -> str | None:
    """Read a text literal back."""
    found = _LITERAL.match(piece)
    return found.group(1).replace("''", "'") if found else None


@lru_cache(maxsize=512)
def _is_common(pattern: str) -> bool:
    """Tell whether a pattern means the same to RE2 and to Java."""
    at = 0
    while at < len(pattern):
        found = _COMMON.match(pattern, at)
        if found is None:
            return False
        at = found.end()
    try:
        compiled = java_pattern(pattern)
    except ValueError:
        return False
    return bool(pattern) and compiled.fullmatch("") is None


def _optional_group(pattern: str) -> bool:
    """Tell whether a group may take no part in a match, which RE2 reports as an empty text."""
    return "|" in pattern or re.search(r"\)[*?{]", pattern) is not None


def _in_duckdb(call: Call) -> Sql | None:
    """Write a call of REGEXP_EXTRACT, _EXTRACT_ALL as DuckDB SQL, or return None when Python has to run it."""
    pieces = call.pieces()
    pattern = _constant(pieces[0])
    if pattern is None or not _is_common(pattern):
        return None
    if len(pieces) == 2:
        return sql("regexp_extract_all({}, {}, 0)", pieces[1], pieces[0])
    if not re.fullmatch(r"\d", pieces[2]) or int(pieces[2]) > java_pattern(pattern).groups or _optional_group(pattern):
        return None
    return sql("regexp_extract_all({}, {}, {})", pieces[1], pieces[0], pieces[2])


def _extract_in_duckdb(call: Call) -> Sql | None:
    found = _in_duckdb(call)
    return None if found is None else sql("({})[1]", found)


def _replace_in_duckdb(call: Call) -> Sql | None:
    text, pattern, replacement = call.pieces()
    known, by = _constant(pattern), _constant(replacement)
    if known is None or by is None or not _is_common(known) or "\\" in by or "$" in by:
        return None
    return sql("regexp_replace({}, {}, {}, 'g')", text, pattern, replacement)


def _split_in_duckdb(call: Call) -> Sql | None:
    text, pattern = call.pieces()
    known = _constant(pattern)
    return None if known is None or not _is_common(known) else sql("string_split_regex({}, {})", text, pattern)


def _overload(text: str, function: Callable[..., object], first: Builder) -> Overload:
    return in_values(text, function, can_raise=True, sql_first=first)


FUNCTIONS: tuple[Function, ...] = (
    Function(
        "REGEXP_EXTRACT",
        _CATEGORY,
        "Returns the first match of a pattern, or of one of its groups.",
        (
            _overload("(pattern STRING, text STRING) -> STRING", _extract, _extract_in_duckdb),
            _overload("(pattern STRING, text STRING, group INT) -> STRING", _extract, _extract_in_duckdb),
        ),
    ),
    Function(
        "REGEXP_EXTRACT_ALL",
        _CATEGORY,
        "Returns all matches of a pattern, or of one of its groups.",
        (
            _overload("(pattern STRING, text STRING) -> ARRAY<STRING>", _extract_all, _in_duckdb),
            _overload("(pattern STRING, text STRING, group INT) -> ARRAY<STRING>", _extract_all, _in_duckdb),
        ),
    ),
    Function(
        "REGEXP_REPLACE",
        _CATEGORY,
        "Replaces all matches of a pattern; $1 in the replacement is the first group.",
        (_overload("(text STRING, pattern STRING, new STRING) -> STRING", _replace, _replace_in_duckdb),),
    ),
    Function(
        "REGEXP_SPLIT_TO_ARRAY",
        _CATEGORY,
        "Cuts a text at every match of a pattern.",
        (_overload("(text STRING, pattern STRING) -> ARRAY<STRING>", _split, _split_in_duckdb),),
    ),
)
