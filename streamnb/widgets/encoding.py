"""Which column of a result goes where in a chart."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from streamnb.errors import StreamnbError
from streamnb.schema import BIGINT, DATE, TIMESTAMP, SqlType
from streamnb.widgets.cells import TIME_NAMES
from streamnb.widgets.feed import LiveQuery

__all__ = ["CHART_KINDS", "ChartOptions", "Encoding", "choose_encoding", "label_of"]

CHART_KINDS = ("auto", "bar", "line", "area", "scatter")
_TIME_SUFFIXES = ("TIME", "TIMESTAMP", "_TS", "_AT")
_ID_SUFFIXES = ("ID", "NUMBER", "KEY")


@dataclass(frozen=True)
class ChartOptions:
    """What the user asked for; None leaves the choice to the schema. ``kind`` is one of ``CHART_KINDS``."""

    kind: str = "auto"
    x: str | None = None
    y: str | None = None
    color: str | None = None


@dataclass(frozen=True)
class Encoding:
    """A chart's kind and the positions of its columns.

    ``x`` is None when points are placed by their record number. ``scale`` is time, number or category.
    ``window_end`` is the position of WINDOWEND where the bars are as wide as their windows.
    """

    kind: str
    scale: str
    x: int | None
    y: int
    color: int | None
    window_end: int | None = None


def choose_encoding(query: LiveQuery, options: ChartOptions) -> Encoding:
    """Choose the columns of a chart: those asked for, and by the schema where nothing is asked.

    Windows go on a time axis with the key as colour; a table's key is a category; a stream's time column is a time
    axis; failing all that, records are numbered. The height is the first number that is neither key, id nor time.
    Raises: StreamnbError naming the columns when one is unknown, or when nothing can be drawn as a height.
    """
    columns = list(query.columns)
    keys = list(range(query.key_columns))
    x = _named(columns, options.x) if options.x else _natural_x(columns, keys, query.is_table)
    y = _named(columns, options.y) if options.y else _natural_y(columns, keys, x)
    if not columns[y][1].is_numeric:
        raise StreamnbError(
            f"column {columns[y][0]} is {columns[y][1]}, and the height of a chart is a number",
            hint=_numbers_hint(columns),
        )
    scale = _scale(columns, keys, x, query.is_table)
    color = _named(columns, options.color) if options.color else None
    if color is None and x is not None and scale != "category" and query.is_table:
        color = next((i for i in keys if i not in (x, y) and columns[i][0] not in TIME_NAMES), None)
    kind = options.kind if options.kind != "auto" else _natural_kind(scale, query.is_table)
    names = [name for name, _ in columns]
    windowed = x is not None and names[x] == "WINDOWSTART" and "WINDOWEND" in names
    return Encoding(kind, scale, x, y, color, names.index("WINDOWEND") if windowed else None)


def _named(columns: Sequence[tuple[str, SqlType]], wanted: str) -> int:
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


def _natural_x(columns: Sequence[tuple[str, SqlType]], keys: Sequence[int], is_table: bool) -> int | None:
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


def _natural_y(columns: Sequence[tuple[str, SqlType]], keys: Sequence[int], x: int | None) -> int:
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


def _scale(columns: Sequence[tuple[str, SqlType]], keys: Sequence[int], x: int | None, is_table: bool) -> str:
    if x is None:
        return "number"
    name, type_ = columns[x]
    if _is_time(name, type_):
        return "time"
    if type_.is_numeric and not (is_table and x in keys):
        return "number"
    return "category"


def _natural_kind(scale: str, is_table: bool) -> str:
    if scale == "category":
        return "bar"
    return "bar" if is_table and scale == "time" else "line"


def _numbers_hint(columns: Sequence[tuple[str, SqlType]]) -> str:
    numbers = [name for name, type_ in columns if type_.is_numeric]
    return f"use --y with one of {', '.join(numbers)}" if numbers else "add a number to the query, COUNT(*) for example"


def label_of(columns: Sequence[tuple[str, SqlType]], position: int | None) -> str:
    """Name the axis of a column."""
    if position is None:
        return "record"
    name = columns[position][0]
    return {"WINDOWSTART": "window start", "WINDOWEND": "window end", "ROWTIME": "event time"}.get(name, name)
