"""The catalogue: sources, custom types and persistent queries, by name.

It is plain memory, rebuilt at start from the statement log that the engine keeps in the pipeline's database.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from streamnb.errors import KsqlStatementError, Span
from streamnb.schema import Schema, SqlType

__all__ = [
    "Catalog",
    "DataSource",
    "FormatSpec",
    "KeyWindow",
    "QueryError",
    "QueryInfo",
    "TimestampColumn",
    "closest",
]

ERRORS_MAX = 10


@dataclass(frozen=True)
class FormatSpec:
    """How one side of a topic's records is encoded.

    ``wrapped`` tells whether a single column is the field of a record (True) or stands bare (False).
    """

    name: str
    delimiter: str | None = None
    wrapped: bool = True


@dataclass(frozen=True)
class KeyWindow:
    """The window in a topic's keys. ``kind`` is TUMBLING, HOPPING or SESSION; sessions have no size."""

    kind: str
    size_ms: int | None = None


@dataclass(frozen=True)
class TimestampColumn:
    """The column that gives a record its ROWTIME, with a Java pattern when it holds text."""

    column: str
    pattern: str | None = None


@dataclass(frozen=True)
class DataSource:
    """A stream or a table: a schema over a topic."""

    name: str
    kind: str  # STREAM or TABLE
    schema: Schema
    topic: str
    key_format: FormatSpec
    value_format: FormatSpec
    partitions: int = 1
    replicas: int = 1
    timestamp: TimestampColumn | None = None
    window: KeyWindow | None = None
    read_only: bool = False
    query_id: str | None = None
    statement: str = ""

    @property
    def is_table(self) -> bool:
        """Tell whether the source is a table."""
        return self.kind == "TABLE"


@dataclass(frozen=True)
class QueryError:
    """A failure of a query: when, what, and whose fault it is.

    ``kind`` is USER (the statement or its data), SYSTEM (a broker, the disk) or UNKNOWN (not told by either).
    """

    time_ms: int
    kind: str
    message: str


@dataclass
class QueryInfo:
    """A persistent query: what it reads, where it writes, and how it is.

    ``state`` is RUNNING, RETRYING, ERROR or PAUSED; a terminated query is gone. ``errors`` are the last ones.
    """

    id: str
    kind: str  # CSAS, CTAS or INSERT
    sink: str
    sources: tuple[str, ...]
    statement: str
    state: str = "RUNNING"
    errors: list[QueryError] = field(default_factory=list)

    def note_error(self, error: QueryError) -> None:
        """Remember an error, and forget the oldest of many."""
        self.errors = [*self.errors[1 - ERRORS_MAX :], error]


def closest(name: str, candidates: Iterable[str]) -> str | None:
    """Find the candidate most like a name, for a did-you-mean hint."""
    known = list(candidates)
    by_upper = {c.upper(): c for c in known}
    found = difflib.get_close_matches(name.upper(), by_upper, n=1, cutoff=0.6)
    return by_upper[found[0]] if found else None


class Catalog:
    """The sources, custom types and queries of one pipeline."""

    def __init__(self) -> None:
        self._sources: dict[str, DataSource] = {}
        self.types: dict[str, SqlType] = {}
        self.queries: dict[str, QueryInfo] = {}
        self.waiting: dict[str, str] = {}  # sources whose stored statement cannot be executed for now, and why

    def __iter__(self) -> Iterator[DataSource]:
        return iter(list(self._sources.values()))

    def __contains__(self, name: str) -> bool:
        return name in self._sources

    def get(self, name: str) -> DataSource | None:
        """Find a source by its exact name."""
        return self._sources.get(name)

    def source(self, name: str, span: Span | None = None) -> DataSource:
        """Find a source that a query reads.

        Raises: KsqlStatementError with ksqlDB's wording when there is none.
        """
        found = self._sources.get(name)
        if found is None and name in self.waiting:
            raise KsqlStatementError(
                f"Exception while preparing statement: {name} does not exist.",
                summary=f"stream or table {name} is not there yet",
                hint=self.waiting[name],
                span=span,
            )
        if found is None:
            near = closest(name, self._sources)
            known = ", ".join(sorted(self._sources)) or "none yet"
            raise KsqlStatementError(
                f"Exception while preparing statement: {name} does not exist."
                + (
                    f"\nDid you mean {near}? Hint: wrap the source name in double quotes to make it case-sensitive."
                    if near and near.upper() == name.upper()
                    else ""
                ),
                summary=f"stream or table {name} does not exist",
                hint=(f"did you mean {near}? " if near else "") + f"streams and tables here: {known}.",
                span=span,
            )
        return found

    def put(self, source: DataSource) -> None:
        """Add a source, or replace the one of its name."""
        self._sources[source.name] = source

    def remove(self, name: str) -> None:
        """Forget a source. Raises: KsqlStatementError while others are made of it."""
        readers = [q for q in self.queries.values() if name in q.sources]
        made = [q.sink for q in readers if q.kind != "INSERT"]
        inserts = [q.id for q in readers if q.kind == "INSERT"]
        writers = [q.id for q in self.queries.values() if q.sink == name and q.kind == "INSERT"]
        if made:
            raise KsqlStatementError(
                f"Cannot drop {name}.\n"
                f"The following streams and/or tables read from this source: [{', '.join(made)}].\n"
                "You need to drop them before dropping this source.",
                summary=f"{name} is what {', '.join(made)} is made of",
                hint=f"drop {', '.join(made)} first.",
            )
        if inserts or writers:
            raise KsqlStatementError(
                f"Cannot drop {name}.\n"
                f"The following queries read from this source: [{', '.join(inserts)}].\n"
                f"The following queries write into this source: [{', '.join(writers)}].\n"
                "You need to terminate them before dropping this source.",
                summary=f"{name} is in use by {', '.join(inserts + writers)}",
                hint="TERMINATE these queries first.",
            )
        del self._sources[name]

    def snapshot(self) -> Catalog:
        """Copy the catalogue, for taking back what a statement did."""
        copy = Catalog()
        copy.restore(self)
        return copy

    def restore(self, snapshot: Catalog) -> None:
        """Go back to a copy."""
        self._sources = dict(snapshot._sources)
        self.types = dict(snapshot.types)
        self.queries = dict(snapshot.queries)

    def streams(self) -> list[DataSource]:
        """List the streams by name."""
        return sorted((s for s in self if not s.is_table), key=lambda s: s.name)

    def tables(self) -> list[DataSource]:
        """List the tables by name."""
        return sorted((s for s in self if s.is_table), key=lambda s: s.name)

    def on_topic(self, topic: str) -> list[DataSource]:
        """List the sources over a topic."""
        return [s for s in self if s.topic == topic]
