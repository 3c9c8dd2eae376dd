"""A table in a page without a notebook, so that what page and kernel say can cross each other as the test wants."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from streamnb.widgets.pages import PageFrames, read_request
from streamnb.widgets.rows import layout_of
from streamnb.widgets.table import LiveTable
from tests.browser import jupyter
from tests.browser.big import BigTable

ROWS = 1000
ROW_PX = 26  # of scroll.js
_START = """(model) => {
    window.sent = [];
    const heard = new Set();
    window.say = (message, bytes) => {
        const buffer = new DataView(new Uint8Array(bytes).buffer);
        for (const hear of heard) hear(message, [buffer]);
    };
    render({el: document.body, model: {
        get: (name) => model[name],
        on: (name, hear) => heard.add(hear),
        off: (name, hear) => heard.delete(hear),
        send: (message) => window.sent.push(message),
    }});
}"""
_SHOWN = """() => {
    const box = document.querySelector('.snb-scroll').getBoundingClientRect();
    const top = box.top + document.querySelector('thead').offsetHeight;
    return [...document.querySelectorAll('tbody tr')]
        .filter((row) => row.getBoundingClientRect().top >= top - 1 && row.getBoundingClientRect().bottom <= box.bottom)
        .sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)
        .map((row) => row.cells[0].textContent);
}"""


class Kernel:
    """The kernel's side, which answers when the test lets it."""

    def __init__(self, page: Page, query: BigTable) -> None:
        self.page = page
        self._columns = len(query.columns)
        self._frames = PageFrames(query.relation(), layout_of(query), None)
        self._number = 0

    def frame(self) -> dict[str, Any]:
        """Make the next frame, which is still under way."""
        self._number += 1
        frame = self._frames.full() if self._number == 1 else self._frames.advance()
        return {"type": "frame", "n": self._number, **frame}

    def deliver(self, frame: dict[str, Any]) -> None:
        """Let a frame arrive and be drawn."""
        message = {name: value for name, value in frame.items() if name not in ("buffers", "gone")}
        message["gone"] = list(frame["gone"])
        self.page.evaluate(
            "([message, bytes]) => window.say(message, bytes)", [message, list(bytes(frame["buffers"][0]))]
        )
        self.page.evaluate("() => new Promise(requestAnimationFrame)")

    def questions(self) -> list[dict[str, Any]]:
        """Return what the page has asked since the last time."""
        self.page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)))")
        sent: list[dict[str, Any]] = self.page.evaluate("() => window.sent.splice(0)")
        return [message for message in sent if message["type"] == "view"]

    def answer(self, questions: list[dict[str, Any]]) -> None:
        """Answer them, and those that come up meanwhile."""
        while questions:
            for question in questions:
                request = read_request(question, self._columns)
                assert request is not None
                self._frames.want(request)
                self.deliver(self.frame())
            questions = self.questions()


@pytest.fixture
def query() -> Iterator[BigTable]:
    query = BigTable(ROWS)
    yield query
    query.relation().close()


@pytest.fixture
def kernel(query: BigTable, tmp_path: Path) -> Iterator[Kernel]:
    with jupyter.browser_page(tmp_path / "browser") as page:
        table = LiveTable(query, None, 20, "cards")
        page.set_content(f"<style>{LiveTable._css}</style>")
        page.add_script_tag(content=LiveTable._esm.replace("export default { render };", "window.render = render;"))
        names = ("key", "columns", "is_table", "is_live", "name")
        page.evaluate(_START, {name: getattr(table, name) for name in names})
        kernel = Kernel(page, query)
        kernel.deliver(kernel.frame())
        kernel.answer(kernel.questions())
        yield kernel
        table.close()


def shown(kernel: Kernel) -> list[str]:
    """Return the first cells of the rows that are wholly in view."""
    texts: list[str] = kernel.page.evaluate(_SHOWN)
    return texts


def scroll(kernel: Kernel, rows: int) -> None:
    kernel.page.evaluate("(px) => document.querySelector('.snb-scroll').scrollBy(0, px)", rows * ROW_PX)


@pytest.fixture
def sorted_kernel(kernel: Kernel) -> Kernel:
    """A table whose last card is on top."""
    for _ in range(2):
        kernel.page.locator("thead th button").first.click()
        kernel.answer(kernel.questions())
    assert top_card(kernel) == ROWS - 1
    return kernel


def top_card(kernel: Kernel) -> int:
    return int(shown(kernel)[0].removeprefix("card "))


def test_rows_stay_in_view_when_news_cross_the_readers_scrolling(sorted_kernel: Kernel, query: BigTable) -> None:
    scroll(sorted_kernel, 100)
    sorted_kernel.answer(sorted_kernel.questions())
    query.put(np.arange(ROWS, ROWS + 50))
    crossing = sorted_kernel.frame()
    scroll(sorted_kernel, 20)
    asked = sorted_kernel.questions()
    assert len(asked) == 1
    sorted_kernel.deliver(crossing)
    sorted_kernel.answer(asked)
    assert top_card(sorted_kernel) == ROWS - 1 - 120


def test_rows_stay_in_view_when_news_come_with_the_answer(sorted_kernel: Kernel, query: BigTable) -> None:
    scroll(sorted_kernel, 100)
    sorted_kernel.answer(sorted_kernel.questions())
    scroll(sorted_kernel, 11)
    asked = sorted_kernel.questions()
    assert len(asked) == 1
    query.put(np.arange(ROWS, ROWS + 5))
    sorted_kernel.answer(asked)
    assert top_card(sorted_kernel) == ROWS - 1 - 111


def test_news_behind_the_place_to_which_the_reader_went_do_not_move_it(sorted_kernel: Kernel, query: BigTable) -> None:
    scroll(sorted_kernel, 500)
    sorted_kernel.answer(sorted_kernel.questions())
    query.put(np.arange(ROWS - 400, ROWS - 350), delete=True)
    crossing = sorted_kernel.frame()
    assert crossing["moved"] == -50
    scroll(sorted_kernel, -400)
    asked = sorted_kernel.questions()
    sorted_kernel.deliver(crossing)
    sorted_kernel.answer(asked)
    assert top_card(sorted_kernel) == ROWS - 1 - 100


def test_last_rows_stay_in_view_when_others_go_before_them(sorted_kernel: Kernel, query: BigTable) -> None:
    scroll(sorted_kernel, ROWS)
    sorted_kernel.answer(sorted_kernel.questions())
    before = shown(sorted_kernel)
    assert before[-1] == "card 0000000"
    query.put(np.arange(ROWS - 400, ROWS - 350), delete=True)
    sorted_kernel.deliver(sorted_kernel.frame())
    sorted_kernel.answer(sorted_kernel.questions())
    assert shown(sorted_kernel) == before


def test_row_that_goes_elsewhere_takes_nobody_along(sorted_kernel: Kernel, query: BigTable) -> None:
    sorted_kernel.page.locator("thead th button").nth(3).click()  # AT, the latest change on top
    sorted_kernel.answer(sorted_kernel.questions())
    scroll(sorted_kernel, 100)
    sorted_kernel.answer(sorted_kernel.questions())
    before = shown(sorted_kernel)
    first = int(before[0].removeprefix("card "))
    query.put(np.array([first]))
    sorted_kernel.deliver(sorted_kernel.frame())
    sorted_kernel.answer(sorted_kernel.questions())
    assert shown(sorted_kernel)[1:] == before[1:]


def test_reader_at_the_top_sees_what_comes_there(sorted_kernel: Kernel, query: BigTable) -> None:
    query.put(np.arange(ROWS, ROWS + 50))
    sorted_kernel.deliver(sorted_kernel.frame())
    sorted_kernel.answer(sorted_kernel.questions())
    assert top_card(sorted_kernel) == ROWS + 49
