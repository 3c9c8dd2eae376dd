"""Dates, times and timestamps written as text: ISO 8601, of which a timestamp may leave out the end."""

from __future__ import annotations

import datetime
import re
import zoneinfo

from streamnb.catalog import closest
from streamnb.errors import KsqlStatementError
from streamnb.functions.javatime import zone
from streamnb.sql import ast

__all__ = ["check_time_zone", "parse_date", "parse_time", "parse_timestamp", "timestamp_ms"]

_TIMESTAMP = re.compile(
    r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?"
    r"(?:T(?:(\d{2})(?::(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?)?:?(Z|[+-]\d{2}:?\d{2})?)?"
)
_TIME = re.compile(r"(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?")
_EPOCH = datetime.datetime(1970, 1, 1)


def parse_timestamp(text: str) -> datetime.datetime:
    """Read a timestamp as naive UTC.

    Shape: ``yyyy[-MM[-dd]][THH[:mm[:ss[.SSS]]]]`` and a numeric zone behind the T part; UTC when there is none.
    Raises: KsqlStatementError when the text is none.
    """
    found = _TIMESTAMP.fullmatch(text.strip())
    if found is None:
        raise _refuse("timestamp", text, "2020-05-26T23:59:58.000+0200, or a part of it such as 2020-05-26")
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    midnight = hour == "24" and not int(minute or 0) and not int(second or 0)  # the end of the day, as in Java
    try:
        moment = datetime.datetime(
            int(year),
            int(month or 1),
            int(day or 1),
            0 if midnight else int(hour or 0),
            int(minute or 0),
            int(second or 0),
            _us(fraction),
        )
        return moment - _offset(zone) + datetime.timedelta(days=1 if midnight else 0)
    except (ValueError, OverflowError):
        raise _refuse("timestamp", text, "2020-05-26T23:59:58.000") from None


def parse_date(text: str) -> datetime.date:
    """Read a date, ``yyyy[-MM[-dd]]``. Raises: KsqlStatementError when the text is none."""
    if "T" in text:
        raise _refuse("date", text, "2020-05-26")
    try:
        return parse_timestamp(text).date()
    except KsqlStatementError:
        raise _refuse("date", text, "2020-05-26") from None


def parse_time(text: str) -> datetime.time:
    """Read a time of day, ``HH:mm[:ss[.SSS]]``. Raises: KsqlStatementError when the text is none."""
    found = _TIME.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError
        hour, minute, second, fraction = found.groups()
        return datetime.time(int(hour), int(minute), int(second or 0), _us(fraction))
    except ValueError:
        raise _refuse("time", text, "23:59:58.000") from None


def timestamp_ms(moment: datetime.datetime) -> int:
    """Convert naive UTC to milliseconds since the epoch."""
    return (moment - _EPOCH) // datetime.timedelta(milliseconds=1)


def _us(fraction: str | None) -> int:
    """Read decimals of a second, of which ksqlDB keeps three."""
    return int((fraction or "").ljust(3, "0")[:3]) * 1000


def _offset(zone: str | None) -> datetime.timedelta:
    if zone is None or zone == "Z":
        return datetime.timedelta()
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return datetime.timedelta(minutes=-minutes if zone[0] == "-" else minutes)


def _refuse(kind: str, text: str, example: str) -> KsqlStatementError:
    return KsqlStatementError(
        f"Failed to parse {kind} '{text}'",
        summary=f"'{text}' is no {kind}",
        hint=f"write it like '{example}'",
    )


def check_time_zone(literal: ast.Expression) -> None:
    """Refuse a text behind AT TIME ZONE that names no time zone and no offset."""
    name = literal.value if isinstance(literal, ast.StringLiteral) else ""
    try:
        zone(name)
    except ValueError as error:
        near = closest(name, zoneinfo.available_timezones())
        raise KsqlStatementError(
            f"Unknown time-zone ID: {name}",
            summary=f"there is no time zone {name!r}",
            hint=f"did you mean {near}?" if near else "such as 'Europe/Berlin', 'UTC' or '+01:00'",
            span=literal.span,
        ) from error
