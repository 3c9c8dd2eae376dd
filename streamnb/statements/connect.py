"""URLs to pipelines: opens the database and reaches the broker."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from streamnb.clock import Clock
from streamnb.config import SETTINGS, check_setting
from streamnb.engine.engine import Engine, EngineSettings
from streamnb.errors import LogError
from streamnb.functions.registry import Registry
from streamnb.statements.pipeline import EmbeddedOutside, Pipeline
from streamnb.store import Store

__all__ = ["open_pipeline"]


def open_pipeline(url: str, registry: Registry, clock: Clock, settings: Mapping[str, str]) -> Pipeline:
    """Open the pipeline that a URL names. Raises: StreamnbError when it cannot be used."""
    engine_settings = EngineSettings(
        rows_max=int(settings.get("max.batch.records", "100000")),
        interval_ms=int(settings.get("commit.interval.ms", "20")),
    )
    scheme, _, rest = url.partition("://")
    if rest == "" and scheme != "memory":
        scheme, rest = "duckdb", url
    if scheme == "kafka":
        return _open_kafka(url, registry, clock, settings, engine_settings)
    if scheme not in ("memory", "duckdb"):
        raise LogError(
            f"no such kind of URL: {scheme}://",
            summary=f"unknown URL {scheme}://",
            hint="use memory://, a file such as pipeline.duckdb, or kafka://host:9092.",
        )
    store = Store.open(_path(rest) if scheme == "duckdb" else None, threads=_threads())
    registry.install(store)
    engine = Engine(store, clock, engine_settings)
    return Pipeline(store, engine, EmbeddedOutside(store), registry, clock, settings)


def _open_kafka(
    url: str, registry: Registry, clock: Clock, settings: Mapping[str, str], engine_settings: EngineSettings
) -> Pipeline:
    """Open a pipeline on a broker; its state is in the file that the URL names."""
    from streamnb.engine.kafka import KafkaOutside  # confluent-kafka takes a while to import
    from streamnb.log.kafka_url import parse_kafka_url

    parsed = parse_kafka_url(url, [s.name for s in SETTINGS])
    store = Store.open(parsed.state_path, threads=_threads())
    try:
        registry.install(store)
        engine = Engine(store, clock, engine_settings)
        outside = KafkaOutside(parsed, engine)
    except BaseException:
        store.close()
        raise
    given = dict(check_setting(n, v) for n, v in parsed.settings.items())
    return Pipeline(store, engine, outside, registry, clock, {**given, **settings})


def _path(rest: str) -> Path:
    """Read ``duckdb:///abs/path`` (three slashes: absolute, as SQLAlchemy has it) or a bare path."""
    return Path(rest)


def _threads() -> int:
    """Leave half of the cores to those who read, publish and show; on small batches DuckDB's threads cost double."""
    return max(1, (os.cpu_count() or 2) // 2)
