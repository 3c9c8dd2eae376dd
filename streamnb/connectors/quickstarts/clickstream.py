"""Clicks on a website: which user did what on which page."""

from __future__ import annotations

from streamnb.connectors.quickstarts.base import Draw, Field, Quickstart, Records, choices, integers, text
from streamnb.connectors.quickstarts.users import USERS

__all__ = ["CLICKSTREAM"]

PAGES = ("/", "/flights", "/flights/search", "/seats", "/checkout", "/club", "/club/points", "/help", "/account/login")
ACTIONS = ("view", "click", "scroll", "search", "buy", "leave")
STATUSES = (200, 302, 404, 500)


def _draw(draw: Draw) -> Records:
    rng, rows = draw.rng, draw.rows
    return Records(
        (
            Field("userid", integers(rng.integers(1, (USERS.table_rows or 0) + 1, rows))),
            Field("page", choices(PAGES, rng.integers(0, len(PAGES), rows))),
            Field("action", choices(ACTIONS, rng.choice(len(ACTIONS), rows, p=(0.4, 0.3, 0.1, 0.1, 0.05, 0.05)))),
            Field("ip", text("203.0.113.", integers(rng.integers(1, 255, rows)))),
            Field("status", choices(STATUSES, rng.choice(len(STATUSES), rows, p=(0.9, 0.05, 0.04, 0.01)))),
            Field("bytes", integers(rng.integers(200, 60_000, rows))),
            Field("time"),
        )
    )


CLICKSTREAM = Quickstart(
    name="clickstream",
    title="clicks on a website; USERID is a user's USER_ID",
    declaration=(
        "CREATE STREAM CLICKSTREAM (USERID INT, PAGE VARCHAR, ACTION VARCHAR, IP VARCHAR, STATUS INT, BYTES INT,"
        " `TIME` BIGINT) WITH (KAFKA_TOPIC='clickstream', VALUE_FORMAT='JSON');"
    ),
    draw=_draw,
)
