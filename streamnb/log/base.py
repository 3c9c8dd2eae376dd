"""What every log offers: topics of partitions, each an append-only sequence of records numbered by offset."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import pyarrow as pa

from streamnb.errors import LogError

__all__ = [
    "CLEANUPS",
    "RECORD_SCHEMA",
    "Cleanup",
    "Log",
    "PartitionState",
    "TopicInfo",
    "check_topic_name",
    "out_of_range",
    "unknown_topic",
]

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


@dataclass(frozen=True)
class PartitionState:
    """How far a partition is read: ``next`` follows the last record fetched, ``end`` the last one known to exist.

    ``rows`` are buffered, taken and unsettled ones included. ``at_end`` tells that the broker had no more when it was
    last asked, so that everything up to ``next`` is buffered or settled (``next`` counts transaction markers too).
    """

    next: int
    end: int | None = None
    rows: int = 0
    at_end: bool = False

    @property
    def lag(self) -> int | None:
        """Count the offsets that are not fetched yet; None while the end is not known."""
        return 0 if self.at_end else None if self.end is None else max(0, self.end - self.next)


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

    def topics(self, *, internal: bool = False) -> Sequence[TopicInfo]:
        """List all topics by name; those that the log keeps for itself only when ``internal``."""
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


def out_of_range(topic: str, part: int, offset: int | None, held: tuple[int, int] | None) -> LogError:
    """Make the error for an offset that a partition does not hold; ``held`` is its first and its next offset."""
    which = "offset" if offset is None else f"offset {offset}"
    range_ = "" if held is None else f", which holds {held[0]} to {held[1]}"
    return LogError(
        f"{which} of topic {topic}, partition {part} is not in the log{range_}",
        summary=f"{which} of topic {topic}, partition {part} is out of range",
        hint="records were deleted before they were read, or the topic was created anew: start the query anew",
    )
