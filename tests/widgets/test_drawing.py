from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from streamnb.plan.diagram import Box, Diagram
from streamnb.widgets.drawing import draw, svg_text
from streamnb.widgets.layers import assign_layers, order_layers


def test_columns_follow_the_longest_way() -> None:
    arrows = [("a", "b"), ("b", "c"), ("a", "c"), ("d", "c")]
    assert assign_layers(["a", "b", "c", "d"], arrows) == {"a": 0, "b": 1, "c": 2, "d": 0}


def test_circle_is_drawn_all_the_same() -> None:
    layers, ways = order_layers(["a", "b"], [("a", "b"), ("b", "a")])
    assert sorted(id_ for layer in layers for id_ in layer) == ["a", "b"]
    assert ways == [["a", "b"], ["b", "a"]]


def test_arrows_of_two_chains_do_not_cross() -> None:
    layers, _ = order_layers(["a", "b", "y", "x"], [("a", "x"), ("b", "y")])
    assert layers[0].index("a") < layers[0].index("b")
    assert layers[1].index("x") < layers[1].index("y")


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=20))
def test_every_way_leads_from_column_to_column(pairs: list[tuple[int, int]]) -> None:
    ids = [str(n) for n in range(9)]
    arrows = [(str(a), str(b)) for a, b in dict.fromkeys(pairs) if a < b]
    layers, ways = order_layers(ids, arrows)
    column = {id_: n for n, layer in enumerate(layers) for id_ in layer}
    assert [(way[0], way[-1]) for way in ways] == arrows
    assert all(column[b] == column[a] + 1 for way in ways for a, b in itertools.pairwise(way))


def test_picture_is_xml_whatever_the_names() -> None:
    hostile = "<script>alert(1)</script>&\"'"
    boxes = (Box("a", "stream", hostile, (hostile,), "ERROR", hostile), Box("b", "query", "q"))
    picture = svg_text(draw(Diagram(boxes, (("a", "b"),))))
    root = ET.fromstring(picture)
    assert not [node for node in root.iter() if node.tag.endswith("script")]
    assert hostile[:25] in "".join(node.text or "" for node in root.iter() if node.tag.endswith("text"))


def test_drawing_of_nothing_has_a_size() -> None:
    drawing = draw(Diagram((), ()))
    assert drawing.width > 0 and drawing.height > 0


def test_control_characters_of_a_name_leave_the_picture_readable() -> None:
    picture = svg_text(draw(Diagram((Box("a", "stream", "bell\x07\x00", ("\x1b[31mred",)),), ())))
    assert "bell" in "".join(node.text or "" for node in ET.fromstring(picture).iter())
