"""What keeps a pipeline small: retention of state, the memory limit, and the folding of the write-ahead log."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from streamnb.duck import Sql, lit, sql
from streamnb.store import opening
from streamnb.workspace import Workspace
from tests.pipelines import put, rows, run, workspace

_STREAMS = """
    CREATE STREAM A (K INT KEY, V INT) WITH (KAFKA_TOPIC='a', VALUE_FORMAT='JSON', PARTITIONS=1);
    CREATE STREAM B (K INT KEY, V INT) WITH (KAFKA_TOPIC='b', VALUE_FORMAT='JSON', PARTITIONS=1);
"""
_KEYS = 10
_STEP_MS = 1000


def _state_rows(nb: Workspace) -> int:
    (query,) = nb.pipeline.engine.queries.values()
    return sum(int(nb.pipeline.store.rows(table.size())[0][0]) for table in query.task.program.tables)


@pytest.mark.parametrize(
    "query",
    [
        "CREATE TABLE O AS SELECT K, COUNT(*) AS N FROM A WINDOW TUMBLING (SIZE 1 SECOND, GRACE PERIOD 1 SECOND,"
        " RETENTION 3 SECONDS) GROUP BY K;",
        "CREATE TABLE O AS SELECT K, COUNT(*) AS N FROM A WINDOW TUMBLING (SIZE 1 SECOND, GRACE PERIOD 1 SECOND)"
        " GROUP BY K EMIT FINAL;",
        "CREATE TABLE O AS SELECT K, COUNT(*) AS N FROM A WINDOW SESSION (500 MILLISECONDS, GRACE PERIOD 1 SECOND,"
        " RETENTION 3 SECONDS) GROUP BY K;",
        "CREATE STREAM O AS SELECT ROWKEY AS K, A.V AS V, B.V AS W FROM A FULL JOIN B WITHIN 1 SECOND"
        " GRACE PERIOD 1 SECOND ON A.K = B.K;",
    ],
)
def test_state_is_bounded_by_its_retention_however_long_time_runs(query: str) -> None:
    with workspace() as nb:
        nb(_STREAMS)
        nb(query)
        sizes = []
        for step in range(16):
            for topic in ("a", "b"):
                put(nb, topic, [(k, {"v": step}, step * _STEP_MS) for k in range(_KEYS)])
            run(nb)
            sizes.append(_state_rows(nb))
        settled = sizes[8:]
        assert max(settled) == min(settled)
        assert 0 < max(settled) <= 10 * _KEYS


def _append(nb: Workspace, first: int, count: int) -> None:
    """Append records with keys and texts of their own, about 600 bytes each."""
    engine = nb.pipeline.engine
    records = sql(
        '(SELECT i AS seq, 0 AS sub, 0::BIGINT AS ts, i::INTEGER::BIT::BLOB AS key, encode(concat(\'{{"T":"\','
        " repeat(md5(i::VARCHAR), 18), '\"}}')) AS value, NULL::STRUCT(k VARCHAR, v BLOB)[] AS hdr"
        " FROM range({}, {}) r(i))",
        lit(first),
        lit(first + count),
    )
    with engine.store.transaction():
        engine.log.append("t", records)


def test_state_larger_than_the_memory_limit_is_kept_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = 64 << 20
    settings = (Sql(f"SET GLOBAL memory_limit = '{limit >> 20}MiB'"), *opening._SETTINGS)
    monkeypatch.setattr(opening, "_SETTINGS", settings)
    with workspace(str(tmp_path / "p.duckdb")) as nb:
        nb("CREATE STREAM S (K INT KEY, T STRING) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON', PARTITIONS=1);")
        nb("CREATE TABLE O AS SELECT K, LATEST_BY_OFFSET(T) AS T FROM S GROUP BY K;")
        engine, used = nb.pipeline.engine, 0
        for first in range(0, 150_000, 10_000):
            _append(nb, first, 10_000)
            run(nb)
            engine.store.checkpoint()
            used = max(used, engine.store.rows(sql("SELECT sum(memory_usage_bytes) FROM duckdb_memory()"))[0][0])
        assert _state_rows(nb) == 150_000  # of 86 MB
        assert used <= limit
        assert rows(nb, "SELECT K FROM O WHERE K = 149999;") == [(149_999,)]


def test_write_ahead_log_is_folded_between_ticks_when_it_has_grown(tmp_path: Path) -> None:
    path = tmp_path / "p.duckdb"
    wal = path.with_name("p.duckdb.wal")
    with workspace(str(path)) as nb:
        nb("CREATE STREAM S (K INT KEY, T STRING) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON', PARTITIONS=1);")
        nb("CREATE TABLE O AS SELECT K, COUNT(*) AS N FROM S GROUP BY K;")
        engine = nb.pipeline.engine
        engine.settings = dataclasses.replace(engine.settings, wal_bytes_max=1 << 20)
        _append(nb, 0, 2_000)
        run(nb)
        grown = wal.stat().st_size
        assert grown > 1 << 20
        engine._keep_house()
        assert not wal.exists() or wal.stat().st_size < grown / 10
        assert _state_rows(nb) == 2_000
