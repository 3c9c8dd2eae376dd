"""Scalar functions between bytes and texts, numbers and UUIDs."""

from __future__ import annotations

import base64
import binascii
import re
import struct
import uuid
from collections.abc import Callable
from typing import Any

from streamnb.functions.declare import Function, in_sql, in_values

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


def _number(code: str, size: int) -> Callable[..., Any]:
    """Make a reader of numbers of ``size`` bytes."""

    def read(value: bytes, order: str = "BIG_ENDIAN") -> Any:
        mark = {"BIG_ENDIAN": ">", "LITTLE_ENDIAN": "<"}.get(order.upper())
        if mark is None:
            raise ValueError(f"Byte order must be BIG_ENDIAN or LITTLE_ENDIAN, not {order}")
        if len(value) != size:
            raise ValueError(f"Number of bytes must be equal to {size}, but found {len(value)}")
        return struct.unpack(mark + code, value)[0]

    return read


def _uuid(value: bytes) -> str | None:
    return str(uuid.UUID(bytes=value)) if len(value) == 16 else None


def _from_bytes_function(type_: str, code: str, size: int) -> Function:
    read = _number(code, size)
    return Function(
        f"{type_}_FROM_BYTES",
        "conversions",
        f"Reads {size} bytes as {type_}; the byte order is BIG_ENDIAN or LITTLE_ENDIAN.",
        (
            in_values(f"(value BYTES) -> {type_}", read, can_raise=True),
            in_values(f"(value BYTES, byte_order STRING) -> {type_}", read, can_raise=True),
        ),
    )


FUNCTIONS: tuple[Function, ...] = (
    _from_bytes_function("BIGINT", "q", 8),
    _from_bytes_function("DOUBLE", "d", 8),
    _from_bytes_function("INT", "i", 4),
    Function(
        "ENCODE",
        "string",
        "Changes the encoding of a text: hex, utf8, ascii or base64.",
        (in_values("(text STRING, source STRING, target STRING) -> STRING", _encode, can_raise=True),),
    ),
    Function(
        "FROM_BYTES",
        "string",
        "Writes bytes as text in an encoding: hex, utf8, ascii or base64.",
        (in_values("(value BYTES, encoding STRING) -> STRING", _from_bytes, can_raise=True),),
    ),
    Function(
        "TO_BYTES",
        "string",
        "Reads a text in an encoding (hex, utf8, ascii or base64) as bytes.",
        (in_values("(text STRING, encoding STRING) -> BYTES", _to_bytes, can_raise=True),),
    ),
    Function(
        "UUID",
        "string",
        "Returns a new random UUID, or the one that 16 bytes spell.",
        (
            in_sql("() -> STRING", "uuid()::VARCHAR", volatile=True),
            in_values("(value BYTES) -> STRING", _uuid),
        ),
    ),
)
