"""Which format a side of a topic has, and whether that format can hold its columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from streamnb.catalog import DataSource, FormatSpec
from streamnb.errors import KsqlStatementError
from streamnb.plan.properties import Properties
from streamnb.schema import Array, Column, Map, SqlType, Struct

__all__ = ["check_no_maps", "check_source_formats", "check_value_columns", "key_format", "value_format"]

_FORMATS = {"JSON", "DELIMITED", "KAFKA", "NONE", "AVRO", "JSON_SR", "PROTOBUF", "PROTOBUF_NOSR"}
_READY = {"JSON", "DELIMITED", "KAFKA", "NONE"}
_KAFKA_TYPES = {"INTEGER", "BIGINT", "DOUBLE", "STRING", "BYTES"}


def _named(name: str, properties: Properties, prop: str) -> str:
    upper = name.upper()
    if upper not in _FORMATS:
        raise KsqlStatementError(
            f"Unknown format: {upper}", span=properties.span(prop), hint=f"formats: {', '.join(sorted(_READY))}."
        )
    if upper not in _READY:
        raise KsqlStatementError(
            f"Format {upper} is not available yet.",
            span=properties.span(prop),
            hint=f"use one of {', '.join(sorted(_READY))}.",
        )
    return upper


def _chosen(side: str, properties: Properties) -> str | None:
    """Read the format a WITH clause names for a side (KEY or VALUE)."""
    own = f"{side}_FORMAT"
    if "FORMAT" in properties and own in properties:
        raise KsqlStatementError(
            f"Cannot supply both '{own}' and 'FORMAT' properties, as 'FORMAT' sets both key and value formats. Either "
            "use just 'FORMAT', or use 'KEY_FORMAT' and 'VALUE_FORMAT'.",
            summary=f"FORMAT and {own} are both given",
            hint=f"leave one of them out: FORMAT sets {own} too.",
            span=properties.span(own),
        )
    for prop in (own, "FORMAT"):
        text = properties.text(prop)
        if text is not None:
            return _named(text, properties, prop)
    return None


def key_format(
    columns: Sequence[Column], properties: Properties, config: Mapping[str, str], inherited: DataSource | None = None
) -> FormatSpec:
    """Choose and check the format of the keys.

    Source: ksqlDB's order: the WITH clause, the source a query reads (sinks only), the session's default.
    """
    check_no_maps(columns)
    chosen = _chosen("KEY", properties)
    if chosen not in (None, "NONE") and not columns and "KEY_FORMAT" in properties and inherited is not None:
        raise KsqlStatementError(
            "Key format specified for stream without key columns.", span=properties.span("KEY_FORMAT")
        )
    delimiter = properties.delimiter("KEY_DELIMITER")
    if chosen is None and inherited is not None and inherited.key_format.name != "NONE":
        chosen = inherited.key_format.name
        delimiter = delimiter or inherited.key_format.delimiter
    if chosen is None:
        chosen = _named(config.get("ksql.persistence.default.format.key", "KAFKA"), properties, "KEY_FORMAT")
        if not columns and inherited is None:
            chosen = "KAFKA" if chosen == "KAFKA" else chosen
    if not columns and chosen == "KAFKA" and inherited is None and "KEY_FORMAT" not in properties:
        return FormatSpec("KAFKA", delimiter, wrapped=False)
    _check_columns("Key", chosen, columns, "KEY", properties)
    return FormatSpec(chosen, delimiter, wrapped=len(columns) > 1)


def value_format(
    columns: Sequence[Column], properties: Properties, config: Mapping[str, str], inherited: DataSource | None = None
) -> FormatSpec:
    """Choose and check the format of the values."""
    chosen = _chosen("VALUE", properties)
    delimiter = properties.delimiter("VALUE_DELIMITER")
    if chosen is None and inherited is not None:
        chosen = inherited.value_format.name
        delimiter = delimiter or inherited.value_format.delimiter
    if chosen is None:
        default = config.get("ksql.persistence.default.format.value")
        if default is None:
            raise KsqlStatementError(
                "Statement is missing the 'VALUE_FORMAT' property from the WITH clause. Either provide one or set a "
                "default via the 'ksql.persistence.default.format.value' config.",
                summary="the WITH clause has no VALUE_FORMAT",
                hint="add VALUE_FORMAT='JSON', or SET 'ksql.persistence.default.format.value'='JSON';",
            )
        chosen = _named(default, properties, "VALUE_FORMAT")
    if chosen == "NONE":
        raise KsqlStatementError(
            "The 'NONE' format can not be used as a value format", span=properties.span("VALUE_FORMAT")
        )
    _check_columns("Value", chosen, columns, "", properties)
    return FormatSpec(chosen, delimiter, _wrapping(chosen, columns, properties, config))


def _wrapping(name: str, columns: Sequence[Column], properties: Properties, config: Mapping[str, str]) -> bool:
    """Decide whether a single value column is wrapped in a record."""
    explicit = properties.boolean("WRAP_SINGLE_VALUE")
    if explicit is not None:
        if (name == "KAFKA" and explicit) or (name == "DELIMITED" and explicit):
            raise KsqlStatementError(
                f"Format '{name}' does not support 'WRAP_SINGLE_VALUE' set to '{str(explicit).lower()}'.",
                span=properties.span("WRAP_SINGLE_VALUE"),
            )
        if len(columns) != 1:
            raise KsqlStatementError(
                "'WRAP_SINGLE_VALUE' is only valid for single-field value schemas",
                span=properties.span("WRAP_SINGLE_VALUE"),
            )
        return explicit
    default = config.get("ksql.persistence.wrap.single.values")
    return not (name == "JSON" and default is not None and default.lower() == "false")


def check_value_columns(name: str, columns: Sequence[Column]) -> None:
    """Refuse value columns that a format cannot hold. Raises: KsqlStatementError."""
    _check_columns("Value", name, columns, "")


def check_no_maps(columns: Sequence[Column]) -> None:
    """Refuse key columns that hold maps. Raises: KsqlStatementError."""
    for column in columns:
        if _contains_map(column.type):
            raise KsqlStatementError(
                "Map keys, including types that contain maps, are not supported as they may lead to unexpected "
                f"behavior due to inconsistent serialization. Key column name: `{column.name}`. Column type: "
                f"{column.type}. "
                "See https://github.com/confluentinc/ksql/issues/6621 for more.",
                summary=f"key column {column.name} holds a map, and a key cannot",
                hint="make it a value column, or put what identifies a record into a column of its own.",
            )


def _contains_map(type_: SqlType) -> bool:
    if isinstance(type_, Array):
        return _contains_map(type_.element)
    if isinstance(type_, Struct):
        return any(_contains_map(f.type) for f in type_.fields)
    return isinstance(type_, Map)


def _check_columns(
    side: str, name: str, columns: Sequence[Column], label: str, properties: Properties | None = None
) -> None:
    reason = _unsupported(name, columns, label)
    if reason is None:
        return
    if reason.startswith("JSON only"):
        raise KsqlStatementError(reason, hint="write MAP<STRING, ...>.")
    shown = ", ".join(f"{c} {label}".strip() for c in columns)
    raise KsqlStatementError(
        f"{side} format does not support schema.\nformat: {name}\n"
        f"schema: Persistence{{columns=[{shown}], features=[]}}\nreason: {reason}",
        summary=f"the {name} format cannot hold this {side.lower()}",
        hint=f"{reason}; choose another {side.upper()}_FORMAT, such as JSON.",
        span=(properties.span(f"{side.upper()}_FORMAT") or properties.span("FORMAT")) if properties else None,
    )


def _unsupported(name: str, columns: Sequence[Column], label: str) -> str | None:
    """Say why a format cannot hold columns, or None when it can."""
    shown = ", ".join(f"{c} {label}".strip() for c in columns)
    if name == "NONE" and columns:
        return f"The 'NONE' format can only be used when no columns are defined. Got: [{shown}]"
    if name == "KAFKA":
        if len(columns) > 1:
            return f"The 'KAFKA' format only supports a single field. Got: [{shown}]"
        for column in columns:
            if str(column.type) not in _KAFKA_TYPES:
                return f"The 'KAFKA' format does not support type '{column.type.base}'"
    if name == "DELIMITED":
        for column in columns:
            if isinstance(column.type, Array | Map | Struct):
                return f"The 'DELIMITED' format does not support type '{column.type.base}', column: `{column.name}`"
    if name == "JSON" and any(_bad_json_map(c.type) for c in columns):
        return "JSON only supports MAP types with STRING keys"
    return None


def _bad_json_map(type_: SqlType) -> bool:
    if isinstance(type_, Map):
        return str(type_.key) != "STRING" or _bad_json_map(type_.value)
    if isinstance(type_, Array):
        return _bad_json_map(type_.element)
    if isinstance(type_, Struct):
        return any(_bad_json_map(f.type) for f in type_.fields)
    return False


def check_source_formats(sources: Sequence[DataSource], what: str) -> None:
    """Refuse GROUP BY and JOIN over values in the KAFKA format. Raises: KsqlError."""
    bad = [s.name for s in sources if s.value_format.name == "KAFKA"]
    if bad:
        raise KsqlStatementError(
            f"Source(s) {', '.join(bad)} are using the 'KAFKA' value format. This format does not yet support {what}."
        )
