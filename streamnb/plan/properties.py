"""The WITH clause: which properties a statement takes, and their values checked."""

from __future__ import annotations

from collections.abc import Sequence

from streamnb.catalog import closest
from streamnb.errors import KsqlStatementError, ParseFailedError, Span
from streamnb.log.base import CLEANUPS, Cleanup
from streamnb.sql import ast

__all__ = ["PROPERTY_NAMES", "Properties"]

_SINK = {
    "KAFKA_TOPIC", "FORMAT", "KEY_FORMAT", "VALUE_FORMAT", "PARTITIONS", "REPLICAS", "RETENTION_MS", "CLEANUP_POLICY",
    "TIMESTAMP", "TIMESTAMP_FORMAT", "WRAP_SINGLE_VALUE", "KEY_DELIMITER", "VALUE_DELIMITER", "KEY_SCHEMA_ID",
    "VALUE_SCHEMA_ID", "KEY_SCHEMA_FULL_NAME", "VALUE_SCHEMA_FULL_NAME", "VALUE_AVRO_SCHEMA_FULL_NAME",
    "KEY_PROTOBUF_NULLABLE_REPRESENTATION", "VALUE_PROTOBUF_NULLABLE_REPRESENTATION",
}  # fmt: skip
_ALLOWED = {
    "source": _SINK | {"WINDOW_TYPE", "WINDOW_SIZE", "SOURCED_BY_CONNECTOR"},
    "sink": _SINK,
    "insert": {"QUERY_ID"},
}
PROPERTY_NAMES = {clause: tuple(sorted(names)) for clause, names in _ALLOWED.items()}
"""The properties that a clause takes: that of a declared ``source``, of a ``sink``, of an ``insert``."""

_UNITS = {
    "MILLISECOND": 1, "MILLISECONDS": 1, "SECOND": 1_000, "SECONDS": 1_000, "MINUTE": 60_000, "MINUTES": 60_000,
    "HOUR": 3_600_000, "HOURS": 3_600_000, "DAY": 86_400_000, "DAYS": 86_400_000,
}  # fmt: skip


def _advice(name: str, clause: str) -> str:
    if name == "KEY" and clause != "insert":
        return "the key is declared with the columns: ID INT KEY in a stream, ID INT PRIMARY KEY in a table."
    near = closest(name, _ALLOWED[clause])
    return f"did you mean {near}?" if near else f"known here: {', '.join(sorted(_ALLOWED[clause]))}."


class Properties:
    """The properties of one WITH clause, read by name."""

    def __init__(self, properties: Sequence[ast.Property], clause: str) -> None:
        """Check the names. ``clause`` is ``source``, ``sink`` or ``insert``.

        Raises: KsqlStatementError for a property the statement does not take.
        """
        self._values: dict[str, ast.Property] = {}
        for prop in properties:
            name = prop.name.upper()
            if name not in _ALLOWED[clause]:
                raise KsqlStatementError(
                    f"Failed to prepare statement: Invalid config variable(s) in the WITH clause: {name}",
                    summary=f"no property {name} in this WITH clause",
                    hint=_advice(name, clause),
                    span=prop.span,
                )
            self._values[name] = prop

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def span(self, name: str) -> Span | None:
        """Tell where a property stands."""
        found = self._values.get(name)
        return found.span if found else None

    def text(self, name: str) -> str | None:
        """Read a property as text, numbers and booleans in their SQL form."""
        found = self._values.get(name)
        if found is None:
            return None
        value = found.value
        if isinstance(value, ast.BooleanLiteral):
            return str(value.value).lower()
        if isinstance(value, ast.StringLiteral | ast.IntegerLiteral | ast.LongLiteral):
            return str(value.value)
        if isinstance(value, ast.DecimalLiteral | ast.DoubleLiteral):
            return str(value.value)
        return None

    def integer(self, name: str) -> int | None:
        """Read a whole number. Raises: KsqlStatementError when the value is none."""
        text = self.text(name)
        if text is None:
            return None
        try:
            return int(text)
        except ValueError:
            message = f"Invalid value {text} for configuration {name}: Not a number of type INT"
            raise KsqlStatementError(
                message, summary=f"{name} is no whole number", hint=f"write {name}=1, say.", span=self.span(name)
            ) from None

    def count(self, name: str) -> int | None:
        """Read a whole number of at least 1. Raises: KsqlStatementError when the value is none."""
        value = self.integer(name)
        if value is not None and value < 1:
            raise KsqlStatementError(
                f"Invalid value {value} for configuration {name}: Value must be at least 1",
                summary=f"{name} cannot be {value}",
                hint=f"write {name}=1, or more.",
                span=self.span(name),
            )
        return value

    def boolean(self, name: str) -> bool | None:
        """Read TRUE or FALSE. Raises: KsqlStatementError when the value is neither."""
        text = self.text(name)
        if text is None:
            return None
        if text.lower() not in ("true", "false"):
            message = f"Invalid value {text} for configuration {name}: Expected value to be either true or false"
            raise self._invalid(name, message)
        return text.lower() == "true"

    def duration_ms(self, name: str) -> int | None:
        """Read a duration such as ``'30 SECONDS'`` in milliseconds. Raises: ParseFailedError when it is none."""
        text = self.text(name)
        if text is None:
            return None
        parts = text.upper().split()
        problem = None
        if len(parts) != 2:
            problem = (
                f"Invalid duration: '{text}'. Expected duration specified in the form <number> <unit>, "
                "e.g. '30 SECONDS'"
            )
        elif not parts[0].isdigit():
            problem = f"Invalid duration: '{text}'. Not numeric: '{parts[0]}'"
        elif parts[1] not in _UNITS:
            problem = f"Invalid duration: '{text}'. Unknown time unit: '{parts[1]}'"
        if problem:
            raise ParseFailedError(
                f"Configuration {name} is invalid: {problem}", span=self.span(name), hint="write it as '30 SECONDS'."
            )
        return int(parts[0]) * _UNITS[parts[1]]

    def retention_ms(self) -> int | None:
        """Read RETENTION_MS; -1 keeps records for ever. Raises: KsqlStatementError."""
        value = self.integer("RETENTION_MS")
        if value is not None and value < -1:
            raise KsqlStatementError(
                f"Invalid value {value} for configuration RETENTION_MS: Value must be at least -1",
                summary=f"RETENTION_MS cannot be {value}",
                hint="give milliseconds, or -1 to keep records for ever.",
                span=self.span("RETENTION_MS"),
            )
        return value

    def cleanup(self) -> Cleanup:
        """Read CLEANUP_POLICY, ``delete`` where it is not given. Raises: KsqlStatementError when it is none."""
        text = (self.text("CLEANUP_POLICY") or "delete").lower().replace(" ", "")
        found = next((c for c in CLEANUPS if set(c.split(",")) == set(text.split(","))), None)
        if found is None:
            raise KsqlStatementError(
                f"Invalid value {text} for configuration CLEANUP_POLICY: must be one of {', '.join(CLEANUPS)}",
                summary=f"there is no cleanup policy {text}",
                hint=f"write one of {', '.join(map(repr, CLEANUPS))}.",
                span=self.span("CLEANUP_POLICY"),
            )
        return found

    def delimiter(self, name: str) -> str | None:
        """Read a delimiter: one character, or SPACE or TAB. Raises: KsqlStatementError for anything else."""
        text = self.text(name)
        if text is None:
            return None
        named = {"TAB": "\t", "SPACE": " "}.get(text.upper())
        if named:
            return named
        if not text.strip():
            raise self._invalid(
                name,
                f"Failed to prepare statement: Configuration {name} is invalid: Delimiter cannot be empty, if you "
                "meant to have a tab or space for delimiter, please use the special values 'TAB' or 'SPACE'"
                "\nExample valid value: ';'",
            )
        if len(text) != 1:
            raise self._invalid(
                name,
                f"Failed to prepare statement: Configuration {name} is invalid: Invalid delimiter value: '{text}'. "
                "Delimiter must be a single character or TAB,SPACE\nExample valid value: ';'",
            )
        return text

    def _invalid(self, name: str, message: str) -> KsqlStatementError:
        wanted = "true or false" if "either true" in message else "one character, or 'TAB' or 'SPACE'"
        return KsqlStatementError(
            message, summary=f"{name} cannot be {self.text(name)!r}", hint=f"write {wanted}.", span=self.span(name)
        )
