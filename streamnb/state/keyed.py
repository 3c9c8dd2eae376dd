"""Tables of state whose rows are read and replaced by key: scanned while they are small, indexed in memory when large.

A look-up in DuckDB reads the key column of the whole table, and replacing rows does so once more. So from INDEX_ROWS on
the rows are held in memory too (``RowIndex``), and what is replaced is written to a second table, ``newer``, at the
cost of appending; it is folded into the first when it has grown to a share of that. What reads the state, such as a
pull query, reads ``newest``. The index follows the transactions through ``store.versions``; one that is lost is made
anew of the tables. See docs/decisions/0016.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from streamnb.duck import Sql, ident, join, sql
from streamnb.failpoints import failpoint
from streamnb.state.rowindex import GONE, HASH, ROW, RowIndex, bytes_in_use, distinct
from streamnb.state.tables import StateTable
from streamnb.store import Store

__all__ = ["KeyedTable", "append_rows", "find_rows", "fold_rows", "forget_rows", "write_rows"]

INDEX_ROWS = 500_000
"""From so many rows on a table is indexed in memory: there 10,000 records cost the same either way, and 100 less."""
MEMORY_SHARE = 4
"""All indexes of the process take at most one part in so many of DuckDB's memory limit, beside it."""
_BYTES_MAX = 1 << 30  # Arrow counts the bytes of a column of texts with 32 bits
_LOOKS = 8  # a small table is counted again after so many batches
_NEWER_MIN = 100_000
_NEWER_SHARE = 4  # the newer rows are folded when they are one part in so many of all
_NEWER_MAX = 1_000_000
_BYTES_A_ROW = 24  # the hash, once more in its order, and the number of the row
_HASH = "hash({})"
_LIMIT = Sql("SELECT TRY(parse_formatted_bytes(current_setting('memory_limit')))")  # no limit is written in PiB
_HUGE = "HUGEINT"  # Arrow has no integers of 128 bits


@dataclass(frozen=True)
class KeyedTable:
    """A state table with one row per key, the table of its newer rows, and the names of the key's columns.

    ``found_name`` names the Arrow table of rows that were looked up in the index.
    """

    rows: StateTable
    newer: StateTable
    keys: tuple[str, ...]
    found_name: str

    @classmethod
    def of(cls, rows: StateTable, newer_name: Sql, keys: tuple[str, ...], found_name: str) -> KeyedTable:
        """Declare a keyed table over the columns of a state table."""
        columns = (*rows.columns, ("number", Sql("BIGINT")), (GONE, Sql("BOOLEAN")))
        return cls(rows, StateTable(newer_name, columns, rows.durable), keys, found_name)

    @property
    def tables(self) -> tuple[StateTable, StateTable]:
        """Both tables."""
        return self.rows, self.newer

    @property
    def is_indexable(self) -> bool:
        """Whether all columns can be held in memory as they are."""
        return all(_HUGE not in type_ or type_ == _HUGE for _, type_ in self.rows.columns)

    @property
    def hashed(self) -> Sql:
        """Hash the columns of the key, as the index does; in DuckDB, equal numbers of two types have two hashes."""
        typed = [sql("{}::{}", ident(name), type_) for name, type_ in self.rows.columns if name in self.keys]
        return sql(_HASH, join(", ", typed))

    @property
    def found(self) -> Sql:
        """The relation of found rows: ``rid`` and the table's columns."""
        columns = [
            sql("{0}::BIT::HUGEINT AS {0}" if type_ == _HUGE else "{}", ident(name))
            for name, type_ in self.rows.columns
        ]
        return sql("(SELECT {}, {} FROM {})", ident(ROW), join(", ", columns), ident(self.found_name))

    @property
    def newest(self) -> Sql:
        """The relation of all current rows."""
        return sql(
            "(SELECT {columns} FROM {rows} s WHERE NOT EXISTS (SELECT 1 FROM {newer} n WHERE {same})"
            " UNION ALL SELECT {columns} FROM ({newest}) WHERE NOT {gone})",
            columns=self.rows.column_names,
            rows=self.rows.name,
            newer=self.newer.name,
            same=self._same("n", "s"),
            newest=self._newest_of_newer,
            gone=ident(GONE),
        )

    @property
    def _newest_of_newer(self) -> Sql:
        return sql(
            "SELECT * FROM {} QUALIFY row_number() OVER (PARTITION BY {} ORDER BY number DESC) = 1",
            self.newer.name,
            join(", ", [ident(k) for k in self.keys]),
        )

    def _same(self, first: str, second: str) -> Sql:
        same = "{0}.{2} IS NOT DISTINCT FROM {1}.{2}"  # a table's key of several columns may have a NULL
        return join(" AND ", [sql(same, ident(first), ident(second), ident(k)) for k in self.keys])

    def as_arrow(self, relation: Sql, more: tuple[Sql, ...] = ()) -> Sql:
        """Select what the index holds of a relation's rows: the table's columns, and the hash of the key."""
        as_bytes = "{0}::HUGEINT::BIT::BLOB AS {0}"
        columns = [
            sql(as_bytes if type_ == _HUGE else "{0}::{1} AS {0}", ident(name), type_)
            for name, type_ in self.rows.columns
        ]
        return sql("SELECT {}, {} AS {} FROM {}", join(", ", [*columns, *more]), self.hashed, ident(HASH), relation)

    def replaced(self, changed: Sql) -> tuple[Sql, Sql]:
        """Replace rows in the table itself, where ``rid`` of the changed ones is a ``rowid``; see ``write_rows``."""
        return (
            sql("DELETE FROM {} WHERE rowid IN (SELECT rid FROM {})", self.rows.name, changed),
            sql(
                "INSERT INTO {0} ({1}) SELECT {1} FROM {2} WHERE NOT gone",
                self.rows.name,
                self.rows.column_names,
                changed,
            ),
        )

    def fold(self, store: Store) -> None:
        """Move the newer rows into the table."""
        failpoint("store.before_fold")
        store.execute(
            sql(
                "DELETE FROM {0} WHERE rowid IN (SELECT s.rowid FROM {0} s JOIN {1} n ON {2})",
                self.rows.name,
                self.newer.name,
                self._same("n", "s"),
            )
        )
        store.execute(
            sql(
                "INSERT INTO {} ({columns}) SELECT {columns} FROM ({}) WHERE NOT {}",
                self.rows.name,
                self._newest_of_newer,
                ident(GONE),
                columns=self.rows.column_names,
            )
        )
        store.execute(sql("DELETE FROM {}", self.newer.name))


@dataclass(frozen=True)
class _Held:
    """What is known of a keyed table: its index, or that it is scanned ``looks`` times before it is counted again.

    ``rows`` is the length of the table when it was counted or folded, ``written`` that of the table of newer rows,
    ``number`` the newest write's; ``found_name`` is that of the Arrow table that was registered for found rows.
    """

    rows: int
    written: int
    number: int
    index: RowIndex | None = None
    looks: int = _LOOKS
    found_name: str | None = None

    @property
    def is_stale(self) -> bool:
        """Tell whether the table is to be looked at again."""
        return self.index is None and self.looks == 0

    @property
    def all_rows(self) -> int:
        """Tell how many rows there are at most."""
        return self.rows + self.written


_UNKNOWN = _Held(0, 0, 0, looks=0)


def find_rows(store: Store, tables: Sequence[KeyedTable], touched: Sql) -> list[pa.Table] | None:
    """Return the rows of the keys whose hashes a query selects, for each table, or None to have all of them scanned.

    The query may select a hash several times. Found rows can be read as ``table.found`` until others are found.
    """
    helds: list[_Held] = [store.versions.get(table.rows.name) or _UNKNOWN for table in tables]
    if any(held.is_stale for held in helds):
        helds = _opened(store, tables)
    if any(held.index is None for held in helds):
        for table, held in zip(tables, helds, strict=True):
            if held.index is not None:  # another one has outgrown its room
                fold_rows(store, table)
            else:
                store.versions[table.rows.name] = replace(held, looks=held.looks - 1)
        return None
    (column,) = store.numbers(touched).values()
    hashes = distinct(column)
    rows = []
    for table, held in zip(tables, helds, strict=True):
        assert held.index is not None
        rows.append(held.index.find(hashes))
        store.register(table.found_name, rows[-1])
        store.versions[table.rows.name] = replace(held, found_name=table.found_name)
    return rows


def write_rows(store: Store, table: KeyedTable, found: pa.Table, changed: Sql) -> None:
    """Replace rows that were found by those of a relation, which has ``rid`` and ``gone`` beside the table's columns.

    ``rid`` is that of the found row of the same key, NULL where it had none; ``gone`` leaves no row in its place.
    """
    held: _Held = store.versions[table.rows.name]
    assert held.index is not None
    rows = store.arrow(table.as_arrow(changed, (ident(ROW), ident(GONE))))
    if not len(rows):
        return
    held = _appended(store, table, held, changed)
    assert held.index is not None
    index = held.index.replaced(found, rows)
    if held.written:
        held = replace(held, index=index)
    else:  # folded
        is_kept = index.nbytes <= _BYTES_MAX and _room(store) >= 0
        held = replace(held, index=index.merged() if is_kept else None)
    store.versions[table.rows.name] = held


def append_rows(store: Store, table: KeyedTable, changed: Sql) -> bool:
    """Write the rows of a relation (``gone`` beside the columns) to a table whose rows nobody looks up, if large.

    False when it is small, so that the caller replaces the rows in the table itself.
    """
    held: _Held = store.versions.get(table.rows.name) or _UNKNOWN
    if held.is_stale:
        held = _counted(store, table)
    is_large = held.all_rows >= INDEX_ROWS
    if is_large:
        held = _appended(store, table, held, changed)
    else:
        held = replace(_folded(store, table, held), looks=held.looks - 1)
    store.versions[table.rows.name] = held
    return is_large


def _appended(store: Store, table: KeyedTable, held: _Held, changed: Sql) -> _Held:
    """Append rows to the newer ones, and fold these when they have grown."""
    number = held.number + 1
    ((count,),) = store.rows(
        sql(
            "INSERT INTO {newer} ({columns}, number, {gone}) SELECT {columns}, ?::BIGINT, {gone} FROM {changed}",
            newer=table.newer.name,
            columns=table.rows.column_names,
            changed=changed,
            gone=ident(GONE),
        ),
        (number,),
    )
    written = held.written + int(count)
    if written < min(max(_NEWER_MIN, held.rows // _NEWER_SHARE), _NEWER_MAX):
        return replace(held, written=written, number=number)
    return _folded(store, table, replace(held, written=written, number=number))


def _folded(store: Store, table: KeyedTable, held: _Held) -> _Held:
    if not held.written:
        return held
    table.fold(store)
    return replace(_counted(store, table), number=held.number, index=held.index, found_name=held.found_name)


def fold_rows(store: Store, table: KeyedTable) -> None:
    """Have all rows in the table itself, and no index: for statements that know nothing of keyed tables."""
    held: _Held = store.versions.get(table.rows.name) or _UNKNOWN
    if held is _UNKNOWN:
        held = _counted(store, table)
    held = _folded(store, table, held)
    store.versions[table.rows.name] = replace(held, index=None, looks=_LOOKS)


def forget_rows(store: Store, table: StateTable) -> None:
    """Forget what is held of a table, which was or will be created, dropped or changed by others."""
    held = store.versions.pop(table.name, None)
    if isinstance(held, _Held) and held.found_name is not None:
        store.unregister(held.found_name)


def _counted(store: Store, table: KeyedTable) -> _Held:
    return _Held(
        *store.rows(
            sql(
                "SELECT (SELECT count(*) FROM {}), count(*), coalesce(max(number), 0) FROM {}",
                table.rows.name,
                table.newer.name,
            )
        )[0]
    )


def _opened(store: Store, tables: Sequence[KeyedTable]) -> list[_Held]:
    """Look at tables of which nothing is known, and index them if they are large enough and there is room."""
    helds = [_counted(store, table) for table in tables]
    is_large = sum(held.all_rows for held in helds) >= INDEX_ROWS
    if is_large and all(table.is_indexable for table in tables) and _has_room(store, tables, helds):
        indexes = [RowIndex.of(store.arrow(table.as_arrow(table.newest))) for table in tables]
        helds = [replace(held, index=index) for held, index in zip(helds, indexes, strict=True)]
    else:
        helds = [_folded(store, table, held) for table, held in zip(tables, helds, strict=True)]
    store.versions.update((table.rows.name, held) for table, held in zip(tables, helds, strict=True))
    return helds


def _has_room(store: Store, tables: Sequence[KeyedTable], helds: Sequence[_Held]) -> bool:
    """Tell whether indexes of tables fit into what indexes may take."""
    widths = [store.rows(table.rows.width())[0][0] + _BYTES_A_ROW for table in tables]
    sizes = [round(held.all_rows * width) for held, width in zip(helds, widths, strict=True)]
    return all(size <= _BYTES_MAX for size in sizes) and sum(sizes) <= _room(store)


def _room(store: Store) -> int:
    """Tell how many bytes more indexes may take; fewer than none when they take too much."""
    ((limit,),) = store.rows(_LIMIT)
    return (sys.maxsize if limit is None else int(limit) // MEMORY_SHARE) - bytes_in_use()
