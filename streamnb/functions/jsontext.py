"""JSON as Jackson reads and writes it: numbers keep their digits, text behind the first value is ignored."""

from __future__ import annotations

import base64
import datetime
import decimal
import json
from functools import lru_cache
from typing import Any

from streamnb.functions.javatext import java_double

__all__ = ["MISSING", "Number", "parse_json", "to_json", "write_json"]


class Number(str):
    """A JSON number, as it was written."""

    __slots__ = ()


class Missing:
    """What an empty text holds: no JSON value at all."""


MISSING = Missing()
_WHITE = " \t\r\n"
_decoder = json.JSONDecoder(parse_float=Number, parse_int=Number, parse_constant=Number)


@lru_cache(maxsize=256)
def parse_json(text: str) -> Any:
    """Read the first JSON value of a text; callers must not change what they get.

    Raises: ValueError when it is malformed.
    """
    start = len(text) - len(text.lstrip(_WHITE))
    if start == len(text):
        return MISSING
    value, _ = _decoder.raw_decode(text, start)
    if isinstance(value, Number) and not (value[0] == "-" or value[0].isdigit()):
        raise ValueError(f"invalid JSON: {text}")
    return value


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def write_json(value: Any) -> str:
    """Write a value that ``parse_json`` read, without blanks."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list):
        return f"[{','.join(map(write_json, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{_quoted(k)}:{write_json(v)}' for k, v in value.items())}}}"
    return {None: "null", True: "true", False: "false"}[value]


def to_json(value: Any) -> str:
    """Write an SQL value, as Python has it, as JSON."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, float):
        text = java_double(value)
        return _quoted(text) if text[-1] in "Ny" else text
    if isinstance(value, int):
        return str(value)
    if isinstance(value, decimal.Decimal):
        return f"{value:f}"
    if isinstance(value, bytes):
        return _quoted(base64.b64encode(value).decode())
    if isinstance(value, datetime.datetime):
        return _quoted(value.isoformat(timespec="milliseconds"))
    if isinstance(value, datetime.date | datetime.time):
        return _quoted(value.isoformat())
    if isinstance(value, list):
        return f"[{','.join(map(to_json, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{_quoted(str(k))}:{to_json(v)}' for k, v in value.items())}}}"
    raise TypeError(f"no JSON for {type(value).__name__}")
