"""The datagen connector: the same seed gives the same records, at the pace asked for, wherever the calls fall."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections import Counter
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamnb.connectors.datagen import OUTPUT_SCHEMA, TABLE_AGE_MS, Datagen, DatagenConfig, Position
from streamnb.connectors.quickstarts import QUICKSTARTS
from streamnb.errors import KsqlStatementError

START_MS = 1_700_000_000_000
DAY_MS = 86_400_000


def make(quickstart: str = "ratings", emitted: int = 0, **properties: str) -> Datagen:
    keys = {name.replace("_", "."): value for name, value in properties.items()}
    return Datagen(DatagenConfig.parse({"quickstart": quickstart, "kafka.topic": "t", **keys}), emitted)


def values(table: pa.Table) -> list[dict[str, Any]]:
    return [json.loads(value) for value in table["value"].to_pylist()]


def test_config_reads_the_keys_of_the_kafka_connector() -> None:
    config = DatagenConfig.parse(
        {
            "connector.class": "datagen",
            "quickstart": "RATINGS",
            "kafka.topic": "ratings",
            "max.interval": "20",
            "iterations": "1000",
            "random.seed": "-7",
            "partitions": "4",
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
            "tasks.max": "1",
        }
    )
    assert (config.topic, config.quickstart.name) == ("ratings", "ratings")
    assert (config.interval_ms_max, config.iterations, config.seed, config.partitions) == (20.0, 1000, -7, 4)


def test_config_ends_a_table_after_its_rows_and_a_stream_never() -> None:
    assert [make(name).config.iterations for name in ("customers", "users", "ratings")] == [100, 40, None]
    assert make("customers", iterations="-1").config.iterations is None


@pytest.mark.parametrize(
    ("properties", "message", "hint"),
    [
        ({"quickstart": "rating"}, "unknown data set rating", "did you mean ratings?"),
        ({"quickstart": ""}, "needs quickstart", "data sets: ratings, customers"),
        ({"max.intervall": "1"}, "unknown key max.intervall", "did you mean max.interval?"),
        ({"kafka.topic": ""}, "needs kafka.topic", "name the topic"),
        ({"max.interval": "soon"}, "max.interval of the datagen connector is 'soon'", "a number of at least 0"),
        ({"max.interval": "-1"}, "max.interval", "a number of at least 0"),
        ({"max.interval": "nan"}, "max.interval", "a number of at least 0"),
        ({"max.interval": "inf"}, "max.interval", "a number of at least 0"),
        ({"iterations": "1.5"}, "iterations", "a whole number"),
        ({"partitions": "0"}, "partitions", "a whole number of at least 1"),
        ({"tasks.max": "4"}, "cannot use tasks.max = 4", "leave tasks.max out"),
        ({"value.converter": "io.confluent.connect.avro.AvroConverter"}, "cannot use value.converter", "JsonConverter"),
        ({"connector.class": "jdbc"}, "unknown connector class jdbc", "datagen"),
    ],
)
def test_config_refuses_what_it_cannot_do_and_says_what_it_can(
    properties: dict[str, str], message: str, hint: str
) -> None:
    with pytest.raises(KsqlStatementError) as caught:
        DatagenConfig.parse({"quickstart": "ratings", "kafka.topic": "t", **properties})
    assert message in caught.value.message
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize("quickstart", [q.name for q in QUICKSTARTS])
def test_same_seed_gives_the_same_records(quickstart: str) -> None:
    first, again = (make(quickstart, random_seed="3", max_interval="0").next(START_MS, 9000) for _ in range(2))
    assert first.equals(again)
    assert first.schema == OUTPUT_SCHEMA


def test_other_seed_gives_other_records() -> None:
    one, two = (values(make(random_seed=seed, max_interval="0").next(START_MS, 50)) for seed in ("1", "2"))
    assert one != two


def test_ratings_have_the_fields_of_the_talk_in_its_order() -> None:
    table = make(max_interval="0").next(START_MS, 3000)
    names = ["rating_id", "user_id", "stars", "route_id", "rating_time", "channel", "message"]
    records = values(table)
    assert {tuple(record) for record in records} == {tuple(names)}
    assert [record["rating_id"] for record in records] == list(range(1, 3001))
    assert {record["stars"] for record in records} == {1, 2, 3, 4, 5}
    assert {record["user_id"] for record in records} == set(range(1, 101))
    assert table["key"].null_count == 3000


def test_first_rating_of_seed_0_never_changes() -> None:
    record = make(max_interval="0").next(START_MS, 1)["value"][0].as_py().decode()
    assert record == (
        '{"rating_id":1,"user_id":29,"stars":3,"route_id":6946,"rating_time":1700000000000,"channel":"ios",'
        '"message":"it was fine, I suppose"}'
    )


@pytest.mark.parametrize(("quickstart", "id_field"), [("customers", "id"), ("users", "user_id")])
def test_table_has_each_row_once_keyed_by_four_bytes_and_a_day_old(quickstart: str, id_field: str) -> None:
    datagen = make(quickstart)
    table = datagen.next(START_MS)
    ids = [record[id_field] for record in values(table)]
    assert ids == list(range(1, table.num_rows + 1))
    assert table["key"].to_pylist() == [number.to_bytes(4, "big") for number in ids]
    assert set(table["ts"].to_pylist()) == {START_MS - TABLE_AGE_MS}
    assert datagen.done


def test_update_of_a_table_keeps_the_name_and_is_as_old_as_it_is_due() -> None:
    datagen = make("customers", iterations="600", max_interval="10")
    table = datagen.next(START_MS).slice(0, 0)
    table = pa.concat_tables([table, datagen.next(START_MS + 10_000)])
    names: dict[int, set[str]] = {}
    statuses: dict[int, set[str]] = {}
    for record in values(table):
        names.setdefault(record["id"], set()).add(record["first_name"] + record["last_name"] + record["email"])
        statuses.setdefault(record["id"], set()).add(record["club_status"])
    assert table.num_rows == 600
    assert {len(seen) for seen in names.values()} == {1}
    assert max(len(seen) for seen in statuses.values()) > 1
    ts = table["ts"].to_pylist()
    assert max(ts[:100]) < START_MS <= min(ts[100:])


def test_every_user_of_a_rating_is_a_customer_and_of_a_click_a_user() -> None:
    for stream, field, table, id_field in (
        ("ratings", "user_id", "customers", "id"),
        ("clickstream", "userid", "users", "user_id"),
    ):
        known = {record[id_field] for record in values(make(table).next(START_MS))}
        assert {record[field] for record in values(make(stream, max_interval="0").next(START_MS))} <= known


def test_authorization_attempts_hold_fraud_within_a_window_of_five_seconds() -> None:
    datagen = make("authorization_attempts")
    datagen.next(START_MS)
    table = datagen.next(START_MS + 60_000)
    counts = Counter((record["card_number"], record["attempt_time"] // 5000) for record in values(table))
    assert [count for count in counts.values() if count > 3] != []
    assert Counter(counts.values())[1] > 50


def test_a_fifth_of_syslog_names_an_invalid_user() -> None:
    messages = [record["message"] for record in values(make("syslog", max_interval="0").next(START_MS, 4000))]
    share = sum("Invalid user" in message for message in messages) / len(messages)
    assert 0.15 < share < 0.25


def test_access_points_have_the_devices_of_the_talk_over_several_days() -> None:
    records = values(make("access_points", max_interval="0").next(START_MS, 2000))
    assert {"Unifi AP - Attic", "Unifi AP - Study"} == {record["AP_NAME"] for record in records}
    assert {"Fire 01 (Red)", "Robin's iPhone", "Study light"} <= {record["USER_DEVICE_NAME"] for record in records}
    assert {"Espressi", "AmazonTe", "Apple", "SlimDevi", "NestLabs"} == {record["DEVICE_TYPE"] for record in records}
    times = [record["EXTRACT_TS"] for record in records]
    assert times == sorted(times)
    assert len({time // DAY_MS for time in times}) == 5


def test_access_points_walk_through_the_days_of_the_talk() -> None:
    days = Counter(
        r["EXTRACT_TS"] // DAY_MS for r in values(make("access_points", backlog="10900").next(START_MS, 10_900))
    )
    first, last = (dt.datetime.fromtimestamp(day * DAY_MS / 1000, dt.UTC).date() for day in (min(days), max(days)))
    assert (first, last, len(days)) == (dt.date(2018, 3, 4), dt.date(2018, 3, 25), 22)
    assert sorted(days.values())[:: len(days) - 1] == [310, 705]


def test_backlog_is_there_at_once_and_the_rest_comes_at_the_pace_asked_for() -> None:
    datagen = make(backlog="5000", iterations="6000", max_interval="100")
    assert datagen.next(START_MS).num_rows == 5000
    assert 0 < datagen.next(START_MS + 10_000).num_rows < 400


def test_records_come_at_the_pace_asked_for_and_carry_the_time_they_were_due() -> None:
    datagen = make(max_interval="100")
    assert datagen.next(START_MS).num_rows == 0
    ts = datagen.next(START_MS + 60_000)["ts"].to_pylist()
    gaps = [after - before for before, after in itertools.pairwise([START_MS, *ts])]
    assert all(0 <= gap <= 100 for gap in gaps)
    assert 1000 < len(ts) < 1400


def test_next_due_is_the_moment_at_which_the_next_record_comes() -> None:
    datagen = make(max_interval="100")
    assert datagen.next_due_ms() is None
    datagen.next(START_MS)
    for _ in range(50):
        due_ms = datagen.next_due_ms()
        assert due_ms is not None
        assert datagen.next(due_ms - 1).num_rows == 0
        assert datagen.next(due_ms).num_rows >= 1


def test_iterations_bound_the_number_of_records() -> None:
    datagen = make(iterations="5000", max_interval="0")
    counts = [datagen.next(START_MS, 2000).num_rows for _ in range(4)]
    assert counts == [2000, 2000, 1000, 0]
    assert datagen.done
    assert datagen.next_due_ms() is None


def test_records_without_key_go_round_the_partitions() -> None:
    parts = make(max_interval="0", partitions="3").next(START_MS, 6)["part"].to_pylist()
    assert parts == [0, 1, 2, 0, 1, 2]


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(st.integers(0, 400_000), max_size=12), st.integers(1, 3000))
def test_records_do_not_depend_on_when_they_are_asked_for(moments: list[int], rows_max: int) -> None:
    whole = make(max_interval="60")
    whole.next(START_MS)
    cut = make(max_interval="60")
    cut.next(START_MS)
    tables = [OUTPUT_SCHEMA.empty_table()]
    for moment in [*sorted(moments), *[400_000] * 15]:
        tables.append(cut.next(START_MS + moment, rows_max))
    found = pa.concat_tables(tables).combine_chunks()
    expected = whole.next(START_MS + 400_000, 100_000).combine_chunks()
    assert found.equals(expected.slice(0, found.num_rows))
    assert found.num_rows == expected.num_rows or rows_max * 15 < expected.num_rows


def test_rewind_takes_records_back_when_a_commit_fails() -> None:
    datagen = make()
    datagen.next(START_MS)
    before = datagen.position
    lost = datagen.next(START_MS + 5000)
    datagen.rewind(before)
    assert datagen.next(START_MS + 5000).equals(lost)


def test_restart_goes_on_behind_the_last_committed_record() -> None:
    through = make(max_interval="0").next(START_MS, 10_000)
    rest = make(emitted=7_001, max_interval="0").next(START_MS, 2_999)
    assert rest.combine_chunks().equals(through.slice(7_001).combine_chunks())


def test_restart_does_not_make_up_for_the_time_in_between() -> None:
    datagen = make(emitted=50)
    assert datagen.position == Position(50)
    assert datagen.next(START_MS + 3_600_000).num_rows == 0
    assert datagen.next(START_MS + 3_600_500)["ts"][0].as_py() >= START_MS + 3_600_000
