"""ASSERT TOPIC and ASSERT SCHEMA: a script goes on when what it needs is there, or gone, within a time."""

from __future__ import annotations

import time

from streamnb.errors import KsqlError, KsqlStatementError
from streamnb.log.base import TopicInfo
from streamnb.sql import ast
from streamnb.statements.pipeline import Pipeline

__all__ = ["assert_schema", "assert_topic"]

TIMEOUT_MS = 1000
POLL_S = 0.05


def assert_topic(pipeline: Pipeline, statement: ast.AssertTopic) -> str:
    """Wait until a topic is there with the given partitions and replicas, or is gone; one second unless TIMEOUT says.

    Raises: KsqlError when the time is up.
    """
    wanted = _wanted(statement)
    deadline = time.monotonic() + (statement.timeout.ms if statement.timeout else TIMEOUT_MS) / 1000
    while True:
        log = pipeline.log_of(statement.name)
        found = pipeline.ask_log(log, lambda log: log.topic(statement.name))
        problem = _problem(statement, found, wanted)
        if problem is None:
            return f"Topic {statement.name} {'exists' if statement.exists else 'does not exist'}."
        if time.monotonic() >= deadline:
            problem.span = statement.at
            raise problem
        time.sleep(POLL_S)


def _wanted(statement: ast.AssertTopic) -> dict[str, int]:
    """Read the WITH clause. Raises: KsqlStatementError for what is no count of partitions or replicas."""
    wanted: dict[str, int] = {}
    for prop in statement.properties:
        name = prop.name.upper()
        if name not in ("PARTITIONS", "REPLICAS"):
            raise KsqlStatementError(
                f"Cannot assert unknown topic property: {name}.",
                summary=f"ASSERT TOPIC does not know {name}",
                hint="it compares PARTITIONS and REPLICAS.",
                span=prop.span,
            )
        if not isinstance(prop.value, ast.IntegerLiteral):
            raise KsqlStatementError(
                f"Invalid value for configuration {name}: Not a number of type INT",
                summary=f"{name} is no whole number",
                hint=f"write {name}=1",
                span=prop.span,
            )
        wanted[name] = prop.value.value
    return wanted


def _problem(statement: ast.AssertTopic, found: TopicInfo | None, wanted: dict[str, int]) -> KsqlError | None:
    name = statement.name
    if not statement.exists:
        hint = "a topic is deleted with its source: DROP STREAM name DELETE TOPIC"
        return None if found is None else KsqlError(f"Topic {name} exists.", hint=hint)
    if found is None:
        return KsqlError(f"Topic {name} does not exist.", hint="SHOW TOPICS; lists the topics; case counts in names.")
    actual = {"PARTITIONS": found.partitions, "REPLICAS": found.replicas}
    wrong = [
        f"Mismatched configuration for topic {name}: For config {key.lower()}, expected {value} got {actual[key]}"
        for key, value in wanted.items()
        if actual[key] != value
    ]
    return KsqlError("\n".join(wrong), hint="SHOW TOPICS; tells what a topic has.") if wrong else None


def assert_schema(statement: ast.AssertSchema) -> str:
    """Refuse to look for a schema: there is no registry to ask. Raises: KsqlError."""
    if statement.subject is None and statement.schema_id is None:
        raise KsqlStatementError(
            "ASSERT SCHEMA needs a subject name or a schema id.",
            summary="ASSERT SCHEMA names no schema",
            hint="write ASSERT SCHEMA SUBJECT 'name'; or ASSERT SCHEMA ID 1;",
            span=statement.span,
        )
    raise KsqlError(
        "Cannot check schemas: no schema registry is configured.",
        summary="there is no schema registry to ask",
        hint="a schema registry is not available yet; JSON and DELIMITED topics need none.",
        span=statement.span,
    )
