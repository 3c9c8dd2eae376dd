"""What push and pull queries leave behind when they end."""

from __future__ import annotations

from tests.pipelines import live, put, records, rows, workspace

_SOURCE = "CREATE STREAM S (V INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');"


def test_push_queries_that_reached_their_limit_are_let_go_and_stay_readable() -> None:
    with workspace(start=True) as nb:
        nb.pipeline.engine.call(lambda: put(nb, "s", [(None, {"v": 1})]))
        nb(_SOURCE)
        ended = [live(nb, "SELECT V FROM S EMIT CHANGES LIMIT 1;") for _ in range(5)]
        for query in ended:
            assert query.wait(20)
            query._push._thread.join(20)
            query.stop()
        assert nb.lives() == []
        assert nb.pipeline.engine.doorbells == []
        assert [query.arrow().to_pylist() for query in ended] == [[{"V": 1}]] * 5


def test_push_query_tells_of_records_that_it_could_not_read() -> None:
    with workspace(start=True) as nb:
        nb.pipeline.engine.call(lambda: put(nb, "s", [(None, "{bad"), (None, {"v": 1})]))
        nb(_SOURCE)
        query = live(nb, "SELECT V FROM S EMIT CHANGES LIMIT 1;")
        log = live(nb, "SELECT TOPIC, `OFFSET` FROM KSQL_PROCESSING_LOG EMIT CHANGES LIMIT 1;")
        assert query.wait(20)
        assert log.wait(20)
        assert log.arrow().to_pylist() == [{"TOPIC": "s", "OFFSET": 0}]


def test_pull_query_over_a_stream_tells_of_records_that_it_could_not_read() -> None:
    with workspace() as nb:
        put(nb, "s", [(None, "{bad"), (None, {"v": 1})])
        nb(_SOURCE)
        assert rows(nb, "SELECT V FROM S;") == [(1,)]
        assert len(records(nb, "ksql_processing_log")) == 1
