"""Pipelines of all shapes end as their oracles say, wherever their input is cut; longer runs: ``__main__.py``."""

from __future__ import annotations

import random
from contextlib import closing

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from streamnb.backends.duckdb.operator import Mode
from tests.properties.example import WHOLE, Court, Example, draw_example
from tests.properties.histories import draw_history
from tests.properties.shape import Shape
from tests.properties.shapes import SHAPES

EXAMPLES = 5
"""Of each shape; those of all shapes are more than 300."""

drawn = settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # a seed has nothing to shrink, a history has
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.slow
@pytest.mark.parametrize("name", SHAPES)
def test_shape_ends_as_its_oracle_says_wherever_it_is_cut(name: str) -> None:
    with closing(Court()) as court:

        @drawn
        @given(seed=st.integers(0, 2**64 - 1))
        def ends_as_its_oracle_says(seed: int) -> None:
            example = draw_example(random.Random(seed), SHAPES[name])
            try:
                court.check(example)
            except Exception as error:
                error.add_note(f"fails with fewer records too:\n{court.shrink(example)}")
                raise

        ends_as_its_oracle_says()


def test_shapes_and_examples_are_as_many_as_were_promised() -> None:
    assert len(SHAPES) >= 25
    assert len(SHAPES) * EXAMPLES >= 300


def test_the_same_seed_draws_the_same_example() -> None:
    shape = SHAPES["streams, left"]
    assert str(draw_example(random.Random(3), shape, 4)) == str(draw_example(random.Random(3), shape, 4))


def test_a_wrong_result_is_seen_and_told_with_few_records() -> None:
    right = SHAPES["table filter"]
    assert right.batch is not None
    wrong = Shape("wrong", "T", right.statements, right.batch.replace("v > 1", "v > 2"))
    example = Example(wrong, draw_history(random.Random(1), "T", 8), Mode.EVERY, WHOLE)
    with closing(Court()) as court:
        with pytest.raises(AssertionError, match="other rows"):
            court.check(example)
        assert len(court.shrink(example).records) == 1
