"""Scalar functions between bytes and texts, numbers and UUIDs."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

from streamnb.duck import Sql
from streamnb.functions.declare import Call, Function, Overload, fail, fill, in_sql, in_values

__all__ = ["FUNCTIONS"]

_HEX_MARKS = ((re.compile(r"0[xX](.*)\Z", re.S), True), (re.compile(r"[xX]'(.*)'\Z", re.S), False))


def _hex_bytes(text: str) -> bytes:
    """Read hexadecimal digits, bare, as 0x... or as x'...'; only 0x may stand before an odd number of them."""
    for mark, may_be_odd in _HEX_MARKS:
        found = mark.match(text)
        if found:
            digits = found.group(1)
            return bytes.fromhex("0" + digits if may_be_odd and len(digits) % 2 else digits)
    return bytes.fromhex(text)


def _ascii_text(value: bytes) -> str:
    return value.decode("ascii", errors="replace")


def _base64_bytes(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii"), validate=True)


_TO_BYTES: dict[str, Callable[[str], bytes]] = {
    "hex": _hex_bytes,
    "utf8": lambda text: text.encode(),
    "ascii": lambda text: text.encode("ascii", errors="replace"),
    "base64": _base64_bytes,
}
_FROM_BYTES: dict[str, Callable[[bytes], str]] = {
    "hex": lambda value: value.hex(),
    "utf8": lambda value: value.decode(errors="replace"),
    "ascii": _ascii_text,
    "base64": lambda value: base64.b64encode(value).decode(),
}


def _codec(codecs: dict[str, Any], encoding: str) -> Any:
    found = codecs.get(encoding.lower())
    if found is None:
        raise ValueError(f"Unknown encoding type '{encoding}'. Supported types are: hex, utf8, ascii, base64")
    return found


def _to_bytes(text: str, encoding: str) -> bytes:
    try:
        result: bytes = _codec(_TO_BYTES, encoding)(text)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError(f"text is not {encoding}: {error}") from error
    return result


def _from_bytes(value: bytes, encoding: str) -> str:
    result: str = _codec(_FROM_BYTES, encoding)(value)
    return result


def _encode(text: str, source: str, target: str) -> str:
    return _from_bytes(_to_bytes(text, source), target)


_TO = {
    "hex": ("regexp_full_match({0}, '([0-9A-Fa-f]{{2}})*')", "from_hex({0})"),
    "utf8": ("true", "encode({0})"),
    "ascii": ("true", r"encode(regexp_replace({0}, '[^\x00-\x7f]', '?', 'g'))"),
    "base64": (
        "regexp_full_match({0}, '([A-Za-z0-9+/]{{4}})*([A-Za-z0-9+/]{{3}}=|[A-Za-z0-9+/]{{2}}==)?')",
        "from_base64({0})",
    ),
}
"""By encoding: what the texts are like that DuckDB reads as Python does, and how; the others are left to Python."""
_FROM = {
    "hex": "lower(hex({}))",
    "utf8": "TRY(decode({}))",
    "ascii": "list_transform([TRY(decode({}))], lambda read: CASE WHEN strlen(read) = length(read) THEN read END)[1]",
    "base64": "to_base64({})",
}
"""By encoding: how bytes are written, NULL where that is left to Python."""


def _encoding(piece: Sql) -> str:
    return piece.strip("'").lower()


def _to_bytes_in_duckdb(call: Call) -> Sql | None:
    text, encoding = call.pieces()
    if _encoding(encoding) not in _TO:
        return None
    known, read = _TO[_encoding(encoding)]
    return fill(f"CASE WHEN {known} THEN {read} ELSE {call.python} END", (text, encoding))


def _from_bytes_in_duckdb(call: Call) -> Sql | None:
    value, encoding = call.pieces()
    written = _FROM.get(_encoding(encoding))
    if written is None:
        return None
    return fill(f"coalesce({written.format('{0}')}, {call.python})", (value, encoding))


def _encode_in_duckdb(call: Call) -> Sql | None:
    _, source, target = call.pieces()
    if _encoding(source) not in _TO or _encoding(target) not in _FROM:
        return None
    known, read = _TO[_encoding(source)]
    written = _FROM[_encoding(target)].format(read)
    return fill(f"coalesce(CASE WHEN {known} THEN {written} END, {call.python})", call.pieces())


def _number(type_: str, size: int) -> tuple[Overload, Overload]:
    """Declare the readers of numbers of ``size`` bytes, as they are or the other way round."""
    wrong_size = fail(f"Number of bytes must be equal to {size}", type_)
    wrong_order = fail("Byte order must be BIG_ENDIAN or LITTLE_ENDIAN", type_)
    reverse = " || ".join(f"({{0}})[{i}:{i}]" for i in range(size, 0, -1))
    sized = f"CASE WHEN octet_length({{0}}) = {size} THEN {{}} WHEN {{0}} IS NOT NULL THEN {wrong_size} END"
    big, little = (sized.replace("{}", f"({value})::BIT::{type_}") for value in ("{0}", reverse))
    ordered = (
        f"CASE WHEN upper({{1}}) = 'BIG_ENDIAN' THEN {big} WHEN upper({{1}}) = 'LITTLE_ENDIAN' THEN {little}"
        f" WHEN {{0}} IS NOT NULL AND {{1}} IS NOT NULL THEN {wrong_order} END"
    )
    return (
        in_sql(f"(value BYTES) -> {type_}", big, can_raise=True),
        in_sql(f"(value BYTES, byte_order STRING) -> {type_}", ordered, can_raise=True),
    )


_UUID = "CASE WHEN octet_length({0}) = 16 THEN {0}::UUID::VARCHAR END"


def _from_bytes_function(type_: str, size: int) -> Function:
    return Function(
        f"{type_}_FROM_BYTES",
        "conversions",
        f"Reads {size} bytes as {type_}; the byte order is BIG_ENDIAN or LITTLE_ENDIAN.",
        _number(type_, size),
    )


FUNCTIONS: tuple[Function, ...] = (
    _from_bytes_function("BIGINT", 8),
    _from_bytes_function("DOUBLE", 8),
    _from_bytes_function("INT", 4),
    Function(
        "ENCODE",
        "string",
        "Changes the encoding of a text: hex, utf8, ascii or base64.",
        (
            in_values(
                "(text STRING, source STRING, target STRING) -> STRING",
                _encode,
                can_raise=True,
                sql_first=_encode_in_duckdb,
            ),
        ),
    ),
    Function(
        "FROM_BYTES",
        "string",
        "Writes bytes as text in an encoding: hex, utf8, ascii or base64.",
        (
            in_values(
                "(value BYTES, encoding STRING) -> STRING", _from_bytes, can_raise=True, sql_first=_from_bytes_in_duckdb
            ),
        ),
    ),
    Function(
        "TO_BYTES",
        "string",
        "Reads a text in an encoding (hex, utf8, ascii or base64) as bytes.",
        (
            in_values(
                "(text STRING, encoding STRING) -> BYTES", _to_bytes, can_raise=True, sql_first=_to_bytes_in_duckdb
            ),
        ),
    ),
    Function(
        "UUID",
        "string",
        "Returns a new random UUID, or the one that 16 bytes spell.",
        (
            in_sql("() -> STRING", "uuid()::VARCHAR", volatile=True),
            in_sql("(value BYTES) -> STRING", _UUID),
        ),
    ),
)
