"""A connection to the database: statements, cursors, the one transaction.

Rules: one ``Store`` object belongs to one thread. The engine thread owns the store that ``Store.open`` returned and is
the only writer; every reader takes a ``cursor()`` of its own.
"""

from __future__ import annotations

import contextlib
import re
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import duckdb
import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType

from streamnb.duck import Sql, duck_type, sql
from streamnb.errors import StoreBrokenError, StoreError
from streamnb.failpoints import failpoint
from streamnb.parsed import ParsedStatements
from streamnb.quiet import Quiet
from streamnb.registered import RegisteredTables
from streamnb.schema import SqlType
from streamnb.store.opening import Opening

__all__ = ["DatabaseError", "Store", "reason_of"]

DatabaseError = duckdb.Error

SWEPT_MAX = 64_000_000
_NO_ROOM = Sql("SET GLOBAL memory_limit = '1KB'")
_USED = Sql("SELECT coalesce(sum(memory_usage_bytes), 0)::BIGINT FROM duckdb_memory()")

_KIND = re.compile(r"\A.*? Error: (?:Python exception occurred while executing the UDF: (?:KsqlFunctionError: )?)?")


def reason_of(error: duckdb.Error) -> str:
    """Tell in one line what a statement failed of, without DuckDB's name for the kind of error."""
    return _KIND.sub("", str(error).split("\n", 1)[0], count=1)


def _broken(what: str) -> StoreBrokenError:
    return StoreBrokenError(
        what,
        summary="the database broke off",
        hint="is the disk full? The file is opened anew, and shows what was committed",
    )


@contextlib.contextmanager
def _checked(statement: Sql) -> Iterator[None]:
    """Let a piece of SQL through to DuckDB, and tell when DuckDB has given itself up."""
    if not isinstance(statement, Sql):
        raise TypeError("only Sql pieces are run")
    try:
        yield
    except duckdb.FatalException as error:
        raise _broken(f"a statement broke the database: {error}") from error


@dataclass
class _Shared:
    """What the connections to one database have in common."""

    opening: Opening
    functions: dict[str, tuple[Callable[..., Any], tuple[SqlType, ...], SqlType]] = field(default_factory=dict)
    readers: Quiet = field(default_factory=Quiet)
    cursors: weakref.WeakSet[Store] = field(default_factory=weakref.WeakSet)


class _Closed:
    """Stands in for a connection that was closed."""

    def __getattr__(self, name: str) -> Any:
        if name == "close":
            return lambda: None
        raise duckdb.ConnectionException("Connection Error: Connection already closed!")


class Store:
    """A connection to the pipeline's database, with DuckDB's guards set.

    ``writes`` tells the one that the engine writes through from its readers' cursors. ``memory`` is for those who
    write and want to remember what they wrote, each under a name of their own; it is emptied whenever that may have
    been taken back. ``versions`` is for values that nobody changes in place: a transaction that is taken back leaves
    those that were there when it began.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, shared: _Shared, *, writes: bool = True) -> None:
        self._connection = connection
        self._shared = shared
        self.writes = writes
        self.memory: dict[str, Any] = {}
        self.versions: dict[str, Any] = {}
        self._at_commit: dict[str, Callable[[], None]] | None = None
        self._parsed = ParsedStatements[duckdb.Statement]()
        self._registered = RegisteredTables()

    @classmethod
    def open(
        cls,
        path: Path | None = None,
        *,
        memory_limit: str | None = None,
        threads: int | None = None,
        spills: bool = True,
    ) -> Store:
        """Open the database file, or a database in memory when there is no path.

        See ``Opening`` for what can be chosen.
        Raises: StoreLockedError when another process holds the file, StoreError when it cannot be opened.
        """
        shared = _Shared(Opening(path, memory_limit, threads, spills))
        failpoint("store.open")
        connection = shared.opening.connect()
        failpoint("store.recovered")
        return cls(connection, shared)

    @property
    def path(self) -> Path | None:
        """Return the database file, or None for a database in memory."""
        return self._shared.opening.path

    def cursor(self) -> Store:
        """Open another connection to the same database, for another thread; ``reopen`` closes it."""
        cursor = Store(self._shared.opening.cursor_of(self._connection), self._shared, writes=False)
        self._shared.cursors.add(cursor)
        return cursor

    def reopen(self) -> None:
        """Open the file anew after a StoreBrokenError; what was committed is there.

        Temporary tables and registered Arrow tables are gone, and all cursors are closed: readers take new ones.
        Raises: StoreError when the database was in memory (it is lost) or the file does not open.
        """
        failpoint("store.reopen")
        if self.path is None:
            raise StoreError(
                "the database in memory is lost", hint="use a database file to be able to recover from such a failure"
            )
        self._forget()
        # An old connection that was closed later would take DuckDB's lock on the file with it.
        for connection in (*self._shared.cursors, self):
            with contextlib.suppress(duckdb.Error):
                connection.close()
        self._shared.cursors.clear()
        self._connection = self._shared.opening.connect()
        functions = dict(self._shared.functions)
        self._shared.functions.clear()
        for name, function in functions.items():
            self.create_function(name, *function)
        failpoint("store.recovered")

    def execute(self, statement: Sql, parameters: Sequence[Any] = ()) -> None:
        """Run one statement and drop its result."""
        self.rows(statement, parameters)

    def rows(self, statement: Sql, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows as Python values."""
        with self._running(statement):
            parsed = self._parse(statement)
            return self._connection.execute(parsed, list(parameters) if parameters else None).fetchall()

    def arrow(self, query: Sql, parameters: Sequence[Any] = ()) -> pa.Table:
        """Run one query and return its rows as an Arrow table."""
        with self._running(query):
            parsed = self._parse(query)
            return self._connection.sql(parsed, params=list(parameters) if parameters else None).to_arrow_table()

    def numbers(self, query: Sql, parameters: Sequence[Any] = ()) -> dict[str, Any]:
        """Run one query and return its columns, of numbers that are not null, as NumPy arrays by name.

        For small results it takes two thirds of the time of ``arrow``.
        """
        with self._running(query):
            parsed = self._parse(query)
            return self._connection.execute(parsed, list(parameters) if parameters else None).fetchnumpy()

    def _parse(self, statement: Sql) -> duckdb.Statement | Sql:
        return self._parsed.look_up(statement, self._connection.extract_statements)

    @contextlib.contextmanager
    def _running(self, statement: Sql) -> Iterator[None]:
        with contextlib.nullcontext() if self.writes else self._shared.readers.statement(), _checked(statement):
            yield

    def register(self, name: str, table: pa.Table) -> None:
        """Make an Arrow table readable under a name, on this connection only."""
        self._registered.put(name, table, self._connection.register)

    def release(self, name: str) -> None:
        """Let go of a registered Arrow table; its name stays, for the next one."""
        self._registered.release(name)

    def unregister(self, name: str) -> None:
        """Forget a registered Arrow table, and its name."""
        self._registered.forget(name)
        self._connection.unregister(name)

    def create_function(
        self, name: str, function: Callable[..., Any], parameters: Sequence[SqlType], returns: SqlType
    ) -> None:
        """Register a vectorised function for all connections: Arrow arrays in, an Arrow array out, nulls included.

        The same function may be registered again under its name. Raises: StoreError for another one.
        """
        known = self._shared.functions.get(name)
        if known is not None:
            if known[0] is not function:
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
        self._shared.functions[name] = (function, tuple(parameters), returns)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the body in one transaction: committed when it ends, taken back when it raises.

        Raises: StoreBrokenError when the commit raises. It may have taken effect all the same: call ``reopen`` and look
        at what is stored (offsets, numbers of batches) before anything is done again.
        """
        self.execute(sql("BEGIN TRANSACTION"))
        self._at_commit = {}
        before = dict(self.versions)
        try:
            yield
            for write in list(self._at_commit.values()):
                write()
            failpoint("batch.before_commit")
        except BaseException:
            self._forget()
            self.versions.update(before)
            with contextlib.suppress(duckdb.Error):
                self._connection.execute("ROLLBACK")
            raise
        finally:
            self._at_commit = None
        try:
            self._connection.execute("COMMIT")
        except duckdb.Error as error:
            self._forget()
            raise _broken(f"the outcome of a commit is unknown: {error}") from error
        failpoint("batch.after_commit")

    def _forget(self) -> None:
        self.memory.clear()
        self.versions.clear()
        self._registered.clear()  # a name that is new in a transaction goes when that is taken back

    def at_commit(self, name: str, write: Callable[[], None]) -> None:
        """Call a function at the end of the open transaction, once for each name; at once where none is open."""
        if self._at_commit is None:
            write()
        else:
            self._at_commit.setdefault(name, write)

    def checkpoint(self) -> bool:
        """Fold the write-ahead log into the file; False when DuckDB refuses for now.

        Rows that were deleted take room in the file until a fold that begins while no reader's statement runs.
        Raises: StoreBrokenError when it fails half-way; nothing that was committed is lost.
        """
        failpoint("store.before_checkpoint")
        try:
            with self._shared.readers.wanted():
                self._connection.execute("CHECKPOINT")
        except duckdb.TransactionException:
            return False
        except duckdb.FatalException as error:
            raise _broken(f"a checkpoint failed: {error}") from error
        failpoint("store.after_checkpoint")
        return True

    def clear_deleted(self) -> None:
        """Give back the room of rows that were deleted from this connection's temporary tables.

        DuckDB does it by itself for a database in memory only: the setting that has the engine choose the moment at
        which the write-ahead log is folded holds for temporary tables too.
        """
        with contextlib.suppress(duckdb.TransactionException), self._running(sql("CHECKPOINT temp")):
            self._connection.execute("CHECKPOINT temp")

    def sweep(self) -> None:
        """Have DuckDB forget blocks that are gone; to be called once in thousands of statements.

        DuckDB queues every block that it could evict, and keeps some hundred bytes of those that were freed since: up
        to 45 MB, unless it has to make room. So it is asked for a limit that it cannot keep. It drops what it can read
        again, and would write the rest to temporary files: where it spills and holds much (``SWEPT_MAX`` bytes),
        nothing is done, since the queue is then the smaller part. Nor in a transaction, which the refusal would end.
        Raises: StoreBrokenError when DuckDB gives itself up; any other failure leaves all as it was.
        """
        if self._at_commit is not None:
            return
        with contextlib.suppress(duckdb.Error), _checked(_NO_ROOM):
            if not self._shared.opening.spills or self.rows(_USED)[0][0] <= SWEPT_MAX:
                self._connection.execute(_NO_ROOM)

    def interrupt(self) -> None:
        """End the statement that runs on this connection, from any thread; nothing happens on a closed one."""
        with contextlib.suppress(duckdb.ConnectionException):
            self._connection.interrupt()

    def close(self) -> None:
        """Close this connection, and let go of it.

        Whoever still holds this store at the end of the process, such as a daemon thread, must not hold DuckDB's
        objects: the binding writes each one that is left to stderr.
        """
        self._parsed.clear()
        self._forget()
        connection, self._connection = self._connection, cast(duckdb.DuckDBPyConnection, _Closed())
        connection.close()
