"""Records that cannot be decoded do not change the order of the others."""

from __future__ import annotations

import pytest

from tests.pipelines import put, records, run, workspace

_SOURCE = "CREATE STREAM S (V BIGINT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', TIMESTAMP='V');"


@pytest.mark.parametrize("rows_max", [1, 2, 3, 50_000])
def test_partitions_are_merged_the_same_way_when_a_batch_holds_rejected_records_only(rows_max: int) -> None:
    """The second partition's records are younger: they wait for the first one's, rejected records or not."""
    with workspace(max_batch_records=rows_max) as nb:
        first = [
            (None, "{bad", 1, 0),
            (None, "{bad", 1, 0),
            (None, {"v": 1}, 1, 0),
            (None, "{", 1, 0),
            (None, {"v": 7}, 1, 0),
        ]
        second = [(None, {"v": 5}, 1, 1), (None, {"v": 6}, 1, 1), (None, "{bad", 1, 1), (None, {"v": 8}, 1, 1)]
        put(nb, "s", first + second, partitions=2)
        nb(_SOURCE + "CREATE STREAM O WITH (PARTITIONS=1) AS SELECT V FROM S;")
        run(nb)
        assert [value["V"] for *_, value in records(nb, "O")] == [1, 5, 6, 7, 8]
        assert len(records(nb, "ksql_processing_log")) == 4
