"""A running query: its program, its place in its topics, and one step of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from streamnb.backends.duckdb.compile import Program
from streamnb.backends.duckdb.steps import ERRORS, create_errors, run_statements
from streamnb.duck import Sql, join, lit, sql
from streamnb.engine.intake import Intake, Taken
from streamnb.engine.processinglog import PROCESSING_LOG_TOPIC, LogEntry, rejected_entries
from streamnb.engine.readers import TopicReader
from streamnb.engine.reasons import find_reasons
from streamnb.errors import KsqlError
from streamnb.functions.registry import Registry
from streamnb.state.keyed import forget_rows
from streamnb.store import Store

__all__ = ["Place", "QueryTask", "StepResult"]


@dataclass(frozen=True)
class Place:
    """How far a query has come.

    ``positions`` maps inputs to the next offset of each partition, ``running`` (input, partition) to the highest
    timestamp seen there; ``seq`` is the next number in the query's order.
    """

    positions: dict[int, dict[int, int]]
    running: dict[tuple[int, int], int] = field(default_factory=dict)
    seq: int = 0


@dataclass(frozen=True)
class StepResult:
    """What one step did: records taken in, the place behind them, and what went wrong with records."""

    count: int
    place: Place
    log: Sequence[LogEntry] = ()
    more: bool = False
    waiting: bool = False


class QueryTask:
    """One query on one connection. ``step`` changes nothing in Python, so a failed tick can be run again."""

    def __init__(
        self,
        query_id: str,
        program: Program,
        readers: Sequence[TopicReader],
        registry: Registry,
        place: Place | None,
        *,
        strict_times: bool = False,
    ) -> None:
        self.query_id = query_id
        self.program = program
        self.readers = tuple(readers)
        self.place = place
        self._registry = registry
        self._intake = Intake(query_id, program.inputs, readers, registry, strict_times=strict_times)

    def prepare(self, store: Store, *, earliest: bool) -> None:
        """Create the functions it calls and its state tables, and find where it starts unless that is known.

        Raises: KsqlError when the state it has built up does not have the types of its tables.
        """
        self._registry.install(store)
        store.execute(create_errors())
        for table in self.program.tables:
            forget_rows(store, table)
            store.execute(table.create())
            if self.place is not None and store.rows(table.differs()):
                raise KsqlError(
                    f"The state of query {self.query_id} has other types than the statement needs now",
                    hint="give the function back the state it had, or drop what the query makes and create it anew.",
                )
        if self.place is None:
            self.place = Place({i: r.start(store, earliest=earliest) for i, r in enumerate(self.readers)})

    def step(self, store: Store, rows_max: int) -> StepResult:
        """Take in the next records and run the program on them, in the caller's transaction.

        The program's output batch is valid when the result's ``count`` is not 0.
        """
        assert self.place is not None
        place = self.place
        taken = self._intake.take(store, place.positions, place.running, place.seq, rows_max)
        errors = run_statements(store, self.program.statements) if taken.count else 0
        entries = self._log_entries(taken, self._logged_errors(store) if errors else ())
        next_place = Place(taken.positions, taken.running, place.seq + taken.count)
        return StepResult(taken.count, next_place, entries, taken.more, taken.waiting)

    def _log_entries(self, taken: Taken, errors: Sequence[LogEntry]) -> Sequence[LogEntry]:
        """Gather what went wrong with records; nothing is told of those of the processing log itself, without end."""
        if any(reader.topic == PROCESSING_LOG_TOPIC for reader in self.readers):
            return ()
        entries = [*rejected_entries(self.query_id, taken.rejected), *errors]
        left_out = {"a valid timestamp": taken.untimed, "the key of their table": taken.keyless}
        for lacking, count in left_out.items():
            if count:
                message = f"{count} records without {lacking} were left out"
                entries.append(LogEntry(self.query_id, 1, self.readers[0].topic, None, None, message))
        return entries

    def _logged_errors(self, store: Store) -> list[LogEntry]:
        """Take the errors of operators, and find the records they are about by their places in the order."""
        places = [
            sql("SELECT seq, {} AS input, part, off FROM {}", lit(i.position), i.batch) for i in self.program.inputs
        ]
        rows = store.rows(
            sql(
                "SELECT e.type, p.input, p.part, p.off, e.message, seq FROM {} e LEFT JOIN ({}) p USING (seq)"
                " ORDER BY seq",
                ERRORS,
                join(" UNION ALL ", places),
            )
        )
        store.execute(sql("DELETE FROM {}", ERRORS))
        reasons = find_reasons(store, self.program.probes, [(seq, message) for *_, message, seq in rows])
        return [
            LogEntry(
                self.query_id,
                type_,
                None if i is None else self.readers[i].topic,
                part,
                off,
                f"{message}: {reasons[seq, message]}" if (seq, message) in reasons else message,
            )
            for type_, i, part, off, message, seq in rows
        ]

    def accept(self, result: StepResult) -> None:
        """Move on: the transaction of the step was committed."""
        self.place = result.place
        for i, reader in enumerate(self.readers):
            reader.committed(result.place.positions[i])

    def output(self) -> Sql:
        """Select the output batch; for a changelog of which only the last changes are wanted, the last per key."""
        program = self.program
        if not program.changelog:
            return program.output
        keys = join(", ", program.shape.key_columns() + program.shape.window_columns())
        return sql(
            "(SELECT * FROM {} QUALIFY row_number() OVER (PARTITION BY {} ORDER BY seq DESC, sub DESC) = 1)",
            program.output,
            keys,
        )

    def lag(self, store: Store) -> int | None:
        """Count the records that are known to wait for the query; None while that is not known."""
        place = self.place
        if place is None:
            return None
        counts = [reader.lag(store, place.positions[i]) for i, reader in enumerate(self.readers)]
        return None if None in counts else sum(n or 0 for n in counts)

    @property
    def stream_time_ms(self) -> int | None:
        """Tell the highest event time seen; None before the first record."""
        return None if self.place is None else max(self.place.running.values(), default=None)

    def late_count(self, store: Store) -> int:
        """Count the records dropped as late so far."""
        return sum(int(store.rows(query)[0][0] or 0) for query in self.program.late)

    def drop(self, store: Store) -> None:
        """Drop the query's state."""
        for table in self.program.tables:
            forget_rows(store, table)
            store.execute(table.drop())

    def close(self) -> None:
        """Stop reading."""
        for reader in self.readers:
            reader.close()
