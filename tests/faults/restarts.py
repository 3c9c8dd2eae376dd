"""Golden cases on a pipeline in a file that is closed or killed, and opened again, between the input records.

The engine runs them itself, tick by tick, and every record arrives alone. A killed pipeline goes on from a copy of its
files, taken while it was open: that is what SIGKILL leaves.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from streamnb.clock import ManualClock
from streamnb.duck import Sql, lit, sql
from streamnb.engine.processinglog import PROCESSING_LOG_TOPIC
from streamnb.errors import StreamnbError
from streamnb.log.embedded import EmbeddedLog
from streamnb.results import Result
from streamnb.sql.parser import StatementText
from streamnb.statements.connect import open_pipeline
from streamnb.statements.pipeline import EmbeddedOutside, Pipeline
from streamnb.store import DatabaseError, Store
from streamnb.testing.bench import Bench, RawRecord, record_columns
from streamnb.testing.cases import Case
from streamnb.testing.querycases import CaseFailure, check_post, compare_outputs, execute, raw_record
from streamnb.workspace import Workspace
from tests.pipelines import run

__all__ = ["Restart", "draw_restarts", "restarted_problem"]

RESTARTS = 3


@dataclass(frozen=True)
class Restart:
    """What happens before the input record of this number comes: the pipeline is closed, or killed."""

    at: int
    kill: bool


def draw_restarts(case: Case) -> list[Restart]:
    """Draw when a case is interrupted: always in the same way, between its statements and the end of its inputs."""
    rng = random.Random(case.id)
    count = len(case.body.get("inputs", []))
    return [Restart(at, rng.random() < 0.5) for at in sorted(rng.choices(range(count + 1), k=RESTARTS))]


class _FirstPartition:
    """Writes every record to partition 0, as the runner of cases does."""

    def append(self, store: Store, topic: str, records: Sql, *, part: Sql | None = None, window_bytes: int = 0) -> int:
        return EmbeddedLog(store, create=False).append(topic, records, part=sql("0"))


class _Outside(EmbeddedOutside):
    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.topics = _FirstPartition()


class RestartBench(Bench):
    """A pipeline for one case, in a file of its own, or in memory when there is no folder for it."""

    def __init__(self, properties: Mapping[str, str], folder: Path | None) -> None:
        self.clock = ManualClock(0)
        self._properties = properties
        self._folder = folder
        self._life = 0
        self._open()

    def _open(self) -> None:
        settings = {"auto.offset.reset": "earliest", "max.batch.records": "1"}
        url = "memory://" if self._folder is None else str(self._file)
        with patch("streamnb.workspace.open_pipeline", _open_case):
            self.workspace = Workspace(url, clock=self.clock, settings=settings, start=False, history=False)
        self.pipeline = self.workspace.pipeline
        self.store = self.pipeline.store
        self.pipeline.session.properties.update(self._properties)
        if self.workspace.problems:
            raise CaseFailure(f"after a restart: {self.workspace.problems}")

    @property
    def _file(self) -> Path:
        assert self._folder is not None
        return self._folder / f"life{self._life}.duckdb"

    def restart(self, *, kill: bool) -> None:
        """Close the pipeline, or leave it as a kill does, and open it again."""
        if kill:
            left = self._file
            self._life += 1
            shutil.copyfile(left, self._file)
            wal = left.with_name(left.name + ".wal")
            if wal.exists():
                shutil.copyfile(wal, self._file.with_name(self._file.name + ".wal"))
        self.workspace.close()
        self._open()

    def execute(self, text: str | StatementText) -> list[Result]:
        return self.workspace.execute(text)

    def append(self, records: Sequence[RawRecord]) -> list[RawRecord]:
        """Append records in a transaction of their own, and let the queries run on them."""
        placed = []
        with self.store.transaction():
            log = self.pipeline.engine.log
            for record in records:
                placed.append(replace(record, off=log.ends(record.topic)[0][1]))
                rows = sql("(SELECT 0::BIGINT AS seq, 0 AS sub, {})", record_columns(record))
                log.append(record.topic, rows, part=lit(0))
        self.pipeline.engine.appended()
        run(self.workspace)
        return placed

    def left(self) -> dict[str, list[RawRecord]]:
        """List what the topics of all queries hold, and what the processing log does, without its times."""
        sinks = {q.sink.source.topic for q in self.pipeline.engine.queries.values()}
        found = {topic: self.records(topic) for topic in sorted(sinks)}
        log = EmbeddedLog(self.store, create=False)
        rows = self.store.rows(
            sql("SELECT off, value FROM {} ORDER BY off", log.relation(PROCESSING_LOG_TOPIC)),
        )
        found[PROCESSING_LOG_TOPIC] = [RawRecord(PROCESSING_LOG_TOPIC, off, 0, None, value) for off, value in rows]
        return found


def _open_case(*arguments: Any) -> Pipeline:
    pipeline = open_pipeline(*arguments)
    pipeline.outside = _Outside(pipeline.store)
    return pipeline


def restarted_problem(case: Case, folder: Path) -> str | None:
    """Run a case with its restarts; tell what differs from the expected records, and from a run without restarts."""
    restarts = draw_restarts(case)
    try:
        _run(case, folder, restarts, judged=True)
    except CaseFailure as failure:
        if _run(case, folder, restarts, judged=False) == _run(case, None, (), judged=False):
            return None  # the order in which the engine takes records in is not that of the case's runner
        return f"with {restarts}: {failure}"
    except (StreamnbError, DatabaseError) as error:
        return f"with {restarts}: {type(error).__name__}: {error}"
    return None


def _run(case: Case, folder: Path | None, restarts: Sequence[Restart], *, judged: bool) -> dict[str, list[RawRecord]]:
    """Run a case and list what it left; ``judged`` compares it with what the case expects."""
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    bench = RestartBench(case.properties, folder)
    try:
        execute(bench, case.statements, case.body)
        inputs = case.body.get("inputs", [])
        for at in range(len(inputs) + 1):
            for restart in restarts:
                if restart.at == at:
                    bench.restart(kill=restart.kill)
            if at < len(inputs):
                bench.append([raw_record(bench, inputs[at])])
        if judged:
            _check_states(bench)
            compare_outputs(bench, case)
            check_post(bench, case.body.get("post", {}))
        return bench.left()
    finally:
        bench.close()


def _check_states(bench: RestartBench) -> None:
    stopped = [f"{q.info.id} is {q.info.state}" for q in bench.pipeline.engine.queries.values() if not q.runnable]
    if stopped:
        raise CaseFailure(", ".join(stopped))
