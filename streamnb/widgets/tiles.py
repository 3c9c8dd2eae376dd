"""What metric tiles show of a query: the newest value of each key, what it was before, and its way there."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from streamnb.widgets.encoding import Encoding, label_of
from streamnb.widgets.feed import FeedSnapshot, LiveQuery
from streamnb.widgets.linking import Keeps
from streamnb.widgets.points import PointReader, plain_label

__all__ = ["TILES_MAX", "MetricFrames", "Tile"]

TILES_MAX = 24
_TRAIL = 40  # values of the small line


@dataclass
class Tile:
    """One key: its values, oldest first, and the window that the last one belongs to."""

    label: str
    values: deque[float] = field(default_factory=lambda: deque(maxlen=_TRAIL))
    place: float = -math.inf

    def note(self, place: float, value: float, *, by_window: bool) -> None:
        """Take in a value: a new window adds to the trail, and the newest window's value changes in place."""
        if by_window and self.values and place <= self.place:
            if place == self.place:
                self.values[-1] = value
            return
        if by_window or not self.values or self.values[-1] != value:
            self.values.append(value)
        self.place = max(place, self.place)

    def described(self) -> list[Any]:
        """Return label, value, change against the value before (None without one), and the trail."""
        trail = list(self.values)
        return [self.label, trail[-1], trail[-1] - trail[-2] if len(trail) > 1 else None, trail]


class MetricFrames:
    """Turns snapshots into tiles: each key's newest value, of windowed tables that of its newest window.

    The small line has the values of the last windows, or, without windows, the last values of the key, one a frame at
    most. Beyond ``tiles_max`` keys the largest are shown.
    """

    def __init__(self, query: LiveQuery, encoding: Encoding, tiles_max: int) -> None:
        self.tiles: list[Tile] = []
        self.caption = ""
        self.label = plain_label(label_of(query.columns, encoding.y))
        self._encoding = encoding
        self._is_table = query.is_table
        self._reader = PointReader(query, encoding)
        self._tiles_max = tiles_max
        self._known: dict[str, Tile] = {}
        self._seen = 0
        self._sent: dict[str, list[Any]] = {}
        self._keeps: Keeps | None = None

    def restrict(self, keeps: Keeps | None) -> None:
        """Show only the keys of rows that a predicate keeps, from the next snapshot on; None shows all."""
        self._keeps = keeps
        self._seen = 0
        self._known.clear()

    def advance(self, snapshot: FeedSnapshot) -> dict[str, Any]:
        """Move on to a snapshot: ``order`` lists the labels on show, ``tiles`` has those that changed."""
        if snapshot.total < self._seen:  # another run of the query
            self.restrict(self._keeps)
        rows = snapshot.rows
        if not self._is_table:
            rows = rows[len(rows) - min(snapshot.total - self._seen, len(rows)) :]
            self._seen = snapshot.total
        self._take(rows if self._keeps is None else [row for row in rows if self._keeps(row)])
        self.tiles = self._chosen()
        known = len(self._known)
        self.caption = f"showing {len(self.tiles)} of {known:,}" if known > len(self.tiles) else ""
        now = {tile.label: tile.described() for tile in self.tiles}
        changed = [described for label, described in now.items() if self._sent.get(label) != described]
        self._sent = now
        return {"full": False, "order": list(now), "tiles": changed, "caption": self.caption}

    def full(self) -> dict[str, Any]:
        """Describe all tiles on show."""
        tiles = list(self._sent.values())
        return {"full": True, "order": list(self._sent), "tiles": tiles, "caption": self.caption}

    def _take(self, rows: Sequence[tuple[Any, ...]]) -> None:
        points = self._reader.read(rows)
        labels = points.groups or [self.label] * len(points)
        by_window = self._encoding.x is not None
        newest: Iterable[tuple[float, str, float]] = zip(points.x.tolist(), labels, points.y.tolist(), strict=True)
        if by_window:
            newest = sorted(newest, key=lambda point: point[0])
        else:
            newest = {point[1]: point for point in newest}.values()
        for place, label, value in newest:
            self._known.setdefault(label, Tile(label)).note(place, value, by_window=by_window)
        if self._is_table:
            present = set(labels)
            self._known = {label: tile for label, tile in self._known.items() if label in present}
        while len(self._known) > 100 * self._tiles_max:
            del self._known[next(iter(self._known))]

    def _chosen(self) -> list[Tile]:
        tiles = list(self._known.values())
        if len(tiles) > self._tiles_max:
            tiles = sorted(tiles, key=lambda tile: -tile.values[-1])[: self._tiles_max]
        return sorted(tiles, key=lambda tile: tile.label)
