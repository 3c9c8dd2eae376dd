"""The pipeline's DuckDB database: connection, cursors, the one transaction. The only module that imports duckdb.

Rules: one ``Store`` object belongs to one thread. The engine thread owns the store that ``Store.open`` returned and is
the only writer; every reader takes a ``cursor()`` of its own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from streamnb.duck import Sql, duck_type
from streamnb.errors import StoreError, StoreLockedError
from streamnb.failpoints import failpoint
from streamnb.schema import SqlType

__all__ = ["DatabaseError", "Store"]

DatabaseError = duckdb.Error

_SETTINGS = (
    "SET disabled_optimizers = 'common_subexpressions'",  # otherwise a shared sub-expression leaves its TRY()
    "SET enable_progress_bar = false",
    "SET TimeZone = 'UTC'",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET allow_community_extensions = false",
    "SET python_enable_replacements = false",
    "SET enable_external_access = false",
)


class Store:
    """A connection to the pipeline's database, with DuckDB's guards set."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path | None) -> None:
        self._connection = connection
        self.path = path

    @classmethod
    def open(cls, path: Path | None = None) -> Store:
        """Open the database file, or a database in memory when there is no path.

        Raises: StoreLockedError when another process holds the file, StoreError when it cannot be opened.
        """
        failpoint("store.open")
        try:
            connection = duckdb.connect(str(path) if path is not None else ":memory:")
        except duckdb.IOException as error:
            if "lock" in str(error).lower():
                raise StoreLockedError(
                    f"database file {path} is in use by another process: {error}",
                    summary=f"database file {path} is in use by another process",
                    hint="stop the other process, or use another file; one pipeline owns its file alone",
                ) from error
            raise StoreError(f"database file {path} cannot be opened: {error}") from error
        except duckdb.Error as error:
            raise StoreError(f"database file {path} cannot be opened: {error}") from error
        for setting in _SETTINGS:
            connection.execute(setting)
        failpoint("store.recovered")
        return cls(connection, path)

    def cursor(self) -> Store:
        """Open another connection to the same database, for another thread."""
        return Store(self._connection.cursor(), self.path)

    def execute(self, statement: Sql, parameters: Sequence[Any] = ()) -> None:
        """Run one statement and drop its result."""
        self._run(statement, parameters).fetchall()

    def rows(self, statement: Sql, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows as Python values."""
        return self._run(statement, parameters).fetchall()

    def arrow(self, statement: Sql, parameters: Sequence[Any] = ()) -> pa.Table:
        """Run one statement and return its rows as an Arrow table."""
        return self._run(statement, parameters).to_arrow_table()

    def _run(self, statement: Sql, parameters: Sequence[Any]) -> duckdb.DuckDBPyConnection:
        if not isinstance(statement, Sql):
            raise TypeError("only Sql pieces are run")
        return self._connection.execute(statement, list(parameters) if parameters else None)

    def register(self, name: str, table: pa.Table) -> None:
        """Make an Arrow table readable under a name, on this connection only."""
        self._connection.register(name, table)

    def unregister(self, name: str) -> None:
        """Forget a registered Arrow table."""
        self._connection.unregister(name)

    def create_function(
        self, name: str, function: Callable[..., Any], parameters: Sequence[SqlType], returns: SqlType
    ) -> None:
        """Register a vectorised Python function: Arrow arrays in, an Arrow array out, nulls included."""
        self._connection.create_function(
            name,
            function,
            [duckdb.sqltype(duck_type(p)) for p in parameters],
            duckdb.sqltype(duck_type(returns)),
            type="arrow",
            null_handling="special",
        )

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the body in one transaction: committed when it ends, taken back when it raises."""
        self._connection.execute("BEGIN TRANSACTION")
        try:
            yield
            failpoint("batch.before_commit")
        except BaseException:
            with contextlib.suppress(duckdb.Error):
                self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
        failpoint("batch.after_commit")

    def checkpoint(self) -> bool:
        """Fold the write-ahead log into the file; False when DuckDB refuses for now."""
        failpoint("store.before_checkpoint")
        try:
            self._connection.execute("CHECKPOINT")
        except duckdb.TransactionException:
            return False
        failpoint("store.after_checkpoint")
        return True

    def interrupt(self) -> None:
        """End the statement that runs on this connection, from any thread."""
        self._connection.interrupt()

    def close(self) -> None:
        """Close this connection."""
        self._connection.close()
