"""What a chart shows of a query, and what changed since the last frame.

Theory of operation: the state of a chart is a few arrays of one length (``Marks``). A page holds the same arrays and
draws from them: stacks, hides and zooms without asking. A frame says how many points leave at the front, which heights
changed where they stand, and which points come at the end; when that cannot lead to the new state, it brings all of
it. The arrays travel as binary buffers.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from streamnb.schema import BIGINT, INTEGER
from streamnb.widgets.bins import Bins
from streamnb.widgets.cells import counted
from streamnb.widgets.encoding import Encoding, label_of
from streamnb.widgets.feed import FeedSnapshot, LiveQuery
from streamnb.widgets.groups import SLOTS, Slots, codes_of, largest, newest
from streamnb.widgets.linking import Keeps
from streamnb.widgets.marks import Codes, Marks, change_of, newest_of_each, summed
from streamnb.widgets.points import Floats, PointReader, Points

__all__ = ["ChartFrames"]

Row = tuple[Any, ...]
_DRAWN_EACH = ("line", "area", "scatter")  # every record is a point of its own


class ChartFrames:
    """Turns snapshots into what a chart's page is told.

    Points of a stream with a number or a time across are appended, each record once; everything else is read anew from
    the snapshot. Ownership: one thread at a time; the chart that owns it holds a lock.
    """

    def __init__(self, query: LiveQuery, encoding: Encoding, points_max: int) -> None:
        self.encoding = encoding
        self.marks = Marks()
        self.factors: list[str] = []
        self.rows: list[str] = []  # of a heatmap
        self.caption = ""
        y_label = label_of(query.columns, encoding.y)
        self.labels = [y_label if encoding.kind == "hist" else label_of(query.columns, encoding.x), y_label]
        self.color_label = label_of(query.columns, encoding.color) if encoding.color is not None else None
        self._is_table = query.is_table
        self._points_max = points_max
        self._reader = PointReader(query, encoding)
        self._slots = Slots(points_max)
        self._seen = 0  # records of a stream that have been read
        self._skipped = 0
        self._notes: list[str] = []
        self._keeps: Keeps | None = None
        self._bins = Bins(SLOTS + 1, whole=query.columns[encoding.y][1] in (INTEGER, BIGINT))
        self._appends = not self._is_table and encoding.kind in _DRAWN_EACH and encoding.scale != "category"

    @property
    def groups(self) -> list[str | None]:
        """Name each slot; None for those not in use, and for "other" where it is not drawn."""
        if self.encoding.color is None or self.encoding.kind == "heatmap":
            return []
        names = self._slots.names()
        return names[:SLOTS] if self.encoding.kind in ("line", "area") else names

    def values_of_groups(self, labels: Collection[str]) -> frozenset[Any]:
        """Return the values of the colour's column that are drawn under these labels."""
        return self._reader.group_labels.values_of(labels)

    def values_of_places(self, labels: Collection[str]) -> frozenset[Any]:
        """Return the values of the horizontal column that are drawn under these labels."""
        return self._reader.place_labels.values_of(labels)

    def restrict(self, keeps: Keeps | None) -> None:
        """Draw only the rows that a predicate keeps, from the next snapshot on; None draws all."""
        self._keeps = keeps
        self._seen = self._skipped = 0
        self.marks = Marks()
        self._bins.clear()

    def advance(self, snapshot: FeedSnapshot) -> dict[str, Any]:
        """Move on to a snapshot and describe its changes."""
        if snapshot.total < self._seen:  # another run of the query
            self.restrict(self._keeps)
        before, names_before = self.marks, self._names()
        self._notes = [] if self._keeps is None else ["only what another view has selected"]
        if self.encoding.kind == "hist":
            self.marks = self._counted(snapshot)
        elif self._appends:
            self.marks = self._appended(snapshot)
        else:
            self.marks = self._read_anew(snapshot)
        self.caption = "; ".join([self._amount(snapshot), *self._notes])
        change, buffers = change_of(before, self.marks)
        names = self._names()
        frame = {"full": False, **change, **self._facts(), **(names if names != names_before else {})}
        return {**frame, "buffers": buffers}

    def full(self) -> dict[str, Any]:
        """Describe everything."""
        change, buffers = change_of(Marks(), self.marks)
        return {"full": True, **change, **self._facts(), **self._names(), "buffers": buffers}

    def _facts(self) -> dict[str, Any]:
        return {"caption": self.caption, "newest": self.marks.newest()}

    def _names(self) -> dict[str, Any]:
        return {"groups": self.groups, "factors": self.factors, "rows": self.rows}

    def _amount(self, snapshot: FeedSnapshot) -> str:
        """Say how much of everything is on show."""
        known, noun = (len(snapshot.rows), "row") if self._is_table else (snapshot.total, "record")
        shown = min(known, self._points_max, len(snapshot.rows))
        if self._appends:
            shown = min(known, len(self.marks) + self._skipped)
        if self.encoding.kind == "hist" or shown >= known:
            return counted(known, noun)
        return f"showing {shown:,} of {known:,} {noun}s"

    def _kept(self, rows: Sequence[Row]) -> Sequence[Row]:
        return rows if self._keeps is None else [row for row in rows if self._keeps(row)]

    def _appended(self, snapshot: FeedSnapshot) -> Marks:
        fresh = min(snapshot.total - self._seen, len(snapshot.rows), self._points_max)
        self._seen = snapshot.total
        rows = self._kept(snapshot.rows[len(snapshot.rows) - fresh :])
        points = self._reader.read(rows, snapshot.total - len(rows) + 1)
        self._note_skipped(points, "without a value to draw")
        more = self._without_other(_marks(points, self._slots_of(points), points.x))
        marks = self._in_window(self.marks.joined(more).last(self._points_max), in_order=True)
        if self.encoding.color is not None:
            self._slots.keep_used(marks.g)
        return marks

    def _read_anew(self, snapshot: FeedSnapshot) -> Marks:
        kind = self.encoding.kind
        rows = self._kept(snapshot.rows if self._is_table else snapshot.rows[-self._points_max :])
        points = self._reader.read(rows, snapshot.total - len(rows) + 1)
        self._skipped = 0
        self._note_skipped(points, "without a value to draw")
        points, x = self._placed(points)
        if kind == "heatmap":
            self.rows = largest(points.groups, points.y)[::-1]  # the first one on top
            codes = codes_of(points.groups, self.rows)
            self._note_categories(points.groups, self.rows)
            x, points, codes = x[codes >= 0], points.where(codes >= 0), codes[codes >= 0]
            slots = codes.astype(np.uint8)
        else:
            self._slots.keep(points.groups)
            slots = self._slots_of(points)
        marks = _marks(points, slots, x)
        if not self._is_table and kind not in _DRAWN_EACH:
            marks = newest_of_each(marks, points.groups)
        marks = self._without_other(marks.ordered())
        marks = marks if kind in _DRAWN_EACH else summed(marks)
        return self._in_window(marks, in_order=False).last(self._points_max, whole_places=True)

    def _placed(self, points: Points) -> tuple[Points, Floats]:
        """Return the points that have a place, and the places as numbers."""
        if self.encoding.scale != "category":
            return points, points.x
        if self._is_table or self.encoding.kind == "heatmap":
            self.factors = largest(points.places, points.y)
        else:
            self.factors = newest(points.places, self.factors)
        codes = codes_of(points.places, self.factors)
        self._note_categories(points.places, self.factors)
        return points.where(codes >= 0), codes[codes >= 0].astype(np.float64)

    def _counted(self, snapshot: FeedSnapshot) -> Marks:
        rows: Sequence[Row] = snapshot.rows
        if self._is_table:
            self._bins.clear()
            self._skipped = 0
        else:
            fresh = snapshot.total - self._seen
            self._seen = snapshot.total
            self._skipped += max(0, fresh - len(rows))
            rows = rows[max(0, len(rows) - fresh) :]
        points = self._reader.read(self._kept(rows))
        self._bins.add(points.y, self._slots_of(points))
        self._note_skipped(points, "not counted")
        width, edges, counts = self._bins.shown()
        used = np.flatnonzero(counts.any(axis=1))
        slots = np.repeat(used.astype(np.uint8), len(edges))
        heights = counts[used].ravel().astype(np.float64)
        return Marks(np.tile(edges, len(used)), heights, slots, np.full(len(heights), width)).ordered()

    def _slots_of(self, points: Points) -> Codes:
        return self._slots.assign(points.groups) if points.groups else np.zeros(len(points), np.uint8)

    def _note_skipped(self, points: Points, what: str) -> None:
        self._skipped += points.skipped
        if self._skipped:
            self._notes.append(f"{self._skipped:,} {what}")

    def _note_categories(self, labels: Sequence[str], names: Sequence[str]) -> None:
        present = len(set(labels))
        if present > len(names):
            which = "largest" if self._is_table or self.encoding.kind == "heatmap" else "newest"
            self._notes.append(f"the {len(names)} {which} of {present:,} categories")

    def _without_other(self, marks: Marks) -> Marks:
        """Leave out the groups without a slot of their own where they would make no sense as one: lines."""
        if self.encoding.kind not in ("line", "area") or not self._slots.others:
            return marks
        others = self._slots.others
        self._notes.append(f"{counted(others, 'more group')} not drawn")
        return marks.take(marks.g < SLOTS)

    def _in_window(self, marks: Marks, *, in_order: bool) -> Marks:
        """Leave out what is older than the chart's window of time; in a stream, only at the front."""
        last = marks.newest()
        if self.encoding.window_ms is None or last is None:
            return marks
        recent = marks.x + marks.w >= last - self.encoding.window_ms
        return marks.take(slice(int(recent.argmax()), None) if in_order else recent)


def _marks(points: Points, slots: Codes, x: Floats) -> Marks:
    return Marks(x, points.y, slots, points.span if len(points.span) else np.zeros(len(points)))
