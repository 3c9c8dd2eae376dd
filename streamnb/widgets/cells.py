"""Values as bounded text: what a cell of a table, a tooltip or a saved snapshot shows."""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import json
from collections.abc import Mapping
from typing import Any

from streamnb.schema import BIGINT, BOOLEAN, DATE, TIME, TIMESTAMP, Primitive, SqlType

__all__ = ["CELL_CHARS_MAX", "TIME_NAMES", "cell_text", "column_kind", "counted", "instant_ms", "shorten"]

CELL_CHARS_MAX = 200
TIME_NAMES = frozenset({"WINDOWSTART", "WINDOWEND", "ROWTIME"})
_EPOCH = dt.datetime(1970, 1, 1)
_YEAR_9999_MS = 253_402_300_799_999


def column_kind(name: str, type_: SqlType) -> str:
    """Name how a column is drawn: number, time, boolean, text or nested."""
    if type_ in (DATE, TIME, TIMESTAMP) or (type_ == BIGINT and name in TIME_NAMES):
        return "time"
    if type_.is_numeric:
        return "number"
    if type_ == BOOLEAN:
        return "boolean"
    return "text" if isinstance(type_, Primitive) else "nested"


def shorten(text: str, chars_max: int = CELL_CHARS_MAX) -> str:
    """Cut a text that is too long, with an ellipsis as its last character."""
    return text if len(text) <= chars_max else text[: chars_max - 1] + "…"


def counted(number: int, noun: str) -> str:
    """Write how many there are of something: ``1 row``, ``1,200 rows``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def cell_text(value: Any, kind: str = "text", chars_max: int = CELL_CHARS_MAX) -> str | None:
    """Write a value as text of bounded length; None stays None, for the page to mark it as null."""
    if value is None:
        return None
    if isinstance(value, str):
        return shorten(value, chars_max)
    if isinstance(value, bool):
        return "true" if value else "false"
    if kind == "time" and isinstance(value, int):
        return _instant_text(value)
    if isinstance(value, decimal.Decimal):
        return shorten(f"{value:f}", chars_max)
    if isinstance(value, int | float):
        return shorten(str(value), chars_max)
    if isinstance(value, dt.datetime):
        return _datetime_text(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return shorten(base64.b64encode(bytes(value[: chars_max + 3])).decode("ascii"), chars_max)
    return shorten(_Writer(chars_max).write(value), chars_max)


def instant_ms(value: Any) -> float | None:
    """Turn a value of a time column into milliseconds since the epoch; None for what is no instant."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, dt.datetime):
        moment = value if value.tzinfo is None else value.astimezone(dt.UTC).replace(tzinfo=None)
        return (moment - _EPOCH) / dt.timedelta(milliseconds=1)
    if isinstance(value, dt.date):
        return (dt.datetime(value.year, value.month, value.day) - _EPOCH) / dt.timedelta(milliseconds=1)
    return None


def _instant_text(ms: int) -> str:
    if not 0 <= ms <= _YEAR_9999_MS:
        return str(ms)
    return _datetime_text(_EPOCH + dt.timedelta(milliseconds=ms))


def _datetime_text(moment: dt.datetime) -> str:
    return moment.isoformat(sep=" ", timespec="milliseconds" if moment.microsecond else "seconds")


class _Writer:
    """Writes arrays, maps and structs like JSON, and stops soon after the budget of characters is spent."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._parts: list[str] = []

    def write(self, value: Any) -> str:
        self._value(value)
        return "".join(self._parts)

    def _put(self, text: str) -> None:
        self._parts.append(text)
        self._budget -= len(text)

    def _value(self, value: Any) -> None:
        if self._budget < 0:
            return
        if value is None:
            self._put("null")
        elif isinstance(value, str):
            self._put(json.dumps(value[: self._budget + 1], ensure_ascii=False))
        elif isinstance(value, Mapping):
            self._items("{", "}", value.items())
        elif isinstance(value, list | tuple):
            self._items("[", "]", ((None, item) for item in value))
        else:
            self._put(cell_text(value, chars_max=max(self._budget, 16)) or "null")

    def _items(self, opening: str, closing: str, items: Any) -> None:
        self._put(opening)
        for number, (key, item) in enumerate(items):
            if self._budget < 0:
                return
            if number:
                self._put(", ")
            if key is not None:
                self._put(shorten(str(key), max(self._budget, 16)) + ": ")
            self._value(item)
        self._put(closing)
