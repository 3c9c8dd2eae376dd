"""Single values as ksqlDB's deserialisers convert them: wrapping integers, Java's number grammar, exact decimals."""

from __future__ import annotations

import base64
import binascii
import re
from decimal import Decimal as Number

from streamnb.schema import Decimal
from streamnb.serde.base import Undecodable

__all__ = [
    "DATE_DAYS_MAX",
    "TIMESTAMP_MS_MAX",
    "TIME_MS_MAX",
    "check_date",
    "check_time",
    "check_timestamp",
    "decimal_text",
    "fit_decimal",
    "mime_base64",
    "parse_java_decimal",
    "parse_java_double",
    "parse_java_integer",
    "replace_surrogates",
    "truncate",
    "wrap",
]

DATE_DAYS_MAX = 100_000_000
TIMESTAMP_MS_MAX = 9_200_000_000_000_000
TIME_MS_MAX = 86_399_999

_INTEGER = re.compile(r"[+-]?[0-9]+\Z")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,10})?\Z")
_DOUBLE = re.compile(r"([+-]?)(?:(NaN|Infinity)|((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[fFdD]?)\Z")
_HEX_DOUBLE = re.compile(r"[+-]?0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?[0-9]+([fFdD]?)\Z")
_EXPONENT_MAX = 100_000
_JAVA_BLANKS = "".join(map(chr, range(0x21)))
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=]")


def wrap(value: int, bits: int) -> int:
    """Keep the low bits of an integer as Java's narrowing does."""
    half = 1 << (bits - 1)
    return ((value + half) & ((1 << bits) - 1)) - half


def truncate(value: Number) -> int:
    """Drop the fraction of a number.

    Raises: Undecodable when the number is too large to be written out.
    """
    if not value:
        return 0
    if value.adjusted() < 0:
        return 0
    if value.adjusted() > _EXPONENT_MAX:
        raise Undecodable(f"number is too large: {value}")
    return int(value)


def parse_java_integer(text: str, bits: int) -> int | None:
    """Read an integer as ``Integer.parseInt`` or ``Long.parseLong`` do; None when they refuse."""
    if not _INTEGER.match(text) or len(text) > 1000:
        return None
    value = int(text)
    return value if wrap(value, bits) == value else None


def parse_java_double(text: str) -> float | None:
    """Read a number as ``Double.parseDouble`` does; None when it refuses."""
    stripped = text.strip(_JAVA_BLANKS)
    match = _DOUBLE.match(stripped)
    if match:
        sign, special, digits = match.groups()
        return float(sign + (special or digits))
    match = _HEX_DOUBLE.match(stripped)
    if match is None:
        return None
    try:
        return float.fromhex(stripped[: len(stripped) - len(match.group(1))])
    except OverflowError:
        return float("-inf" if stripped.startswith("-") else "inf")


def parse_java_decimal(text: str) -> Number | None:
    """Read an exact number as ``new BigDecimal(text)`` does; None when it refuses."""
    return Number(text) if _DECIMAL.match(text) else None


def decimal_text(value: Number) -> str:
    """Write a number as ``BigDecimal.toString`` does; it knows no negative zero."""
    text = str(value)
    return text[1:] if not value and text.startswith("-") else text


def fit_decimal(value: Number, type_: Decimal) -> Number:
    """Give a number the scale of a DECIMAL type.

    Raises: Undecodable when digits would be lost on either side.
    """
    if value and value.adjusted() >= type_.precision - type_.scale:
        raise Undecodable(
            f"Numeric field overflow: A field with precision {type_.precision} and scale {type_.scale} must round to an"
            f" absolute value less than 10^{type_.precision - type_.scale}. Got {value}"
        )
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    unscaled = int("".join(map(str, digits)) or "0")
    shift = exponent + type_.scale
    if unscaled == 0:
        return Number((0, (0,), -type_.scale))
    if shift >= 0:
        unscaled *= 10**shift
    else:
        unscaled, rest = divmod(unscaled, 10**-shift) if -shift <= len(digits) else (0, 1)
        if rest:
            raise Undecodable(
                f"Cannot fit decimal '{value}' into DECIMAL({type_.precision}, {type_.scale}) without rounding."
                f" (Requires {len(digits)},{-exponent})"
            )
    return Number((sign, tuple(map(int, str(unscaled))), -type_.scale))


def check_date(days: int) -> int:
    """Pass days since the epoch through, if a DATE can hold them."""
    if abs(days) > DATE_DAYS_MAX:
        raise Undecodable(f"DATE is out of range: {days} days")
    return days


def check_time(millis: int) -> int:
    """Turn milliseconds of a day into microseconds."""
    if not 0 <= millis <= TIME_MS_MAX:
        raise Undecodable("Time values must use number of milliseconds greater than 0 and less than 86400000.")
    return millis * 1000


def check_timestamp(millis: int) -> int:
    """Turn milliseconds since the epoch into microseconds, if a TIMESTAMP can hold them."""
    if abs(millis) > TIMESTAMP_MS_MAX:
        raise Undecodable(f"TIMESTAMP is out of range: {millis} ms")
    return millis * 1000


def mime_base64(text: str) -> bytes | None:
    """Decode base64 and pass over foreign characters such as line ends; None when it is no base64."""
    kept = _NOT_BASE64.sub(b"", text.encode("utf-8", "replace"))
    try:
        return base64.b64decode(kept + b"=" * (-len(kept.rstrip(b"=")) % 4 if not kept.endswith(b"=") else 0))
    except (binascii.Error, ValueError):
        return None


def replace_surrogates(text: str) -> str:
    """Write ``?`` for half surrogate pairs, as Java does when it encodes them: no column can hold them."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text
