"""When the engine runs the next tick."""

from __future__ import annotations

from pathlib import Path

from streamnb.clock import ManualClock
from streamnb.duck import sql
from tests.pipelines import START_MS, put, records, run, workspace


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


def test_retention_is_applied_between_any_two_ticks_to_what_was_read() -> None:
    clock = ManualClock(START_MS)
    with workspace(clock=clock, max_batch_records=1) as nb:
        nb("CREATE STREAM S (V INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1, RETENTION_MS=1000);")
        put(nb, "s", [(None, {"v": n}) for n in range(5)])
        nb("CREATE STREAM O AS SELECT V FROM S;")
        engine = nb.pipeline.engine
        assert engine.tick() and engine.tick()  # there is always more to do
        clock.advance(60_000)
        engine._turn()
        assert engine.log.ends("s") == {0: (2, 5)}
        run(nb)
        assert [value["V"] for *_, value in records(nb, "O")] == [0, 1, 2, 3, 4]
        clock.advance(60_000)
        engine._turn()
        assert engine.log.ends("s") == {0: (5, 5)}


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


def test_query_whose_creation_was_lost_with_the_database_notes_how_far_it_is_from_then_on(tmp_path: Path) -> None:
    with workspace(str(tmp_path / "p.db")) as nb:
        put(nb, "s", [(None, {"v": n}) for n in range(3)])
        nb("CREATE STREAM S (V INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');")
        nb("CREATE STREAM O WITH (PARTITIONS=1) AS SELECT V FROM S;")
        engine = nb.pipeline.engine
        (id_,) = engine.queries
        engine.checkpoint.forget_query(id_)
        engine.recover()
        run(nb)
        place = engine.checkpoint.place(id_)
        assert place is not None
        assert (place.positions, place.seq) == ({0: {0: 3}}, 3)


def test_query_may_come_again_under_its_name_over_columns_of_other_types() -> None:
    with workspace() as nb:
        nb("CREATE STREAM O (V VARCHAR) WITH (KAFKA_TOPIC='o', VALUE_FORMAT='JSON', PARTITIONS=1);")
        for number, (type_, value) in enumerate((("INT", 1), ("VARCHAR", "x"))):
            put(nb, f"s{number}", [(None, {"v": value})])
            nb(f"CREATE STREAM S{number} (V {type_}) WITH (KAFKA_TOPIC='s{number}', VALUE_FORMAT='JSON');")
            nb(f"INSERT INTO O WITH (QUERY_ID='q') SELECT CAST(V AS VARCHAR) AS V FROM S{number};")
            run(nb)
            assert nb.pipeline.engine.queries["Q"].info.state == "RUNNING"
            nb("TERMINATE Q;")
        assert [value["V"] for *_, value in records(nb, "o")] == ["1", "x"]
