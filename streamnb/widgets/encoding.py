"""Which column of a result goes where in a chart."""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from streamnb.errors import StreamnbError
from streamnb.schema import BIGINT, DATE, TIMESTAMP, SqlType
from streamnb.widgets.cells import TIME_NAMES
from streamnb.widgets.feed import LiveQuery

__all__ = [
    "CHART_KINDS",
    "HEIGHT_PX",
    "ChartOptions",
    "Encoding",
    "Span",
    "choose_encoding",
    "label_of",
    "position_of",
    "span_ms",
]

HEIGHT_PX = 320
CHART_KINDS = ("auto", "line", "bar", "stacked", "area", "scatter", "metric", "heatmap", "hist")
_TIME_SUFFIXES = ("TIME", "TIMESTAMP", "_TS", "_AT")
_ID_SUFFIXES = ("ID", "NUMBER", "KEY")
_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_SPAN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", re.I)

Span = str | float | dt.timedelta


@dataclass(frozen=True)
class ChartOptions:
    """What the user asked for; None leaves the choice to the schema. ``kind`` is one of ``CHART_KINDS``.

    ``window`` is how far back the chart looks from the newest event time: a text such as ``5m``, seconds, or a
    timedelta. ``height`` is in pixels.
    """

    kind: str = "auto"
    x: str | None = None
    y: str | None = None
    color: str | None = None
    window: Span | None = None
    height: int | None = None


@dataclass(frozen=True)
class Encoding:
    """A chart's kind and the positions of its columns.

    ``y`` is the number that is drawn: a height, of a heatmap the value of a cell, of a histogram what is counted, of
    tiles the big number. ``color`` tells groups apart, of a heatmap rows, of tiles one tile from another. ``x`` is None
    when points are placed by their record number. ``scale`` is that of x: time, number or category. ``window_end`` is
    the position of WINDOWEND where marks are as wide as their windows.
    """

    kind: str
    scale: str
    x: int | None
    y: int
    color: int | None
    window_end: int | None = None
    window_ms: int | None = None


Columns = Sequence[tuple[str, SqlType]]


def choose_encoding(query: LiveQuery, options: ChartOptions) -> Encoding:
    """Choose the columns of a chart: those asked for, and by the schema where nothing is asked.

    Windows go on a time axis with the key as colour; a table's key is a category; a stream's time column is a time
    axis; failing all that, records are numbered. The height is the first number that is neither key, id nor time.
    Raises: StreamnbError naming the columns when one is unknown, or when what is asked cannot be drawn.
    """
    if options.kind not in CHART_KINDS:
        close = difflib.get_close_matches(options.kind, CHART_KINDS, n=1)
        hint = (f"did you mean {close[0]}? " if close else "") + f"There are {', '.join(CHART_KINDS)}."
        raise StreamnbError(f"unknown kind of chart {options.kind}", hint=hint)
    window_ms = None if options.window is None else span_ms(options.window)
    if options.kind == "hist":
        chosen = _histogram(query, options)
    elif options.kind == "heatmap":
        chosen = _heatmap(query, options, window_ms)
    else:
        chosen = _plain(query, options, window_ms)
    if window_ms is not None and (chosen.scale != "time" or chosen.kind == "metric"):
        lacks = {"hist": "histograms have none", "metric": "tiles have none"}
        reason = lacks.get(chosen.kind, f"x is {label_of(query.columns, chosen.x)}")
        raise StreamnbError(
            f"a window of time needs a time axis, and {reason}",
            hint="leave the window out, or draw lines or bars over a column of times",
        )
    return chosen


def _plain(query: LiveQuery, options: ChartOptions, window_ms: int | None) -> Encoding:
    columns, keys = list(query.columns), list(range(query.key_columns))
    x = position_of(columns, options.x) if options.x else _natural_x(columns, keys, query.is_table)
    y = _number(columns, options.y, "the height of a chart") if options.y else _natural_y(columns, keys, x)
    color = position_of(columns, options.color) if options.color else None
    if options.kind == "metric":
        return _tiles(query, x if options.x else _time_of(columns), y, color)
    scale = _scale(columns, keys, x, query.is_table)
    if color is None and x is not None and query.is_table:
        color = _free_key(columns, keys, (x, y))
    kind = options.kind if options.kind != "auto" else _natural_kind(scale, query.is_table, color is not None)
    return Encoding(kind, scale, x, y, color, _window_end(columns, x), window_ms)


def span_ms(span: Span) -> int:
    """Turn a span of time into milliseconds: ``30s``, ``5m``, ``1.5h``, ``2d``, seconds, or a timedelta.

    Raises: StreamnbError for anything else, and for what is not above zero.
    """
    if isinstance(span, dt.timedelta):
        result = span / dt.timedelta(milliseconds=1)
    elif isinstance(span, int | float):
        result = span * 1000.0
    else:
        found = _SPAN.fullmatch(span)
        unit = _UNITS_MS.get(found[2].lower()) if found else None
        result = float(found[1]) * unit if found and unit else 0.0
    if not 1 <= result < float("inf"):
        raise StreamnbError(f"window {span} is no span of time", hint="write 30s, 5m, 1h or 2d, for example")
    return round(result)


def _histogram(query: LiveQuery, options: ChartOptions) -> Encoding:
    columns, keys = list(query.columns), list(range(query.key_columns))
    named = options.x or options.y
    y = _number(columns, named, "what a histogram counts") if named else _natural_y(columns, keys, None)
    return Encoding("hist", "number", None, y, position_of(columns, options.color) if options.color else None)


def _heatmap(query: LiveQuery, options: ChartOptions, window_ms: int | None) -> Encoding:
    columns, keys = list(query.columns), list(range(query.key_columns))
    x = position_of(columns, options.x) if options.x else _natural_x(columns, keys, query.is_table)
    rows = position_of(columns, options.y) if options.y else None
    value = _number(columns, options.color, "the colour of a cell") if options.color else None
    if value is None:
        value = _natural_y(columns, [i for i in keys if i != rows], x)
    if rows is None:
        texts = [i for i, (_, type_) in enumerate(columns) if not type_.is_numeric and i not in (x, value)]
        rows = _free_key(columns, keys, (x, value))
        rows = rows if rows is not None else next((i for i in texts if not _is_time(*columns[i])), None)
    if x is None or rows is None:
        raise StreamnbError(
            "a heatmap needs two columns beside its value, one across and one upwards",
            hint="name them with x and y; color is the value",
        )
    scale = _scale(columns, keys, x, query.is_table)
    return Encoding("heatmap", scale, x, value, rows, _window_end(columns, x), window_ms)


def _tiles(query: LiveQuery, x: int | None, y: int, color: int | None) -> Encoding:
    columns = list(query.columns)
    if color is None and query.is_table:
        color = _free_key(columns, range(query.key_columns), (x, y))
    return Encoding("metric", "time" if x is not None else "number", x, y, color)


def _free_key(columns: Columns, keys: Sequence[int], taken: Sequence[int | None]) -> int | None:
    return next((i for i in keys if i not in taken and columns[i][0] not in TIME_NAMES), None)


def _time_of(columns: Columns) -> int | None:
    names = [name for name, _ in columns]
    return names.index("WINDOWSTART") if "WINDOWSTART" in names else None


def _window_end(columns: Columns, x: int | None) -> int | None:
    names = [name for name, _ in columns]
    windowed = x is not None and names[x] == "WINDOWSTART" and "WINDOWEND" in names
    return names.index("WINDOWEND") if windowed else None


def position_of(columns: Columns, wanted: str) -> int:
    """Find a column by its name, in any case or quoted. Raises: StreamnbError naming the columns that there are."""
    names = [name for name, _ in columns]
    bare = wanted.strip("\"'`")  # as a shell or as SQL would have it quoted
    for candidate in (wanted, bare, bare.upper()):
        if candidate in names:
            return names.index(candidate)
    close = difflib.get_close_matches(wanted.upper(), names, n=1)
    raise StreamnbError(
        f"column {wanted} is not in the result",
        hint=(f"did you mean {close[0]}? " if close else "") + f"The result has {', '.join(names)}.",
    )


def _number(columns: Columns, wanted: str, role: str) -> int:
    """Find a column by its name. Raises: StreamnbError when it holds no numbers, saying what it was to be."""
    position = position_of(columns, wanted)
    name, type_ = columns[position]
    if not type_.is_numeric:
        raise StreamnbError(f"column {name} is {type_}, and {role} is a number", hint=_numbers_hint(columns))
    return position


def _natural_x(columns: Columns, keys: Sequence[int], is_table: bool) -> int | None:
    names = [name for name, _ in columns]
    if "WINDOWSTART" in names:
        return names.index("WINDOWSTART")
    if is_table and keys:
        return keys[0]
    times = [i for i, (name, type_) in enumerate(columns) if _is_time(name, type_)]
    if times:
        return times[0]
    if is_table:
        return next((i for i, (_, type_) in enumerate(columns) if not type_.is_numeric), None)
    return None


def _natural_y(columns: Columns, keys: Sequence[int], x: int | None) -> int:
    free = [i for i, (_, type_) in enumerate(columns) if type_.is_numeric and i != x and i not in keys]
    free = [i for i in free if not _is_time(*columns[i])]
    measures = [i for i in free if not columns[i][0].upper().endswith(_ID_SUFFIXES)]
    if measures or free:
        return (measures or free)[0]
    raise StreamnbError(
        "a chart needs a column of numbers for its height",
        hint="add one to the query, COUNT(*) for example, or name it with --y",
    )


def _is_time(name: str, type_: SqlType) -> bool:
    if type_ in (TIMESTAMP, DATE):
        return True
    return type_ == BIGINT and (name.upper() in TIME_NAMES or name.upper().endswith(_TIME_SUFFIXES))


def _scale(columns: Columns, keys: Sequence[int], x: int | None, is_table: bool) -> str:
    if x is None:
        return "number"
    name, type_ = columns[x]
    if _is_time(name, type_):
        return "time"
    if type_.is_numeric and not (is_table and x in keys):
        return "number"
    return "category"


def _natural_kind(scale: str, is_table: bool, grouped: bool) -> str:
    if scale == "category" or (is_table and scale == "time"):
        return "stacked" if grouped else "bar"
    return "line"


def _numbers_hint(columns: Columns) -> str:
    numbers = [name for name, type_ in columns if type_.is_numeric]
    return f"use --y with one of {', '.join(numbers)}" if numbers else "add a number to the query, COUNT(*) for example"


def label_of(columns: Columns, position: int | None) -> str:
    """Name the axis of a column."""
    if position is None:
        return "record"
    name = columns[position][0]
    return {"WINDOWSTART": "window start", "WINDOWEND": "window end", "ROWTIME": "event time"}.get(name, name)
