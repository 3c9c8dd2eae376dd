"""Where a relation keeps its rows: a table of DuckDB, and in front of it the rows that have not been written yet.

Theory of operation: writing a few rows costs DuckDB nearly as much as writing a thousand, and a view of the rows needs
a batch many times a second. So a batch is first only looked up: one statement finds the rows that it replaces. Both, as
Arrow tables, are what the views need to move on. The new rows wait until there are many of them, or until somebody has
to look at all rows; ``settle`` then writes them in one go. Until then a row that waits stands for the one of its key in
the table, which is known by its id: DuckDB moves rows once others were deleted, so that a row id holds for one
statement only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from streamnb.duck import Sql, duck_type, ident, join, lit, sql
from streamnb.engine.batches import Batches
from streamnb.engine.ranking import Places
from streamnb.engine.roworder import RowSet
from streamnb.schema import SqlType
from streamnb.store import Store

__all__ = ["AppendedRows", "KeyedRows", "Replaced"]

WAITING_MAX = 2000
WAITING_BYTES = 16_000_000
INDEXED_MAX = 1000
_SLACK = 4  # rows are dropped by the fourth part: it takes writing the rest anew
_HASH = "hash({})"
_STORED, _GONE, _WAITS = range(3)  # a row in the table; one that is deleted when it is written; one that waits
_KINDS = ("insert", "update", "delete")  # no Arrow array: the first one that is made imports pandas

Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]


def _columns(rows: RowSet) -> list[tuple[str, SqlType]]:
    return [(f"c{i}", type_) for i, type_ in enumerate(rows.types)]


class _Types:
    """Gives columns of a batch the types that they have in the table, where these are others."""

    def __init__(self, store: Store, columns: Sequence[tuple[str, SqlType]]) -> None:
        self._store = store
        self._casts = {name: sql("{0}::{1} AS {0}", ident(name), duck_type(type_)) for name, type_ in columns}
        nulls = [sql("NULL::{} AS {}", duck_type(type_), ident(name)) for name, type_ in columns]
        self._schema = store.arrow(sql("SELECT {}", join(", ", nulls))).schema

    def apply(self, batch: pa.Table) -> pa.Table:
        """Return a batch whose columns have their types; DuckDB casts it unless they all have them already."""
        if all(batch.schema.field(field.name).type == field.type for field in self._schema):
            return batch
        self._store.register("pending", batch)
        columns = [self._casts.get(name, ident(name)) for name in batch.column_names]
        return self._store.arrow(sql("SELECT {} FROM pending", join(", ", columns)))


def _rows(ids: Places, rows: pa.Table, chosen: Mask) -> pa.Table:
    """Put ids before rows, and leave out those that are not chosen."""
    table = rows.add_column(0, "id", pa.array(ids))
    return table if chosen.all() else table.filter(pa.array(chosen))


def _are_many(rows: int, size: int) -> bool:
    """Tell whether rows that wait, of so many bytes, are to be written."""
    return rows > WAITING_MAX or size > WAITING_BYTES


def _described(rows: RowSet) -> list[Sql]:
    return [sql("{} {}", c, duck_type(t)) for c, t in zip(rows.columns(), rows.types, strict=True)]


def _drop_oldest(store: Store, table: Sql, surplus: int) -> None:
    rest = sql("CREATE OR REPLACE TABLE {0} AS SELECT * FROM {0} ORDER BY rowid OFFSET {1}", table, lit(surplus))
    store.execute(rest)


class AppendedRows:
    """Rows that only come: those of a stream, or the changes of a table. Used under the lock of the relation."""

    def __init__(self, store: Store, rows: RowSet, rows_max: int) -> None:
        """Create the table; it keeps its newest ``rows_max`` rows, or a quarter more."""
        self.count = 0
        self._store = store
        self._rows = rows
        self._rows_max = rows_max
        self._waiting = Batches()
        self._typed = _Types(store, _columns(rows))
        store.execute(sql("CREATE TABLE {} ({})", rows.table, join(", ", [sql("id BIGINT"), *_described(rows)])))

    def take(self, pending: pa.Table) -> pa.Table:
        """Add rows, numbered by ``n``, and return them with their types: the columns id, c0, c1, …"""
        names = ["n", *(name for name, _ in _columns(self._rows))]
        rows = self._typed.apply(pending.select(names)).rename_columns(["id", *names[1:]])
        self.add(rows)
        return rows

    def add(self, rows: pa.Table) -> None:
        """Add rows that have their types: the columns id, c0, c1, …"""
        self.count += rows.num_rows
        self._waiting.add(rows)

    def settle(self) -> None:
        """Write the rows that wait, so that the table is whole."""
        waiting = self._waiting.take()
        if waiting is not None:
            self._store.register("waiting", waiting)
            self._store.execute(sql("INSERT INTO {} SELECT * FROM waiting", self._rows.table))
            self._store.release("waiting")

    def tidy(self) -> bool:
        """Write the rows that wait if they are many, drop the oldest above what is kept; True if any were dropped."""
        if _are_many(self._waiting.rows, self._waiting.bytes):
            self.settle()
        surplus = self.count - self._rows_max
        if surplus <= self._rows_max // _SLACK:
            return False
        self.settle()
        _drop_oldest(self._store, self._rows.table, surplus)
        self.count = self._rows_max
        return True


@dataclass(frozen=True)
class Replaced:
    """What a batch did to the rows of a table.

    ``came`` has the columns id, c0, c1, …; ``left`` are the rows that were there before, None if there were none, with
    the columns id and those that were asked for. ``noted`` are the changes one by one: their number as id, their kind
    as c0, and the row as c1, c2, … ``deletes`` tells whether any change is a deletion.
    """

    came: pa.Table
    left: pa.Table | None
    noted: pa.Table
    deletes: bool


@dataclass(frozen=True)
class _Met:
    """What the changes of a batch meet, each in the order in which they came.

    ``group`` is the place of its key among the groups; ``ids`` are those of the rows, the number of its first change
    if the row is new; ``old`` that of the row that was there before the batch, ``base`` the id of it or of the one it
    stands for in the table, ``place`` its place among those that wait: -1 if there is none. ``last`` tells the change
    of a key that counts, ``existed`` whether the row was there when the change came.
    """

    group: Places
    ids: Places
    old: Places
    base: Places
    place: Places
    last: Mask
    existed: Mask

    @classmethod
    def of(cls, groups: pa.Table, numbers: Places, gone: Mask) -> _Met:
        """Find them in what ``KeyedRows._lookup`` gives, by the numbers of the changes, which follow each other."""
        group = np.empty(len(numbers), np.int64)
        of_groups = groups.column("n")
        if pa.types.is_list(of_groups.type):
            lists = of_groups.combine_chunks()
            lengths = np.diff(lists.offsets.to_numpy())
            group[lists.flatten().to_numpy() - numbers[0]] = np.repeat(np.arange(len(lengths)), lengths)
        else:
            group[of_groups.to_numpy() - numbers[0]] = np.arange(len(numbers))
        rank = groups.column("rank").to_numpy()
        there = ((rank == _STORED) | (rank == _WAITS))[group]
        old, base, place = (np.where(there, groups.column(n).to_numpy()[group], -1) for n in ("id", "base", "place"))
        if len(groups) == len(numbers):
            every = np.ones(len(numbers), bool)
            return cls(group, np.where(there, old, numbers), old, base, place, every, there)
        order = np.argsort(group, kind="stable")
        begins = np.flatnonzero(np.diff(group[order], prepend=-1))
        first, last, existed = (np.zeros(len(numbers), bool) for _ in range(3))
        first[order[begins]] = True
        last[order[np.append(begins[1:], len(order)) - 1]] = True
        existed[order[1:]] = ~gone[order[:-1]]
        news = numbers[order[begins]][group]
        return cls(group, np.where(there, old, news), old, base, place, last, np.where(first, there, existed))


class KeyedRows:
    """The rows of a table, each found by the hash of its key. Used under the lock of the relation."""

    def __init__(self, store: Store, rows: RowSet, keys: Sequence[SqlType], rows_max: int, dead_min: int) -> None:
        """Create the table; it keeps the ``rows_max`` rows that changed last, or a quarter more.

        ``dead_min`` is how many rows DuckDB may hold that are replaced already, whatever the number of those alive.
        """
        self.count = 0
        self._store = store
        self._rows = rows
        self._rows_max = rows_max
        self._dead_min = dead_min
        self._dead = 0
        self._waiting: pa.Table | None = None  # id, kh, k0, …, c0, …, base (id of the row it stands for, or -1), gone
        self._keys = [ident(f"k{i}") for i in range(len(keys))]
        self._typed = _Types(store, [(f"k{i}", t) for i, t in enumerate(keys)] + _columns(rows))
        named = [sql("{} {}", name, duck_type(type_)) for name, type_ in zip(self._keys, keys, strict=True)]
        columns = join(", ", [sql("id BIGINT, kh UBIGINT"), *named, *_described(rows)])
        store.execute(sql("CREATE TABLE {} ({})", rows.table, columns))
        self._index()

    def _index(self) -> None:
        self._store.execute(sql("CREATE INDEX rows_by_key ON {} (kh)", self._rows.table))

    # Looking up

    def take(self, pending: pa.Table, wanted: Sequence[int]) -> Replaced:
        """Replace the rows of a batch's keys: vnull, k0, …, c0, … and the number n of each change.

        ``wanted`` are the columns that ``left`` is to have.
        """
        pending = self._typed.apply(pending)
        self._store.register("pending", pending)
        hashed = sql(f"SELECT {_HASH} AS kh FROM pending ORDER BY n", join(", ", self._keys))
        hashes = self._store.numbers(hashed)["kh"]
        known = np.unique(hashes)
        repeats = len(known) < len(hashes)
        query = self._lookup(known, wanted, repeats=repeats)
        groups = self._store.arrow(query) if repeats or wanted else pa.table(self._store.numbers(query))
        gone = pending.column("vnull").to_numpy()
        met = _Met.of(groups, pending.column("n").to_numpy(), gone)
        rows = pending.select([f"c{i}" for i in range(len(self._rows.types))])
        came = met.last & ~gone
        left = met.last & (met.old >= 0)
        self.count += int(np.count_nonzero(came)) - int(np.count_nonzero(left))
        self._wait(pending, hashes, met, gone)
        return Replaced(
            _rows(met.ids, rows, came),
            self._left(groups, met, wanted, left),
            self._note(pending, rows, met.existed, gone),
            bool(gone.any()),
        )

    def _left(self, groups: pa.Table, met: _Met, wanted: Sequence[int], left: Mask) -> pa.Table | None:
        if not left.any():
            return None
        ids = pa.array(met.old[left])
        if not wanted:
            return pa.table({"id": ids})
        old = groups.select([f"c{i}" for i in wanted]).take(pa.array(met.group[left]))
        return old.add_column(0, "id", ids)

    def _note(self, pending: pa.Table, rows: pa.Table, existed: Mask, gone: Mask) -> pa.Table:
        kinds = np.where(gone, 2, np.where(existed, 1, 0))
        columns = [pending.column("n"), pa.array(_KINDS).take(pa.array(kinds)), *rows.columns]
        return pa.table(columns, names=["id", *(f"c{i}" for i in range(1 + rows.num_columns))])

    def _lookup(self, hashes: Places, wanted: Sequence[int], *, repeats: bool) -> Sql:
        """Write the query of what each key of the batch meets: a row for each key, in any order.

        ``n`` is the number of its change, the list of them all if any key ``repeats``; ``rank`` is -1 where nothing is
        known of the key, else that of the row which tells (see ``_met``); ``id``, ``base``, ``place`` and the columns
        wanted are those of that row.

        It is a GROUP BY and no join: each join leaves some thousand bytes behind in DuckDB, which lets go of them only
        when there are very many, and a view looks up ten times a second.
        """
        keys = join(", ", self._keys)
        kept = [ident(f"c{i}") for i in wanted]
        columns = join("", [sql(", arg_max_null({0}, rank) AS {0}", c) for c in kept])
        batch = sql(
            "SELECT {}, n, NULL::TINYINT AS rank, NULL::BIGINT AS id, NULL::BIGINT AS base, NULL::BIGINT AS place{}"
            " FROM pending",
            keys,
            join("", [sql(", NULL AS {}", c) for c in kept]),
        )
        return sql(
            "SELECT {} AS n, coalesce(max(rank), -1)::TINYINT AS rank,"
            " coalesce(arg_max(id, rank), -1) AS id, coalesce(arg_max(base, rank), -1) AS base,"
            " coalesce(arg_max(place, rank), -1) AS place{} FROM ({} UNION ALL {})"
            " GROUP BY {} HAVING max(n) IS NOT NULL",
            sql("list(n) FILTER (WHERE n IS NOT NULL)") if repeats else sql("max(n)"),
            columns,
            batch,
            self._met(hashes, kept),
            keys,
        )

    def _met(self, hashes: Places, kept: Sequence[Sql]) -> Sql:
        """Write the query of the rows that have these hashes. Of those of one key the one of the highest rank tells.

        A few hashes are looked up in the index, as literals; many are found by looking at all hashes.
        """
        columns = join("", [sql(", {}", c) for c in kept])
        keys = join(", ", self._keys)
        if len(hashes) <= INDEXED_MAX:
            hits = sql("kh IN ({})", join(", ", [lit(h) for h in hashes.tolist()]))
        else:
            hits = sql(f"kh IN (SELECT {_HASH} FROM pending)", keys)
        stored = sql(
            "SELECT {}, NULL, {}, id, id, -1{} FROM {} WHERE {}", keys, lit(_STORED), columns, self._rows.table, hits
        )
        if not self._register_waiting(hashes):
            return stored
        rank = sql("CASE WHEN gone THEN {} ELSE {} END", lit(_GONE), lit(_WAITS))
        return sql("{} UNION ALL SELECT {}, NULL, {}, id, base, place{} FROM waiting", stored, keys, rank, columns)

    def _register_waiting(self, hashes: Places) -> bool:
        """Make the rows that wait and have one of these hashes readable, with their places; False if there are none."""
        if self._waiting is None:
            return False
        (places,) = np.nonzero(np.isin(self._waiting.column("kh").to_numpy(), hashes))
        if len(places) == 0:
            return False
        at = pa.array(places)
        self._store.register("waiting", self._waiting.take(at).append_column("place", at))
        return True

    def _wait(self, pending: pa.Table, hashes: Places, met: _Met, gone: Mask) -> None:
        """Let the newest rows of a batch wait, in place of those that they replace."""
        names = [name for name in pending.column_names if name not in ("n", "vnull")]
        fresh = pending.select(names)
        for name, values in (("gone", gone), ("base", met.base), ("kh", hashes), ("id", met.ids)):
            fresh = fresh.add_column(0, name, pa.array(values))
        kept = met.last & ~(gone & (met.base < 0))
        if not kept.all():
            fresh = fresh.filter(pa.array(kept))
        waiting = self._waiting
        if waiting is None:
            self._waiting = fresh
            return
        replaced = met.place[met.last & (met.place >= 0)]
        if len(replaced):
            rest = np.ones(waiting.num_rows, bool)
            rest[replaced] = False
            waiting = waiting.filter(pa.array(rest))
        self._waiting = pa.concat_tables([waiting, fresh]).combine_chunks()

    # Writing

    def settle(self) -> None:
        """Write the rows that wait, so that the table is whole."""
        waiting, self._waiting = self._waiting, None
        if waiting is None or waiting.num_rows == 0:
            return
        self._store.register("waiting", waiting)
        table = self._rows.table
        bases = sql("SELECT base FROM waiting WHERE base >= 0")
        (dead,) = self._store.rows(sql("DELETE FROM {} WHERE id IN ({})", table, bases))[0]
        columns = join(", ", [sql("id, kh"), *self._keys, *self._rows.columns()])
        self._store.execute(sql("INSERT INTO {} SELECT {} FROM waiting WHERE NOT gone", table, columns))
        self._store.release("waiting")
        self._dead += dead

    def tidy(self) -> bool:
        """Write the rows that wait if they are many, and drop the oldest above what is kept; True if any were dropped.

        What was replaced goes too: DuckDB keeps it until the table is written anew.
        """
        if self._waiting is not None and _are_many(self._waiting.num_rows, self._waiting.nbytes):
            self.settle()
        surplus = self.count - self._rows_max
        if surplus > self._rows_max // _SLACK:
            self.settle()
            _drop_oldest(self._store, self._rows.table, surplus)
            self.count = self._rows_max
        elif self._dead > max(self._dead_min, self.count):
            self.settle()
            _drop_oldest(self._store, self._rows.table, 0)
        else:
            return False
        self._index()
        self._dead = 0
        return surplus > self._rows_max // _SLACK
