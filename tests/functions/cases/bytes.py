"""Bytes and their encodings."""

from __future__ import annotations

from tests.functions.calling import RAISES, Arg, case


def t(value: str | None) -> Arg:
    return ("STRING", value)


def y(value: bytes | None) -> Arg:
    return ("BYTES", value)


CASES = [
    case("BIGINT_FROM_BYTES", y(bytes(7) + b"\x05"), gives=5),
    case("BIGINT_FROM_BYTES", y(b"\x05" + bytes(7)), t("LITTLE_ENDIAN"), gives=5),
    case("INT_FROM_BYTES", y(b"\x00\x00\x07\xe5"), gives=2021),
    case("INT_FROM_BYTES", y(b"\x00"), gives=RAISES),
    case("INT_FROM_BYTES", y(bytes(4)), t("MIDDLE"), gives=RAISES),
    case("DOUBLE_FROM_BYTES", y(b"\x3f\xf8" + bytes(6)), gives=1.5),
    case("CONCAT", y(b"a"), y(None), y(b"b"), gives=b"ab"),
    case("CONCAT_WS", y(b"-"), y(b"a"), y(None), y(b""), gives=b"a-"),
    case("CONCAT_WS", y(b"-"), y(None), gives=b""),
    case("ENCODE", t("0x4f4b"), t("hex"), t("ascii"), gives="OK"),
    case("ENCODE", t("X'4F4b'"), t("hex"), t("base64"), gives="T0s="),
    case("ENCODE", t("αβ"), t("ascii"), t("hex"), gives="3f3f"),
    case("ENCODE", t("0x54f4b"), t("hex"), t("base64"), gives="BU9L"),
    case("ENCODE", t("54f4b"), t("hex"), t("base64"), gives=RAISES),
    case("ENCODE", t("OK"), t("rot13"), t("hex"), gives=RAISES),
    case("ENCODE", t(None), t("rot13"), t("hex"), gives=None),
    case("FROM_BYTES", y(b"OK"), t("base64"), gives="T0s="),
    case("FROM_BYTES", y(b"\xff"), t("utf8"), gives="\ufffd"),
    case("TO_BYTES", t("T0s="), t("base64"), gives=b"OK"),
    case("TO_BYTES", t("T0s"), t("base64"), gives=RAISES),
    case("LEN", y(b""), gives=0),
    case("LPAD", y(b"yes"), ("INT", 8), y(b"no"), gives=b"nononyes"),
    case("RPAD", y(b"yes"), ("INT", 8), y(b"no"), gives=b"yesnonon"),
    case("RPAD", y(b"yes"), ("INT", 2), y(b"no"), gives=b"ye"),
    case("RPAD", y(b"yes"), ("INT", 2), y(b""), gives=None),
    case("SPLIT", y(b"a$$b"), y(b"$$"), gives=[b"a", b"b"]),
    case("SPLIT", y(b"ab"), y(b""), gives=[b"a", b"b"]),
    case("SUBSTRING", y(b"stream"), ("INT", 3), gives=b"ream"),
    case("SUBSTRING", y(b"stream"), ("INT", -3), ("INT", 2), gives=b"ea"),
    case("SUBSTRING", y(b"stream"), ("INT", 9), gives=b""),
    case("SUBSTRING", y(b"stream"), ("INT", 1), ("INT", 0), gives=b""),
    case("UUID", y(bytes(range(16))), gives="00010203-0405-0607-0809-0a0b0c0d0e0f"),
    case("UUID", y(b"short"), gives=None),
]
