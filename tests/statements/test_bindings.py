"""The program's values in statements, from Python: what they stand for, and what is kept of them."""

from __future__ import annotations

import datetime as dt
import decimal
from pathlib import Path
from typing import Any

import pytest

from streamnb.errors import StreamnbError
from streamnb.results import Live, Message
from tests.pipelines import put, records, rows, run, workspace

ALL_TYPES = """
    CREATE STREAM EVERYTHING (
      I INT KEY, L BIGINT, F DOUBLE, D DECIMAL(6, 2), S VARCHAR, B BOOLEAN, Y BYTES,
      DAY DATE, CLOCK TIME, AT TIMESTAMP, A ARRAY<INT>, M MAP<STRING, INT>, R STRUCT<X INT, Y STRING>
    ) WITH (KAFKA_TOPIC='everything', PARTITIONS=1, VALUE_FORMAT='JSON');
"""
VALUES: dict[str, Any] = {
    "i": -7,
    "l": 2**40,
    "f": 0.1,
    "d": decimal.Decimal("-12.50"),
    "s": "it's; DROP STREAM EVERYTHING;",
    "b": True,
    "y": b"\x00\xff",
    "day": dt.date(2024, 2, 29),
    "clock": dt.time(1, 2, 3),
    "at": dt.datetime(2024, 1, 2, 3, 4, 5, 678000),
    "a": [1, -2],
    "m": {"a": 1, "b": 2},
    "r": {"X": 1, "Y": "y"},
}
COLUMNS = ", ".join(f":{name}" for name in VALUES)


def test_values_of_every_type_are_inserted_and_found_again() -> None:
    with workspace() as nb:
        nb(ALL_TYPES)
        nb(f"INSERT INTO EVERYTHING VALUES ({COLUMNS});", VALUES)
        condition = " AND ".join(f"{name.upper()} = :{name}" for name in ("i", "l", "f", "d", "s", "b", "y", "at"))
        assert rows(nb, "SELECT * FROM EVERYTHING;") == [tuple(VALUES.values())]
        found = nb(f"SELECT S FROM EVERYTHING WHERE {condition} LIMIT :n;", {**VALUES, "n": 1})
        assert getattr(found, "rows", None) == [(VALUES["s"],)]


def test_values_are_those_of_python_in_a_select_over_history() -> None:
    with workspace() as nb:
        nb(ALL_TYPES)
        nb(f"INSERT INTO EVERYTHING VALUES ({COLUMNS});", VALUES)
        again = nb.sql(f"SELECT {COLUMNS} FROM {{{{source}}}} ORDER BY {{{{ column }}}}", VALUES | {
            "source": "everything", "column": "AT"
        })  # fmt: skip
        assert again.rows == [tuple(VALUES.values())]
        text = "SELECT S FROM topic.{{topic}} t, EVERYTHING WHERE I IN :is AND S LIKE :like AND :none IS NULL"
        names = {"topic": "everything", "is": [-7, 3], "like": "it's%", "none": None}
        assert nb.sql(text, names).rows == [(VALUES["s"],)]


def test_value_in_a_select_over_history_is_pointed_at() -> None:
    with workspace(ratings=1) as nb:
        for text, caret in [
            ("SELECT ID FROM RATINGS WHERE ID = :nosuch ORDER BY ID", ":nosuch"),
            ("SELECT ID FROM :ids ORDER BY ID", ":ids"),
            ("SELECT ID FROM RATINGS WHERE ID IN :one ORDER BY ID", ":one"),
        ]:
            with pytest.raises(StreamnbError) as caught:
                nb.sql(text, {"ids": [1], "one": 1})
            assert caught.value.span is not None
            assert text[caught.value.span.start : caught.value.span.end] == caret


def test_persistent_query_keeps_the_literals_it_was_started_with(tmp_path: Path) -> None:
    url = str(tmp_path / "p.duckdb")
    params: dict[str, object] = {"most": 3, "name": "few", "topic": "few-topic"}
    with workspace(url, ratings=1) as nb:
        answer = nb(
            "CREATE STREAM {{name}} WITH (KAFKA_TOPIC=:topic) AS SELECT * FROM RATINGS WHERE STARS < :most;", params
        )
        params["most"] = 5
        assert isinstance(answer, Message)
        assert ":most" in answer.statement
        ((*_, shown),) = rows(nb, "SHOW QUERIES;")
        assert "(STARS < 3)" in shown
    with workspace(url) as nb:
        put(nb, "ratings", [(i, {"STARS": i}) for i in range(6)])
        run(nb)
        assert [value["STARS"] for *_, value in records(nb, "few-topic")] == [0, 1, 2]


def test_live_query_knows_its_template_and_what_it_was_given() -> None:
    with workspace(ratings=1, start=True) as nb:
        live = nb("SELECT * FROM RATINGS WHERE STARS < :most EMIT CHANGES LIMIT 1;", {"most": 3, "other": 1})
        assert isinstance(live, Live)
        assert live.statement == "SELECT * FROM RATINGS WHERE STARS < :most EMIT CHANGES LIMIT 1"
        assert live.params == {"most": 3}
        put(nb, "ratings", [(1, {"STARS": 5}), (2, {"STARS": 2})])
        assert live.wait(10)
        assert [row[1] for row in live.feed.snapshot().rows] == [2]


def test_script_that_is_run_takes_the_same_values(tmp_path: Path) -> None:
    script = tmp_path / "s.sql"
    script.write_text("INSERT INTO RATINGS VALUES (:id, 1, :channel);", encoding="utf-8")
    with workspace(ratings=1) as nb:
        nb("RUN SCRIPT :file;", {"file": str(script), "id": 4, "channel": "web"})
        assert rows(nb, "SELECT * FROM RATINGS;") == [(4, 1, "web")]
