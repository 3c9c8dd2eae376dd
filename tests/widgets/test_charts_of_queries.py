"""Charts of real queries: the columns of the engine's results are what the charts expect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from streamnb.results import Live
from streamnb.widgets.chart import LiveChart
from streamnb.widgets.encoding import CHART_KINDS
from streamnb.workspace import connect

READINGS = """
CREATE STREAM R (ID INT KEY, SENSOR VARCHAR, AT TIMESTAMP, DAY DATE, LEVEL DECIMAL(6, 2), N BIGINT)
  WITH (KAFKA_TOPIC='r', PARTITIONS=1, VALUE_FORMAT='JSON', TIMESTAMP='AT');
INSERT INTO R VALUES (1, 'attic', '2018-03-28T00:00:01.000', '2018-03-28', 20.50, 3);
INSERT INTO R VALUES (2, 'study', '2018-03-28T00:00:02.000', '2018-03-28', 18.25, 4);
INSERT INTO R VALUES (3, 'attic', '2018-03-28T00:00:07.000', '2018-03-29', 21.00, NULL);
"""
WINDOWS = """SELECT SENSOR, WINDOWSTART, WINDOWEND, COUNT(*) AS C, AVG(N) AS MEAN FROM R
  WINDOW TUMBLING (SIZE 5 SECONDS) GROUP BY SENSOR EMIT CHANGES;"""
START_MS = 1_522_195_200_000


@pytest.fixture
def workspace() -> Iterator[Any]:
    opened = connect("memory://", auto_offset_reset="earliest")
    opened.execute(READINGS)
    yield opened
    opened.close()


def live(workspace: Any, statement: str, rows: int) -> Live:
    """Start a push query and wait until it has shown some rows."""
    (query,) = workspace.execute(statement)
    version = 0
    while query.feed.snapshot().total < rows:
        assert query.feed.wait(version, 10)
        version = query.feed.snapshot().version
    result: Live = query
    return result


@pytest.mark.parametrize("kind", CHART_KINDS)
def test_windowed_query_can_be_drawn_as_every_kind(workspace: Any, kind: str) -> None:
    query = live(workspace, WINDOWS, 3)
    view = query.chart(kind)
    view._snapshot = query.feed.snapshot()
    picture = view.picture()["image/svg+xml"]
    view.close()
    assert "no rows yet" not in picture
    assert ">attic<" in picture or kind == "hist"


@pytest.mark.parametrize(
    ("options", "x", "y"),
    [
        ({"x": "AT", "y": "N"}, [START_MS + 1000, START_MS + 2000], [3, 4]),
        ({"x": "DAY", "y": "LEVEL"}, [START_MS, START_MS, START_MS + 86_400_000], [20.5, 18.25, 21]),
        ({"x": "N", "y": "LEVEL"}, [3, 4], [20.5, 18.25]),
    ],
)
def test_stream_is_drawn_by_its_times_and_numbers(
    workspace: Any, options: dict[str, str], x: list[float], y: list[float]
) -> None:
    query = live(workspace, "SELECT * FROM R EMIT CHANGES;", 3)
    view = query.chart("line", **options)
    body = view.widget.children[1]
    assert isinstance(body, LiveChart)
    body.push(query.feed.snapshot(), 0.0)
    marks = body.frames.marks
    view.close()
    assert (marks.x.tolist(), marks.y.tolist()) == (x, y)
