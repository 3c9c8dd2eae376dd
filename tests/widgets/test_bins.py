from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamnb.widgets.bins import Bins, nice_step


def counted(bins: Bins, *batches: list[float]) -> Bins:
    for batch in batches:
        bins.add(np.array(batch, np.float64), np.zeros(len(batch), np.uint8))
    return bins


def test_bins_have_round_edges() -> None:
    width, edges, counts = counted(Bins(1, whole=True), [float(v) for v in range(100)]).shown()
    assert (width, edges[:3].tolist(), counts[0][:3].tolist()) == (5.0, [0.0, 5.0, 10.0], [5, 5, 5])


def test_whole_numbers_get_a_bin_each_while_they_are_few() -> None:
    width, edges, counts = counted(Bins(1, whole=True), [1, 2, 2, 5]).shown()
    assert (width, edges.tolist(), counts[0].tolist()) == (1.0, [1, 2, 3, 4, 5], [1, 2, 0, 0, 1])


@pytest.mark.parametrize("odd", [0.0, -1e300, 1e300, 1e19, -5e-324, 123456789.123])
def test_any_number_finds_a_bin(odd: float) -> None:
    bins = counted(Bins(1, whole=False), [odd], [odd, 1.0, 2.0], [odd])
    assert bins.shown()[2].sum() == 5


Batches = st.lists(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=20), min_size=1, max_size=4)


@given(Batches, st.booleans())
def test_no_value_is_lost_and_each_is_in_its_bin(batches: list[list[float]], whole: bool) -> None:
    values = [[float(round(v)) if whole else v for v in batch] for batch in batches]
    width, edges, counts = counted(Bins(1, whole=whole), *values).shown()
    flat = np.array([v for batch in values for v in batch])
    assert counts.sum() == len(flat)
    slack = width * 1e-6
    assert edges[0] - slack <= flat.min()
    assert flat.max() < edges[-1] + width + slack
    assert len(edges) <= 30


def test_steps_are_round() -> None:
    assert [nice_step(span, 10) for span in (1, 9, 35, 100, 1e6)] == [0.1, 1, 5, 10, 100_000]
