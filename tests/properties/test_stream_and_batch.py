"""Random queries give the same wherever their input is cut; plain ones what DuckDB says of the whole history."""

from __future__ import annotations

import random

import pytest

from tests.properties.queries import draw_query
from tests.properties.stream_and_batch import examples


def test_the_same_seed_draws_the_same_query() -> None:
    assert draw_query(random.Random(5)) == draw_query(random.Random(5))


def _check(indexes: range) -> None:
    for index, example in zip(indexes, examples(0, indexes), strict=True):
        try:
            example.check()
        except Exception as error:
            error.add_note(f"example {index} of seed 0: {example.query}")
            raise


def test_a_few_random_queries_do_not_depend_on_where_the_input_is_cut() -> None:
    _check(range(15))


@pytest.mark.slow
def test_random_queries_do_not_depend_on_where_the_input_is_cut() -> None:
    _check(range(300))
