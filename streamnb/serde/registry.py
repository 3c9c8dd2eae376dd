"""The formats by name."""

from __future__ import annotations

from streamnb.errors import KsqlError
from streamnb.serde.base import Format
from streamnb.serde.delimited import DELIMITED
from streamnb.serde.json_format import JSON
from streamnb.serde.kafka import KAFKA
from streamnb.serde.none import NONE

__all__ = ["AVAILABLE_FORMATS", "FORMAT_NAMES", "format_named", "parse_delimiter"]

_FORMATS: dict[str, Format] = {f.name: f for f in (JSON, DELIMITED, KAFKA, NONE)}

AVAILABLE_FORMATS = tuple(sorted(_FORMATS))
"""The names of the formats that this version has."""

FORMAT_NAMES = ("AVRO", "DELIMITED", "JSON", "JSON_SR", "KAFKA", "NONE", "PROTOBUF", "PROTOBUF_NOSR")
"""All of ksqlDB's format names, whether or not this version has them."""

_DELIMITER_EXAMPLE = "\nExample valid value: ';'"


def format_named(name: str) -> Format:
    """Find a format by its name, in any case.

    Raises: KsqlError when ksqlDB has no such format, or when this version has not got it yet.
    """
    upper = name.upper()
    found = _FORMATS.get(upper)
    if found is not None:
        return found
    available = ", ".join(sorted(_FORMATS))
    if upper in FORMAT_NAMES:
        raise KsqlError(
            f"Format '{upper}' is not available yet.",
            summary=f"format {upper} is not available yet",
            hint=f"available formats: {available}",
        )
    raise KsqlError(f"Unknown format: {upper}", summary=f"unknown format {upper}", hint=f"formats: {available}")


def parse_delimiter(text: str) -> str:
    """Turn the value of KEY_DELIMITER or VALUE_DELIMITER into the character it stands for.

    Raises: KsqlError with ksqlDB's explanation; the name of the property is for the caller to add.
    """
    if not text.strip():
        raise KsqlError(
            "Delimiter cannot be empty, if you meant to have a tab or space for delimiter, please use the special"
            " values 'TAB' or 'SPACE'" + _DELIMITER_EXAMPLE,
            summary="a delimiter cannot be empty",
        )
    if len(text) == 1:
        return text
    special = {"TAB": "\t", "SPACE": " "}.get(text.upper())
    if special is None:
        raise KsqlError(
            f"Invalid delimiter value: '{text}'. Delimiter must be a single character or TAB,SPACE{_DELIMITER_EXAMPLE}",
            summary=f"invalid delimiter {text!r}",
        )
    return special
