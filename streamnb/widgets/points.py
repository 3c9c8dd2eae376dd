"""Rows as the columns of a chart, whole arrays at a time: it has to keep up with thousands of rows a second."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from streamnb.schema import TIMESTAMP, SqlType
from streamnb.widgets.cells import cell_text, column_kind, instant_ms
from streamnb.widgets.encoding import Encoding
from streamnb.widgets.feed import LiveQuery

__all__ = ["LABEL_CHARS_MAX", "Floats", "PointReader", "Points", "plain_label"]

LABEL_CHARS_MAX = 24
_LABELS_MAX = 20_000

Floats = npt.NDArray[np.float64]
Row = tuple[Any, ...]


def plain_label(value: Any, kind: str = "text") -> str:
    """Write a value as a label that Bokeh takes literally: it would typeset text between TeX delimiters."""
    text = cell_text(value, kind, LABEL_CHARS_MAX)
    text = "null" if text is None else text or "(empty)"
    for delimiter in ("$$", "\\(", "\\["):
        text = text.replace(delimiter, delimiter[0] + "\u200b" + delimiter[1])
    return text


class _Labels(dict[Any, str]):
    """Remembers the label of each value of a column, so that most are looked up and not written again."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._kind = kind

    def __missing__(self, value: Any) -> str:
        if len(self) >= _LABELS_MAX:
            self.clear()
        label = self[value] = plain_label(value, self._kind)
        return label

    def of(self, values: Sequence[Any]) -> list[str]:
        """Write a column's values as labels."""
        try:
            return list(map(self.__getitem__, values))
        except TypeError:  # arrays, maps and structs cannot be looked up
            labels = [plain_label(value, self._kind) for value in values]
            if len(self) >= _LABELS_MAX:
                self.clear()
            self.update(zip(map(repr, values), labels, strict=True))
            return labels

    def values_of(self, labels: Collection[str]) -> frozenset[Any]:
        """Return the values that were written as one of these labels, nested ones as Python writes them."""
        return frozenset(value for value, label in self.items() if label in labels)


@dataclass(frozen=True)
class Points:
    """The marks of a chart, one array for each property, all of one length.

    ``x`` is milliseconds or a number, empty where ``places`` has the category instead; ``y`` the height; ``span`` the
    width of the window, empty where there are no windows; ``groups`` the labels of the colours, empty without any.
    ``skipped`` counts the rows that had nothing to draw.
    """

    x: Floats
    y: Floats
    span: Floats
    places: list[str]
    groups: list[str]
    skipped: int = 0

    def __len__(self) -> int:
        return len(self.y)

    def where(self, kept: npt.NDArray[np.bool_]) -> Points:
        """Return the marks for which a mask is true; the others count as skipped."""
        if kept.all():
            return self
        chosen = np.flatnonzero(kept).tolist()
        return Points(
            self.x[kept] if len(self.x) else self.x,
            self.y[kept],
            self.span[kept] if len(self.span) else self.span,
            [self.places[i] for i in chosen] if self.places else [],
            [self.groups[i] for i in chosen] if self.groups else [],
            self.skipped + len(self) - len(chosen),
        )


_NONE = np.empty(0, np.float64)


class PointReader:
    """Reads rows of a query as points of a chart."""

    def __init__(self, query: LiveQuery, encoding: Encoding) -> None:
        self._e = encoding
        self._types = [type_ for _, type_ in query.columns]
        kinds = [column_kind(name, type_) for name, type_ in query.columns]
        self.place_labels = _Labels(kinds[encoding.x] if encoding.x is not None else "text")
        self.group_labels = _Labels(kinds[encoding.color] if encoding.color is not None else "text")

    def read(self, rows: Sequence[Row], first: int = 1) -> Points:
        """Read rows in their order; ``first`` is the number of the first one, counted from 1.

        Rows without a finite height or without a place are skipped and counted.
        """
        e = self._e
        if not rows:
            return Points(_NONE, _NONE, _NONE, [], [])
        y = _numbers([row[e.y] for row in rows])
        groups = [] if e.color is None else self.group_labels.of([row[e.color] for row in rows])
        kept = np.isfinite(y)
        x, places, span = _NONE, [], _NONE
        if e.scale == "category" and e.x is not None:
            places = self.place_labels.of([row[e.x] for row in rows])
        elif e.x is None:
            x = np.arange(first, first + len(rows), dtype=np.float64)
        else:
            column = [row[e.x] for row in rows]
            x = _instants(column, self._types[e.x]) if e.scale == "time" else _numbers(column)
            kept &= np.isfinite(x)
        if e.window_end is not None and e.scale == "time":
            ends = _instants([row[e.window_end] for row in rows], self._types[e.window_end])
            span = np.nan_to_num(ends - x, nan=0.0, posinf=0.0, neginf=0.0)
        return Points(x, y, span, places, groups).where(kept)


def _numbers(values: Sequence[Any]) -> Floats:
    """Turn numbers into floats; None becomes NaN, as does what is beyond a float."""
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return np.array([_number(value) for value in values], dtype=np.float64)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return float("nan")


def _instants(values: Sequence[Any], type_: SqlType) -> Floats:
    """Turn instants into milliseconds since the epoch; None and what is none becomes NaN."""
    if type_.is_numeric:
        return _numbers(values)
    if type_ == TIMESTAMP:
        try:
            micros = pa.array(values, pa.timestamp("us")).cast(pa.int64())
            return np.asarray(micros.to_numpy(zero_copy_only=False), np.float64) / 1000.0
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            pass  # a value of another kind: one by one
    return np.array([np.nan if (ms := instant_ms(value)) is None else ms for value in values], np.float64)
