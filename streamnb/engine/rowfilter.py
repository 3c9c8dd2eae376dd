"""What a reader types into the filter of a column, or into the search box, as a condition on rows.

A filter's text is a small language, read by the type of its column:

- text: ``word`` contains it, in any case; ``=word`` is equal to it; ``!word`` does not contain it
- numbers and times: ``5``, ``>5``, ``>=5``, ``<5``, ``<=5``, ``!=5``, and ``a..b`` with both ends within, of which one
  may be left out
- all: ``null`` and ``!null``

The texts reach DuckDB as parameters. An empty text is no condition.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import decimal
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from streamnb.duck import Sql, ident, join, lit, sql
from streamnb.errors import KsqlError
from streamnb.schema import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    STRING,
    TIME,
    TIMESTAMP,
    Decimal,
    Primitive,
    SqlType,
)

__all__ = ["Condition", "RowFilter", "column_text", "compile_filter", "is_instant"]

FILTER_CHARS_MAX = 1000
_COMPARISON = re.compile(r"(>=|<=|!=|<>|>|<|=)?\s*(.+)\Z", re.S)
_NUMBER = re.compile(r"[+-]?(\d[\d_,]*)?(\.\d+)?([eE][+-]?\d+)?\Z")
_EPOCH = dt.datetime(1970, 1, 1)


@dataclass(frozen=True)
class RowFilter:
    """Texts for columns, by place, and two texts that any column has to contain: the reader's and the frame's.

    ``chosen`` are values of which a column has one, and ``spans`` are [from, to) of numbers, or of instants in
    milliseconds since the epoch: what is selected in other views. Values of nested columns are not looked at.
    """

    columns: tuple[tuple[int, str], ...] = ()
    search: str = ""
    outer: str = ""
    chosen: tuple[tuple[int, frozenset[Any]], ...] = ()
    spans: tuple[tuple[int, float, float], ...] = ()


@dataclass(frozen=True)
class Condition:
    """A condition on the columns c0, c1, … of a row; ``$1``, ``$2``, … stand for the parameters.

    ``columns`` are the places of the columns that it looks at.
    """

    where: Sql
    parameters: tuple[Any, ...]
    columns: frozenset[int]


class _Binder:
    """Collects parameters and gives each its place."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def __call__(self, value: Any) -> Sql:
        self.values.append(value)
        return sql("${}", lit(len(self.values)))


def is_instant(name: str, type_: SqlType) -> bool:
    """Tell whether a BIGINT column holds milliseconds since the epoch, as its name says."""
    return type_ == BIGINT and name in ("WINDOWSTART", "WINDOWEND", "ROWTIME")


def column_text(column: Sql, type_: SqlType) -> Sql:
    """Write a value as the text that is searched."""
    if type_ == STRING:
        return column
    if type_ == BYTES:
        return sql("base64({})", column)
    return sql("{}::VARCHAR", column)


def compile_filter(columns: Sequence[tuple[str, SqlType]], wanted: RowFilter) -> Condition | None:
    """Compile the texts of a filter; None when all of them are empty.

    Raises: KsqlError for a text that can't be read, naming the column.
    """
    bind = _Binder()
    parts: list[Sql] = []
    for place, text in wanted.columns:
        text = text.strip()
        if not text:
            continue
        if not 0 <= place < len(columns):
            raise KsqlError(f"there is no column {place}", hint=f"the table has {len(columns)} columns.")
        name, type_ = columns[place]
        parts.append(_column_condition(bind, name, type_, ident(f"c{place}"), text[:FILTER_CHARS_MAX]))
    for search in (wanted.search, wanted.outer):
        if search.strip():
            parts.append(_search_condition(bind, columns, search.strip()[:FILTER_CHARS_MAX]))
    parts += _selected(bind, columns, wanted)
    if not parts:
        return None
    looked_at = {place for place, _ in (*wanted.columns, *wanted.chosen)} | {place for place, *_ in wanted.spans}
    if wanted.search.strip() or wanted.outer.strip():
        looked_at.update(range(len(columns)))
    return Condition(join(" AND ", [sql("({})", part) for part in parts]), tuple(bind.values), frozenset(looked_at))


def _selected(bind: _Binder, columns: Sequence[tuple[str, SqlType]], wanted: RowFilter) -> list[Sql]:
    parts: list[Sql] = []
    for place, values in wanted.chosen:
        if isinstance(columns[place][1], Primitive | Decimal):
            column = ident(f"c{place}")
            known = [sql("{} IS NOT DISTINCT FROM {}", column, bind(value)) for value in values]
            parts.append(join(" OR ", known or [sql("false")]))
    for place, start, end in wanted.spans:
        column = ident(f"c{place}")
        if columns[place][1] in (TIMESTAMP, DATE):
            column = sql("epoch_ms(try_cast({} AS TIMESTAMP))", column)
        parts.append(sql("{} >= {} AND {} < {}", column, bind(start), column, bind(end)))
    return parts


def _search_condition(bind: _Binder, columns: Sequence[tuple[str, SqlType]], search: str) -> Sql:
    """Search in texts; numbers have to be equal, instants within the span that the text names."""
    parts: list[Sql] = []
    for place, (name, type_) in enumerate(columns):
        column = ident(f"c{place}")
        if type_ in (STRING, BYTES, TIME) or not isinstance(type_, Primitive | Decimal):
            parts.append(_contains(bind, column_text(column, type_), search))
        elif not search.startswith((">", "<", "=", "!")) and ".." not in search:
            with contextlib.suppress(KsqlError):  # the text is no such value, so no value is it
                parts.append(_column_condition(bind, name, type_, column, search))
    return join(" OR ", [sql("coalesce({}, false)", part) for part in parts] or [sql("false")])


def _contains(bind: _Binder, column: Sql, text: str) -> Sql:
    """Tell whether a text contains another in any case; one without letters is found in half the time."""
    if text.lower() == text.upper():
        return sql("contains({}, {})", column, bind(text))
    pattern = "%" + re.sub(r"([\\%_])", r"\\\1", text) + "%"
    return sql("{} ILIKE {} ESCAPE '\\'", column, bind(pattern))


def _column_condition(bind: _Binder, name: str, type_: SqlType, column: Sql, text: str) -> Sql:
    if text.lower() == "null":
        return sql("{} IS NULL", column)
    if text.lower() == "!null":
        return sql("{} IS NOT NULL", column)
    if type_ == BOOLEAN:
        return _boolean(bind, name, column, text)
    if is_instant(name, type_) or type_ in (TIMESTAMP, DATE):
        return _moments(bind, name, column, text, in_ms=type_ == BIGINT)
    if type_ == TIME:
        return _compare(bind, sql("{}::VARCHAR", column), text, str)
    if type_.is_numeric:
        return _numbers(bind, name, type_, column, text)
    return _texts(bind, column_text(column, type_), text)


def _texts(bind: _Binder, column: Sql, text: str) -> Sql:
    if text.startswith("=") and len(text) > 1:
        return sql("{} = {}", column, bind(text[1:].strip()))
    if text.startswith("!") and len(text) > 1:
        wanted = text[1:].removeprefix("=").strip()
        if text.startswith("!="):
            return sql("{} IS DISTINCT FROM {}", column, bind(wanted))
        return sql("NOT coalesce({}, false)", _contains(bind, column, wanted))
    return _contains(bind, column, text)


def _boolean(bind: _Binder, name: str, column: Sql, text: str) -> Sql:
    wanted = text.lstrip("=").strip().lower()
    if not wanted or not any(word.startswith(wanted) for word in ("true", "false")):
        raise KsqlError(f"column {name} is true or false, not {text}", hint="write true, false, null or !null.")
    return sql("{} = {}", column, bind("true".startswith(wanted)))


def _numbers(bind: _Binder, name: str, type_: SqlType, column: Sql, text: str) -> Sql:
    def number(part: str) -> Any:
        digits = part.strip()
        if not re.search(r"\d", digits) or not _NUMBER.match(digits):
            raise KsqlError(f"column {name} holds numbers, and {part} is none", hint="write 5, >5, 1..9 or null.")
        digits = digits.replace(",", "").replace("_", "")
        if type_ == DOUBLE or "e" in digits.lower():
            return float(digits)
        exact = decimal.Decimal(digits)
        if isinstance(type_, Decimal) or exact != exact.to_integral_value():
            return exact if len(exact.as_tuple().digits) <= 38 else float(exact)
        whole = int(exact)
        return whole if abs(whole) < 2**127 else float(whole)

    return _compare(bind, column, text, number)


def _compare(bind: _Binder, column: Sql, text: str, read: Any) -> Sql:
    if ".." in text:
        return _between(bind, column, text, read, read)
    match = _COMPARISON.match(text)
    assert match is not None
    operator, value = match[1] or "=", bind(read(match[2].strip()))
    return sql(_OPERATORS[operator], column, value)


_OPERATORS = {
    "=": "{} = {}",
    ">": "{} > {}",
    ">=": "{} >= {}",
    "<": "{} < {}",
    "<=": "{} <= {}",
    "!=": "{} IS DISTINCT FROM {}",
    "<>": "{} IS DISTINCT FROM {}",
}


def _between(bind: _Binder, column: Sql, text: str, low: Any, high: Any) -> Sql:
    first, _, last = text.partition("..")
    parts = []
    if first.strip():
        parts.append(sql("{} >= {}", column, bind(low(first.strip()))))
    if last.strip():
        parts.append(sql("{} <= {}", column, bind(high(last.strip()))))
    return join(" AND ", parts) if parts else sql("{} IS NOT NULL", column)


_MOMENT = re.compile(
    r"(?P<year>\d{4})(-(?P<month>\d\d?)(-(?P<day>\d\d?)"
    r"([ T](?P<hour>\d\d?)(:(?P<minute>\d\d)(:(?P<second>\d\d)(\.(?P<fraction>\d{1,6}))?)?)?)?)?)?Z?\Z"
)


def _moments(bind: _Binder, name: str, column: Sql, text: str, *, in_ms: bool) -> Sql:
    """Compare instants in UTC; a text such as ``2018-03`` stands for all of that span."""

    def bound(moment: dt.datetime) -> Any:
        return (moment - _EPOCH) // dt.timedelta(milliseconds=1) if in_ms else moment

    def start(part: str) -> Any:
        return bound(_span_of(name, part)[0])

    def last(part: str) -> Any:
        return bound(_span_of(name, part)[1] - dt.timedelta(microseconds=1))

    column = column if in_ms else sql("try_cast({} AS TIMESTAMP)", column)  # a DATE may be too far away
    if ".." in text:
        return _between(bind, column, text, start, last)
    match = _COMPARISON.match(text)
    assert match is not None
    operator, value = match[1] or "=", match[2].strip()
    if operator in (">", "<="):
        return sql(_OPERATORS[operator], column, bind(last(value)))
    if operator in ("<", ">="):
        return sql(_OPERATORS[operator], column, bind(start(value)))
    within = sql("{} BETWEEN {} AND {}", column, bind(start(value)), bind(last(value)))
    return within if operator == "=" else sql("NOT coalesce({}, false)", within)


def _span_of(name: str, text: str) -> tuple[dt.datetime, dt.datetime]:
    """Return the start of the span that a text names, and the start of the next one."""
    wrong = KsqlError(
        f"column {name} holds times, and {text} is none", hint="write 2018-03-28 12:30, a part of it, >2018, or a..b."
    )
    match = _MOMENT.match(text)
    if match is None:
        raise wrong
    given = {unit: int(value) for unit, value in match.groupdict().items() if value and unit != "fraction"}
    try:
        named: dict[str, Any] = {"month": 1, "day": 1, **given}
        start = dt.datetime(**named)
        if match["fraction"]:
            start += dt.timedelta(microseconds=int(match["fraction"].ljust(6, "0")))
            return start, start + dt.timedelta(microseconds=10 ** (6 - len(match["fraction"])))
        if "day" not in given:
            months = 1 if "month" in given else 12
            after = start.year * 12 + start.month - 1 + months
            return start, dt.datetime(after // 12, after % 12 + 1, 1)
        units = {"day": dt.timedelta(days=1), "hour": dt.timedelta(hours=1), "minute": dt.timedelta(minutes=1)}
        finest = list(given)[-1]
        return start, start + units.get(finest, dt.timedelta(seconds=1))
    except (ValueError, OverflowError) as error:
        raise wrong from error
