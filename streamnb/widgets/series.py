"""The points of a chart, group by group, and what changed since the last frame."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from streamnb.widgets.cells import cell_text, column_kind, instant_ms, shorten
from streamnb.widgets.encoding import Encoding, label_of
from streamnb.widgets.feed import FeedSnapshot, LiveQuery
from streamnb.widgets.rows import layout_of, visible

__all__ = ["FACTORS_MAX", "OTHER_SLOT", "SLOTS", "ChartFrames", "Point", "change_of", "plain_label"]

SLOTS = 10  # groups with a colour of their own
OTHER_SLOT = SLOTS
FACTORS_MAX = 60
_LABEL_CHARS_MAX = 24

Columns = dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Point:
    """One mark: place, height, group, and the texts its tooltip shows. ``span`` is the width of its window."""

    x: float | str
    y: float
    group: str
    x_text: str
    y_text: str
    span: float = 0.0


def plain_label(value: Any, kind: str = "text") -> str:
    """Write a value as a label that Bokeh takes literally: it would typeset text between TeX delimiters."""
    text = cell_text(value, kind, _LABEL_CHARS_MAX)
    text = "null" if text is None else text or "(empty)"
    for delimiter in ("$$", "\\(", "\\["):
        text = text.replace(delimiter, delimiter[0] + "\u200b" + delimiter[1])
    return text


class ChartFrames:
    """Turns snapshots into what a chart's page is told: which columns of which series to append, patch or replace.

    A group keeps its slot, and so its colour, while it has points on show.
    """

    def __init__(self, query: LiveQuery, encoding: Encoding, points_max: int) -> None:
        self._layout = layout_of(query)
        self._encoding = encoding
        self._points_max = points_max
        self._kinds = [column_kind(name, type_) for name, type_ in query.columns]
        self._slots: dict[str, int] = {}
        self._series: list[Columns] = [{} for _ in range(SLOTS + 1)]
        self._factors: list[str] = []
        self._caption = "waiting for the first row"
        self.x_label = label_of(query.columns, encoding.x)
        self.y_label = label_of(query.columns, encoding.y)

    def advance(self, snapshot: FeedSnapshot) -> dict[str, Any]:
        """Move on to a snapshot and describe its changes, series by series."""
        points, caption = self._points(snapshot)
        factors = self._choose_factors(points)
        if self._encoding.scale == "category":
            known = set(factors)
            points = [p for p in points if p.x in known]
        before, factors_before, legend_before = self._series, self._factors, self._legend()
        undrawn = self._assign_slots(points)
        self._series = self._build(points)
        self._factors = factors
        self._caption = caption + (f"; {undrawn} more groups are not drawn" if undrawn else "")
        pairs = enumerate(zip(before, self._series, strict=True))
        changes = [change for slot, (old, new) in pairs if (change := change_of(slot, old, new)) is not None]
        frame: dict[str, Any] = {"full": False, "changes": changes, "caption": self._caption}
        if factors != factors_before:
            frame["factors"] = factors
        if self._legend() != legend_before:
            frame["legend"] = self._legend()
        return frame

    def full(self) -> dict[str, Any]:
        """Describe every series."""
        changes = [{"slot": slot, "op": "data", "data": data} for slot, data in enumerate(self._series) if data]
        frame = {"full": True, "changes": changes, "caption": self._caption, "legend": self._legend()}
        return {**frame, "factors": self._factors} if self._encoding.scale == "category" else frame

    def _points(self, snapshot: FeedSnapshot) -> tuple[list[Point], str]:
        shown = visible(self._layout, snapshot, self._points_max)
        rows = list(reversed(shown.rows)) if not self._layout.is_table else list(shown.rows)
        first = snapshot.total - len(rows)
        numbered = enumerate(rows, start=first + 1)
        points = [point for number, row in numbered if (point := self._point(number, row)) is not None]
        skipped = len(rows) - len(points)
        return points, shown.caption() + (f"; {skipped:,} without a value to draw" if skipped else "")

    def _point(self, number: int, row: Sequence[Any]) -> Point | None:
        e = self._encoding
        height = row[e.y]
        if height is None or not math.isfinite(height):
            return None
        x = number if e.x is None else row[e.x]
        kind = "number" if e.x is None else self._kinds[e.x]
        span = 0.0
        place: float | str | None
        if e.scale == "category":
            place = plain_label(x, kind)
        elif e.scale == "time":
            place = instant_ms(x)
            end = instant_ms(row[e.window_end]) if e.window_end is not None else None
            span = end - place if end is not None and place is not None else 0.0
        else:
            place = float(x) if x is not None and math.isfinite(x) else None
        if place is None:
            return None
        group = "" if e.color is None else plain_label(row[e.color], self._kinds[e.color])
        x_text = cell_text(x, "time" if e.scale == "time" else kind, 80) or "null"
        return Point(place, float(height), group, x_text, cell_text(height) or "", span)

    def _choose_factors(self, points: Sequence[Point]) -> list[str]:
        """Keep the categories in their order of appearance; beyond the limit, the newest ones."""
        if self._encoding.scale != "category":
            return []
        present = dict.fromkeys(str(p.x) for p in points)
        if self._layout.is_table:
            return list(present)[-FACTORS_MAX:]
        kept = [f for f in self._factors if f in present]
        new = [f for f in present if f not in set(kept)]
        return (kept + new)[-FACTORS_MAX:]

    def _assign_slots(self, points: Iterable[Point]) -> int:
        """Give every group a slot; return how many groups are left out of the drawing."""
        groups = dict.fromkeys(p.group for p in points)
        self._slots = {g: slot for g, slot in self._slots.items() if g in groups and slot != OTHER_SLOT}
        free = [slot for slot in range(SLOTS) if slot not in self._slots.values()]
        for group in groups:
            if group not in self._slots:
                self._slots[group] = free.pop(0) if free else OTHER_SLOT
        if self._encoding.kind in ("bar", "scatter"):
            return 0
        return sum(1 for slot in self._slots.values() if slot == OTHER_SLOT)

    def _legend(self) -> list[str | None]:
        """Name each slot; None for those not in use."""
        names: list[str | None] = [None] * (SLOTS + 1)
        for group, slot in self._slots.items():
            names[slot] = "other" if slot == OTHER_SLOT else shorten(group, _LABEL_CHARS_MAX)
        if names[OTHER_SLOT] and self._encoding.kind not in ("bar", "scatter"):
            names[OTHER_SLOT] = None
        return names

    def _build(self, points: Sequence[Point]) -> list[Columns]:
        by_slot: list[list[Point]] = [[] for _ in range(SLOTS + 1)]
        for point in points:
            by_slot[self._slots[point.group]].append(point)
        if self._encoding.kind == "bar":
            return self._stack(by_slot)
        by_slot[OTHER_SLOT] = by_slot[OTHER_SLOT] if self._encoding.kind == "scatter" else []
        ordered = self._encoding.scale != "category" and self._encoding.kind != "scatter"
        return [_marks(sorted(group, key=lambda p: p.x) if ordered else group) for group in by_slot]

    def _stack(self, by_slot: Sequence[Sequence[Point]]) -> list[Columns]:
        """Stack the bars of one place: positive ones upwards, negative ones downwards from zero."""
        width = self._bar_width(p for group in by_slot for p in group)
        tops: dict[tuple[float | str, bool], float] = {}
        built: list[Columns] = []
        for slot, group in enumerate(by_slot):
            columns: Columns = {name: [] for name in ("x", "top", "bottom", "w", "xt", "yt", "c")}
            # A later point of the same group and place takes the place of an earlier one.
            latest = {(p.x, p.group): p for p in group}
            for p in latest.values():
                side = (p.x, p.y >= 0)
                bottom = tops.get(side, 0.0)
                tops[side] = bottom + p.y
                x = p.x + p.span / 2 if isinstance(p.x, float) else p.x
                values = (x, bottom + p.y, bottom, width, p.x_text, p.y_text, p.group)
                for name, value in zip(columns, values, strict=True):
                    columns[name].append(value)
            built.append(columns if columns["x"] else self._series_empty(slot))
        return built

    def _series_empty(self, slot: int) -> Columns:
        return {name: [] for name in self._series[slot]}

    def _bar_width(self, points: Iterable[Point]) -> float:
        if self._encoding.scale == "category":
            return 0.8
        places: set[float] = set()
        span = 0.0
        for p in points:
            places.add(float(p.x))
            span = max(span, p.span)
        ordered = sorted(places)
        gaps = [b - a for a, b in itertools.pairwise(ordered)]
        nearest = min(gaps, default=span or (1000.0 if self._encoding.scale == "time" else 1.0))
        return 0.9 * (min(span, nearest) if span else nearest)


def _marks(points: Sequence[Point]) -> Columns:
    return {
        "x": [p.x for p in points],
        "y": [p.y for p in points],
        "xt": [p.x_text for p in points],
        "yt": [p.y_text for p in points],
        "c": [p.group for p in points],
    }


def change_of(slot: int, before: Columns, after: Columns) -> dict[str, Any] | None:
    """Describe how to get from one state of a series to the next with the least data; None when nothing changed.

    ``append`` adds rows and keeps the last ``keep``; ``patch`` writes single values, then appends; ``data`` replaces.
    """
    if before == after or not (before.get("x") or after.get("x")):
        return None
    old = list(zip(*before.values(), strict=True))
    new = list(zip(*after.values(), strict=True))
    overlap = _overlap(old, new)
    if overlap:
        return {"slot": slot, "op": "append", "data": _tail(after, overlap), "keep": len(new)}
    changed = [i for i in range(min(len(old), len(new))) if old[i] != new[i]]
    if old and len(new) >= len(old) and len(changed) <= max(8, len(old) // 2):
        patches = {
            name: pairs
            for name, values in after.items()
            if (pairs := [[i, values[i]] for i in changed if values[i] != before[name][i]])
        }
        tail = _tail(after, len(old)) if len(new) > len(old) else None
        return {"slot": slot, "op": "patch", "patches": patches, "data": tail, "keep": len(new)}
    return {"slot": slot, "op": "data", "data": after}


def _overlap(old: Sequence[Any], new: Sequence[Any]) -> int:
    """Return how many rows at the start of ``new`` are the end of ``old``; 0 when new is no continuation of it."""
    if not old or not new:
        return 0
    for dropped, row in enumerate(old):
        if row == new[0] and len(old) - dropped < len(new) and old[dropped:] == new[: len(old) - dropped]:
            return len(old) - dropped
    return 0


def _tail(columns: Columns, start: int) -> Columns:
    return {name: values[start:] for name, values in columns.items()}
