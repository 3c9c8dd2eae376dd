"""Arrow tables that DuckDB reads under a name, on one connection."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

__all__ = ["RegisteredTables"]


class _Holder:
    """An Arrow table that can be replaced. DuckDB takes it for one of one row when it orders joins."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def release(self) -> None:
        """Let go of the table."""
        self.table = self.table.schema.empty_table()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        return self.table.schema.__arrow_c_schema__()


class RegisteredTables:
    """What is registered by name, in either case: a table takes the place of the one before, in what DuckDB knows.

    A new name costs DuckDB 0.4 ms.
    """

    def __init__(self) -> None:
        self._holders: dict[str, _Holder] = {}

    def put(self, name: str, table: pa.Table, register: Callable[[str, object], object]) -> None:
        """Make a table readable under a name; ``register`` has DuckDB read an object under a name that is new."""
        known = self._holders.get(name.lower())
        if known is not None:
            known.table = table
            return
        new = _Holder(table)
        register(name, new)
        self._holders[name.lower()] = new

    def release(self, name: str) -> None:
        """Let go of a table, and keep its name."""
        known = self._holders.get(name.lower())
        if known is not None:
            known.release()

    def forget(self, name: str) -> None:
        """Have the name registered anew at the next table."""
        self._holders.pop(name.lower(), None)

    def clear(self) -> None:
        """Let go of all tables, and have their names registered anew."""
        for known in self._holders.values():
            known.release()
        self._holders.clear()
