"""CREATE ... AS SELECT, INSERT INTO ... SELECT, TERMINATE, PAUSE, RESUME and the session's settings."""

from __future__ import annotations

import pytest

from streamnb.errors import KsqlError
from streamnb.results import Message
from tests.pipelines import put, records, rows, run, state_of, workspace


def test_queries_are_numbered_and_named_after_their_sink() -> None:
    with workspace(ratings=1) as nb:
        answer = nb(
            "CREATE STREAM A AS SELECT * FROM RATINGS;"
            "CREATE TABLE B AS SELECT CHANNEL, COUNT(*) FROM A GROUP BY CHANNEL;"
        )
        assert isinstance(answer, Message)
        assert (answer.text, answer.query_id) == ("Created query with ID CTAS_B_1", "CTAS_B_1")


def test_insert_select_adds_a_second_query_to_a_stream() -> None:
    with workspace(ratings=1) as nb:
        nb("CREATE STREAM A AS SELECT * FROM RATINGS WHERE STARS < 2;")
        nb("INSERT INTO A WITH (QUERY_ID='second') SELECT * FROM RATINGS WHERE STARS > 4;")
        put(nb, "ratings", [(i, {"STARS": i}) for i in range(6)])
        run(nb)
        assert [value["STARS"] for *_, value in records(nb, "A")] == [0, 1, 5]
        assert [row[0] for row in rows(nb, "SHOW QUERIES;")] == ["CSAS_A_0", "SECOND"]
        with pytest.raises(KsqlError, match="Query ID 'SECOND' already exists"):
            nb("INSERT INTO A WITH (QUERY_ID='second') SELECT * FROM RATINGS;")


def test_paused_query_waits_and_resumed_query_catches_up() -> None:
    with workspace(ratings=1) as nb:
        nb("CREATE STREAM A AS SELECT * FROM RATINGS; PAUSE CSAS_A_0;")
        put(nb, "ratings", [(1, {"STARS": 1})])
        run(nb)
        assert (state_of(nb, "CSAS_A_0"), records(nb, "A")) == ("PAUSED", [])
        nb("RESUME CSAS_A_0;")
        run(nb)
        assert (state_of(nb, "CSAS_A_0"), len(records(nb, "A"))) == ("RUNNING", 1)


def test_terminate_ends_one_query_or_all_and_keeps_the_sinks() -> None:
    with workspace(ratings=1) as nb:
        nb(
            "CREATE STREAM A AS SELECT * FROM RATINGS;"
            "CREATE STREAM B AS SELECT * FROM A; CREATE STREAM C AS SELECT * FROM A;"
        )
        nb("terminate csas_b_1;")
        assert list(nb.pipeline.engine.queries) == ["CSAS_A_0", "CSAS_C_2"]
        nb("TERMINATE ALL;")
        assert not nb.pipeline.engine.queries and "A" in nb.pipeline.catalog
        with pytest.raises(KsqlError, match="Unknown queryId: CSAS_B_1"):
            nb("TERMINATE CSAS_B_1;")


def test_offset_reset_of_the_session_decides_where_a_query_begins() -> None:
    with workspace(ratings=1) as nb:
        put(nb, "ratings", [(1, {"STARS": 1})])
        nb("SET 'auto.offset.reset' = 'latest'; CREATE STREAM LATE AS SELECT * FROM RATINGS;")
        nb("UNSET 'auto.offset.reset'; CREATE STREAM ALL_ AS SELECT * FROM RATINGS;")
        put(nb, "ratings", [(2, {"STARS": 2})])
        run(nb)
        assert [value["STARS"] for *_, value in records(nb, "LATE")] == [2]
        assert [value["STARS"] for *_, value in records(nb, "ALL_")] == [1, 2]


def test_unknown_or_impossible_settings_are_refused() -> None:
    with workspace() as nb:
        for text in ("SET 'nix' = '1';", "SET 'auto.offset.reset' = 'nix';", "SET 'max.batch.records' = 'many';"):
            with pytest.raises(KsqlError):
                nb(text)


def test_variables_stand_for_names_and_values() -> None:
    with workspace(ratings=1) as nb:
        nb("DEFINE source = 'RATINGS'; DEFINE most = '3';")
        nb("CREATE STREAM A AS SELECT * FROM ${source} WHERE STARS < ${most};")
        put(nb, "ratings", [(i, {"STARS": i}) for i in range(6)])
        run(nb)
        assert [value["STARS"] for *_, value in records(nb, "A")] == [0, 1, 2]
        nb("UNDEFINE most;")
        with pytest.raises(KsqlError, match="Session variable 'most' is not defined"):
            nb("UNDEFINE most;")


@pytest.mark.parametrize(
    ("text", "first", "under"),
    [
        ("CREATE STREAM A AS SELECT ID, STARZ FROM RATINGS;", "error: column STARZ is not in stream RATINGS", "STARZ"),
        ("CREATE STREAM A AS SELECT * FROM RATING;", "error: stream or table RATING does not exist", "RATING"),
        ("SELECT UCAS(CHANNEL) FROM RATINGS EMIT CHANGES;", "error: function UCAS does not exist", "UCAS(CHANNEL)"),
        ("SELECT STARS + CHANNEL FROM RATINGS EMIT CHANGES;",
         "error: + does not work on INTEGER and STRING", "STARS + CHANNEL"),
        ("SELECT * FROM RATINGS WHERE CHANNEL > 3 EMIT CHANGES;",
         "error: CHANNEL (STRING) and 3 (INTEGER) cannot be compared", "CHANNEL > 3"),
        ("SELEC 1;", "error: no statement starts with SELEC", "SELEC"),
    ],
)  # fmt: skip
def test_errors_of_queries_show_the_place_and_a_hint(text: str, first: str, under: str) -> None:
    with workspace(ratings=1) as nb, pytest.raises(KsqlError) as refused:
        nb(text)
    lines = refused.value.render().split("\n")
    assert lines[0] == first
    column = lines[2].index("^")
    assert lines[1][column : column + lines[2].count("^")] == under
    assert lines[-1].startswith("hint: ")
