"""URLs to pipelines: opens the database and reaches the broker."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from streamnb.clock import Clock
from streamnb.engine.engine import Engine, EngineSettings
from streamnb.errors import LogError
from streamnb.functions.registry import Registry
from streamnb.statements.pipeline import EmbeddedOutside, Pipeline
from streamnb.store import Store

__all__ = ["open_pipeline"]


def open_pipeline(url: str, registry: Registry, clock: Clock, settings: Mapping[str, str]) -> Pipeline:
    """Open the pipeline that a URL names. Raises: StreamnbError when it cannot be used."""
    engine_settings = EngineSettings(
        rows_max=int(settings.get("max.batch.records", "50000")),
        interval_ms=int(settings.get("commit.interval.ms", "20")),
    )
    scheme, _, rest = url.partition("://")
    if rest == "" and scheme != "memory":
        scheme, rest = "duckdb", url
    if scheme not in ("memory", "duckdb"):
        raise LogError(
            f"no such kind of URL: {scheme}://",
            summary=f"unknown URL {scheme}://",
            hint="use memory://, a file such as pipeline.duckdb, or kafka://host:9092.",
        )
    store = Store.open(_path(rest) if scheme == "duckdb" else None)
    registry.install(store)
    engine = Engine(store, clock, engine_settings)
    return Pipeline(store, engine, EmbeddedOutside(store), registry, clock, settings)


def _path(rest: str) -> Path:
    """Read ``duckdb:///abs/path`` (three slashes: absolute, as SQLAlchemy has it) or a bare path."""
    return Path(rest)
