"""The common base of all operators: batches, names of their tables, and what compiling one yields.

An operator is a list of statements run in order, once per micro-batch: they read one TEMP table (the batch), create
another one, and change the operator's state tables. Every column of a batch has an internal name, so a user's names
can clash with nothing. Whatever fails takes the whole tick back, so statements leave nothing to clean up.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from streamnb.duck import Sql, duck_type, ident, join, sql
from streamnb.schema import SqlType
from streamnb.state.keyed import KeyedTable, find_rows, fold_rows, write_rows
from streamnb.state.streamtime import StreamClock
from streamnb.state.tables import StateTable
from streamnb.store import Store
from streamnb.windows import TimeWindows

__all__ = [
    "ERRORS",
    "BatchShape",
    "Fold",
    "KeyedStep",
    "Mode",
    "Names",
    "Probe",
    "Repeat",
    "Stage",
    "Statement",
    "TimeStep",
    "When",
    "create_errors",
    "insert_errors",
    "run_statements",
    "state_schema",
    "texts_of",
]

ERRORS = ident("temp", "errors")
_META_TYPES = ("BIGINT", "BIGINT", "INTEGER", "BIGINT", "BIGINT", "STRUCT(k VARCHAR, v BLOB)[]", "BOOLEAN")


def create_errors() -> Sql:
    """Create the TEMP table that takes the errors of records; once per connection that runs operators."""
    return sql(
        "CREATE TEMP TABLE IF NOT EXISTS {} (query VARCHAR, type INTEGER, part INTEGER, off BIGINT, seq BIGINT,"
        " message VARCHAR)",
        ERRORS,
    )


class ErrorInsert(Sql):
    """A statement that writes to the errors: whoever runs it is told how many it wrote."""

    __slots__ = ()


def insert_errors(rows: Sql) -> ErrorInsert:
    """Write the errors that a query selects: query, type, part, off, seq, message."""
    return ErrorInsert(sql("INSERT INTO {} {}", ERRORS, rows))


def state_schema() -> Sql:
    """Create the schema of durable state tables; once per database."""
    return sql("CREATE SCHEMA IF NOT EXISTS {}", ident("state"))


class Mode(enum.Enum):
    """Which changes of a table leave an operator: each one, or the last one per key and micro-batch."""

    EVERY = "every"
    LAST = "last"


@dataclass(frozen=True)
class BatchShape:
    """The types of a batch's key and value columns, and whether its key has a window."""

    keys: tuple[SqlType, ...]
    values: tuple[SqlType, ...]
    windowed: bool = False

    def meta_columns(self) -> list[Sql]:
        """The columns every batch has, in order."""
        return [ident(name) for name in ("seq", "sub", "part", "off", "ts", "hdr", "vnull")]

    def key_columns(self) -> list[Sql]:
        """k0, k1, ..."""
        return [ident(f"k{i}") for i in range(len(self.keys))]

    def value_columns(self) -> list[Sql]:
        """v0, v1, ..."""
        return [ident(f"v{i}") for i in range(len(self.values))]

    def window_columns(self) -> list[Sql]:
        """Window start and end, if the key has a window."""
        return [ident("ws"), ident("we")] if self.windowed else []

    def typed_values(self) -> list[Sql]:
        """The value columns with their types, as CREATE TABLE wants them."""
        return [sql("{} {}", c, duck_type(t)) for c, t in zip(self.value_columns(), self.values, strict=True)]

    def create(self, target: Sql) -> Sql:
        """Create an empty batch of this shape, to be filled by INSERT."""
        types = [Sql(name) for name in _META_TYPES]
        types += [Sql("BIGINT")] * len(self.window_columns())
        types += [duck_type(t) for t in (*self.keys, *self.values)]
        columns = [sql("{} {}", column, type_) for column, type_ in zip(self.columns(), types, strict=True)]
        return sql("CREATE OR REPLACE TEMP TABLE {} ({})", target, join(", ", columns))

    def columns(self) -> list[Sql]:
        """All columns in canonical order: seq, sub, part, off, ts, hdr, vnull, [ws, we], k0.., v0.."""
        return [*self.meta_columns(), *self.window_columns(), *self.key_columns(), *self.value_columns()]


@dataclass(frozen=True)
class Names:
    """Names of the tables of one query, so that several queries live side by side.

    State of a persistent query is ``durable``, in the schema "state"; that of a transient query is TEMP.
    """

    query_id: str
    durable: bool = True

    def temp(self, name: str) -> Sql:
        """Name a TEMP table of this query."""
        return ident("temp", f"{self.query_id}:{name}")

    def state(self, name: str) -> Sql:
        """Name a state table of this query."""
        table = f"{self.query_id}:{name}"
        return ident("state", table) if self.durable else ident("temp", f"{table}:state")

    def state_table(self, name: str, columns: Iterable[tuple[str, Sql]]) -> StateTable:
        """Declare a state table of this query."""
        return StateTable(self.state(name), tuple(columns), self.durable)

    def keyed_table(self, name: str, columns: Iterable[tuple[str, Sql]], keys: Iterable[str]) -> KeyedTable:
        """Declare a state table of this query whose rows are read and replaced by key."""
        rows = self.state_table(name, columns)
        return KeyedTable.of(rows, self.state(f"{name}:newer"), tuple(keys), f"{self.query_id}:{name}:found")


@dataclass(frozen=True)
class Repeat:
    """Statements run as many times as the query ``times`` says.

    ``first`` opens each round and takes its number, from 1, as its one parameter; ``rest`` follows it.
    """

    times: Sql
    first: Sql
    rest: tuple[Sql, ...]


@dataclass(frozen=True)
class When:
    """Statements run if the query ``condition`` gives true, and others if not."""

    condition: Sql
    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]


@dataclass(frozen=True)
class KeyedStep:
    """Statements that read and replace rows of keyed tables.

    ``scanned`` do both in the tables themselves. Where these have indexes, ``found`` are run once the rows of the keys
    whose hashes ``touched`` selects are in ``table.found``; for each table a relation in ``changed`` tells what is then
    written to it: ``rid`` and ``gone`` beside its columns.
    """

    tables: tuple[KeyedTable, ...]
    touched: Sql
    scanned: tuple[Sql, ...]
    found: tuple[Sql, ...]
    changed: tuple[Sql, ...]


@dataclass(frozen=True)
class Fold:
    """Have all rows of a keyed table in the table itself, for the statements that follow."""

    table: KeyedTable


@dataclass(frozen=True)
class TimeStep:
    """Statements over records in time windows, by whether the batch closes a window of its own records.

    ``spans`` selects partition, lowest and highest timestamp of the records. Where all their windows are open at the
    end of the batch, they were so all along: the clock is set, and ``quick`` are run, of which the first takes the
    start of the lowest window as its parameter; ``leave`` too if the stream time has reached another window. Else
    ``exact`` are run, which advance the clock themselves.
    """

    windows: TimeWindows
    clock: StreamClock
    spans: Sql
    quick: tuple[Sql, ...]
    leave: Sql
    exact: tuple[Sql, ...]


Statement = Sql | Repeat | When | KeyedStep | Fold | TimeStep
"""One step of an operator."""


@dataclass(frozen=True)
class Probe:
    """An expression that may raise: the message of the errors it leaves, and the rows it was evaluated on."""

    message: str
    source: Sql
    expression: Sql


@dataclass(frozen=True)
class Stage:
    """A compiled operator: its state tables, its statements, and the shape of the batch they create.

    ``late`` is a query for the number of records dropped as late so far; ``view`` a query for the current rows of
    the operator's table (columns k0.., [ws, we], ts, v0..). Both are None where there is no such thing. ``probes``
    tell why records failed; ``once`` promises that no key comes out of a batch twice.
    """

    tables: tuple[StateTable, ...]
    statements: tuple[Statement, ...]
    shape: BatchShape
    late: Sql | None = None
    view: Sql | None = None
    probes: tuple[Probe, ...] = ()
    once: bool = False


def run_statements(store: Store, statements: Iterable[Statement]) -> int:
    """Run the statements of a stage in order, within the caller's transaction; return how many errors they wrote."""
    errors = 0
    for statement in statements:
        if isinstance(statement, ErrorInsert):
            errors += store.rows(statement)[0][0]
        elif isinstance(statement, Sql):
            store.execute(statement)
        elif isinstance(statement, When):
            chosen = statement.then if store.rows(statement.condition)[0][0] else statement.otherwise
            errors += run_statements(store, chosen)
        elif isinstance(statement, KeyedStep):
            errors += _run_keyed(store, statement)
        elif isinstance(statement, Fold):
            fold_rows(store, statement.table)
        elif isinstance(statement, TimeStep):
            errors += _run_timed(store, statement)
        else:
            times = store.rows(statement.times)[0][0] or 0
            for round_ in range(1, times + 1):
                store.execute(statement.first, (round_,))
                errors += run_statements(store, statement.rest)
    return errors


def _run_keyed(store: Store, step: KeyedStep) -> int:
    found = find_rows(store, step.tables, step.touched)
    if found is None:
        return run_statements(store, step.scanned)
    errors = run_statements(store, step.found)
    for table, rows, changed in zip(step.tables, found, step.changed, strict=True):
        write_rows(store, table, rows, changed)
    return errors


def _run_timed(store: Store, step: TimeStep) -> int:
    windows, before = step.windows, step.clock.read(store)
    firsts, times = [], {}
    for part, low, high in store.rows(step.spans):
        firsts.append(windows.starts(low)[0])
        times[part] = max(high, before.get(part, high))
        if not windows.accepts(firsts[-1], times[part]):
            return run_statements(store, step.exact)
    step.clock.set(store, times, before)
    first, *rest = step.quick
    store.execute(first, (min(firsts, default=0),))
    errors = run_statements(store, rest)
    if any(st // windows.advance_ms > before.get(part, -1) // windows.advance_ms for part, st in times.items()):
        store.execute(step.leave)
    return errors


def texts_of(statement: Statement) -> tuple[Sql, ...]:
    """List all the SQL of a statement."""
    if isinstance(statement, Repeat):
        return (statement.times, statement.first, *statement.rest)
    if isinstance(statement, KeyedStep):
        return (statement.touched, *statement.scanned, *statement.found, *statement.changed)
    if isinstance(statement, TimeStep):
        return (statement.spans, *statement.quick, statement.leave, *statement.exact)
    if isinstance(statement, Fold):
        return ()
    if isinstance(statement, When):
        inner = (*statement.then, *statement.otherwise)
        return (statement.condition, *(text for each in inner for text in texts_of(each)))
    return (statement,)
