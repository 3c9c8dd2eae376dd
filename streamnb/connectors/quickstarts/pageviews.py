"""Views of pages: which user looked at which page."""

from __future__ import annotations

from streamnb.connectors.quickstarts.base import Draw, Field, Quickstart, Records, integers, text

__all__ = ["PAGEVIEWS"]


def _draw(draw: Draw) -> Records:
    rng, rows = draw.rng, draw.rows
    return Records(
        (
            Field("viewtime"),
            Field("userid", text("User_", integers(rng.integers(1, 10, rows)))),
            Field("pageid", text("Page_", integers(rng.integers(10, 100, rows)))),
        )
    )


PAGEVIEWS = Quickstart(
    name="pageviews",
    title="views of pages by nine users",
    declaration=(
        "CREATE STREAM PAGEVIEWS_JSON (VIEWTIME BIGINT, USERID VARCHAR, PAGEID VARCHAR)"
        " WITH (KAFKA_TOPIC='pageviews_json', VALUE_FORMAT='JSON', TIMESTAMP='VIEWTIME');"
    ),
    draw=_draw,
)
