"""The live table's kernel half: what it sends a page that asks, from whatever thread the question comes."""

from __future__ import annotations

import functools
import gzip
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from streamnb.engine.relation import View
from streamnb.results import Rows
from streamnb.schema import BIGINT, STRING, Array
from streamnb.widgets import feed, output
from streamnb.widgets.encoding import ChartOptions
from streamnb.widgets.linking import EVERYTHING, Criteria, selection_of
from streamnb.widgets.metric import MetricTiles
from streamnb.widgets.still import Still, StillTable
from streamnb.widgets.table import LiveTable
from tests.widgets.fake_query import FakeQuery, FakeSnapshot

WAIT_S = 20.0


class Page:
    """Stands in for the browser: hears what the widget sends, and acknowledges each frame."""

    def __init__(self, query: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.heard: list[tuple[dict[str, Any], list[bytes]]] = []
        self._condition = threading.Condition()
        hear = self._hear
        monkeypatch.setattr(LiveTable, "send", lambda table, message, buffers=None: hear(table, message, buffers))
        self.draws = True
        self.table = LiveTable(query, None, 1000.0)
        self._number = 0
        self.say(type="mount")

    def _hear(self, table: LiveTable, message: dict[str, Any], buffers: list[bytes] | None) -> None:
        if table is not getattr(self, "table", None):
            return  # a table of another test, whose thread has not ended yet
        with self._condition:
            self.heard.append((message, buffers or []))
            self._condition.notify_all()
        if message["type"] == "frame" and self.draws:
            table._heard(table, {"type": "ack", "n": message["n"]}, None)

    def say(self, **message: Any) -> None:
        self.table._heard(self.table, message, None)

    def ask(self, **wanted: Any) -> int:
        self._number += 1
        plain = {"first": 0, "count": 20, "sort": [], "filters": {}, "search": "", "changes": False, "paused": False}
        self.say(type="view", r=self._number, **{**plain, **wanted})
        return self._number

    def wait(self, condition: Callable[[dict[str, Any]], bool]) -> tuple[dict[str, Any], list[bytes]]:
        """Return the newest message that meets a condition, when there is one."""
        with self._condition:
            found: list[tuple[dict[str, Any], list[bytes]]] = []

            def look() -> bool:
                found[:] = [entry for entry in self.heard if condition(entry[0])]
                return bool(found)

            assert self._condition.wait_for(look, WAIT_S), [m for m, _ in self.heard][-3:]
            return found[-1]

    def ids(self, message: dict[str, Any], buffers: list[bytes]) -> list[int]:
        offset, length = message["order"]
        return [int(id_) for id_ in np.frombuffer(buffers[0], "<f8", length // 8, offset)]


@pytest.fixture
def query() -> FakeQuery:
    made = FakeQuery([("K", STRING), ("N", BIGINT)], key_columns=1, is_table=True)
    made.feed.put([(f"k{i:03d}", i) for i in range(100)])
    return made


@pytest.fixture
def page(query: FakeQuery, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    made = Page(query, monkeypatch)
    yield made
    made.table.close()


def test_page_that_mounts_gets_all_rows_in_view(page: Page) -> None:
    message, buffers = page.wait(lambda m: m.get("full") is True)
    assert (message["filtered"], message["first"]) == (100, 0)
    assert page.ids(message, buffers) == list(range(1, 41))


def test_question_is_answered_in_order_of_the_sort_asked_for(page: Page) -> None:
    number = page.ask(sort=[[1, True]], filters={"1": "<50"}, count=3)
    message, buffers = page.wait(lambda m: m.get("r") == number)
    assert page.ids(message, buffers) == [50, 49, 48]
    assert (message["filtered"], message["kept"]) == (50, 100)


def test_only_rows_that_changed_travel_once_the_page_has_the_others(page: Page, query: FakeQuery) -> None:
    page.wait(lambda m: m.get("full") is True)
    number = page.ask()
    page.wait(lambda m: m.get("r") == number)
    rows = [(f"k{i:03d}", i if i != 5 else 999) for i in range(100)]
    query.feed.put(rows, 101)
    message, _ = page.wait(lambda m: m.get("seen") == 101)
    assert message["full"] is False
    assert message["rows"][1] == 4  # one number of four bytes


def _has_seen(total: int, message: dict[str, Any]) -> bool:
    return bool(message.get("seen") == total)


def test_frame_that_is_held_back_goes_as_soon_as_the_page_has_drawn(
    page: Page, query: FakeQuery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "_UNANSWERED_S", 10 * WAIT_S)
    page.wait(lambda m: m.get("full") is True)
    page.draws = False
    others = query.feed.snapshot().rows[1:]
    for total in (101, 102):
        query.feed.put([("k000", total), *others], total)
        page.wait(functools.partial(_has_seen, total))
    query.feed.put([("k000", 103), *others], 103)
    while page.table._waits:
        pass
    page.say(type="ack", n=page.heard[-1][0]["n"])
    assert page.wait(lambda m: m.get("seen") == 103)[0]["full"] is False


def test_filter_that_cannot_be_read_leaves_the_rows_on_show(page: Page) -> None:
    good = page.ask(filters={"1": "<3"})
    page.wait(lambda m: m.get("r") == good)
    bad = page.ask(filters={"1": "few"})
    message, buffers = page.wait(lambda m: m.get("r") == bad)
    assert message["problem"].startswith("column N holds numbers, and few is none")
    assert page.ids(message, buffers) == [1, 2, 3]
    again = page.ask(filters={"1": "<2"})
    assert page.wait(lambda m: m.get("r") == again)[0]["problem"] is None


def test_search_of_the_frame_narrows_what_the_page_asks_for(page: Page) -> None:
    number = page.ask(filters={"1": "<50"}, count=3)
    page.wait(lambda m: m.get("r") == number)
    page.table.search("K04")
    message, buffers = page.wait(lambda m: m.get("filtered") == 10)
    assert page.ids(message, buffers) == [41, 42, 43]
    page.table.search("")
    assert page.wait(lambda m: m.get("filtered") == 50)[0]["r"] == number


def test_paused_page_sees_new_rows_when_it_goes_on(page: Page, query: FakeQuery) -> None:
    paused = page.ask(paused=True)
    page.wait(lambda m: m.get("r") == paused)
    query.feed.put([*query.feed.snapshot().rows, ("x", 1)], 101)
    still = page.ask(paused=True, first=10)
    assert page.wait(lambda m: m.get("r") == still)[0]["filtered"] == 100
    on = page.ask(first=10)
    assert page.wait(lambda m: m.get("r") == on)[0]["filtered"] == 101


def test_messages_no_page_of_ours_sends_are_ignored(page: Page) -> None:
    for sort in ([[7, True]], [["x", 1]], None):
        page.ask(sort=sort)
    page.say(type="view")
    number = page.ask()
    assert page.wait(lambda m: m.get("r") == number)[0]["filtered"] == 100


def test_copied_rows_are_tab_separated_and_whole(page: Page, query: FakeQuery) -> None:
    query.feed.put([("a\tb", 1), ("x" * 500, 2)], 102)
    number = page.ask(sort=[[1, False]])
    page.wait(lambda m: m.get("r") == number and m["filtered"] == 2)
    page.say(type="copy", q=1, columns=[0, 1], first=0, count=10, head=True)
    message, buffers = page.wait(lambda m: m["type"] == "copy")
    assert buffers[0].decode() == f'K\tN\n"a\tb"\t1\n{"x" * 500}\t2'
    assert (message["rows"], message["left_out"]) == (2, 0)


def test_whole_value_and_one_that_is_gone(page: Page) -> None:
    page.wait(lambda m: m["type"] == "frame")
    page.say(type="cell", q=1, id=3, column=0)
    assert page.wait(lambda m: m.get("q") == 1)[1] == [b"k002"]
    page.say(type="cell", q=2, id=10**9, column=0)
    assert page.wait(lambda m: m.get("q") == 2)[0]["gone"] is True
    page.say(type="cell", q=3, id=3, column=9)
    assert page.wait(lambda m: m.get("q") == 3)[0]["problem"] == "no such column"


def test_csv_comes_in_parts_until_the_last_row(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamnb.widgets.export.PART_ROWS", 40)
    page.wait(lambda m: m["type"] == "frame")
    parts = []
    for part in range(4):
        page.say(type="export", q=part, part=part)
        message, buffers = page.wait(lambda m, part=part: m["type"] == "export" and m["part"] == part)  # type: ignore[misc]
        if message["last"]:
            break
        parts.append(gzip.decompress(buffers[0]).decode())
    assert message["last"]
    assert "".join(parts) == "K,N\r\n" + "".join(f"k{i:03d},{i}\r\n" for i in range(100))


def test_question_from_another_thread_does_not_wait_for_a_slow_answer(page: Page) -> None:
    page.wait(lambda m: m["type"] == "frame")
    relation = page.table._relation
    with relation._lock:  # whoever looks at the rows now has to wait
        asked = threading.Thread(target=page.ask, kwargs={"sort": [[1, True]]})
        asked.start()
        asked.join(WAIT_S)
        assert not asked.is_alive()
    page.wait(lambda m: m.get("r") == 1)


def test_closed_table_ends_its_thread_and_leaves_the_relation(page: Page, query: FakeQuery) -> None:
    page.wait(lambda m: m["type"] == "frame")
    thread = page.table._thread
    page.table.close()
    assert thread is not None
    thread.join(WAIT_S)
    assert not thread.is_alive()
    assert query.relation().watchers == []


def test_query_planned_again_is_followed(page: Page, query: FakeQuery) -> None:
    page.wait(lambda m: m["type"] == "frame")
    query._relation = query.feed.relay = None
    query.feed.put([("other", 1)], 103)
    page.table.push(FakeSnapshot(1, [], 0), 0.0)
    message, _ = page.wait(lambda m: m.get("filtered") == 1)
    assert message["full"] is True


def test_finished_rows_keep_the_order_of_the_result() -> None:
    rows = Rows("SELECT", (("N", BIGINT), ("L", Array(STRING))), [(3, ["a"]), (1, None), (2, [])])
    page = Still(rows).relation().page(View(), 0, 10)
    assert page.rows.column("c0").to_pylist() == [3, 1, 2]
    assert page.rows.column("c1").to_pylist() == ['["a"]', None, "[]"]


def test_finished_result_leaves_a_picture_of_its_first_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[dict[str, Any]] = []
    monkeypatch.setattr(output, "_display", lambda bundle, **_: shown.append(bundle))
    table = StillTable(Rows("SELECT", (("N", BIGINT),), [(i,) for i in range(200)]), None)
    table.show()
    assert "showing 50 of 200 rows" in shown[0]["text/plain"]
    assert shown[0][output.WIDGET_MIME]["model_id"] == table.widget.model_id
    monkeypatch.setattr(output, "_update", lambda bundle, **_: None)
    table.close()


def test_selection_in_another_view_restricts_the_table_until_it_is_gone(query: FakeQuery, page: Page) -> None:
    page.wait(lambda m: m["type"] == "frame" and m["filtered"] == 100)
    chart = object()
    selection_of(query).choose(chart, Criteria({"K": frozenset({"k003", "k007"})}, {"N": (5.0, 50.0)}))
    page.wait(lambda m: m["type"] == "frame" and m["filtered"] == 1)
    page.heard.clear()
    selection_of(query).leave(chart)
    page.wait(lambda m: m["type"] == "frame" and m["filtered"] == 100)


def test_rows_selected_in_the_table_restrict_the_other_views_until_they_are_gone(query: FakeQuery, page: Page) -> None:
    tiles = MetricTiles(query, ChartOptions("metric"), 24, 1000.0)
    page.wait(lambda m: m["type"] == "frame")
    page.say(type="select", ids=[4, 8])
    page.wait(lambda m: m.get("chosen") == {"ids": [4, 8], "text": "k003, k007"})
    tiles.push(query.feed.snapshot(), 0.0)
    assert [tile.label for tile in tiles.frames.tiles] == ["k003", "k007"]
    assert page.wait(lambda m: m["type"] == "frame")[0]["filtered"] == 100  # its own selection hides nothing
    query.feed.put([(f"k{i:03d}", i) for i in range(5)], 200)
    page.wait(lambda m: m.get("chosen") == {"ids": [4], "text": "k003"})
    page.heard.clear()
    page.say(type="select", ids=[])
    page.wait(lambda m: m.get("chosen") == {"ids": [], "text": ""})
    tiles.push(query.feed.snapshot(), 1.0)
    assert len(tiles.frames.tiles) == 5
    tiles.close()


def test_page_that_comes_later_hears_what_is_selected(page: Page) -> None:
    page.wait(lambda m: m["type"] == "frame")
    page.say(type="select", first=1, count=2)
    page.wait(lambda m: m.get("chosen") == {"ids": [2, 3], "text": "k001, k002"})
    page.heard.clear()
    page.say(type="mount")
    assert page.wait(lambda m: m.get("full") is True)[0]["chosen"]["ids"] == [2, 3]


def test_selection_ends_where_the_ids_are_those_of_other_rows(page: Page, query: FakeQuery) -> None:
    page.wait(lambda m: m["type"] == "frame")
    page.say(type="select", ids=[1])
    page.wait(lambda m: m.get("chosen", {}).get("ids") == [1])
    page.heard.clear()
    page.ask(changes=True)
    page.wait(lambda m: m.get("chosen", {}).get("ids") == [])
    assert selection_of(query).criteria(None) == EVERYTHING
    rows = page.ask()
    page.wait(lambda m: m.get("r") == rows)
    page.say(type="select", ids=[2])
    page.wait(lambda m: m.get("chosen", {}).get("ids") == [2])
    query._relation = query.feed.relay = None
    page.heard.clear()
    page.table.push(FakeSnapshot(1, [], 0), 0.0)
    page.wait(lambda m: m.get("chosen", {}).get("ids") == [])


def test_selection_that_cannot_be_read_leaves_the_table_working(page: Page) -> None:
    page.wait(lambda m: m["type"] == "frame")
    page.say(type="select", ids=["x"])
    page.say(type="select", ids=[1])
    page.wait(lambda m: m.get("chosen", {}).get("ids") == [1])
