"""The rows of a keyed table in memory, found by the hash of their key, at a cost that follows the rows asked for.

Theory of operation. The rows lie in *levels*, the newest first, each an Arrow table with its hashes in order. A level
that has a hash has all rows of that hash, or none where they were deleted, so that the levels below are not asked for
it. Whoever replaces rows puts a new level on top; small levels are merged as they gather, so that there are few, and
the lowest, the *base*, only when ``merged`` is called. Nothing is ever changed in place: an index of before is still
whole, which is what takes back a transaction that failed.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["GONE", "HASH", "ROW", "RowIndex", "bytes_in_use", "distinct"]

HASH = "#"
"""The column of an index's tables that holds the hash of the key, UBIGINT."""
ROW = "rid"
"""The column of found rows that numbers them from 0."""
GONE = "gone"
"""The column of changed rows that tells which keys have no row any more."""

_NONE = -1
_MERGED_FROM = 2  # a level is merged with the one below that has less than so many times its entries

Hashes = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Level:
    """``hashes`` in ascending order, and for each the number of its row in ``table``, or _NONE."""

    hashes: Hashes
    rows: Rows
    table: pa.Table

    def __post_init__(self) -> None:
        _levels.add(self)

    @classmethod
    def of(cls, table: pa.Table, gone: Hashes | None = None) -> _Level:
        """Make a level of rows, and of hashes that have none any more."""
        hashes = table.column(HASH).to_numpy()
        rows = np.arange(len(hashes), dtype=np.int64)
        if gone is not None and len(gone):
            hashes = np.concatenate([hashes, gone])
            rows = np.concatenate([rows, np.full(len(gone), _NONE, np.int64)])
        order = np.argsort(hashes, kind="stable")
        return cls(hashes[order], rows[order], table)

    @cached_property
    def is_unique(self) -> bool:
        """Whether no two rows have one hash."""
        return bool(np.all(self.hashes[1:] != self.hashes[:-1]))

    @property
    def nbytes(self) -> int:
        return int(self.hashes.nbytes + self.rows.nbytes + self.table.nbytes)

    def has(self, hashes: Hashes) -> tuple[npt.NDArray[np.bool_], Rows]:
        """Tell which hashes the level has, and where the first entry of each stands."""
        first = np.searchsorted(self.hashes, hashes)
        return _stand_at(self.hashes, first, hashes), first

    def rows_at(self, first: Rows) -> Rows:
        """List the rows of the hashes whose first entries stand there."""
        if self.is_unique:
            rows = self.rows[first]
        else:
            counts = np.searchsorted(self.hashes, self.hashes[first], side="right") - first
            starts = np.repeat(first - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
            rows = self.rows[starts + np.arange(int(counts.sum()))]
        here: Rows = rows[rows != _NONE]
        return here

    def over(self, below: _Level, *, is_lowest: bool) -> _Level:
        """Merge with the level below; hashes without rows are kept only while another level is below both."""
        hidden, _ = self.has(below.hashes)
        kept = below.rows[~hidden]
        table = _joined([self.table, below.table.take(kept[kept != _NONE])])
        if is_lowest:
            return _Level.of(table)
        gone = np.concatenate([self.hashes[self.rows == _NONE], below.hashes[~hidden][kept == _NONE]])
        return _Level.of(table, gone)


_levels: weakref.WeakSet[_Level] = weakref.WeakSet()


def bytes_in_use() -> int:
    """Tell how many bytes all indexes of the process take."""
    return sum(level.nbytes for level in list(_levels))


@dataclass(frozen=True, eq=False)
class RowIndex:
    """The rows of one table. ``levels`` has the newest first and always a base at its end."""

    levels: tuple[_Level, ...]

    @classmethod
    def of(cls, table: pa.Table) -> RowIndex:
        """Index the rows of a table; its column HASH holds the hash of each row's key."""
        return cls((_Level.of(table.combine_chunks()),))

    @property
    def nbytes(self) -> int:
        """Tell how many bytes it takes."""
        return sum(level.nbytes for level in self.levels)

    def find(self, hashes: Hashes) -> pa.Table:
        """Return the rows of these hashes, each named once, with their numbers in a column ROW."""
        left, found = hashes, []
        for level in self.levels:
            known, first = level.has(left)
            if known.any():
                found.append(level.table.take(level.rows_at(first[known])))
                left = left[~known]
        # not a slice of the base, which would keep all of it
        table = _joined(found) if found else self.levels[-1].table.schema.empty_table()
        return table.append_column(ROW, pa.array(np.arange(len(table), dtype=np.int64)))

    def replaced(self, found: pa.Table, changed: pa.Table) -> RowIndex:
        """Return the index in which rows took the place of others.

        ``found`` was found before, with the hashes of ``changed`` among those asked for. A changed row has the number
        of the found row that it replaces, or null, in ROW, and true in GONE where nothing comes in its place. A found
        row that is not replaced is of another key with the same hash, and stays.
        """
        touched = distinct(changed.column(HASH).to_numpy())
        stays = np.ones(len(found), np.bool_)
        stays[changed.column(ROW).drop_null().to_numpy()] = False
        left = found.filter(pa.array(stays)) if stays.any() else found.slice(0, 0)
        left = left.filter(pa.array(_among(left.column(HASH).to_numpy(), touched)))
        names = self.levels[-1].table.column_names
        parts = [changed.filter(pc.invert(changed.column(GONE))).select(names)]
        if len(left):
            parts.append(left.select(names))
        table = _joined(parts).combine_chunks()
        there = np.sort(table.column(HASH).to_numpy())
        top = _Level.of(table, touched[~_among(touched, there)])
        levels = (top, *self.levels)
        while len(levels) > 2 and len(levels[0].hashes) * _MERGED_FROM >= len(levels[1].hashes):
            levels = (levels[0].over(levels[1], is_lowest=False), *levels[2:])
        return RowIndex(levels)

    def merged(self) -> RowIndex:
        """Return the index with one level."""
        levels = self.levels
        while len(levels) > 1:
            levels = (levels[0].over(levels[1], is_lowest=len(levels) == 2), *levels[2:])
        return RowIndex(levels)


def distinct(hashes: Hashes) -> Hashes:
    """Sort hashes and leave each once; for these, ``np.unique`` takes several times as long."""
    ordered = np.sort(hashes)
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered


def _among(hashes: Hashes, ordered: Hashes) -> npt.NDArray[np.bool_]:
    """Tell which hashes are among others, which are in ascending order."""
    return _stand_at(ordered, np.searchsorted(ordered, hashes), hashes)


def _stand_at(ordered: Hashes, places: Rows, hashes: Hashes) -> npt.NDArray[np.bool_]:
    inside = places < len(ordered)
    found = np.zeros(len(hashes), np.bool_)
    found[inside] = ordered[places[inside]] == hashes[inside]
    return found


def _joined(tables: Sequence[pa.Table]) -> pa.Table:
    return tables[0] if len(tables) == 1 else pa.concat_tables(tables).combine_chunks()
