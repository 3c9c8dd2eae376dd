from __future__ import annotations

import re

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


def test_lines_sides_and_indentation_are_told_without_styles() -> None:
    picture = of_rows([("PLAN", STRING), ("N", BIGINT)], [("select\n  └─ read", 1)])["text/html"]
    plain = re.sub(r' style="[^"]*"', "", picture)
    assert '<td align="left">select<br>\u00a0\u00a0└─\u00a0read</td><td align="right">1</td>' in plain


def test_short_values_stay_on_one_line_and_long_ones_are_broken() -> None:
    picture = of_rows([("A", STRING), ("B", STRING)], [("sql of project1", "x " * 20)])["text/html"]
    assert [cell.split(";")[0] for cell in picture.split("white-space:")[3:]] == ["pre", "pre-wrap"]
