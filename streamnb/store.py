"""The pipeline's DuckDB database: connection, cursors, the one transaction. The only module that imports duckdb.

Rules: one ``Store`` object belongs to one thread. The engine thread owns the store that ``Store.open`` returned and is
the only writer; every reader takes a ``cursor()`` of its own.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType

from streamnb.duck import Sql, duck_type, lit, sql
from streamnb.errors import StoreError, StoreLockedError
from streamnb.failpoints import failpoint
from streamnb.schema import SqlType

__all__ = ["DatabaseError", "Store"]

DatabaseError = duckdb.Error

_HOLDER = re.compile(r"held in (?P<program>\S+) \(PID (?P<pid>\d+)\)")

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


# DuckDB names a database for its file, and then takes "log.topic" for either the schema log or the database log.
_AMBIGUOUS = frozenset(
    {"catalog", "engine", "log", "main", "memory", "outbox", "pipeline"}
    | {"query", "state", "streamnb", "system", "temp", "topic"}
)


def _is_attached(path: Path) -> bool:
    """Tell whether a file's own name would be ambiguous, so that it is attached under another."""
    return path.stem.lower() in _AMBIGUOUS


def _connect(path: Path | None) -> duckdb.DuckDBPyConnection:
    if path is None:
        return duckdb.connect(":memory:")
    if not _is_attached(path):
        return duckdb.connect(str(path))
    connection = duckdb.connect(":memory:")
    try:
        connection.execute(sql("ATTACH {} AS pipeline", lit(str(path))))
        connection.execute("USE pipeline")
    except duckdb.Error:
        connection.close()
        raise
    return connection


def _open_error(path: Path | None, error: duckdb.Error) -> StoreError:
    """Say why a file does not open: another process (named, where DuckDB names it), or the file itself."""
    text = str(error)
    if not isinstance(error, duckdb.IOException) or "lock" not in text.lower():
        return StoreError(
            f"database file {path} cannot be opened: {text}",
            summary=f"database file {path} cannot be opened",
            hint="keep the file and its .wal beside it; a new file can be filled again from the topics of Kafka",
        )
    holder = _HOLDER.search(text)
    who = f"process {holder['pid']} ({holder['program']})" if holder else "another process"
    return StoreLockedError(
        f"database file {path} is in use by {who}: {text}",
        summary=f"database file {path} is in use by {who}",
        hint="stop that process, or use another file; one pipeline owns its file alone",
    )


class Store:
    """A connection to the pipeline's database, with DuckDB's guards set."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        path: Path | None,
        functions: dict[str, Callable[..., Any]] | None = None,
    ) -> None:
        self._connection = connection
        self._functions = {} if functions is None else functions
        self.path = path

    @classmethod
    def open(cls, path: Path | None = None) -> Store:
        """Open the database file, or a database in memory when there is no path.

        Raises: StoreLockedError when another process holds the file, StoreError when it cannot be opened.
        """
        failpoint("store.open")
        try:
            connection = _connect(path)
        except duckdb.Error as error:
            raise _open_error(path, error) from error
        for setting in _SETTINGS:
            connection.execute(setting)
        failpoint("store.recovered")
        return cls(connection, path)

    def cursor(self) -> Store:
        """Open another connection to the same database, for another thread."""
        connection = self._connection.cursor()
        if self.path is not None and _is_attached(self.path):
            connection.execute("USE pipeline")
        return Store(connection, self.path, self._functions)

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
        """Register a vectorised function for all connections: Arrow arrays in, an Arrow array out, nulls included.

        The same function may be registered again under its name. Raises: StoreError for another one.
        """
        if name in self._functions:
            if self._functions[name] is not function:
                raise StoreError(f"a function named {name} is registered already")
            return
        self._connection.create_function(
            name,
            function,
            [duckdb.sqltype(duck_type(p)) for p in parameters],
            duckdb.sqltype(duck_type(returns)),
            type=PythonUDFType.ARROW,
            null_handling=FunctionNullHandling.SPECIAL,
        )
        self._functions[name] = function

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
