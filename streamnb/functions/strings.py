"""Scalar functions of text, and of bytes where a function takes both. Positions count from 1."""

from __future__ import annotations

import re

from streamnb.duck import Sql, join, lit, sql
from streamnb.functions.declare import Builder, Call, Function, fill, in_sql, in_values, or_python

__all__ = ["FUNCTIONS"]

_CATEGORY = "string"
_BLANKS = "concat(" + ", ".join(f"chr({code})" for code in range(33)) + ")"
"""What Java's trim removes: every character up to the blank."""


def _places(call: Call, first: int) -> str:
    """Name the places of the arguments from an index on."""
    return ", ".join(f"{{{i}}}" for i in range(first, len(call.args)))


def _elt(call: Call) -> Sql:
    return fill(f"CASE WHEN {{0}} >= 1 THEN ([{_places(call, 1)}])[{{0}}] END", call.pieces())


def _field(call: Call) -> Sql:
    found = f"coalesce(list_position([{_places(call, 1)}], {{0}}), 0)::INTEGER"
    return fill(f"CASE WHEN {{0}} IS NULL THEN 0 ELSE {found} END", call.pieces())


def _concat(call: Call) -> Sql:
    return sql("concat({})", join(", ", call.pieces())) if call.args else lit("")


def _concat_bytes(call: Call) -> Sql:
    return join(" || ", [sql("coalesce({}, ''::BLOB)", piece) for piece in call.pieces()] or [Sql("''::BLOB")])


def _concat_ws(call: Call) -> Sql:
    pieces = call.pieces()
    return sql("concat_ws({})", join(", ", pieces if len(pieces) > 1 else (*pieces, Sql("NULL::VARCHAR"))))


def _concat_ws_bytes(call: Call) -> Sql:
    """Put the separator before each value that is not null, then cut the first one off."""
    parts = [f"coalesce({{0}} || {{{i}}}, ''::BLOB)" for i in range(1, len(call.args))] or ["''::BLOB"]
    return fill(f"CASE WHEN {{0}} IS NOT NULL THEN ({' || '.join(parts)})[octet_length({{0}}) + 1:] END", call.pieces())


def _start(length: str) -> str:
    """Find the first position: counted from the end where negative, 0 is the same as 1."""
    return f"CASE WHEN {{1}} > 0 THEN {{1}} WHEN {{1}} = 0 THEN 1 ELSE greatest({length}({{0}}) + {{1}}, 0) + 1 END"


_SUBSTRING = f"substring({{0}}, {_start('length')})"
_SUBSTRING_LENGTH = (
    "CASE WHEN {1} IS NOT NULL AND {2} IS NOT NULL"
    f" THEN substring({{0}}, {_start('length')}, greatest({{2}}, 0)) END"
)
_SLICED = f"({{0}})[{_start('octet_length')}:]"
_SLICED_LENGTH = (
    f"CASE WHEN {{0}} IS NULL OR {{1}} IS NULL OR {{2}} IS NULL THEN NULL WHEN {{2}} <= 0 THEN ''::BLOB"
    f" ELSE ({{0}})[{_start('octet_length')}:{_start('octet_length')} + {{2}}::BIGINT - 1] END"
)


def _substring(template: str) -> str:
    return f"CASE WHEN {{1}} IS NOT NULL THEN {template} END"


def _split_bytes(value: bytes, separator: bytes) -> list[bytes]:
    """Cut bytes; DuckDB cuts texts only, and takes twice as long by way of hexadecimal digits."""
    if not separator:
        return [value[i : i + 1] for i in range(len(value))] or [b""]
    return value.split(separator)


def _split_to_map(text: str, between: str, inside: str) -> dict[str, str] | None:
    """Read entries; one without the inner separator is left out, text behind a second one too."""
    if not between or not inside:
        return None
    pairs = [entry.split(inside) for entry in text.split(between) if entry]
    return {pair[0]: pair[1] for pair in pairs if len(pair) > 1}


_ESCAPE = re.compile(r"(?:\\u+([0-9a-fA-F]{4}))")


def _chr_text(text: str) -> str | None:
    r"""Decode Java escapes such as ``\u004b``, surrogate pairs included; null when the text is none."""
    if not _ESCAPE.fullmatch(text) and not re.fullmatch(f"(?:{_ESCAPE.pattern})+", text):
        return None
    units = b"".join(int(code, 16).to_bytes(2, "big") for code in _ESCAPE.findall(text))
    return units.decode("utf-16-be", errors="replace")


def _instr(text: str | None, part: str | None, position: int | None = 1, occurrence: int | None = 1) -> int:
    """Find an occurrence from a position; a negative position searches backwards from the end."""
    if text is None or part is None or not position or occurrence is None or occurrence < 1:
        return 0
    if position > 0:
        at = position - 2
        for _ in range(occurrence):
            at = text.find(part, at + 1)
            if at < 0:
                return 0
        return at + 1
    end = len(text) + position + 1
    for _ in range(min(occurrence, len(text) + 2)):  # an empty text is found at the start again and again
        at = text.rfind(part, 0, max(end, 0))
        if at < 0:
            return 0
        end = at + len(part) - 1
    return at + 1


_PAD = "CASE WHEN {{1}} >= 0 AND {{2}} <> '' THEN {}({{0}}, {{1}}, {{2}}) END"
_MISSING = "greatest({1} - octet_length({0}), 0)"
_PADDING = f"(repeat({{2}}, {_MISSING} // octet_length({{2}}) + 1))[1:{_MISSING}]"
_PAD_BYTES = "CASE WHEN {{1}} >= 0 AND octet_length({{2}}) > 0 THEN {} END"
# The text stands twice, so that DuckDB does not compute one that is a constant while planning.
_INITCAP = (
    r"CASE WHEN {0} IS NOT NULL THEN array_to_string(list_transform(regexp_extract_all({0}, '\s+|\S+'),"
    r" lambda w: upper(left(w, 1)) || lower(substring(w, 2))), '') END"
)

# NULL where there is none, and then the next one is NULL too.
_FIRST_FROM = "nullif(strpos(substring({0}, {2}), {1}), 0) + {2}::BIGINT - 1"
_NTH_FROM = (
    "CASE WHEN {3} >= 1 THEN list_reduce(range(least({3}::BIGINT, length({0}) + 1)),"
    " lambda place, n: nullif(strpos(substring({0}, place + 1), {1}), 0) + place, {2}::BIGINT - 1) END"
)


def _instr_in_duckdb(found: str) -> Builder:
    """Search forwards; from the end, and for an empty text, Python does it."""
    return or_python(f"CASE WHEN {{2}} > 0 AND {{1}} <> '' THEN coalesce({found}, 0)::INTEGER ELSE {{python}} END")


_PAIRS = (
    "list_filter(list_transform(string_split({0}, {1}), lambda entry: string_split(entry, {2})),"
    " lambda pair: len(pair) > 1)"
)
_KEYS, _VALUES = (f"list_transform(pairs, lambda pair: pair[{i}])" for i in (1, 2))
_SPLIT_TO_MAP = (
    f"CASE WHEN {{1}} <> '' AND {{2}} <> '' THEN list_transform([{_PAIRS}], lambda pairs:"
    f" CASE WHEN list_unique({_KEYS}) = len(pairs) THEN MAP({_KEYS}, {_VALUES}) ELSE {{python}} END)[1] END"
)
_CHR = (
    r"CASE WHEN regexp_full_match({0}, '\\u([0-9a-cA-CefEF][0-9a-fA-F]{{3}}|[dD][0-7][0-9a-fA-F]{{2}})')"
    " THEN chr(('0x' || substring({0}, 3))::INTEGER) ELSE {python} END"
)

FUNCTIONS: tuple[Function, ...] = (
    Function(
        "CHR",
        _CATEGORY,
        r"Returns the character of a code point, given as a number or as an escape such as '\u004b'.",
        (
            in_sql(
                "(code INT) -> STRING",
                "CASE WHEN {0} BETWEEN 0 AND 55295 OR {0} BETWEEN 57344 AND 1114111 THEN chr({0}) END",
            ),
            in_values("(code STRING) -> STRING", _chr_text, sql_first=or_python(_CHR)),
        ),
    ),
    Function(
        "CONCAT",
        _CATEGORY,
        "Joins texts or bytes, passing over nulls.",
        (in_sql("(values STRING...) -> STRING", _concat), in_sql("(values BYTES...) -> BYTES", _concat_bytes)),
    ),
    Function(
        "CONCAT_WS",
        _CATEGORY,
        "Joins texts or bytes with a separator, passing over nulls.",
        (
            in_sql("(separator STRING, values STRING...) -> STRING", _concat_ws),
            in_sql("(separator BYTES, values BYTES...) -> BYTES", _concat_ws_bytes),
        ),
    ),
    Function(
        "ELT",
        _CATEGORY,
        "Returns the nth of the texts behind n.",
        (in_sql("(n INT, values STRING...) -> STRING", _elt),),
    ),
    Function(
        "FIELD",
        _CATEGORY,
        "Returns the position of the first text among those behind it, 0 if it is not there.",
        (in_sql("(text STRING, values STRING...) -> INT", _field),),
    ),
    Function(
        "INITCAP",
        _CATEGORY,
        "Writes the first letter of each word as a capital, the others small.",
        (in_sql("(text STRING) -> STRING", _INITCAP),),
    ),
    Function(
        "INSTR",
        _CATEGORY,
        "Returns the position of a text in another, 0 if it is not there.",
        (
            in_sql("(text STRING, part STRING) -> INT", "coalesce(strpos({0}, {1}), 0)::INTEGER"),
            in_values(
                "(text STRING, part STRING, position INT) -> INT",
                _instr,
                strict=False,
                sql_first=_instr_in_duckdb(_FIRST_FROM),
            ),
            in_values(
                "(text STRING, part STRING, position INT, occurrence INT) -> INT",
                _instr,
                strict=False,
                sql_first=_instr_in_duckdb(_NTH_FROM),
            ),
        ),
    ),
    Function("LCASE", _CATEGORY, "Writes a text in small letters.", (in_sql("(text STRING) -> STRING", "lower({0})"),)),
    Function(
        "LEN",
        _CATEGORY,
        "Counts the characters of a text, or bytes.",
        (
            in_sql("(text STRING) -> INT", "length({0})::INTEGER"),
            in_sql("(value BYTES) -> INT", "octet_length({0})::INTEGER"),
        ),
    ),
    Function(
        "LPAD",
        _CATEGORY,
        "Fills a text or bytes up to a length from the left, or cuts them to it.",
        (
            in_sql("(text STRING, length INT, padding STRING) -> STRING", _PAD.format("lpad")),
            in_sql(
                "(value BYTES, length INT, padding BYTES) -> BYTES",
                _PAD_BYTES.format(f"{_PADDING} || ({{0}})[1:{{1}}]"),
            ),
        ),
    ),
    Function(
        "MD5",
        _CATEGORY,
        "Returns the MD5 hash of a text in hexadecimal digits.",
        (in_sql("(text STRING) -> STRING", "md5({0})"),),
    ),
    Function(
        "REPLACE",
        _CATEGORY,
        "Replaces every occurrence of a text.",
        (in_sql("(text STRING, old STRING, new STRING) -> STRING", "replace({0}, {1}, {2})"),),
    ),
    Function(
        "RPAD",
        _CATEGORY,
        "Fills a text or bytes up to a length from the right, or cuts them to it.",
        (
            in_sql("(text STRING, length INT, padding STRING) -> STRING", _PAD.format("rpad")),
            in_sql(
                "(value BYTES, length INT, padding BYTES) -> BYTES",
                _PAD_BYTES.format(f"({{0}})[1:{{1}}] || {_PADDING}"),
            ),
        ),
    ),
    Function(
        "SPLIT",
        _CATEGORY,
        "Cuts a text or bytes at a separator; an empty one cuts between all characters.",
        (
            in_sql(
                "(text STRING, separator STRING) -> ARRAY<STRING>",
                "CASE WHEN {1} IS NOT NULL THEN string_split({0}, {1}) END",
            ),
            in_values("(value BYTES, separator BYTES) -> ARRAY<BYTES>", _split_bytes),
        ),
    ),
    Function(
        "SPLIT_TO_MAP",
        _CATEGORY,
        "Reads a text of entries, each a key and a value, into a map.",
        (
            in_values(
                "(text STRING, entry_separator STRING, value_separator STRING) -> MAP<STRING, STRING>",
                _split_to_map,
                sql_first=or_python(_SPLIT_TO_MAP),
            ),
        ),
    ),
    Function(
        "SUBSTRING",
        _CATEGORY,
        "Returns the part from a position on, or so many characters of it; a negative position counts from the end.",
        (
            in_sql("(text STRING, position INT) -> STRING", _substring(_SUBSTRING)),
            in_sql("(text STRING, position INT, length INT) -> STRING", _SUBSTRING_LENGTH),
            in_sql("(value BYTES, position INT) -> BYTES", _substring(_SLICED)),
            in_sql("(value BYTES, position INT, length INT) -> BYTES", _SLICED_LENGTH),
        ),
    ),
    Function(
        "TRIM",
        _CATEGORY,
        "Removes blanks and control characters at both ends.",
        (in_sql("(text STRING) -> STRING", f"trim({{0}}, {_BLANKS})"),),
    ),
    Function(
        "UCASE", _CATEGORY, "Writes a text in capital letters.", (in_sql("(text STRING) -> STRING", "upper({0})"),)
    ),
)
