"""Whatever a statement says, it is refused with an error of ours, or does what it says; see ``trial.py``."""

from __future__ import annotations

import pytest

from streamnb.duck import Sql
from tests.fuzz.__main__ import run
from tests.fuzz.trial import Trials, draw


def test_the_same_seed_draws_the_same_statements() -> None:
    assert [draw(7, index) for index in range(30)] == [draw(7, index) for index in range(30)]


def test_drawn_statements_come_far_and_break_nothing() -> None:
    trials = Trials()
    for index in range(1_000):
        trials.check(draw(1, index), index)
    trials.close()
    assert trials.counts["parsed"] > 400
    assert trials.counts["planned"] > 80
    assert trials.counts["executed"] > 10


@pytest.mark.parametrize("text", ["SELECT markme", "SELECT 'markme''' || markme", "SELECT 1; SELECT 2", "SELECT 'a"])
def test_text_that_broke_out_of_its_quotes_is_seen(text: str) -> None:
    trials = Trials()
    with pytest.raises(AssertionError):
        trials._read(Sql(text))
    trials.close()


@pytest.mark.slow
def test_fifty_thousand_drawn_statements_break_nothing() -> None:
    assert run(0, range(50_000)) == {}
