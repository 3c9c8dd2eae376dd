"""What a compiled operator consists of: statements, and steps that choose among statements or hold rows in Python.

Whatever fails takes the whole tick back, so that no step leaves anything to clean up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from streamnb.duck import Sql, ident, sql
from streamnb.state.keyed import KeyedTable, find_rows, fold_rows, write_rows
from streamnb.state.streamtime import StreamClock
from streamnb.store import Store
from streamnb.windows import TimeWindows

__all__ = [
    "ERRORS",
    "Fold",
    "KeyedStep",
    "Repeat",
    "Statement",
    "TimeStep",
    "When",
    "create_errors",
    "insert_errors",
    "run_statements",
    "texts_of",
]

ERRORS = ident("temp", "errors")


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

    ``spans`` selects for each partition the lowest and highest timestamp of the records that count, never below 0 and
    NULL without any, and how many failures there are, for which ``log`` is run. Where all windows of the records are
    open at the end of the batch, they were so all along: the clock is set, and ``find``, which takes the start of the
    lowest window, and ``quick`` are run; ``leave`` too if the stream time has reached another window. Else ``exact``
    are run, which advance the clock and drop what leaves the store themselves.
    """

    windows: TimeWindows
    clock: StreamClock
    spans: Sql
    find: Sql
    quick: tuple[Sql, ...]
    leave: Sql
    exact: tuple[Sql, ...]
    log: Sql


Statement = Sql | Repeat | When | KeyedStep | Fold | TimeStep
"""One step of an operator."""


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
    spans = store.rows(step.spans)
    errors = run_statements(store, (step.log,)) if any(failures for *_, failures in spans) else 0
    return errors + _run_windows(store, step, [(part, low, high) for part, low, high, _ in spans if low is not None])


def _run_windows(store: Store, step: TimeStep, spans: Sequence[tuple[int, int, int]]) -> int:
    windows, before = step.windows, step.clock.read(store)
    firsts = [windows.starts(low)[0] for _, low, _ in spans]
    times = {part: max(high, before.get(part, high)) for part, _, high in spans}
    if not all(windows.accepts(first, times[part]) for first, (part, *_) in zip(firsts, spans, strict=True)):
        step.clock.forget(store)
        return run_statements(store, step.exact)
    step.clock.set(store, times, before)
    store.execute(step.find, (min(firsts, default=0),))
    errors = run_statements(store, step.quick)
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
        clock = statement.clock
        begin = (statement.spans, clock.times, clock.move(1), clock.begin(1), statement.find)
        return (*begin, *statement.quick, statement.leave, *statement.exact, statement.log)
    if isinstance(statement, Fold):
        return ()
    if isinstance(statement, When):
        inner = (*statement.then, *statement.otherwise)
        return (statement.condition, *(text for each in inner for text in texts_of(each)))
    return (statement,)
