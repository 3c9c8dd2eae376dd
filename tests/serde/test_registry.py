"""Formats by name, their declared features, and delimiters."""

from __future__ import annotations

import pytest

from streamnb import schema as s
from streamnb.errors import KsqlError
from streamnb.serde import FORMAT_NAMES, format_named, parse_delimiter


def test_formats_are_found_in_any_case() -> None:
    assert [format_named(n).name for n in ("json", "Delimited", "KAFKA", "none")] == [
        "JSON",
        "DELIMITED",
        "KAFKA",
        "NONE",
    ]


@pytest.mark.parametrize("name", ["AVRO", "PROTOBUF", "PROTOBUF_NOSR", "JSON_SR"])
def test_formats_to_come_are_named_as_not_available(name: str) -> None:
    assert name in FORMAT_NAMES
    with pytest.raises(KsqlError, match="not available yet"):
        format_named(name)


def test_unknown_format_is_refused() -> None:
    with pytest.raises(KsqlError, match="Unknown format: XML"):
        format_named("xml")


@pytest.mark.parametrize(
    ("name", "type_", "expected"),
    [
        ("DELIMITED", s.Array(s.INTEGER), "ARRAY"),
        ("DELIMITED", s.DATE, None),
        ("KAFKA", s.Decimal(4, 2), "DECIMAL"),
        ("KAFKA", s.STRING, None),
        ("JSON", s.Map(s.STRING, s.Array(s.Decimal(4, 2))), None),
    ],
)
def test_features_name_the_type_that_a_format_cannot_hold(name: str, type_: s.SqlType, expected: str | None) -> None:
    assert format_named(name).features.unsupported_type(type_) == expected


@pytest.mark.parametrize(("text", "expected"), [("TAB", "\t"), ("space", " "), (";", ";"), ("|", "|")])
def test_delimiter_is_a_character_or_a_word(text: str, expected: str) -> None:
    assert parse_delimiter(text) == expected


@pytest.mark.parametrize(
    ("text", "message"), [("<~>", "Invalid delimiter value: '<~>'"), (" ", "cannot be empty"), ("", "cannot be empty")]
)
def test_delimiter_is_refused_when_it_is_longer_or_blank(text: str, message: str) -> None:
    with pytest.raises(KsqlError, match=message):
        parse_delimiter(text)
