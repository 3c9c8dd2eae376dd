"""The state of a chart as arrays, and what leads from one state to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from streamnb.widgets.points import Floats

__all__ = ["Codes", "Marks", "change_of", "newest_of_each", "summed"]

Codes = npt.NDArray[np.uint8]
_CANDIDATES = 4  # places where the old state may go on; points that are equal are rare


@dataclass(frozen=True)
class Marks:
    """Arrays of one length: ``x`` (a time, a number, or the number of a category), ``y``, group and width."""

    x: Floats = field(default_factory=lambda: np.empty(0))
    y: Floats = field(default_factory=lambda: np.empty(0))
    g: Codes = field(default_factory=lambda: np.empty(0, np.uint8))
    w: Floats = field(default_factory=lambda: np.empty(0))

    def __len__(self) -> int:
        return len(self.y)

    def take(self, chosen: slice | npt.NDArray[Any]) -> Marks:
        """Return some of the marks."""
        return Marks(self.x[chosen], self.y[chosen], self.g[chosen], self.w[chosen])

    def joined(self, more: Marks) -> Marks:
        """Return these marks and more behind them."""
        return Marks(
            np.concatenate((self.x, more.x)),
            np.concatenate((self.y, more.y)),
            np.concatenate((self.g, more.g)),
            np.concatenate((self.w, more.w)),
        )

    def ordered(self) -> Marks:
        """Return the marks by place, then group; equal ones by height, so that the order is always the same."""
        return self.take(np.lexsort((self.y, self.g, self.x)))

    def last(self, count: int, *, whole_places: bool = False) -> Marks:
        """Return the last marks; of sorted ones without the place that would be cut in two."""
        cut = len(self) - count
        if cut <= 0:
            return self
        if whole_places and self.x[-1] != self.x[cut - 1]:
            cut = int(np.searchsorted(self.x, self.x[cut - 1], side="right"))
        return self.take(slice(cut, None))

    def newest(self) -> float | None:
        """Return the right end of the mark that ends last."""
        return float((self.x + self.w).max()) if len(self) else None


def change_of(before: Marks, after: Marks) -> tuple[dict[str, Any], list[bytes]]:
    """Describe how a page gets from one state to the next, with the buffers of what comes.

    ``drop`` points leave at the front, then the heights ``set`` are written at the places ``at``, then points are
    added; ``all`` replaces everything. ``names`` tells the buffers apart: at (uint32), set, x, y, w (float64), g
    (uint8); without w the widths are 0.
    """
    drop, kept = _continuation(before, after)
    parts: dict[str, npt.NDArray[Any]] = {}
    if kept:
        at = np.flatnonzero(before.y[drop : drop + kept] != after.y[:kept])
        parts = {"at": at.astype(np.uint32), "set": after.y[at]} if len(at) else {}
    if kept < len(after):
        more = after.take(slice(kept, None))
        parts |= {"x": more.x, "y": more.y, "g": more.g}
        if more.w.any():
            parts["w"] = more.w
    change = {"all": not kept, "drop": drop, "names": list(parts)}
    return change, [part.tobytes() for part in parts.values()]


def _continuation(before: Marks, after: Marks) -> tuple[int, int]:
    """Return how many marks leave at the front and how many stay, so that the rest of ``after`` comes behind them."""
    if not len(before) or not len(after):
        return 0, 0
    starts = np.flatnonzero((before.x == after.x[0]) & (before.g == after.g[0]))
    for drop in starts[:_CANDIDATES].tolist():
        kept = len(before) - drop
        if kept <= len(after) and all(
            np.array_equal(old[drop:], new[:kept])
            for old, new in ((before.x, after.x), (before.g, after.g), (before.w, after.w))
        ):
            return drop, kept
    return 0, 0


def newest_of_each(marks: Marks, names: Sequence[str]) -> Marks:
    """Keep the last mark of each place and name: a later record of a stream takes the place of an earlier one."""
    pairs = zip(marks.x.tolist(), names or [""] * len(marks), strict=True)
    last = {pair: i for i, pair in enumerate(pairs)}
    return marks.take(np.fromiter(last.values(), np.int64, len(last)))


def summed(marks: Marks) -> Marks:
    """Add up the heights of sorted marks that stand at one place in one colour."""
    if len(marks) < 2:
        return marks
    first = np.concatenate(([True], (marks.x[1:] != marks.x[:-1]) | (marks.g[1:] != marks.g[:-1])))
    starts = np.flatnonzero(first)
    return Marks(marks.x[starts], np.add.reduceat(marks.y, starts), marks.g[starts], marks.w[starts])
