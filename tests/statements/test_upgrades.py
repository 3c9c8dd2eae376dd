"""CREATE OR REPLACE of a running query: what may change in place."""

from __future__ import annotations

import pytest

from streamnb.errors import KsqlError
from tests.pipelines import USERS, put, records, rows, run, workspace


def test_filter_of_a_table_may_change_and_counts_from_then_on() -> None:
    with workspace() as nb:
        nb(USERS + "CREATE TABLE A AS SELECT * FROM USERS WHERE NAME LIKE 'a%';")
        put(nb, "u", [(1, {"NAME": "ann"})])
        run(nb)
        nb("CREATE OR REPLACE TABLE A AS SELECT * FROM USERS WHERE NAME LIKE 'b%';")
        for name in ("cid", "bob", "dan"):
            put(nb, "u", [(1, {"NAME": name})])
            run(nb)
        assert [value for *_, value in records(nb, "A")] == [{"NAME": "ann"}, {"NAME": "bob"}, None]


def test_added_column_keeps_what_the_filter_of_a_table_knows() -> None:
    with workspace() as nb:
        nb(USERS + "CREATE TABLE A AS SELECT * FROM USERS WHERE NAME LIKE 'a%';")
        put(nb, "u", [(1, {"NAME": "ann"})])
        run(nb)
        nb("CREATE OR REPLACE TABLE A AS SELECT *, LEN(NAME) AS N FROM USERS WHERE NAME LIKE 'a%';")
        put(nb, "u", [(1, {"NAME": "bob"})])
        run(nb)
        assert [value for *_, value in records(nb, "A")] == [{"NAME": "ann"}, None]
        assert rows(nb, "SELECT * FROM A;") == []


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("RATINGS (ID INT KEY, STARS INT, CHANNEL VARCHAR) WITH (KAFKA_TOPIC='u', VALUE_FORMAT='JSON')", "topic = "),
        ("RATINGS (ID INT KEY, STARS INT, CHANNEL VARCHAR) WITH (KAFKA_TOPIC='ratings', VALUE_FORMAT='DELIMITED')",
         "value format = JSON"),
        ("RATINGS (ID INT KEY, STARS INT, CHANNEL VARCHAR) WITH (KAFKA_TOPIC='ratings', FORMAT='JSON')",
         "key format = KAFKA"),
        ("RATINGS WITH (KAFKA_TOPIC='ratings') AS SELECT * FROM RATINGS", "origin = a declaration"),
        ("A (ID INT KEY, STARS INT, CHANNEL VARCHAR) WITH (KAFKA_TOPIC='A', VALUE_FORMAT='JSON')", "origin = a query"),
        ("A WITH (VALUE_FORMAT='DELIMITED') AS SELECT * FROM RATINGS", "value format = JSON"),
        ("A AS SELECT ID, STARS FROM RATINGS", "changed, missing or reordered: [`CHANNEL` STRING]"),
    ],
)  # fmt: skip
def test_source_stays_what_it_is_for_those_who_read_it(statement: str, message: str) -> None:
    with workspace(ratings=1) as nb:
        nb(USERS + "CREATE STREAM A AS SELECT * FROM RATINGS;")
        before = (rows(nb, "SHOW QUERIES;"), rows(nb, "SHOW STREAMS EXTENDED;"))
        with pytest.raises(KsqlError) as refused:
            nb(f"CREATE OR REPLACE STREAM {statement};")
        assert message in refused.value.message
        assert (rows(nb, "SHOW QUERIES;"), rows(nb, "SHOW STREAMS EXTENDED;")) == before


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "TABLE A AS SELECT CHANNEL, COUNT(*) AS N FROM RATINGS WINDOW TUMBLING (SIZE 1 DAY) GROUP BY CHANNEL",
            "TABLE A AS SELECT CHANNEL, COUNT(*) AS N FROM RATINGS WINDOW TUMBLING (SIZE 1 DAY) WHERE STARS > 1"
            " GROUP BY CHANNEL",
            "Upgrades not yet supported for StreamWindowedAggregate",
        ),
        (
            "STREAM A AS SELECT R.ID, U.NAME FROM RATINGS R JOIN USERS U ON R.ID = U.ID",
            "STREAM A AS SELECT R.ID, U.NAME FROM RATINGS R JOIN USERS U ON R.ID = U.ID WHERE R.STARS > 1",
            "Upgrades not yet supported for StreamTableJoin",
        ),
        (
            "TABLE A AS SELECT CHANNEL, COUNT(*) AS N FROM RATINGS GROUP BY CHANNEL",
            "TABLE A AS SELECT CHANNEL, COUNT(*) AS N FROM RATINGS WHERE STARS > 1 GROUP BY CHANNEL",
            "StreamAggregate must have matching columns not part of aggregate. "
            "Values differ: [`CHANNEL`, `ROWTIME`] vs. [`CHANNEL`, `ROWTIME`, `STARS`]",
        ),
        (
            "TABLE A AS SELECT CHANNEL, SUM(STARS) AS N FROM RATINGS GROUP BY CHANNEL",
            "TABLE A AS SELECT CHANNEL, MAX(STARS) AS N FROM RATINGS GROUP BY CHANNEL",
            "Upgrades not yet supported for StreamAggregate",
        ),
        (
            "TABLE A AS SELECT CHANNEL, COUNT(*) AS N FROM RATINGS GROUP BY CHANNEL",
            "TABLE A AS SELECT NAME AS CHANNEL, COUNT(*) AS N FROM USERS GROUP BY NAME",
            "StreamAggregate must have matching columns",
        ),
    ],
)
def test_change_that_the_state_does_not_fit_is_refused_and_changes_nothing(old: str, new: str, message: str) -> None:
    with workspace(ratings=1) as nb:
        nb(USERS + f"CREATE {old};")
        before = rows(nb, "SHOW QUERIES;")
        with pytest.raises(KsqlError) as refused:
            nb(f"CREATE OR REPLACE {new};")
        assert message in refused.value.message
        assert refused.value.hint is not None
        assert rows(nb, "SHOW QUERIES;") == before
