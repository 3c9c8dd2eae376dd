"""The last changes of a batch leave the same table as every change."""

from __future__ import annotations

from tests.pipelines import put, records, rows, run, workspace


def test_a_session_that_grows_takes_back_the_shorter_one_when_only_last_changes_are_written() -> None:
    with workspace() as nb:
        nb("CREATE STREAM S (K VARCHAR KEY, V INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);")
        nb("CREATE TABLE O AS SELECT K, COUNT(*) AS N FROM S WINDOW SESSION (10 MILLISECONDS) GROUP BY K;")
        put(nb, "s", [("a", {"V": 1}, 5)])
        run(nb)
        put(nb, "s", [("a", {"V": 1}, 12)])
        run(nb)
        ends = [(int.from_bytes(key[-16:-8], "big"), value) for _, _, _, key, value in records(nb, "O")]
        assert ends == [(5, {"N": 1}), (5, None), (12, {"N": 2})]


def test_a_change_that_a_filter_takes_back_within_a_batch_moves_the_time_of_an_aggregate() -> None:
    with workspace() as nb:
        nb("CREATE TABLE T (K INT PRIMARY KEY, V INT) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON', PARTITIONS=1);")
        nb("CREATE TABLE O AS SELECT V % 2 AS G, COUNT(*) AS N FROM T WHERE V > 0 GROUP BY V % 2;")
        put(nb, "t", [(1, {"V": 1}, 10), (2, {"V": 3}, 70), (2, {"V": -3}, 20)])
        run(nb)
        assert [(ts, value) for _, _, ts, _, value in records(nb, "O")] == [(70, {"N": 1})]


def test_a_group_that_is_another_one_each_time_has_one_row_a_window() -> None:
    with workspace() as nb:
        nb("CREATE STREAM S (K VARCHAR KEY, V INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);")
        group = "CASE WHEN RANDOM() < 0.5 THEN 'x' END"
        nb(
            f"CREATE TABLE O AS SELECT {group} AS G, COUNT(*) AS N FROM S WINDOW TUMBLING (SIZE 1 SECOND, GRACE PERIOD"
            f" 1 DAY) GROUP BY {group};"
        )
        for _ in range(25):
            put(nb, "s", [("a", {"V": 1}, 5), ("a", {"V": 1}, 1005)])
            run(nb)
            put(nb, "s", [("a", {"V": 1}, 5)])
            run(nb)
        counts: dict[bytes, int] = {}
        for _, _, _, key, value in records(nb, "O"):
            assert value["N"] > counts.get(key, 0)
            counts[key] = value["N"]
        assert len(counts) == 2
        assert len(rows(nb, "SELECT * FROM O;")) == 2
