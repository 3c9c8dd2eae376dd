"""The strict JSON decoder against ksqlDB's rules."""

from __future__ import annotations

import math
from decimal import Decimal as D
from typing import Any

import pytest

from streamnb import schema as s
from streamnb.schema import Column
from streamnb.serde import Undecodable
from streamnb.serde.json_strict import record_decoder


def decode_one(type_: s.SqlType, text: str | bytes) -> Any:
    data = text.encode() if isinstance(text, str) else text
    values = record_decoder([Column("A", type_)], bare=True)(data)
    return values if values is None else values[0]


@pytest.mark.parametrize(
    ("type_", "text", "expected"),
    [
        (s.INTEGER, "1.7", 1),
        (s.INTEGER, "-1.7", -1),
        (s.INTEGER, "2147483648", -2147483648),
        (s.INTEGER, "1e10", 1410065408),
        (s.INTEGER, '"7"', 7),
        (s.INTEGER, '"+7"', 7),
        (s.INTEGER, "-0", 0),
        (s.BIGINT, "9223372036854775808", -9223372036854775808),
        (s.BIGINT, '"-9223372036854775808"', -9223372036854775808),
        (s.DOUBLE, "1", 1.0),
        (s.DOUBLE, "1e400", math.inf),
        (s.DOUBLE, '" 1.5d "', 1.5),
        (s.DOUBLE, '"0x1p3"', 8.0),
        (s.DOUBLE, '"-Infinity"', -math.inf),
        (s.BOOLEAN, "true", True),
        (s.STRING, "10.10", "10.10"),
        (s.STRING, "1e5", "1E+5"),
        (s.STRING, "-0.0", "0.0"),
        (s.STRING, "true", "true"),
        (s.STRING, '{"b": 1, "a": [1.50, null]}', '{"b":1,"a":[1.50,null]}'),
        (s.STRING, '[1, "x", null]', "[1, x, null]"),
        (s.STRING, '"\\ud800"', "?"),
        (s.STRING, '"\\ud83d\\ude00"', "😀"),
        (s.STRING, '"a\\u0000b"', "a\x00b"),
        (s.Decimal(10, 2), "12.5", D("12.50")),
        (s.Decimal(10, 2), "12.500", D("12.50")),
        (s.Decimal(10, 2), '"1E2"', D("100.00")),
        (s.Decimal(38, 18), "12345678901234567890.123456789012345678", D("12345678901234567890.123456789012345678")),
        (s.BYTES, '"YWI="', b"ab"),
        (s.DATE, "-10", -10),
        (s.TIME, "86399999", 86_399_999_000),
        (s.TIMESTAMP, "-1", -1000),
        (s.Array(s.INTEGER), "[1, 2.9, null]", [1, 2, None]),
        (s.Map(s.STRING, s.INTEGER), '{"a": 1, "a": 2}', [("a", 2)]),
        (s.INTEGER, "7 xyz", 7),
        (s.STRING, '"a"b', "a"),
    ],
)
def test_value_is_converted_as_ksqldb_does(type_: s.SqlType, text: str, expected: Any) -> None:
    assert decode_one(type_, text) == expected


@pytest.mark.parametrize(
    ("type_", "text", "message"),
    [
        (s.INTEGER, '" 7 "', "Can't coerce string to type. targetType: INTEGER"),
        (s.INTEGER, '"1.5"', "Can't coerce string to type. targetType: INTEGER"),
        (s.INTEGER, "true", "Can't convert type. sourceType: BooleanNode, requiredType: INTEGER"),
        (s.INTEGER, '"2147483648"', "Can't coerce string to type. targetType: INTEGER"),
        (s.BOOLEAN, "1", "Can't convert type. sourceType: IntNode, requiredType: BOOLEAN"),
        (s.BOOLEAN, '"true"', "Can't convert type. sourceType: TextNode, requiredType: BOOLEAN"),
        (s.DOUBLE, "[1]", "Can't convert type. sourceType: ArrayNode, requiredType: DOUBLE"),
        (s.Decimal(10, 2), "12345678.905", "Cannot fit decimal '12345678.905' into DECIMAL(10, 2) without rounding"),
        (s.Decimal(4, 2), "100", "Numeric field overflow"),
        (s.Decimal(4, 2), "1e-999999", "Cannot fit decimal"),
        (s.BYTES, '"*"', "Value is not a valid Base64 encoded string"),
        (s.BYTES, "1", "Can't convert type. sourceType: IntNode, requiredType: BYTES"),
        (s.TIME, "86400000", "Time values must use number of milliseconds"),
        (s.Array(s.INTEGER), "{}", "requiredType: ARRAY<INTEGER>"),
        (s.INTEGER, "NaN", "Non-standard token 'NaN'"),
        (s.INTEGER, "1x", "Unexpected character ('x')"),
        (s.INTEGER, "01", "Unexpected character ('1')"),
        (s.BOOLEAN, "truex", "Unexpected character ('x')"),
        (s.STRING, '"a\nb"', "Invalid control character"),
        (s.STRING, "", "No content to map due to end-of-input"),
        (s.STRING, "  ", "No content to map due to end-of-input"),
        (s.STRING, b'"\xff"', "Invalid UTF-8 byte at offset 1"),
        (s.INTEGER, "1" * 1001, "exceeds the maximum allowed (1000)"),
        (s.INTEGER, "1e100001", "number is too large"),
        (s.STRING, "[" * 1000 + "]" * 1000, "nesting depth exceeds"),
    ],
)
def test_value_is_refused_when_ksqldb_refuses(type_: s.SqlType, text: str | bytes, message: str) -> None:
    with pytest.raises(Undecodable) as error:
        decode_one(type_, text)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"id": 1}', [1]),
        (b'{"ID": 1, "id": 2}', [1]),
        (b'{"id": 1, "Id": 2}', [2]),
        (b'{"ID": 1, "ID": 2}', [2]),
        (b'{"ID": null, "id": 2}', [None]),
        (b'{"OTHER": {"ID": 1}}', [None]),
        (b'{"ID": 1} xyz', [1]),
        (b'\xef\xbb\xbf{"ID": 1}', [1]),
        (b"null", None),
    ],
)
def test_fields_are_matched_by_exact_name_then_upper_case(text: bytes, expected: list[Any] | None) -> None:
    assert record_decoder([Column("ID", s.INTEGER)], bare=False)(text) == expected


@pytest.mark.parametrize("text", [b"[1]", b"5", b'"x"', b'{"ID":1,}', b"{ID:1}", b"{'ID':1}", b'{"ID":1', b"/**/{}"])
def test_record_is_refused_when_it_is_no_object(text: bytes) -> None:
    with pytest.raises(Undecodable):
        record_decoder([Column("ID", s.INTEGER)], bare=False)(text)


def test_message_names_the_path_of_a_nested_value() -> None:
    type_ = s.Struct((s.Field("B", s.Struct((s.Field("C", s.BOOLEAN),))),))
    with pytest.raises(Undecodable) as error:
        record_decoder([Column("A", type_)], bare=False)(b'{"a": {"b": {"c": 1}}}')
    assert str(error.value) == "Can't convert type. sourceType: IntNode, requiredType: BOOLEAN, path: $.A.B.C"
