from __future__ import annotations

from typing import Any

from streamnb.widgets.encoding import ChartOptions, choose_encoding
from streamnb.widgets.tiles import MetricFrames
from tests.widgets.fake_query import FakeQuery, FakeSnapshot
from tests.widgets.test_encoding import CHANNELS, RATINGS, WINDOWS


def frames_of(query: FakeQuery, tiles_max: int = 24) -> MetricFrames:
    return MetricFrames(query, choose_encoding(query, ChartOptions("metric")), tiles_max)


def test_tile_shows_the_newest_window_and_its_way_there() -> None:
    frames = frames_of(WINDOWS)
    frame = frames.advance(FakeSnapshot(1, [("a", 5, 10, 7), ("a", 0, 5, 4), ("b", 5, 10, 1)], 3))
    assert frame["tiles"] == [["a", 7.0, 3.0, [4.0, 7.0]], ["b", 1.0, None, [1.0]]]
    frame = frames.advance(FakeSnapshot(2, [("a", 5, 10, 9), ("a", 0, 5, 4), ("b", 5, 10, 1)], 4))
    assert frame["tiles"] == [["a", 9.0, 5.0, [4.0, 9.0]]]


def test_tile_without_windows_remembers_what_it_has_shown() -> None:
    frames = frames_of(CHANNELS)
    for version, count in enumerate((3, 3, 5, 4), start=1):
        frames.advance(FakeSnapshot(version, [("web", count)], version))
    assert frames.full()["tiles"] == [["web", 4.0, -1.0, [3.0, 5.0, 4.0]]]


def test_stream_is_one_tile_with_its_last_record() -> None:
    frames = frames_of(RATINGS)
    frames.advance(FakeSnapshot(1, [(1, 5, 0), (2, 4, 0)], 2))
    frames.advance(FakeSnapshot(2, [(2, 4, 0), (3, 1, 0)], 3))
    assert frames.full()["tiles"] == [["STARS", 1.0, -3.0, [4.0, 1.0]]]


def test_tiles_are_bounded_and_in_the_order_of_their_names() -> None:
    frames = frames_of(CHANNELS, tiles_max=2)
    rows: list[tuple[Any, ...]] = [("c", 9), ("a", 1), ("b", 8)]
    frame = frames.advance(FakeSnapshot(1, rows, 3))
    assert (frame["order"], frame["caption"]) == (["b", "c"], "showing 2 of 3")


def test_key_that_is_deleted_takes_its_tile_along() -> None:
    frames = frames_of(CHANNELS)
    frames.advance(FakeSnapshot(1, [("a", 1), ("b", 8)], 2))
    assert frames.advance(FakeSnapshot(2, [("b", 8)], 3))["order"] == ["b"]
