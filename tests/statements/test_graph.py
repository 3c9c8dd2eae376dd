"""The pipeline as boxes and arrows."""

from __future__ import annotations

from streamnb.catalog import QueryError
from streamnb.results import Rows
from streamnb.statements.graph import pipeline_diagram
from tests.pipelines import RECENT, USERS, put, run, workspace

JOINED = """
    CREATE STREAM JOINED AS SELECT R.ID AS ID, STARS, NAME FROM RATINGS R JOIN USERS U ON R.ID = U.ID;
    CREATE STREAM POOR WITH (KAFKA_TOPIC='poor.ones') AS SELECT * FROM JOINED WHERE STARS < 3;
"""


def test_pipeline_is_drawn_from_its_topics_to_its_results() -> None:
    with workspace(ratings=1) as nb:
        nb(USERS + RECENT + JOINED)
        put(nb, "ratings", [(1, {"STARS": 1, "CHANNEL": "web"}, 5000)])
        run(nb)
        diagram = pipeline_diagram(nb.pipeline)
    assert [(box.kind, box.name) for box in diagram.boxes] == [
        ("topic", "ratings"),
        ("topic", "u"),
        ("stream", "RATINGS"),
        ("table", "USERS"),
        ("table", "RECENT"),
        ("stream", "JOINED"),
        ("stream", "POOR"),
    ]
    (recent,) = [box for box in diagram.boxes if box.name == "RECENT"]
    assert recent.state == "RUNNING"
    assert (recent.notes[:2], recent.notes[-1]) == (("table · JSON · tumbling windows", "CTAS_RECENT_0"), "lag 0")
    assert set(diagram.arrows) == {
        ("topic ratings", "source RATINGS"),
        ("topic u", "source USERS"),
        ("source RATINGS", "source RECENT"),
        ("source RATINGS", "source JOINED"),
        ("source USERS", "source JOINED"),
        ("source JOINED", "source POOR"),
    }


def test_insert_has_a_box_of_its_own_and_says_what_is_wrong() -> None:
    with workspace(ratings=1) as nb:
        nb("CREATE STREAM ALL_OF (ID INT KEY, STARS INT) WITH (KAFKA_TOPIC='all', VALUE_FORMAT='JSON', PARTITIONS=1);")
        nb("INSERT INTO ALL_OF SELECT ID, STARS FROM RATINGS;")
        (query,) = nb.pipeline.catalog.queries.values()
        query.state = "ERROR"
        query.note_error(QueryError(0, "USER", "DECIMAL overflow"))
        diagram = pipeline_diagram(nb.pipeline)
    (box,) = [box for box in diagram.boxes if box.kind == "query"]
    assert (box.name, box.state, box.problem) == (query.id, "ERROR", "DECIMAL overflow")
    assert (box.id, "source ALL_OF") in diagram.arrows and ("source RATINGS", box.id) in diagram.arrows


def test_explain_has_its_plan_as_boxes_from_source_to_result() -> None:
    with workspace(ratings=1) as nb:
        nb(USERS)
        explained = nb(
            "EXPLAIN SELECT STARS, NAME FROM RATINGS R JOIN USERS U ON R.ID = U.ID WHERE STARS < 3 EMIT CHANGES;"
        )
    assert isinstance(explained, Rows) and explained.diagram is not None
    assert [(box.kind, box.name) for box in explained.diagram.boxes] == [
        ("step", "read stream RATINGS AS R"),
        ("step", "read table USERS AS U"),
        ("step", "INNER JOIN stream with table"),
        ("step", "filter"),
        ("step", "select"),
        ("stream", "stream"),
    ]
    ids = [box.id for box in explained.diagram.boxes]
    assert explained.diagram.arrows == (
        (ids[0], ids[2]),
        (ids[1], ids[2]),
        (ids[2], ids[3]),
        (ids[3], ids[4]),
        (ids[4], "result"),
    )
