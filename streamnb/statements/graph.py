"""The pipeline as boxes and arrows: connectors, topics, streams, tables, and the queries between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from streamnb.catalog import DataSource
from streamnb.engine.processinglog import PROCESSING_LOG_TOPIC
from streamnb.plan.diagram import Box, Diagram
from streamnb.statements.metrics import QueryMetrics, query_metrics
from streamnb.statements.pipeline import Pipeline

__all__ = ["pipeline_diagram", "rate_text"]


def pipeline_diagram(pipeline: Pipeline) -> Diagram:
    """Draw the pipeline as of now, with the rates, the lag and the state of its queries.

    A query and the stream or table that it makes are one box, and so is the topic of these; INSERT INTO queries, and
    topics that come from elsewhere, have boxes of their own. The processing log is left out unless a query reads it.
    """
    read = {name for query in pipeline.catalog.queries.values() for name in query.sources}
    sources = [s for s in pipeline.catalog if s.topic != PROCESSING_LOG_TOPIC or s.name in read]
    found = {m.query_id: m for m in query_metrics(pipeline)}
    boxes: list[Box] = []
    arrows: list[tuple[str, str]] = []
    written = {s.topic: s for s in sources if s.query_id is not None}
    for connector in list(pipeline.engine.connectors.values()):
        boxes.append(Box(f"connector {connector.name}", "connector", connector.name, ("source connector",)))
        arrows.append((f"connector {connector.name}", _topic(connector.topic, written)))
    outside = dict.fromkeys([c.topic for c in pipeline.engine.connectors.values()])
    outside.update(dict.fromkeys(s.topic for s in sources if s.query_id is None))
    boxes += [Box(f"topic {topic}", "topic", topic, ("topic",)) for topic in outside if topic not in written]
    queries = dict(pipeline.catalog.queries)
    for source in sources:
        made_by = queries.pop(source.query_id, None) if source.query_id is not None else None
        boxes.append(_source_box(source, None if made_by is None else found.get(made_by.id)))
        if made_by is not None:
            arrows += [(_source(name), _source(source.name)) for name in made_by.sources]
        else:
            arrows.append((_topic(source.topic, written), _source(source.name)))
    for query in queries.values():
        boxes.append(_query_box(query.id, found.get(query.id)))
        arrows += [(_source(name), f"query {query.id}") for name in query.sources]
        arrows.append((f"query {query.id}", _source(query.sink)))
    return Diagram(tuple(boxes), tuple(_known(arrows, boxes)))


def rate_text(per_s: float) -> str:
    """Write a rate in three digits or so."""
    return f"{per_s:,.0f}/s" if per_s >= 10 or per_s == 0 else f"{per_s:.1f}/s"


def _source(name: str) -> str:
    return f"source {name}"


def _topic(topic: str, written: dict[str, DataSource]) -> str:
    """Name the box that stands for a topic."""
    return _source(written[topic].name) if topic in written else f"topic {topic}"


def _source_box(source: DataSource, metrics: QueryMetrics | None) -> Box:
    kind = source.kind.lower()
    window = "" if source.window is None else f" · {source.window.kind.lower()} windows"
    notes = [f"{kind} · {source.value_format.name}{window}"]
    if source.query_id is not None and source.topic != source.name:
        notes.append(f"topic {source.topic}")
    if metrics is None:
        return Box(_source(source.name), kind, source.name, tuple(notes))
    notes += [metrics.query_id, *_told(metrics)]
    return Box(_source(source.name), kind, source.name, tuple(notes), metrics.state, metrics.problem)


def _query_box(id_: str, metrics: QueryMetrics | None) -> Box:
    if metrics is None:
        return Box(f"query {id_}", "query", id_)
    return Box(f"query {id_}", "query", id_, tuple(_told(metrics)), metrics.state, metrics.problem)


def _told(metrics: QueryMetrics) -> list[str]:
    """Write what a query does in short lines."""
    rates = f"in {rate_text(metrics.records_in_per_s)} · out {rate_text(metrics.records_out_per_s)}"
    lag = "" if metrics.lag_records is None else f"lag {metrics.lag_records:,}"
    late = f"late {metrics.late_records:,}" if metrics.late_records else ""
    errors = f"errors {metrics.logged_errors:,}" if metrics.logged_errors else ""
    return list(filter(None, (rates, " · ".join(filter(None, (lag, late, errors))))))


def _known(arrows: Iterable[tuple[str, str]], boxes: Iterable[Box]) -> Iterator[tuple[str, str]]:
    """Keep each arrow once, where both its ends are there; one from a box to itself is left out."""
    ids = {box.id for box in boxes}
    for arrow in dict.fromkeys(arrows):
        if arrow[0] != arrow[1] and ids.issuperset(arrow):
            yield arrow
