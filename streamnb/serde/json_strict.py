"""The strict JSON decoder: one document as ksqlDB's KsqlJsonDeserializer reads it.

Rules that surprise: numbers for integer columns are truncated and wrap; text is coerced to numbers, numbers and objects
to text; a field is matched by its exact name, then by its upper-cased one; the last of duplicate fields wins;
anything may follow a complete document. Our own bound: documents nested deeper than ``DEPTH_MAX`` are refused.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Sequence
from decimal import Decimal as Number
from decimal import InvalidOperation
from typing import Any

from streamnb import schema as s
from streamnb.serde import convert
from streamnb.serde.base import StrictDecoder, Undecodable

__all__ = ["DEPTH_MAX", "parse_document", "record_decoder", "value_decoder"]

DEPTH_MAX = 256
_NUMBER_CHARS_MAX = 1000

Converter = Callable[[Any], Any]

_NESTING = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


def _refuse_constant(text: str) -> Any:
    raise Undecodable(f"Non-standard token '{text}'")


def _bounded_integer(text: str) -> int:
    if len(text) > _NUMBER_CHARS_MAX:
        raise Undecodable(f"Number value length ({len(text)}) exceeds the maximum allowed ({_NUMBER_CHARS_MAX})")
    return int(text)


def _bounded_decimal(text: str) -> Number:
    if len(text) > _NUMBER_CHARS_MAX:
        raise Undecodable(f"Number value length ({len(text)}) exceeds the maximum allowed ({_NUMBER_CHARS_MAX})")
    return Number(text)


_SHORT = json.JSONDecoder(parse_float=Number, parse_constant=_refuse_constant)
_LONG = json.JSONDecoder(parse_float=_bounded_decimal, parse_int=_bounded_integer, parse_constant=_refuse_constant)


def _depth(text: str) -> int:
    depth = deepest = 0
    for token in _NESTING.findall(text):
        if token in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif token in "]}":
            depth -= 1
    return deepest


def parse_document(data: bytes) -> Any:
    """Parse the first document of some bytes: exact decimals, the last of duplicate fields.

    Raises: Undecodable.
    """
    try:
        text = data.decode(json.detect_encoding(data))
    except UnicodeDecodeError as error:
        raise Undecodable(f"Invalid UTF-8 byte at offset {error.start}") from error
    start = len(text) - len(text.lstrip(" \t\n\r"))
    if start == len(text):
        raise Undecodable("No content to map due to end-of-input")
    if text.count("[") + text.count("{") > DEPTH_MAX and _depth(text) > DEPTH_MAX:
        raise Undecodable(f"Document nesting depth exceeds the maximum allowed ({DEPTH_MAX})")
    decoder = _SHORT if len(text) <= _NUMBER_CHARS_MAX else _LONG
    try:
        document, end = decoder.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise Undecodable(f"{error.msg} at character {error.pos}") from error
    except (InvalidOperation, RecursionError, ValueError) as error:
        raise Undecodable(f"Document cannot be read: {type(error).__name__}") from error
    if end < len(text) and not _may_follow(document, text[end]):
        raise Undecodable(f"Unexpected character ('{text[end]}') at character {end}")
    return document


def _may_follow(document: Any, character: str) -> bool:
    """Tell whether a root value may be followed by a character: numbers and words need a gap."""
    if document is None or isinstance(document, bool):
        return not (character.isalnum() or character in "_$")
    if isinstance(document, (int, Number)):
        return character in " \t\r\n"
    return True


def _node(value: Any) -> str:
    if isinstance(value, bool):
        return "BooleanNode"
    if isinstance(value, int):
        if convert.wrap(value, 32) == value:
            return "IntNode"
        return "LongNode" if convert.wrap(value, 64) == value else "BigIntegerNode"
    return {str: "TextNode", Number: "DecimalNode", list: "ArrayNode", dict: "ObjectNode"}[type(value)]


def _mismatch(value: Any, type_: s.SqlType) -> Undecodable:
    return Undecodable(f"Can't convert type. sourceType: {_node(value)}, requiredType: {type_}")


def _bad_text(type_: s.SqlType) -> Undecodable:
    return Undecodable(f"Can't coerce string to type. targetType: {type_}")


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise _mismatch(value, s.BOOLEAN)


def _integer(type_: s.SqlType, bits: int) -> Callable[[Any], int]:
    def convert_integer(value: Any) -> int:
        if isinstance(value, str):
            parsed = convert.parse_java_integer(value, bits)
            if parsed is None:
                raise _bad_text(type_)
            return parsed
        if isinstance(value, Number):
            return convert.wrap(convert.truncate(value), bits)
        if isinstance(value, int) and not isinstance(value, bool):
            return convert.wrap(value, bits)
        raise _mismatch(value, type_)

    return convert_integer


def _double(value: Any) -> float:
    if isinstance(value, str):
        parsed = convert.parse_java_double(value)
        if parsed is None:
            raise _bad_text(s.DOUBLE)
        return parsed
    if isinstance(value, bool) or not isinstance(value, (int, Number)):
        raise _mismatch(value, s.DOUBLE)
    return float(Number(value)) + 0.0  # a BigDecimal has no negative zero


def _decimal(type_: s.Decimal) -> Converter:
    def convert_decimal(value: Any) -> Number:
        if isinstance(value, str):
            parsed = convert.parse_java_decimal(value)
            if parsed is None:
                raise _bad_text(type_)
            return convert.fit_decimal(parsed, type_)
        if isinstance(value, bool) or not isinstance(value, (int, Number)):
            raise _mismatch(value, type_)
        return convert.fit_decimal(Number(value), type_)

    return convert_decimal


def _string(value: Any) -> str:
    if isinstance(value, str):
        return convert.replace_surrogates(value)
    if isinstance(value, dict):
        return convert.replace_surrogates(_object_text(value))
    if isinstance(value, list):
        return "[" + ", ".join("null" if v is None else _string(v) for v in value) + "]"
    return _scalar_text(value)


def _scalar_text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return convert.decimal_text(value) if isinstance(value, Number) else str(value)


def _object_text(value: Any) -> str:
    """Write a document compactly in its own order, which is how an object becomes text."""
    if isinstance(value, dict):
        return "{" + ",".join(json.dumps(k, ensure_ascii=False) + ":" + _object_text(v) for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_object_text, value)) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else _scalar_text(value)


def _bytes(value: Any) -> bytes:
    if not isinstance(value, str):
        raise _mismatch(value, s.BYTES)
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Undecodable("Value is not a valid Base64 encoded string") from error


def _array(type_: s.Array) -> Converter:
    element = value_decoder(type_.element)

    def convert_array(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise _mismatch(value, type_)
        return [element(v) for v in value]

    return convert_array


def _map(type_: s.Map) -> Converter:
    key_of, value_of = value_decoder(type_.key), value_decoder(type_.value)

    def convert_map(value: Any) -> list[tuple[Any, Any]]:
        if not isinstance(value, dict):
            raise _mismatch(value, type_)
        return list({key_of(k): value_of(v) for k, v in value.items()}.items())

    return convert_map


def _fields(fields: Sequence[tuple[str, s.SqlType]]) -> Callable[[dict[str, Any]], list[Any]]:
    """Build the matcher of record fields: exact name first, then the upper-cased one."""
    converters = [(name, value_decoder(type_)) for name, type_ in fields]

    def convert_fields(document: dict[str, Any]) -> list[Any]:
        uppers: dict[str, Any] | None = None
        values = []
        for name, converter in converters:
            value = document.get(name)
            if value is None and name not in document:
                if uppers is None:
                    uppers = {key.upper(): value for key, value in document.items()}
                value = uppers.get(name)
            try:
                values.append(converter(value))
            except Undecodable as error:
                raise Undecodable(_with_path(str(error), name)) from error
        return values

    return convert_fields


def _with_path(message: str, name: str) -> str:
    text, found, path = message.rpartition(", path: $.")
    return f"{text}, path: $.{name}.{path}" if found else f"{message}, path: $.{name}"


def _struct(type_: s.Struct) -> Converter:
    names = [f.name for f in type_.fields]
    fields = _fields([(f.name, f.type) for f in type_.fields])

    def convert_struct(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _mismatch(value, type_)
        return dict(zip(names, fields(value), strict=True))

    return convert_struct


def _chain(first: Callable[[Any], int], then: Callable[[int], int]) -> Converter:
    return lambda value: then(first(value))


_PRIMITIVES: dict[s.SqlType, Converter] = {
    s.BOOLEAN: _boolean,
    s.INTEGER: _integer(s.INTEGER, 32),
    s.BIGINT: _integer(s.BIGINT, 64),
    s.DOUBLE: _double,
    s.STRING: _string,
    s.BYTES: _bytes,
    s.DATE: _chain(_integer(s.INTEGER, 32), convert.check_date),
    s.TIME: _chain(_integer(s.INTEGER, 32), convert.check_time),
    s.TIMESTAMP: _chain(_integer(s.BIGINT, 64), convert.check_timestamp),
}


def value_decoder(type_: s.SqlType) -> Converter:
    """Build the converter of parsed JSON values into one SQL type; null stays null."""
    if isinstance(type_, s.Decimal):
        converter = _decimal(type_)
    elif isinstance(type_, s.Array):
        converter = _array(type_)
    elif isinstance(type_, s.Map):
        converter = _map(type_)
    elif isinstance(type_, s.Struct):
        converter = _struct(type_)
    else:
        converter = _PRIMITIVES[type_]
    return lambda value: None if value is None else converter(value)


def record_decoder(columns: Sequence[s.Column], bare: bool) -> StrictDecoder:
    """Build the decoder of whole documents: a record of columns, or one bare value. None stands for a null record."""
    if bare:
        converter = value_decoder(columns[0].type)

        def decode_bare(data: bytes) -> list[Any] | None:
            document = parse_document(data)
            return None if document is None else [converter(document)]

        return decode_bare
    fields = _fields([(c.name, c.type) for c in columns])

    def decode_record(data: bytes) -> list[Any] | None:
        document = parse_document(data)
        if document is None:
            return None
        if not isinstance(document, dict):
            raise Undecodable(f"Can't convert type. sourceType: {_node(document)}, requiredType: STRUCT, path: $")
        return fields(document)

    return decode_record
