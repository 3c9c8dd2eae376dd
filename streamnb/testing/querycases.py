"""Query cases: statements, inputs fed query by query, outputs compared topic by topic."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any

from streamnb.catalog import DataSource
from streamnb.engine.sides import key_side, value_side
from streamnb.errors import (
    KsqlFunctionError,
    KsqlStatementError,
    ParseFailedError,
    StreamnbError,
)
from streamnb.log.base import TopicInfo
from streamnb.serde.neutral import bytes_to_node, node_to_bytes
from streamnb.sql.parser import parse_columns, split_statements
from streamnb.store import DatabaseError
from streamnb.testing.bench import Bench, RawRecord
from streamnb.testing.cases import Case
from streamnb.testing.compare import record_matches, side_type

__all__ = ["CaseFailure", "expect_error", "run_query_case"]

_ERRORS: dict[str, type[Exception]] = {
    "StreamsException": Exception,
    "KsqlException": StreamnbError,
    "KsqlStatementException": KsqlStatementError,
    "ParseFailedException": ParseFailedError,
    "KsqlFunctionException": KsqlFunctionError,
}
DEFAULT_PARTITIONS = 4


class CaseFailure(Exception):
    """A case did not end as expected. ``lenient`` tells that an error was expected, and that there was one."""

    def __init__(self, text: str, *, lenient: bool = False) -> None:
        super().__init__(text)
        self.lenient = lenient


def run_query_case(case: Case) -> None:
    """Run a query case. Raises: CaseFailure when it does not end as expected."""
    bench = Bench(case.properties)
    expected = case.body.get("expectedException")
    try:
        if expected is not None:
            _run_negative(bench, case, expected)
            return
        execute(bench, case.statements, case.body)
        if not bench.pipeline.engine.queries:
            raise CaseFailure("no persistent query was started")
        feed_inputs(bench, case)
        compare_outputs(bench, case)
        check_post(bench, case.body.get("post", {}))
    finally:
        bench.close()


def execute(bench: Bench, statements: Sequence[str], body: Mapping[str, Any]) -> None:
    """Create the case's topics and run its statements, as one script.

    A topic that a statement names is created with it; those that only inputs or outputs name are there before.
    Raises: CaseFailure when an error is expected, which must be the last statement's, but another one fails.
    """
    log = bench.pipeline.engine.log
    for topic in body.get("topics", []):
        if isinstance(topic, dict) and log.topic(topic["name"]) is None:
            log.create_topic(topic["name"], int(topic.get("partitions", 1)))
    texts = split_statements("\n".join(statements))
    declared = set(re.findall(r"kafka_topic\s*=\s*'([^']+)'", "\n".join(statements), re.IGNORECASE))
    known = declared | {topic.name for topic in log.topics()}
    for name in dict.fromkeys(r["topic"] for r in (*body.get("inputs", []), *body.get("outputs", []))):
        if name not in known:
            log.create_topic(name, DEFAULT_PARTITIONS)
    for text in texts:
        _create_declared_topic(bench, text.text)
        try:
            bench.execute(text)
        except StreamnbError as error:
            if text is not texts[-1] and "expectedException" in body:
                raise CaseFailure(f"a statement before the last one fails: {error.message}", lenient=True) from error
            raise


def _create_declared_topic(bench: Bench, text: str) -> None:
    """Create the topic that a CREATE with columns names, as the reference runner does."""
    if not re.match(r"\s*(--[^\n]*\n\s*)*CREATE\s", text, re.IGNORECASE) or re.search(
        r"\bAS\s+SELECT\b", text, re.IGNORECASE
    ):
        return
    topic = re.search(r"kafka_topic\s*=\s*'([^']+)'", text, re.IGNORECASE)
    partitions = re.search(r"\bpartitions\s*=\s*'?(\d+)", text, re.IGNORECASE)
    log = bench.pipeline.engine.log
    if topic is not None and log.topic(topic[1]) is None:
        log.create_topic(topic[1], int(partitions[1]) if partitions else DEFAULT_PARTITIONS)


def _run_negative(bench: Bench, case: Case, expected: Mapping[str, Any]) -> None:
    try:
        execute(bench, case.statements, case.body)
        feed_inputs(bench, case)
    except (StreamnbError, DatabaseError) as error:
        expect_error(expected, error)
        return
    raise CaseFailure(f"no error; expected {expected.get('message')}")


def expect_error(expected: Mapping[str, Any], error: Exception) -> None:
    """Compare an error with the expected type and message. Raises: CaseFailure when they differ."""
    type_ = str(expected.get("type", "")).rsplit(".", 1)[-1]
    message = expected.get("message")
    actual = error.message if isinstance(error, StreamnbError) else str(error)
    if isinstance(error, DatabaseError):
        if type_ == "StreamsException":
            return
        raise CaseFailure(f"DuckDB error: {actual}", lenient=True)
    if type_ and not isinstance(error, _ERRORS.get(type_, StreamnbError)):
        raise CaseFailure(f"{type(error).__name__}, expected {type_}: {actual}", lenient=True)
    if message is not None and message not in actual and type_ != "StreamsException":
        raise CaseFailure(f"message {actual!r}, expected {message!r}", lenient=True)


def source_of(bench: Bench, topic: str) -> DataSource | None:
    """Find the source whose formats a topic's records have."""
    found = bench.pipeline.catalog.on_topic(topic)
    return found[0] if found else None


def raw_record(bench: Bench, record: Mapping[str, Any]) -> RawRecord:
    """Serialise a record of a case in its topic's formats."""
    source = source_of(bench, record["topic"])
    window = record.get("window")
    bounds = (int(window["start"]), int(window["end"])) if window else None
    headers = tuple(
        (h["KEY"], None if h["VALUE"] is None else base64.b64decode(h["VALUE"])) for h in record.get("headers", [])
    )
    if source is None:
        key = value = None
    else:
        key = node_to_bytes(key_side(source), record.get("key"), bounds)
        value = node_to_bytes(value_side(source), record.get("value"))
    return RawRecord(record["topic"], 0, int(record.get("timestamp") or 0), key, value, headers)


def feed_inputs(bench: Bench, case: Case) -> None:
    """Append all inputs, then run each query on the inputs of its topics, or on what they hold."""
    inputs = bench.append([raw_record(bench, r) for r in case.body.get("inputs", [])])
    topics = {r.topic for r in inputs}
    for query in list(bench.pipeline.engine.queries.values()):
        own = list(dict.fromkeys(r.topic for r in query.task.readers))
        for record in inputs:
            if record.topic in own:
                bench.feed(query, record)
        for topic in own:
            if topic not in topics:
                for record in bench.records(topic):
                    bench.feed(query, record)


def decoded_record(record: RawRecord, source: DataSource) -> dict[str, Any]:
    """Turn a topic's record into nodes."""
    key, bounds = bytes_to_node(key_side(source), record.key)
    value, _ = bytes_to_node(value_side(source), record.value)
    kind = "session" if source.window is not None and source.window.kind == "SESSION" else "time"
    return {
        "key": key,
        "value": value,
        "window": (*bounds, kind) if bounds is not None else None,
        "timestamp": record.ts,
        "headers": list(record.headers),
    }


def compare_outputs(bench: Bench, case: Case, *, first_only: bool = False) -> None:
    """Compare each topic's records with the expected ones; ``first_only`` lets more records follow these.

    Raises: CaseFailure at the first difference.
    """
    expected: dict[str, list[Mapping[str, Any]]] = {}
    for record in case.body.get("outputs", []):
        expected.setdefault(record["topic"], []).append(record)
    for topic, records in expected.items():
        source = source_of(bench, topic)
        if source is None:
            raise CaseFailure(f"no source writes to topic {topic}")
        actual = bench.records(topic)
        if first_only:
            actual = actual[: len(records)]
        if len(actual) != len(records):
            raise CaseFailure(f"topic {topic}: {len(actual)} records, expected {len(records)}: {actual[:3]}")
        key_type = side_type(source.schema.key, bare=key_side(source).bare)
        value_type = side_type(source.schema.value, bare=value_side(source).bare)
        for i, (wanted, got) in enumerate(zip(records, actual, strict=True)):
            decoded = decoded_record(got, source)
            problem = record_matches(wanted, decoded, key_type, value_type, no_inputs=not case.body.get("inputs"))
            if problem is not None:
                raise CaseFailure(f"topic {topic}, record {i}: {problem}")


def check_post(bench: Bench, post: Mapping[str, Any]) -> None:
    """Check the conditions on the catalogue. Raises: CaseFailure when one does not hold."""
    for wanted in post.get("sources", []):
        source = bench.pipeline.catalog.get(wanted["name"])
        if source is None:
            raise CaseFailure(f"source {wanted['name']} does not exist")
        _check_source(source, wanted)
    topics = post.get("topics", {})
    for wanted in topics.get("topics", []) if isinstance(topics, dict) else []:
        if re.search(r"-(changelog|repartition)", wanted["name"]):
            continue
        info = bench.pipeline.engine.log.topic(wanted["name"])
        if info is None:
            raise CaseFailure(f"topic {wanted['name']} does not exist")
        _check_topic(bench, info, wanted)


def _check_source(source: DataSource, wanted: Mapping[str, Any]) -> None:
    if source.kind.lower() != str(wanted.get("type", source.kind)).lower():
        raise CaseFailure(f"{source.name} is a {source.kind}")
    if wanted.get("schema") is not None and not _same_schema(source, str(wanted["schema"])):
        raise CaseFailure(f"schema of {source.name} is {_shown(source)}, expected {wanted['schema']}")
    for side, spec in (("keyFormat", source.key_format), ("valueFormat", source.value_format)):
        format_ = wanted.get(side)
        name = format_.get("format") if isinstance(format_, dict) else format_
        if name is not None and name != spec.name:
            raise CaseFailure(f"{side} of {source.name} is {spec.name}, expected {name}")
    if "isSource" in wanted and wanted["isSource"] != source.read_only:
        raise CaseFailure(f"{source.name}: isSource is {source.read_only}")


def _shown(source: DataSource) -> str:
    return source.schema.render("PRIMARY KEY" if source.is_table else "KEY")


def _same_schema(source: DataSource, text: str) -> bool:
    """Compare a source's columns with those of a declaration."""
    wanted = parse_columns(text)
    key = [(c.name, c.type) for c in wanted if c.constraint in ("KEY", "PRIMARY KEY")]
    value = [(c.name, c.type) for c in wanted if c.constraint is None]
    schema = source.schema
    return key == [(c.name, c.type) for c in schema.key] and value == [(c.name, c.type) for c in schema.value]


def _check_topic(bench: Bench, info: TopicInfo, wanted: Mapping[str, Any]) -> None:
    if wanted.get("partitions") is not None and int(wanted["partitions"]) != info.partitions:
        raise CaseFailure(f"topic {info.name} has {info.partitions} partitions, expected {wanted['partitions']}")
    source = source_of(bench, info.name)
    if source is None:
        return
    for side, spec in (("keyFormat", source.key_format), ("valueFormat", source.value_format)):
        format_ = wanted.get(side)
        name = format_.get("format") if isinstance(format_, dict) else format_
        if name is not None and name != spec.name:
            raise CaseFailure(f"{side} of topic {info.name} is {spec.name}, expected {name}")
