"""CREATE, CREATE OR REPLACE and DROP of streams, tables and types."""

from __future__ import annotations

import pytest

from streamnb.errors import KsqlError
from streamnb.results import Message
from tests.pipelines import put, records, rows, run, workspace

R = "CREATE {} RATINGS (ID INT KEY, STARS INT{}) WITH (KAFKA_TOPIC='ratings', VALUE_FORMAT='JSON');"


def test_create_makes_the_topic_when_partitions_are_given() -> None:
    with workspace(ratings=3) as nb:
        assert rows(nb, "SHOW TOPICS;") == [("ksql_processing_log", 1, 1), ("ratings", 3, 1)]


def test_create_over_a_missing_topic_points_at_its_name() -> None:
    with workspace() as nb, pytest.raises(KsqlError) as refused:
        nb(R.format("STREAM", ""))
    assert refused.value.message == "Kafka topic does not exist: ratings"
    assert refused.value.render().split("\n")[0] == "error: topic ratings does not exist"
    assert "^^^" in refused.value.render()
    assert "PARTITIONS=1" in (refused.value.hint or "")


def test_create_takes_over_the_partitions_of_the_topic() -> None:
    with workspace() as nb:
        put(nb, "ratings", [(1, {"STARS": 1}, 0, 1)], partitions=2)
        nb(R.format("STREAM", ""))
        assert nb.pipeline.catalog.source("RATINGS").partitions == 2


def test_other_partitions_than_the_topic_has_are_refused() -> None:
    with workspace(ratings=2) as nb, pytest.raises(KsqlError, match="different partition/replica configuration"):
        nb("CREATE STREAM OTHER (A INT) WITH (KAFKA_TOPIC='ratings', VALUE_FORMAT='JSON', PARTITIONS=4);")


def test_a_taken_name_is_refused_unless_replaced_or_if_not_exists() -> None:
    with workspace(ratings=1) as nb:
        with pytest.raises(KsqlError, match="A stream with the same name already exists"):
            nb(R.format("STREAM", ""))
        with pytest.raises(KsqlError, match="A stream with the same name already exists"):
            nb(R.format("TABLE", "").replace(" KEY", " PRIMARY KEY"))
        answer = nb(R.format("STREAM IF NOT EXISTS", ""))
        assert isinstance(answer, Message) and "already exists" in answer.text
        nb("CREATE OR REPLACE STREAM RATINGS (ID INT KEY, STARS INT, CHANNEL VARCHAR, EXTRA INT)"
           " WITH (KAFKA_TOPIC='ratings', VALUE_FORMAT='JSON');")  # fmt: skip
        assert [c.name for c in nb.pipeline.catalog.source("RATINGS").schema.value] == ["STARS", "CHANNEL", "EXTRA"]


def test_a_replaced_source_may_not_lose_columns() -> None:
    with workspace(ratings=1) as nb, pytest.raises(KsqlError, match="not upgradeable"):
        nb("CREATE OR REPLACE STREAM RATINGS (ID INT KEY) WITH (KAFKA_TOPIC='ratings', VALUE_FORMAT='JSON');")


def test_drop_ends_the_query_that_writes_and_keeps_or_deletes_the_topic() -> None:
    with workspace(ratings=1) as nb:
        nb("CREATE STREAM A AS SELECT * FROM RATINGS; CREATE STREAM B AS SELECT * FROM RATINGS;")
        nb("DROP STREAM A; DROP STREAM B DELETE TOPIC;")
        assert [r[0] for r in rows(nb, "SHOW TOPICS;")] == ["A", "ksql_processing_log", "ratings"]
        assert not nb.pipeline.engine.queries
        assert [r[0] for r in rows(nb, "SHOW STREAMS;")] == ["KSQL_PROCESSING_LOG", "RATINGS"]


def test_drop_is_refused_while_queries_read_the_source() -> None:
    with workspace(ratings=1) as nb:
        nb("CREATE STREAM A AS SELECT * FROM RATINGS;")
        with pytest.raises(KsqlError, match=r"streams and/or tables read from this source: \[A\]"):
            nb("DROP STREAM RATINGS;")
        nb("TERMINATE CSAS_A_0; DROP STREAM RATINGS;")
        assert "RATINGS" not in nb.pipeline.catalog


def test_drop_is_refused_while_an_insert_reads_or_writes_the_source() -> None:
    with workspace(ratings=1) as nb:
        nb("CREATE STREAM A AS SELECT * FROM RATINGS; INSERT INTO A SELECT * FROM RATINGS;")
        with pytest.raises(KsqlError, match=r"queries write into this source: \[INSERTQUERY_1\]"):
            nb("DROP STREAM A;")


def test_alter_adds_value_columns_to_a_declared_source() -> None:
    with workspace(ratings=1) as nb:
        nb("ALTER STREAM RATINGS ADD COLUMN NOTE STRING, ADD COLUMN SCORE DOUBLE;")
        assert rows(nb, "DESCRIBE RATINGS;")[-2:] == [("NOTE", "STRING"), ("SCORE", "DOUBLE")]
        nb("CREATE STREAM A AS SELECT * FROM RATINGS;")
        for statement, reason in {
            "ALTER TABLE RATINGS ADD X INT;": "Incompatible data source type is STREAM",
            "ALTER STREAM RATINGS ADD NOTE INT;": "already exists",
            "ALTER STREAM A ADD X INT;": "not supported for CREATE ... AS",
            "ALTER STREAM NIX ADD X INT;": "Source NIX does not exist",
        }.items():
            with pytest.raises(KsqlError, match=reason):
                nb(statement)


def test_drop_of_the_wrong_kind_or_of_nothing_is_refused() -> None:
    with workspace(ratings=1) as nb:
        with pytest.raises(KsqlError, match="Incompatible data source type is STREAM, but statement was DROP TABLE"):
            nb("DROP TABLE RATINGS;")
        with pytest.raises(KsqlError, match="Stream NIX does not exist"):
            nb("DROP STREAM NIX;")
        nb("DROP STREAM IF EXISTS NIX;")


def test_replaced_query_goes_on_where_the_old_one_was() -> None:
    with workspace(ratings=1) as nb:
        nb("CREATE STREAM A AS SELECT ID, STARS FROM RATINGS WHERE STARS < 3;")
        put(nb, "ratings", [(1, {"STARS": 1}), (2, {"STARS": 4})])
        run(nb)
        nb("CREATE OR REPLACE STREAM A AS SELECT ID, STARS, CHANNEL FROM RATINGS WHERE STARS < 5;")
        put(nb, "ratings", [(3, {"STARS": 4, "CHANNEL": "web"}), (4, {"STARS": 5})])
        run(nb)
        assert [value for *_, value in records(nb, "A")] == [{"STARS": 1}, {"STARS": 4, "CHANNEL": "web"}]


def test_replacing_a_query_refuses_another_source() -> None:
    with workspace(ratings=1) as nb:
        nb("CREATE STREAM OTHER (ID INT KEY, STARS INT) WITH (KAFKA_TOPIC='other', VALUE_FORMAT='JSON', PARTITIONS=1);")
        nb("CREATE STREAM A AS SELECT ID, STARS FROM RATINGS;")
        with pytest.raises(KsqlError, match="would read other sources"):
            nb("CREATE OR REPLACE STREAM A AS SELECT ID, STARS FROM OTHER;")
        assert list(nb.pipeline.engine.queries) == ["CSAS_A_0"]


def test_a_refused_statement_leaves_nothing_behind() -> None:
    with workspace(ratings=1) as nb:
        before = rows(nb, "SHOW TOPICS;")
        with pytest.raises(KsqlError):
            nb("CREATE STREAM A WITH (KAFKA_TOPIC='a', PARTITIONS=1) AS SELECT ID, STARS + CHANNEL AS X FROM RATINGS;")
        assert rows(nb, "SHOW TOPICS;") == before
        assert not nb.pipeline.catalog.queries


def test_types_are_named_used_and_dropped() -> None:
    with workspace() as nb:
        nb("CREATE TYPE PLACE AS STRUCT<X INT, Y INT>;")
        nb("CREATE STREAM S (P PLACE) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);")
        assert rows(nb, "DESCRIBE S;") == [("P", "STRUCT<`X` INTEGER, `Y` INTEGER>")]
        assert rows(nb, "SHOW TYPES;") == [("PLACE", "STRUCT<`X` INTEGER, `Y` INTEGER>")]
        nb("DROP TYPE PLACE;")
        with pytest.raises(KsqlError, match="Type PLACE does not exist"):
            nb("DROP TYPE PLACE;")
