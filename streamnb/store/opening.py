"""How a database is opened: DuckDB's guards, limits and settings, and why a file does not open."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import duckdb

from streamnb.duck import Sql, lit, sql
from streamnb.errors import StoreError, StoreLockedError

__all__ = ["Opening"]

_OPEN_HERE = ("configuration has been locked", "already attached", "already in use")
_HOLDER = re.compile(r"held in (?P<program>\S+) \(PID (?P<pid>\d+)\)")

_SETTINGS = (
    "SET enable_progress_bar = false",  # cursors inherit it; it cannot be set for all connections
    # The first two take an expression out of the TRY() around it: one that is shared, and one that is looked up in a
    # long list. The third leaves one out that raises where the least and largest values of a table tell what it gives.
    "SET GLOBAL disabled_optimizers = 'common_subexpressions,in_clause,statistics_propagation'",
    "SET GLOBAL TimeZone = 'UTC'",
    "SET GLOBAL autoinstall_known_extensions = false",
    "SET GLOBAL autoload_known_extensions = false",
    "SET GLOBAL allow_community_extensions = false",
    "SET GLOBAL python_enable_replacements = false",  # else any DataFrame of the caller's is a table
    "SET GLOBAL enable_external_access = false",
)
# The engine folds the write-ahead log into the file between two ticks; DuckDB would do it in the middle of a commit.
_FILE_SETTINGS = ("SET GLOBAL checkpoint_threshold = '1TB'",)
# A database in memory reads no file: eight threads for that are many.
_MEMORY_SETTINGS = ("SET GLOBAL async_threads = 0",)
# Store.sweep asks for a limit that cannot be kept: an index in memory, of 256 kB, is never written to a file. What is
# left open for it nobody else can reach, since only Sql pieces of this package are run.
_HELD = (
    "CREATE TEMP TABLE streamnb_held (i INTEGER PRIMARY KEY)",
    "INSERT INTO streamnb_held VALUES (0)",
)
_LOCK = ("SET GLOBAL allowed_configs = ['memory_limit']", "SET GLOBAL lock_configuration = true")

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
    if any(sign in text for sign in _OPEN_HERE):
        return StoreLockedError(
            f"database file {path} is open in this process: {text}",
            summary=f"database file {path} is open in this process already",
            hint="use the pipeline that is open, or close() it first",
        )
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


@dataclass(frozen=True)
class Opening:
    """What to open, and how: a file or, without a path, a database in memory.

    ``memory_limit`` is written as in ``2GB``; it and ``threads`` are DuckDB's own choice when left out. What the limit
    has no room for is written to temporary files, unless ``spills`` forbids it.
    """

    path: Path | None = None
    memory_limit: str | None = None
    threads: int | None = None
    spills: bool = True

    @property
    def statements(self) -> tuple[Sql, ...]:
        """List the statements that a new connection begins with."""
        limits = [] if self.memory_limit is None else [sql("SET GLOBAL memory_limit = {}", lit(self.memory_limit))]
        limits += [] if self.threads is None else [sql("SET GLOBAL threads = {}", lit(self.threads))]
        kind = _MEMORY_SETTINGS if self.path is None else _FILE_SETTINGS
        return tuple(map(Sql, (*limits, *self._temporary_files(), *kind, *_SETTINGS, *_HELD, *_LOCK)))

    def _temporary_files(self) -> list[Sql]:
        """Say where what the limit has no room for is written: DuckDB's own choice is at times the current folder."""
        if not self.spills:
            return [Sql("SET GLOBAL temp_directory = ''")]
        if self.path is None:
            return []
        return [sql("SET GLOBAL temp_directory = {}", lit(f"{self.path.absolute()}.tmp"))]

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Open the database. Raises: StoreLockedError when another process holds the file, StoreError."""
        try:
            connection = _connect(self.path)
            for statement in self.statements:
                connection.execute(statement)
        except duckdb.Error as error:
            raise _open_error(self.path, error) from error
        return connection

    def cursor_of(self, connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
        """Open another connection to the database of one."""
        cursor = connection.cursor()
        if self.path is not None and _is_attached(self.path):
            cursor.execute("USE pipeline")
        return cursor
