"""When the engine runs the next tick."""

from __future__ import annotations

from streamnb.duck import sql
from tests.pipelines import put, records, run, workspace


def test_query_that_feeds_an_earlier_one_asks_for_another_tick() -> None:
    with workspace() as nb:
        put(nb, "s", [(None, {"v": 1})])
        nb("CREATE STREAM S (V INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');")
        nb("CREATE STREAM A (V INT) WITH (KAFKA_TOPIC='a', VALUE_FORMAT='JSON', PARTITIONS=1);")
        nb("CREATE STREAM B WITH (PARTITIONS=1) AS SELECT V FROM A;")
        nb("INSERT INTO A SELECT V FROM S;")
        engine = nb.pipeline.engine
        assert engine.tick()
        assert not engine.tick()
        assert [value["V"] for *_, value in records(nb, "B")] == [1]


def test_ranges_of_old_transactions_are_forgotten() -> None:
    with workspace() as nb:
        put(nb, "s", [(None, {"v": 1}, 1, 0), (None, {"v": 1}, 1, 1)], partitions=2)
        nb("CREATE STREAM S (V INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');")
        nb("CREATE STREAM O WITH (PARTITIONS=1) AS SELECT V FROM S;")
        run(nb)
        engine = nb.pipeline.engine
        count = sql("SELECT count(*) FROM streamnb.ranges")
        assert engine.store.rows(count) != [(0,)]
        engine.checkpoint.trim_ranges(engine.epoch + 1)
        assert engine.store.rows(count) == [(0,)]
