"""SHOW, DESCRIBE, EXPLAIN and PRINT."""

from __future__ import annotations

import re

import pytest

from streamnb.errors import KsqlError
from streamnb.results import Rows
from tests.pipelines import RECENT, USERS, put, rows, run, workspace


def test_show_lists_streams_tables_topics_and_queries() -> None:
    with workspace(ratings=2) as nb:
        nb("CREATE STREAM POOR AS SELECT * FROM RATINGS WHERE STARS < 3;")
        nb(RECENT)
        put(nb, "ratings", [(1, {"STARS": 1, "CHANNEL": "web"}), (2, {"STARS": 5, "CHANNEL": "web"})])
        run(nb)
        assert rows(nb, "SHOW STREAMS;") == [
            ("KSQL_PROCESSING_LOG", "ksql_processing_log", "NONE", "JSON", "false"),
            ("POOR", "POOR", "KAFKA", "JSON", "false"),
            ("RATINGS", "ratings", "KAFKA", "JSON", "false"),
        ]
        assert rows(nb, "LIST TABLES;") == [("RECENT", "RECENT", "KAFKA", "JSON", "true")]
        assert rows(nb, "SHOW TOPICS;") == [
            ("POOR", 2, 1), ("RECENT", 2, 1), ("ksql_processing_log", 1, 1), ("ratings", 2, 1)
        ]  # fmt: skip
        assert [row[:6] for row in rows(nb, "SHOW QUERIES;")] == [
            ("CSAS_POOR_0", "CSAS", "RUNNING", "POOR", 2, 1),
            ("CTAS_RECENT_1", "CTAS", "RUNNING", "RECENT", 2, 1),
        ]


def test_show_lists_functions_properties_types_variables_and_connectors() -> None:
    with workspace() as nb:
        nb("DEFINE a = 'x'; SET 'max.batch.records' = '7';")
        functions = {row[0]: row[1] for row in rows(nb, "SHOW FUNCTIONS;")}
        assert (functions["UCASE"], functions["COUNT"], functions["EXPLODE"]) == ("SCALAR", "AGGREGATE", "TABLE")
        assert next(r[1] for r in rows(nb, "SHOW PROPERTIES;") if r[0] == "max.batch.records") == "7"
        assert rows(nb, "SHOW VARIABLES;") == [("a", "x")]
        assert rows(nb, "SHOW TYPES;") == []
        assert rows(nb, "SHOW CONNECTORS;") == []


def test_show_extended_tells_who_uses_a_source_and_its_topic() -> None:
    with workspace(ratings=2) as nb:
        nb("CREATE STREAM KEPT WITH (RETENTION_MS=-1) AS SELECT * FROM RATINGS;")
        nb("CREATE STREAM POOR WITH (RETENTION_MS=1000, CLEANUP_POLICY='delete,compact') AS"
           " SELECT * FROM RATINGS WHERE STARS < 3;")  # fmt: skip
        put(nb, "ratings", [(1, {"STARS": 1, "CHANNEL": "web"})])
        run(nb)
        told = {row[0]: row[5:10] for row in rows(nb, "SHOW STREAMS EXTENDED;")}
        columns = "`ID` INTEGER KEY, `STARS` INTEGER, `CHANNEL` STRING"
        assert told["RATINGS"] == (columns, 2, "", "CSAS_KEPT_0, CSAS_POOR_1", "")
        assert told["POOR"] == (columns, 2, "", "", "CSAS_POOR_1")
        topics = {row[0]: row[3:] for row in rows(nb, "SHOW TOPICS EXTENDED;")}
        assert topics["KEPT"][0] is None
        assert topics["POOR"] == (1000, "compact,delete", 1, "POOR", "")
        assert topics["ratings"][2:] == (1, "RATINGS", "CSAS_KEPT_0, CSAS_POOR_1")
        assert rows(nb, "SHOW QUERIES EXTENDED;")[1][10:13] == ("RATINGS", "POOR", 0)


def test_explain_of_a_source_leads_to_the_query_that_writes_it() -> None:
    with workspace(ratings=1) as nb:
        nb("CREATE STREAM POOR AS SELECT * FROM RATINGS WHERE STARS < 3;")
        with pytest.raises(KsqlError) as refused:
            nb("EXPLAIN POOR;")
        assert refused.value.hint == "did you mean CSAS_POOR_0? queries here: CSAS_POOR_0."


def test_describe_lists_columns_with_their_roles() -> None:
    with workspace(ratings=1) as nb:
        nb("CREATE TABLE COUNTS AS SELECT CHANNEL, COUNT(*) AS N FROM RATINGS GROUP BY CHANNEL;")
        assert rows(nb, "DESCRIBE RATINGS;") == [("ID", "INTEGER  (key)"), ("STARS", "INTEGER"), ("CHANNEL", "STRING")]
        assert rows(nb, "DESCRIBE COUNTS;") == [("CHANNEL", "STRING  (primary key)"), ("N", "BIGINT")]


def test_describe_extended_tells_what_the_query_has_done() -> None:
    with workspace(ratings=1) as nb:
        nb("CREATE TABLE RECENT AS SELECT CHANNEL, COUNT(*) AS N FROM RATINGS"
           " WINDOW TUMBLING (SIZE 1 SECOND, GRACE PERIOD 0 SECONDS) GROUP BY CHANNEL;")  # fmt: skip
        put(nb, "ratings", [(1, {"CHANNEL": "web"}, 5000), (2, {"CHANNEL": "web"}, 100), (3, b"{")])
        run(nb)
        told = dict(rows(nb, "DESCRIBE RECENT EXTENDED;"))
        assert (told["Status"], told["Records read"], told["Records written"]) == ("RUNNING", "3", "1")
        assert told["Late records dropped"] == "1"
        assert told["Queries that write into it"] == "CTAS_RECENT_0"


def test_describe_function_tells_its_forms() -> None:
    with workspace() as nb:
        told = rows(nb, "DESCRIBE FUNCTION ucase;")
        assert told[0] == ("Name", "UCASE") and told[-1][0] == "Form"
        assert dict(rows(nb, "DESCRIBE FUNCTION COUNT;"))["Type"] == "AGGREGATE"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("DESCRIBE NIX;", "Could not find STREAM/TABLE 'NIX'"),
        ("DESCRIBE FUNCTION NIX;", "NIX"),
        ("EXPLAIN NIX_1;", "Query with id:NIX_1 does not exist"),
        ("EXPLAIN DROP STREAM RATINGS;", "does not run a ksql query"),
        ("PRINT nix;", "Could not find topic 'nix'"),
    ],
)
def test_what_does_not_exist_is_named(text: str, message: str) -> None:
    with workspace(ratings=1) as nb, pytest.raises(KsqlError, match=message):
        nb(text)


def test_explain_shows_the_plan_and_the_sql_of_a_batch() -> None:
    with workspace(ratings=1) as nb:
        nb("CREATE STREAM POOR AS SELECT * FROM RATINGS WHERE STARS < 3;")
        for text in ("EXPLAIN CSAS_POOR_0;", "EXPLAIN SELECT ID FROM RATINGS WHERE STARS < 3 EMIT CHANGES;"):
            told = rows(nb, text)
            assert any(part == "plan" and "filter WHERE STARS < 3" in line for part, line in told)
            assert any(part.startswith("sql of project1") and "SELECT" in line for part, line in told)
        assert list(nb.pipeline.engine.queries) == ["CSAS_POOR_0"]


def test_explain_tells_for_each_operator_what_its_columns_are_and_its_sql() -> None:
    with workspace(ratings=2) as nb:
        nb(RECENT)
        told = rows(nb, "EXPLAIN ctas_recent_0;")
        names = {part: line for part, line in told if part.startswith("names in")}
        assert names == {
            "names in in0": "read stream RATINGS: k0 = ID, v0 = STARS, v1 = CHANNEL, ts = ROWTIME, part = ROWPARTITION,"
            " off = ROWOFFSET",
            "names in aggregate1": "aggregate COUNT(*) GROUP BY CHANNEL: k0 = CHANNEL, ws = WINDOWSTART,"
            " we = WINDOWEND, v0 = COUNT(*)",
        }
        steps = [part for part, _ in told if part.startswith("sql of")]
        assert steps and {part.split(",")[0] for part in steps} == {"sql of aggregate1"}
        assert {part.partition(", ")[2] for part in steps} == {
            "",
            "if records failed",
            "if no window closes",
            "if another window begins",
            "if a window closes",
        }
        assert any('"state"."CTAS_RECENT_0:agg"' in line for _, line in told)


def test_explain_shows_the_text_as_written_wherever_it_stands_in_its_script() -> None:
    with workspace(ratings=1) as nb:
        told = rows(nb, "SHOW STREAMS; /* and */ EXPLAIN\n SELECT ID FROM RATINGS\n  WHERE STARS>=3 EMIT CHANGES;")
        assert ("plan", "└─ filter WHERE STARS>=3") in told
        with pytest.raises(KsqlError) as refused:
            nb("SHOW STREAMS; EXPLAIN SELECT STARZ FROM RATINGS EMIT CHANGES;")
        assert refused.value.render().split("\n")[2] == "    | " + " " * 29 + "^^^^^"


def test_explain_names_no_internal_column_in_the_plan() -> None:
    with workspace(ratings=1) as nb:
        nb(RECENT + USERS)
        for text in (
            "SELECT * FROM RATINGS EMIT CHANGES",
            "SELECT * FROM RECENT EMIT CHANGES",
            "SELECT R.ID, NAME FROM RATINGS R LEFT JOIN USERS U ON R.STARS = U.ID EMIT CHANGES",
            "CREATE TABLE T AS SELECT ID, COUNT(*) AS N, COLLECT_LIST(CHANNEL) FROM RATINGS GROUP BY ID HAVING ID > 1",
        ):
            plan = "\n".join(line for part, line in rows(nb, f"EXPLAIN {text};") if part == "plan")
            assert re.findall(r"#|\b[kv][0-9]\b", plan) == []


def test_print_shows_records_in_order_of_time() -> None:
    with workspace() as nb:
        put(
            nb,
            "raw",
            [("k", "text", 30, 0), (7, {"A": 1}, 10, 1), (None, b"\xff\xfe", 20, 0), ("t", None, 40, 1)],
            partitions=2,
        )
        shown = nb("PRINT raw FROM BEGINNING;")
        assert isinstance(shown, Rows)
        assert [row[1:] for row in shown.rows] == [
            (1, 0, "7", '{"A": 1}'), (0, 1, None, "ff fe"), (0, 0, "k", "text"), (1, 1, "t", None)
        ]  # fmt: skip
        assert [row[0] for row in rows(nb, "PRINT raw FROM BEGINNING INTERVAL 2 LIMIT 2;")] == [10, 30]
        assert [row[0] for row in rows(nb, "PRINT raw LIMIT 1;")] == [40]
