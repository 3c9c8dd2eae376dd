"""Where the items of a dashboard go: rows of named areas, as in a CSS grid."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import lcm
from typing import Any

from streamnb.errors import StreamnbError

__all__ = ["EMPTY", "Grid", "LayoutSpec", "arrange"]

LayoutSpec = str | Sequence[int] | Sequence[str] | Sequence[Sequence[str]] | None

EMPTY = "."
_SIZE = re.compile(r"\s*(\d+)\s*[x×]\s*(\d+)\s*")
_COLUMNS_MAX = 24
_HINT = 'a layout is "2x2" (rows × columns), [2, 1] (items in each row) or rows of areas: ["a a", "b c"]'


@dataclass(frozen=True)
class Grid:
    """Rows of area names, all of one length; an area is a rectangle, ``EMPTY`` is a place without an item."""

    rows: tuple[tuple[str, ...], ...]

    @property
    def columns(self) -> int:
        """Count the columns."""
        return len(self.rows[0])

    @property
    def areas(self) -> tuple[str, ...]:
        """List the areas in reading order."""
        return tuple(dict.fromkeys(name for row in self.rows for name in row if name != EMPTY))

    @property
    def places(self) -> dict[str, tuple[int, int, int, int]]:
        """Give each area's lines in CSS's order: row start, column start, row end, column end, from 1."""
        found = {}
        for area in self.areas:
            rows = [i for i, row in enumerate(self.rows) if area in row]
            columns = [i for i, name in enumerate(self.rows[rows[0]]) if name == area]
            found[area] = (rows[0] + 1, columns[0] + 1, rows[-1] + 2, columns[-1] + 2)
        return found


def arrange(layout: LayoutSpec, items: Sequence[Any] | Mapping[str, Any]) -> tuple[Grid, dict[str, Any]]:
    """Give every item an area: by its name in a mapping, otherwise in reading order.

    Without a layout items go two abreast, and one that is left over takes the whole row.
    Raises: StreamnbError when the layout makes no sense or does not fit the items.
    """
    if not items:
        raise StreamnbError("the dashboard has no items", hint="items are q.table(), q.chart(...), a text, a widget")
    grid = _grid(layout, len(items))
    areas = grid.areas
    if isinstance(items, Mapping):
        unknown = [str(name) for name in items if name not in areas]
        empty = [name for name in areas if name not in items]
        if unknown or empty:
            wrong = f"item {unknown[0]} has no area" if unknown else f"area {empty[0]} has no item"
            raise StreamnbError(f"{wrong} in the layout", hint=f"the layout's areas: {', '.join(areas)}")
        return grid, {name: items[name] for name in areas}
    if len(items) > len(areas) or (len(items) < len(areas) and not isinstance(layout, str)):
        raise StreamnbError(f"the layout has {len(areas)} places, and there are {len(items)} items", hint=_HINT)
    return grid, dict(zip(areas, items, strict=False))


def _grid(layout: LayoutSpec, count: int) -> Grid:
    if layout is None:
        return _of_counts([2] * (count // 2) + [1] * (count % 2))
    if isinstance(layout, str):
        size = _SIZE.fullmatch(layout)
        if size is None or not (int(size[1]) and 0 < int(size[2]) <= _COLUMNS_MAX):
            raise StreamnbError(f"layout {layout!r} is no size", hint=_HINT)
        return _of_counts([int(size[2])] * int(size[1]))
    counts = [row for row in layout if isinstance(row, int)]
    if counts and len(counts) == len(layout):
        if min(counts) < 1 or max(counts) > _COLUMNS_MAX:
            raise StreamnbError(f"a row of the layout has 1 to {_COLUMNS_MAX} items", hint=_HINT)
        return _of_counts(counts)
    if not layout or counts:
        raise StreamnbError("the layout has no rows" if not layout else "the layout mixes counts and areas", hint=_HINT)
    named = [
        row.split() if isinstance(row, str) else [str(name) for name in row]
        for row in layout
        if not isinstance(row, int)
    ]
    return _of_areas(named)


def _of_counts(counts: Sequence[int]) -> Grid:
    """Make rows of equally wide items; rows with different numbers of them meet on a common grid."""
    columns = lcm(*counts)
    rows, number = [], 0
    for count in counts:
        names = [str(number + i) for i in range(count)]
        rows.append(tuple(name for name in names for _ in range(columns // count)))
        number += count
    return Grid(tuple(rows))


def _of_areas(rows: Sequence[Sequence[str]]) -> Grid:
    columns = len(rows[0])
    for number, row in enumerate(rows, start=1):
        if len(row) != columns or not row:
            raise StreamnbError(f"row {number} of the layout has {len(row)} places, row 1 has {columns}", hint=_HINT)
    grid = Grid(tuple(tuple(row) for row in rows))
    for area, (top, left, bottom, right) in grid.places.items():
        cells = [(r, c) for r, row in enumerate(grid.rows, 1) for c, name in enumerate(row, 1) if name == area]
        if cells != [(r, c) for r in range(top, bottom) for c in range(left, right)]:
            raise StreamnbError(f"area {area} of the layout is no rectangle", hint=_HINT)
    return grid
