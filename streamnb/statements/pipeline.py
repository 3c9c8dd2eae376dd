"""A pipeline as statements see it: catalogue, engine, topics, functions, and the session's settings."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from streamnb.catalog import Catalog
from streamnb.clock import Clock
from streamnb.config import find_setting
from streamnb.engine.engine import Connector, Engine, PersistentQuery
from streamnb.engine.processinglog import (
    PROCESSING_LOG_RETENTION_MS,
    PROCESSING_LOG_TOPIC,
    processing_log_source,
)
from streamnb.engine.readers import EmbeddedReader, TopicReader
from streamnb.engine.sink import EmbeddedTopics, Topics
from streamnb.errors import KsqlError
from streamnb.functions.registry import Registry
from streamnb.log.base import Cleanup, Log, TopicInfo
from streamnb.log.embedded import EmbeddedLog
from streamnb.plan.expressions import Env
from streamnb.statements.journal import Present, Waiting
from streamnb.store import Store

__all__ = ["EmbeddedOutside", "Outside", "Pipeline", "PipelineSnapshot", "Session"]

T = TypeVar("T")


class Outside(Protocol):
    """Where the pipeline's topics are: in its own database, or on a broker."""

    @property
    def log(self) -> Log:
        """Create, delete and describe topics. Ask it through ``Pipeline.ask_log``."""
        ...

    @property
    def topics(self) -> Topics:
        """Take the records of queries, in the engine's transaction."""
        ...

    def reader(self, topic: str, on_news: Callable[[], None]) -> TopicReader:
        """Make a reader of a topic; ``on_news`` is called when it may have something new."""
        ...

    def check(self) -> None:
        """Make sure that what is written now can get out one day. Raises: LogError when it never will."""
        ...

    def problem(self) -> str | None:
        """Tell what keeps the output of queries from getting out, for now or for good; None while all is well."""
        ...

    def close(self) -> None:
        """Let go of the broker."""
        ...


class EmbeddedOutside:
    """The topics of the pipeline's own database."""

    def __init__(self, store: Store) -> None:
        self.log: Log = EmbeddedLog(store, create=False)
        self.topics: Topics = EmbeddedTopics()

    def reader(self, topic: str, on_news: Callable[[], None]) -> TopicReader:
        return EmbeddedReader(topic)

    def check(self) -> None:
        """Nothing to get out of the database."""

    def problem(self) -> str | None:
        return None

    def close(self) -> None:
        """Nothing to let go of."""


@dataclass
class Session:
    """What SET and DEFINE changed, for the statements that follow; ``given`` is what UNSET goes back to."""

    given: Mapping[str, str] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PipelineSnapshot:
    """The catalogue, queries, connectors and statements that wait at one moment."""

    catalog: Catalog
    queries: dict[str, PersistentQuery]
    connectors: dict[str, Connector]
    system: dict[str, str]
    waiting: dict[int, Waiting]


class Pipeline:
    """Everything the statements of one workspace share."""

    def __init__(
        self,
        store: Store,
        engine: Engine,
        outside: Outside,
        registry: Registry,
        clock: Clock,
        settings: Mapping[str, str],
    ) -> None:
        self.store = store
        self.engine = engine
        self.outside = outside
        self.registry = registry
        self.clock = clock
        self.session = Session(dict(settings), dict(settings))
        self.system: dict[str, str] = {}  # what ALTER SYSTEM changed
        self.catalog = Catalog()
        self._transient = itertools.count()
        self._created: list[str] = []
        self.waiting: dict[int, Waiting] = {}

    def set_waiting(self, waiting: dict[int, Waiting]) -> None:
        """Note which stored statements wait; the catalogue tells who asks for their sources."""
        self.waiting = waiting
        self.catalog.waiting = {w.entry.name: w.problem for w in waiting.values() if w.entry.kind == "SOURCE"}

    def config(self) -> dict[str, str]:
        """The settings in force: defaults, those given on connecting, those set in the session."""
        return self.session.properties

    def setting(self, name: str) -> str:
        """Read a setting; its declared default when it was not set."""
        value = self.session.properties.get(name)
        if value is not None:
            return value
        declared = find_setting(name)
        return (declared.default or "") if declared is not None else ""

    def env(self, properties: Mapping[str, str] | None = None) -> Env:
        """What expressions can use."""
        return Env(self.registry, self.catalog.types, self.config() if properties is None else properties)

    def earliest(self, properties: Mapping[str, str] | None = None) -> bool:
        """Tell whether new queries start with the oldest records."""
        given = (properties or {}).get("auto.offset.reset") or self.setting("auto.offset.reset")
        return given.lower() == "earliest"

    def transient_id(self) -> str:
        """Name a push or pull query."""
        return f"transient_{next(self._transient)}"

    def log_of(self, topic: str) -> Log:
        """Find the log a topic lives in: the processing log is always embedded."""
        return self.engine.log if topic == PROCESSING_LOG_TOPIC else self.outside.log

    def topics_of(self, topic: str) -> Topics:
        """Find where records of a topic are appended, as ``log_of`` finds where they are read."""
        return self.outside.topics if self.log_of(topic) is self.outside.log else EmbeddedTopics()

    def ask_log(self, log: Log, question: Callable[[Log], T]) -> T:
        """Ask a log from any thread but the engine's.

        The embedded log answers on the engine's thread, a broker on the caller's: the engine must not wait for it.
        """
        if isinstance(log, EmbeddedLog):
            return self.engine.call(lambda: question(log))
        return question(log)

    def reader(self, topic: str, on_news: Callable[[], None] | None = None) -> TopicReader:
        """Make a reader of a topic; ``on_news`` is called when it may have something new (default: the engine)."""
        if topic == PROCESSING_LOG_TOPIC:
            return EmbeddedReader(topic)
        return self.outside.reader(topic, on_news or self.engine.wake)

    def ensure_topic(
        self,
        name: str,
        partitions: int | None,
        replicas: int | None,
        *,
        retention_ms: int | None = None,
        cleanup: Cleanup = "delete",
    ) -> TopicInfo:
        """Find a topic, creating it when a partition count is given; ``retention_ms`` -1 keeps records for ever.

        Raises: KsqlError when the topic does not exist and cannot be created.
        """
        log = self.log_of(name)
        found = log.topic(name)
        if found is not None:
            return found
        if partitions is None:
            known = ", ".join(t.name for t in log.topics()) or "none yet"
            raise KsqlError(
                f"Kafka topic does not exist: {name}",
                summary=f"topic {name} does not exist",
                hint=f"topics here: {known}. Add PARTITIONS=1 to the WITH clause to create it.",
            )
        if retention_ms == -1 and isinstance(log, EmbeddedLog):
            retention_ms = None
        created = log.create_topic(name, partitions, replicas=replicas, retention_ms=retention_ms, cleanup=cleanup)
        if not isinstance(log, EmbeddedLog):  # the embedded log's topics go with the transaction
            self._created.append(name)
        return created

    def snapshot(self) -> PipelineSnapshot:
        """Remember what there is in memory, so that a failed statement can be taken back."""
        engine = self.engine
        self._created = []
        return PipelineSnapshot(
            self.catalog.snapshot(),
            dict(engine.queries),
            dict(engine.connectors),
            dict(self.system),
            dict(self.waiting),
        )

    def restore(self, snapshot: PipelineSnapshot) -> None:
        """Go back to a snapshot; topics that the statement made outside the transaction are deleted."""
        self.catalog.restore(snapshot.catalog)
        self.engine.queries = snapshot.queries
        self.engine.connectors = snapshot.connectors
        self.system = snapshot.system
        self.set_waiting(snapshot.waiting)
        for topic in self._created:
            self.outside.log.delete_topic(topic)
        self._created = []

    def changed(self, snapshot: PipelineSnapshot) -> bool:
        """Tell whether there is anything else than at a snapshot."""
        same = (
            list(self.catalog) == list(snapshot.catalog)
            and self.catalog.types == snapshot.catalog.types
            and list(self.engine.queries.values()) == list(snapshot.queries.values())
            and list(self.engine.connectors) == list(snapshot.connectors)
            and self.system == snapshot.system
        )
        return not same

    def present(self) -> Present:
        """Tell what there is, for the journal."""
        return Present(
            frozenset(s.name for s in self.catalog),
            frozenset(self.engine.connectors),
            {id_: info.state for id_, info in self.catalog.queries.items()},
            self.waiting,
        )

    def prepare(self) -> None:
        """Create what every pipeline has: the processing log. On the engine's thread."""
        with self.store.transaction():
            if self.engine.log.topic(PROCESSING_LOG_TOPIC) is None:
                self.engine.log.create_topic(PROCESSING_LOG_TOPIC, retention_ms=PROCESSING_LOG_RETENTION_MS)
        self.catalog.put(processing_log_source())
