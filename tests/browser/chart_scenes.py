"""Charts over queries without an engine, each with data that is always the same, and one that is fast."""

from __future__ import annotations

import datetime as dt
import math
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from streamnb.schema import BIGINT, DOUBLE, INTEGER, STRING, TIMESTAMP, SqlType
from streamnb.widgets import views
from streamnb.widgets.dashboard import Dashboard, dashboard
from streamnb.widgets.linking import Criteria, selection_of
from streamnb.widgets.live import LiveView
from tests.browser.scenes import HOSTILE, Scene
from tests.widgets.fake_query import FakeQuery

START_MS = 1_540_000_000_000
DEVICES = ("iPhone", "Android", "Windows", "macOS", "Printer", "Fire")
Columns = list[tuple[str, SqlType]]


def shown(query: FakeQuery, rows: Sequence[tuple[Any, ...]], kind: str, **options: Any) -> Scene:
    """Show a chart of rows that stand still."""
    query.feed.put(rows)
    view = views.chart(query, kind, name=kind, **options)
    view.show()
    return view, query


def window_rows(windows: int = 24, names: Sequence[str] = DEVICES) -> list[tuple[Any, ...]]:
    """Count connections of devices in windows of ten seconds."""
    chance = random.Random(5)
    rows = []
    for i in range(windows):
        for j, name in enumerate(names):
            count = round(40 + 25 * math.sin(i / 4 + j) + chance.random() * 20) // (j + 1)
            rows.append((name, START_MS + i * 10_000, START_MS + (i + 1) * 10_000, count))
    return rows


def windows() -> FakeQuery:
    """Make a windowed table: device, window, connections."""
    columns: Columns = [("DEVICE", STRING), ("WINDOWSTART", BIGINT), ("WINDOWEND", BIGINT), ("CONNECTIONS", BIGINT)]
    return FakeQuery(columns, key_columns=1, is_table=True)


def sensor_rows(count: int = 900) -> list[tuple[Any, ...]]:
    """Measure three rooms once a second."""
    start = dt.datetime(2018, 10, 20, 1, 46, 40)
    chance = random.Random(6)
    rows: list[tuple[Any, ...]] = []
    for i in range(count):
        at = start + dt.timedelta(seconds=i // 3)
        level = (21.5, 18.0, 16.2)[i % 3]
        rows.append(
            (at, ("attic", "study", "cellar")[i % 3], level + 1.6 * math.sin(i / 120 + i % 3) + chance.gauss(0, 0.2))
        )
    return rows


def sensors() -> FakeQuery:
    """Make a stream of temperatures."""
    return FakeQuery([("AT", TIMESTAMP), ("SENSOR", STRING), ("DEGREES", DOUBLE)])


def flights() -> tuple[FakeQuery, list[tuple[Any, ...]]]:
    """Make a stream of flights: distance, delay, carrier."""
    chance = random.Random(7)
    rows = []
    for _ in range(600):
        carrier = chance.choice(("North", "Coast", "Alpine"))
        distance = chance.uniform(150, 2400)
        delay = max(0.0, chance.gauss({"North": 10, "Coast": 25, "Alpine": 40}[carrier], 12) + distance / 120)
        rows.append((round(distance, 1), round(delay, 1), carrier))
    return FakeQuery([("DISTANCE", DOUBLE), ("DELAY", DOUBLE), ("CARRIER", STRING)]), rows


def channels() -> tuple[FakeQuery, list[tuple[Any, ...]]]:
    """Make a table of ratings by channel and elite status."""
    rows = [
        (channel, tier, round(1_250_000 / (i + 1) / (j + 1.5)))
        for i, channel in enumerate(("web", "ios", "android", "partner", "airport"))
        for j, tier in enumerate(("Platinum", "Gold", "Silver"))
    ]
    return FakeQuery([("CHANNEL", STRING), ("TIER", STRING), ("RATINGS", BIGINT)], key_columns=2, is_table=True), rows


def scene(kind: str, **options: Any) -> Scene:
    """Show the chart of one kind over the data that suits it."""
    if kind in ("line", "area"):
        return shown(sensors(), sensor_rows(), kind, color="SENSOR", **options)
    if kind == "scatter":
        query, rows = flights()
        return shown(query, rows, kind, x="DISTANCE", y="DELAY", color="CARRIER", **options)
    if kind == "hist":
        query, rows = flights()
        return shown(query, rows, kind, x="DELAY", **options)
    if kind == "metric":
        names = [f"Fire {number:02} ({colour})" for number in (1, 2, 3) for colour in ("Red", "Blue", "Green")]
        return shown(windows(), window_rows(24, names), kind, **options)
    if kind == "bar":
        query, rows = channels()
        return shown(query, rows, kind, **options)
    return shown(windows(), window_rows(), kind, **options)


def hostile(kind: str) -> Scene:
    """Show values, columns and a title that would be markup or a formula if they were taken for it."""
    columns: Columns = [(HOSTILE, STRING), ("KIND $$x$$", STRING), ("N<b>", BIGINT)]
    query = FakeQuery(columns, key_columns=2, is_table=True)
    rows = [(HOSTILE, "</script>\\(a\\)", 4), ("plain", HOSTILE, 3), (HOSTILE, "@{x}", 2)]
    query.feed.put(rows)
    view = views.chart(query, kind, name=HOSTILE)
    view.show()
    return view, query


_linked: list[FakeQuery] = []


def linked() -> None:
    """Show three views of one query: stacked bars, a heatmap and tiles."""
    query = windows()
    query.feed.put(window_rows())
    for kind in ("stacked", "heatmap", "metric"):
        views.chart(query, kind, name=kind, height=240).show()
    _linked.append(query)


def board() -> tuple[Dashboard, FakeQuery]:
    """Show a dashboard of two tables, bars and tiles of one query: ratings by channel."""
    query = FakeQuery([("CHANNEL", STRING), ("RATINGS", BIGINT), ("STARS", DOUBLE)], key_columns=1, is_table=True)
    query.feed.put(ratings())
    items = {
        "rows": views.table(query, name="Channels"),
        "bars": views.chart(query, "bar", y="RATINGS", name="Ratings", height=240),
        "tiles": views.chart(query, "metric", y="RATINGS", name="Now"),
        "others": views.table(query, name="The same rows"),
    }
    shown = dashboard("Ratings by channel", ["rows bars", "tiles others"], items)
    shown.show()
    return shown, query


def ratings(**changed: int) -> list[tuple[Any, ...]]:
    """Count the ratings of seven channels."""
    counts = {"android": 510, "chat": 95, "email": 130, "ios": 640, "partner": 210, "phone": 170, "web": 820} | changed
    return [(channel, count, round(1 + count % 40 / 10, 1)) for channel, count in counts.items() if count]


def criteria() -> Criteria:
    """Return what is selected in the linked views, as any further view of their query would hear it."""
    return selection_of(_linked[-1]).criteria(None)


def fast(kind: str = "line", rows_per_s: int = 10_000, **options: Any) -> Scene:
    """Draw a stream that is fast: four groups, in order of time."""
    columns: Columns = [("EVENT_TIME", BIGINT), ("SENSOR", STRING), ("VALUE", DOUBLE), ("N", INTEGER)]
    query = FakeQuery(columns)

    def rows(first: int, count: int) -> list[tuple[Any, ...]]:
        numbers = range(first, first + count)
        return [(START_MS + n, f"sensor {n % 4}", math.sin(n / 900) + n % 4, n % 50) for n in numbers]

    return _drive(query, rows, rows_per_s, views.chart(query, kind, color="SENSOR", name="fast", **options))


def _drive(query: FakeQuery, rows: Callable[[int, int], list[Any]], rows_per_s: int, view: LiveView) -> Scene:
    def work() -> None:
        started_s, sent = time.monotonic(), 0
        while query.state == "RUNNING":
            due = int((time.monotonic() - started_s) * rows_per_s)
            if due > sent:
                query.feed.append(*rows(sent, due - sent))
                sent = due
            time.sleep(0.01)

    view.show()
    threading.Thread(target=work, daemon=True).start()
    return view, query
