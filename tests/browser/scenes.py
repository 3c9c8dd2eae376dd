"""Live views over queries without an engine, to be shown in a notebook."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import random
import threading
import time
from collections.abc import Callable

from streamnb.schema import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    STRING,
    TIME,
    TIMESTAMP,
    Array,
    Decimal,
    Map,
)
from streamnb.widgets import views
from streamnb.widgets.dashboard import Dashboard
from streamnb.widgets.dashboard import dashboard as make_dashboard
from streamnb.widgets.live import LiveView
from streamnb.widgets.param import param
from tests.widgets.fake_query import FakeQuery

HOSTILE = "<img src=x onerror='window.__broken=1'><script>window.__broken=1</script>$$x^2$$"
Scene = tuple[LiveView, FakeQuery]


def _run(view: LiveView, query: FakeQuery, fill: Callable[[], None], gap_s: float = 0.1) -> Scene:
    def work() -> None:
        while query.state == "RUNNING":
            fill()
            time.sleep(gap_s)

    threading.Thread(target=work, daemon=True).start()
    view.show()
    return view, query


def table() -> Scene:
    """Show counts per channel, one channel with a hostile name."""
    counts = dict.fromkeys(("web", "ios", "android", HOSTILE), 0)
    columns = [("CHANNEL", STRING), ("RATINGS", BIGINT), ("MEAN", DOUBLE), ("LAST", Array(STRING))]
    query = FakeQuery(columns, key_columns=1, is_table=True)
    chance = random.Random(1)

    def fill() -> None:
        for _ in range(30):
            counts[chance.choice(list(counts))] += 1
        query.feed.put([(c, n, round(n / 7, 2), [c, "x"]) for c, n in counts.items()], sum(counts.values()))

    return _run(views.table(query, name="ratings by channel"), query, fill)


def chart(kind: str = "auto") -> Scene:
    """Draw attempts per card and window."""
    columns = [("CARD_NUMBER", STRING), ("WINDOWSTART", BIGINT), ("WINDOWEND", BIGINT), ("ATTEMPTS", BIGINT)]
    query = FakeQuery(columns, key_columns=1, is_table=True)
    chance = random.Random(2)
    rows: dict[tuple[str, int], int] = {}

    def fill() -> None:
        for _ in range(20):
            start = 1_540_000_000_000 + sum(rows.values()) // 40 * 5000
            card = chance.choice(["5105-1", "4111-2", "3782-3", HOSTILE])
            rows[card, start] = rows.get((card, start), 0) + 1
        newest = list(rows.items())[-80:]
        query.feed.put([(card, s, s + 5000, n) for (card, s), n in newest], sum(rows.values()))

    return _run(views.chart(query, kind, name="possible fraud"), query, fill)


def stream() -> Scene:
    """Show ratings as they come."""
    columns = [("RATING_ID", BIGINT), ("STARS", INTEGER), ("MESSAGE", STRING), ("ROUTE_ID", INTEGER)]
    query = FakeQuery(columns)
    chance = random.Random(3)

    def fill() -> None:
        first = query.feed.snapshot().total
        message = "worst. flight. ever. #neveragain"
        query.feed.append(*[(first + i, chance.randint(1, 5), message, None) for i in range(10)])

    return _run(views.table(query, name="ratings", limit=100), query, fill, 0.05)


def kinds() -> Scene:
    """Show a value of each kind."""
    columns = [
        *(
            ("BIG", BIGINT),
            ("REAL", DOUBLE),
            ("EXACT", Decimal(22, 2)),
            ("AT", TIMESTAMP),
            ("DAY", DATE),
            ("HOUR", TIME),
        ),
        *(("YES", BOOLEAN), ("NOTHING", STRING), ("RAW", BYTES), ("MAP", Map(STRING, INTEGER))),
    ]
    query = FakeQuery(columns)
    at = dt.datetime(2018, 3, 28, 12, 0, 0, 250_000)
    exact = decimal.Decimal("12345678901234567890.12")
    row = (9007199254740993, 1234567.0, exact, at, at.date(), dt.time(12, 30), True, None, b"\x01\x02\x03", {"a": 1})
    query.feed.append(row)
    return _run(views.table(query, name="kinds"), query, lambda: None)


def line() -> Scene:
    """Draw two sensors over time."""
    query = FakeQuery([("AT", TIMESTAMP), ("SENSOR", STRING), ("DEGREES", DOUBLE)])

    def fill() -> None:
        n = query.feed.snapshot().total // 2
        at = dt.datetime(2018, 3, 28) + dt.timedelta(seconds=n)
        query.feed.append((at, "attic", 20 + 5 * math.sin(n / 20)), (at, "study", 15 + 3 * math.cos(n / 15)))

    view = views.chart(query, "line", color="sensor", name="temperature", limit=300)
    return _run(view, query, fill, 0.02)


def categories() -> Scene:
    """Draw one bar per channel, one with a hostile name."""
    counts = dict.fromkeys(("web", "ios", "android", HOSTILE), 0)
    query = FakeQuery([("CHANNEL", STRING), ("RATINGS", BIGINT)], key_columns=1, is_table=True)
    chance = random.Random(4)

    def fill() -> None:
        counts[chance.choice(list(counts))] += 1
        query.feed.put(list(counts.items()), sum(counts.values()))

    return _run(views.chart(query, "bar", name="ratings by channel"), query, fill)


def dashboard() -> tuple[Dashboard, FakeQuery, FakeQuery]:
    """Show a dashboard of hostile texts, one panel of which fails, with a parameter of each kind."""
    good = FakeQuery([("CHANNEL", STRING), ("RATINGS", BIGINT)], key_columns=1, is_table=True)
    bad = FakeQuery([("CHANNEL", STRING), ("RATINGS", BIGINT)], key_columns=1, is_table=True)
    good.feed.put([("web", 7), (HOSTILE, 3)])
    bad.feed.put([("ios", 2)])
    params = [
        param("tier", ["P", "G", HOSTILE]),
        param("stars", 3, min=1, max=5),
        param("ap", ["Unifi AP - Attic", "Unifi AP - Study"]),
        param("channel", "web"),
        param("since", dt.date(2018, 3, 4)),
        param("poor", True),
    ]
    board = make_dashboard(
        HOSTILE,
        ["heading heading", "one table", "chart table"],
        {
            "heading": HOSTILE,
            "one": views.metric(good, "web"),
            "chart": views.chart(bad, "bar", name="by channel"),
            "table": views.table(good, name=HOSTILE),
        },
        params=params,
    )
    board.show()
    return board, good, bad
