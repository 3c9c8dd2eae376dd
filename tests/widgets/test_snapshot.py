from __future__ import annotations

from streamnb.schema import BIGINT, STRING
from streamnb.widgets.rows import layout_of, visible
from streamnb.widgets.snapshot import of_rows, of_shown
from tests.widgets.fake_query import FakeQuery, FakeSnapshot

HOSTILE = "<img src=x onerror=alert(1)>"


def test_picture_escapes_values_names_and_title() -> None:
    picture = of_rows([(HOSTILE, STRING)], [(HOSTILE,)], HOSTILE)
    assert "<img" not in picture["text/html"]
    assert picture["text/html"].count("&lt;img src=x onerror=alert(1)&gt;") == 3


def test_plain_text_is_aligned_and_free_of_control_characters() -> None:
    picture = of_rows([("NAME", STRING), ("N", BIGINT)], [("a\x1b[31m\u202eb", 1), (None, 10)])
    assert picture["text/plain"] == "NAME      N\n--------  --\na [31m b   1\nnull      10\n(2 rows)"


def test_picture_says_how_much_it_leaves_out() -> None:
    query = FakeQuery([("N", BIGINT)])
    snapshot = FakeSnapshot(1, [(i,) for i in range(80)], 1000)
    picture = of_shown(layout_of(query), visible(layout_of(query), snapshot, 80), "numbers")
    assert picture["text/plain"].endswith("(showing 50 of 1,000 records)")
    assert picture["text/plain"].splitlines()[3].strip() == "79"
