"""What every log offers: topics of partitions, each an append-only sequence of records numbered by offset."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import pyarrow as pa

from streamnb.errors import LogError

__all__ = ["CLEANUPS", "RECORD_SCHEMA", "Cleanup", "Log", "TopicInfo", "check_topic_name", "unknown_topic"]

Cleanup = Literal["delete", "compact", "compact,delete"]

CLEANUPS: tuple[Cleanup, ...] = ("delete", "compact", "compact,delete")

_TOPIC_NAME = re.compile(r"[a-zA-Z0-9._-]+\Z")
_TOPIC_NAME_LENGTH_MAX = 249

RECORD_SCHEMA = pa.schema(
    [
        ("part", pa.int32()),
        ("off", pa.int64()),
        ("ts", pa.int64()),
        ("key", pa.binary()),
        ("value", pa.binary()),
        ("hdr", pa.list_(pa.struct([("k", pa.string()), ("v", pa.binary())]))),
    ]
)
"""The columns of records on their way from a log to the engine; ``ts`` in ms, ``hdr`` null when there are none."""


@dataclass(frozen=True)
class TopicInfo:
    """A topic and its settings; ``retention_ms`` is None when records are kept for ever."""

    name: str
    partitions: int
    replicas: int = 1
    retention_ms: int | None = None
    cleanup: Cleanup = "delete"


class Log(Protocol):
    """The topics that a workspace reads and writes."""

    def create_topic(
        self,
        name: str,
        partitions: int = 1,
        *,
        replicas: int | None = None,
        retention_ms: int | None = None,
        cleanup: Cleanup = "delete",
    ) -> TopicInfo:
        """Create a topic; ``replicas`` None leaves the number to the log.

        Raises: LogError when the topic exists, the name is invalid or a setting is refused.
        """
        ...

    def delete_topic(self, name: str) -> None:
        """Delete a topic and its records. Raises: LogError when there is no such topic."""
        ...

    def topic(self, name: str) -> TopicInfo | None:
        """Describe a topic, or return None when there is none of this name; names are case sensitive."""
        ...

    def topics(self) -> Sequence[TopicInfo]:
        """List all topics by name, those that the log keeps for itself left out."""
        ...

    def ends(self, topic: str) -> Mapping[int, tuple[int, int]]:
        """Tell for each partition the first offset kept and the next offset to be given.

        Raises: LogError when there is no such topic.
        """
        ...

    def offsets_at(self, topic: str, ts_ms: int) -> Mapping[int, int]:
        """Find for each partition the first offset whose timestamp is ``ts_ms`` or later; the next one if none is.

        Raises: LogError when there is no such topic.
        """
        ...


def check_topic_name(name: str) -> None:
    """Refuse a name that Kafka would not take for a topic."""
    if _TOPIC_NAME.match(name) and len(name) <= _TOPIC_NAME_LENGTH_MAX and name not in (".", ".."):
        return
    raise LogError(
        f"Topic name {name!r} is invalid",
        summary=f"topic name {name!r} is invalid",
        hint="use up to 249 letters, digits, '.', '_' and '-'",
    )


def unknown_topic(name: str) -> LogError:
    """Make the error for a topic that does not exist."""
    return LogError(
        f"Topic '{name}' does not exist",
        summary=f"topic {name} does not exist",
        hint="SHOW TOPICS lists the topics; their names are case sensitive",
    )
