"""INSERT INTO ... VALUES."""

from __future__ import annotations

import pytest

from streamnb.errors import KsqlError
from tests.pipelines import RECENT, START_MS, USERS, records, rows, run, workspace


def test_insert_appends_one_record_stamped_now() -> None:
    with workspace(ratings=1) as nb:
        nb("INSERT INTO RATINGS VALUES (1, 4, 'web');")
        nb("INSERT INTO RATINGS (STARS, ID, ROWTIME) VALUES (2 + 1, 7, 1234);")
        assert records(nb, "ratings") == [
            (0, 0, START_MS, b"\x00\x00\x00\x01", {"STARS": 4, "CHANNEL": "web"}),
            (0, 1, 1234, b"\x00\x00\x00\x07", {"STARS": 3, "CHANNEL": None}),
        ]


def test_key_decides_the_partition_as_in_kafka() -> None:
    with workspace(ratings=4) as nb:
        for id_ in (1, 2, 3, 1):
            nb(f"INSERT INTO RATINGS (ID, STARS) VALUES ({id_}, 1);")
        parts = {key: part for part, _, _, key, _ in records(nb, "ratings")}
        assert len(parts) == 3 and len(records(nb, "ratings")) == 4


def test_inserted_record_reaches_the_queries() -> None:
    with workspace(ratings=1) as nb:
        nb("CREATE TABLE COUNTS AS SELECT CHANNEL, COUNT(*) AS N FROM RATINGS GROUP BY CHANNEL;")
        nb("INSERT INTO RATINGS VALUES (1, 4, 'web');")
        run(nb)
        assert rows(nb, "SELECT * FROM COUNTS;") == [("web", 1)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("INSERT INTO RATINGS VALUES (1, 'x', 'y');", "Expected type INTEGER for field `STARS` but got STRING"),
        ("INSERT INTO RATINGS VALUES (1);", "Expected a value for each column"),
        ("INSERT INTO RATINGS (ID, NIX) VALUES (1, 2);", r"Column name\(s\) NIX does not exist"),
        ("INSERT INTO NIX VALUES (1);", "unknown stream/table: `NIX`"),
        ("INSERT INTO RATINGS (ID, STARS) VALUES (1, CAST('x' AS INT));", "Cannot convert to INTEGER: x"),
        ("INSERT INTO RATINGS (ID, STARS) VALUES (1, STARS);", "STARS"),
        ("INSERT INTO KSQL_PROCESSING_LOG (MESSAGE) VALUES ('x');", "read-only stream"),
        ("INSERT INTO USERS (NAME) VALUES ('x');", r"Value for primary key column\(s\) ID is required"),
        ("INSERT INTO RECENT VALUES ('a', 1);", "windowed"),
    ],
)
def test_values_that_do_not_fit_are_refused_and_nothing_is_written(text: str, message: str) -> None:
    with workspace(ratings=1) as nb:
        nb(USERS)
        nb(RECENT)
        with pytest.raises(KsqlError, match=message) as refused:
            nb(text)
        assert refused.value.span is not None
        assert "LINE" not in refused.value.message
        assert records(nb, "ratings") == []
