"""Serdes: bytes of record keys and values into columns, and back."""

from streamnb.serde.base import Format, Rejected, Side, Undecodable, Window
from streamnb.serde.decode import decode_batch
from streamnb.serde.encode import encode
from streamnb.serde.registry import FORMAT_NAMES, format_named, parse_delimiter

__all__ = [
    "FORMAT_NAMES",
    "Format",
    "Rejected",
    "Side",
    "Undecodable",
    "Window",
    "decode_batch",
    "encode",
    "format_named",
    "parse_delimiter",
]
