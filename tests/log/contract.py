"""What every log must do: inherited by the tests of each implementation, which supply fixtures only."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streamnb.errors import LogError
from streamnb.log.base import Log, TopicInfo

Append = Callable[[str, list[tuple[int, int, bytes | None, bytes | None]]], None]
"""Appends (partition, timestamp, key, value) records to a topic."""


class LogContract:
    """Tests of a log; a subclass has the fixtures ``log``, ``append`` and ``name`` (a topic name not yet used)."""

    def test_created_topic_is_described_and_listed(self, log: Log, name: str) -> None:
        created = log.create_topic(name, 3, retention_ms=3_600_000)
        assert created == TopicInfo(name, 3, 1, 3_600_000, "delete")
        assert log.topic(name) == created
        assert created in log.topics()

    def test_topic_keeps_its_cleanup_policy(self, log: Log, name: str) -> None:
        log.create_topic(name, cleanup="compact")
        found = log.topic(name)
        assert found is not None
        assert found.cleanup == "compact"

    def test_topic_cannot_be_created_twice(self, log: Log, name: str) -> None:
        log.create_topic(name)
        with pytest.raises(LogError, match=f"Topic '{name}' already exists"):
            log.create_topic(name)

    @pytest.mark.parametrize("bad", ["", ".", "..", "a b", "é", "x" * 250, 'a"b'])
    def test_topic_with_an_invalid_name_is_refused(self, log: Log, bad: str) -> None:
        with pytest.raises(LogError, match="is invalid"):
            log.create_topic(bad)

    def test_topic_without_partitions_is_refused(self, log: Log, name: str) -> None:
        with pytest.raises(LogError, match="cannot be created"):
            log.create_topic(name, 0)

    def test_topic_names_are_case_sensitive(self, log: Log, name: str) -> None:
        log.create_topic(name.lower(), 1)
        log.create_topic(name.upper(), 2)
        lower, upper = log.topic(name.lower()), log.topic(name.upper())
        assert lower is not None and upper is not None
        assert (lower.partitions, upper.partitions) == (1, 2)

    def test_deleted_topic_is_gone_and_can_be_created_anew_empty(self, log: Log, append: Append, name: str) -> None:
        log.create_topic(name, 2)
        append(name, [(0, 1, None, b"x")])
        log.delete_topic(name)
        assert log.topic(name) is None
        assert name not in {info.name for info in log.topics()}
        log.create_topic(name)
        assert log.ends(name) == {0: (0, 0)}

    def test_unknown_topic_is_none_or_an_error(self, log: Log, name: str) -> None:
        assert log.topic(name) is None
        for call in (log.delete_topic, log.ends, lambda topic: log.offsets_at(topic, 0)):
            with pytest.raises(LogError, match=f"Topic '{name}' does not exist"):
                call(name)

    def test_ends_tell_the_first_and_next_offset_of_each_partition(self, log: Log, append: Append, name: str) -> None:
        log.create_topic(name, 3)
        append(name, [(0, 5, b"k", b"a"), (2, 6, None, b"b"), (0, 7, b"k", None)])
        assert log.ends(name) == {0: (0, 2), 1: (0, 0), 2: (0, 1)}

    def test_offsets_are_found_by_timestamp(self, log: Log, append: Append, name: str) -> None:
        log.create_topic(name, 2)
        append(name, [(0, 1000, None, b"a"), (0, 3000, None, b"b"), (0, 2000, None, b"c"), (1, 1500, None, b"d")])
        assert log.offsets_at(name, 0) == {0: 0, 1: 0}
        assert log.offsets_at(name, 2000) == {0: 1, 1: 1}
        assert log.offsets_at(name, 9000) == {0: 3, 1: 1}
