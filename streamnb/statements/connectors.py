"""CREATE and DROP CONNECTOR: datagen makes the talk's data; other connectors are named in the answer."""

from __future__ import annotations

from collections.abc import Sequence

from streamnb.connectors.datagen import DATAGEN_CLASSES, Datagen, DatagenConfig
from streamnb.engine.engine import Connector
from streamnb.errors import KsqlError
from streamnb.sql import ast
from streamnb.statements.pipeline import Pipeline

__all__ = ["create_connector", "drop_connector"]


def _texts(properties: Sequence[ast.Property]) -> dict[str, str]:
    values = {}
    for prop in properties:
        value = getattr(prop.value, "value", None)
        values[prop.name.lower()] = str(value).lower() if isinstance(value, bool) else str(value)
    return values


def create_connector(pipeline: Pipeline, statement: ast.CreateConnector, *, replay: bool) -> str:
    """Start a connector; its topic is created when it is missing.

    Raises: KsqlError for a connector class this version has not got, and for what its configuration lacks.
    """
    connectors = pipeline.engine.connectors
    if statement.name in connectors:
        if statement.if_not_exists:
            return f"Connector {statement.name} already exists"
        raise KsqlError(
            f"Failed to create connector: Connector {statement.name} already exists",
            summary=f"connector {statement.name} exists already",
            hint=f"write IF NOT EXISTS, or DROP CONNECTOR {statement.name}; first.",
        )
    properties = _texts(statement.properties)
    class_ = properties.get("connector.class", "datagen")
    if class_ not in DATAGEN_CLASSES:
        raise KsqlError(
            f"Failed to create connector: no connector class {class_}",
            summary=f"connector class {class_} is not available",
            hint=f"this version has {DATAGEN_CLASSES[0]}.",
            span=statement.at,
        )
    if statement.kind == "SINK":
        raise KsqlError(
            f"Failed to create connector: {class_} is no sink connector",
            summary=f"connector class {class_} is a source of records, not a sink",
            hint=f"write CREATE SOURCE CONNECTOR {statement.name} ...",
            span=statement.at,
        )
    config = DatagenConfig.parse(properties)
    pipeline.ensure_topic(config.topic, None if replay else config.partitions, None)
    emitted = pipeline.engine.checkpoint.connectors().get(statement.name, 0)
    connectors[statement.name] = Connector(
        statement.name, config.topic, Datagen(config, emitted), pipeline.outside.topics, properties
    )
    return f"Created connector {statement.name}"


def drop_connector(pipeline: Pipeline, statement: ast.DropConnector) -> str:
    """Stop a connector; its topic stays."""
    if statement.name not in pipeline.engine.connectors:
        if statement.if_exists:
            return f"Connector '{statement.name}' does not exist."
        raise KsqlError(
            f"Connector {statement.name} does not exist.",
            summary=f"connector {statement.name} does not exist",
            hint=f"connectors here: {', '.join(pipeline.engine.connectors) or 'none'}.",
        )
    del pipeline.engine.connectors[statement.name]
    pipeline.engine.checkpoint.save_connector(statement.name, None)
    return f'Dropped connector "{statement.name}"'
