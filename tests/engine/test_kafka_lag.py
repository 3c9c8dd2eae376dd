"""The lag of a Kafka topic's reader, from what it knows of each partition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from streamnb.engine.kafka import KafkaTopicReader
from streamnb.log.base import PartitionState
from streamnb.store import Store


class States:
    """Stands for a reader: only tells how far its partitions are."""

    def __init__(self, states: Mapping[int, PartitionState]) -> None:
        self._states = states

    def states(self, topic: str) -> Mapping[int, PartitionState]:
        return self._states


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ({0: PartitionState(10, 10, at_end=True), 1: PartitionState(5, 9, rows=2)}, 6),
        ({0: PartitionState(10, 10, rows=3, at_end=True), 1: PartitionState(9, 9)}, 3),
        ({0: PartitionState(10, None), 1: PartitionState(9, 9)}, None),  # the end is not known yet
        ({0: PartitionState(10, 10)}, None),  # nothing is known of partition 1
    ],
)
def test_lag_counts_what_is_not_fetched_and_what_is_buffered(
    states: Mapping[int, PartitionState], expected: int | None
) -> None:
    nothing = cast(Any, None)
    reader = KafkaTopicReader("t", nothing, nothing, lambda: None)
    store = cast(Store, None)
    assert reader.lag(store, {0: 0, 1: 0}) is None  # nothing was read yet
    reader._reader = cast(Any, States(states))
    assert reader.lag(store, {0: 0, 1: 0}) == expected
