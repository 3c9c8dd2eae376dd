"""ksqlDB's public query cases give what they gave before when their pipeline is closed or killed three times between.

Without the environment variable ``STREAMNB_RESTARTS`` one case in ten is run; ``STREAMNB_RESTARTS=1`` runs all of them,
``STREAMNB_RESTARTS=n`` one in n.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from streamnb.engine.checkpoint import Checkpoint
from streamnb.testing import Case, load_cases
from tests.conformance.functions import registered_functions
from tests.conformance.suite import ROOT, case_files, case_id, known_failures, needs_registry
from tests.faults.restarts import draw_restarts, restarted_problem
from tests.layouts import LAYOUTS, choose_layout

ONE_IN = int(os.environ.get("STREAMNB_RESTARTS", "10"))
PARTS = 8
EXCEPTIONS: dict[str, str] = {}
"""Ids of cases that a restart changes, and why that is right."""


@pytest.fixture(scope="module")
def functions() -> Iterator[None]:
    with registered_functions():
        yield


def golden_cases() -> list[tuple[str, Case]]:
    """List the cases that have results to compare: those that end with an error have nothing to go on with."""
    files = [f for f in case_files() if f.relative_to(ROOT).parts[0] == "query"]
    cases = [(case_id(f, c), c) for f in files for c in load_cases(f) if not needs_registry(c)]
    known = known_failures()
    return [(id_, c) for id_, c in cases if "expectedException" not in c.body and id_ not in known]


@pytest.mark.slow
@pytest.mark.conformance
@pytest.mark.parametrize("part", range(PARTS))
def test_golden_cases_survive_three_restarts(
    part: int, functions: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose_layout(monkeypatch, LAYOUTS[part % len(LAYOUTS)])
    if not ROOT.is_dir():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("conformance data is not here")
    chosen = golden_cases()[::ONE_IN][part::PARTS]
    assert chosen
    problems = {id_: restarted_problem(case, tmp_path / "pipeline") for id_, case in chosen}
    changed = {id_: problem for id_, problem in problems.items() if problem is not None}
    wrong = [f"{id_}: {problem}" for id_, problem in changed.items() if id_ not in EXCEPTIONS]
    wrong += [f"{id_} survives: it is no exception" for id_ in EXCEPTIONS if id_ in problems and id_ not in changed]
    assert not wrong, "\n".join(wrong)


def test_a_pipeline_that_forgets_how_far_it_was_is_seen(tmp_path: Path) -> None:
    inputs = [{"topic": "s", "key": "a", "value": {"V": n}, "timestamp": n} for n in range(4)]
    outputs = [{"topic": "O", "key": "a", "value": {"N": n + 1}, "timestamp": n} for n in range(4)]
    statements = (
        "CREATE STREAM S (K STRING KEY, V INT) WITH (kafka_topic='s', value_format='JSON');",
        "CREATE TABLE O AS SELECT K, COUNT(*) AS N FROM S GROUP BY K;",
    )
    case = Case("restarts - counts", "restarts.json", "query", statements, {}, {"inputs": inputs, "outputs": outputs})
    assert restarted_problem(case, tmp_path / "sound") is None
    with patch.object(Checkpoint, "place", return_value=None):
        assert restarted_problem(case, tmp_path / "broken") is not None


def test_restarts_of_a_case_are_the_same_in_every_run() -> None:
    case = Case("a case", "a.json", "query", (), {}, {"inputs": [{}] * 5})
    assert draw_restarts(case) == draw_restarts(case)
    assert len({r.at for r in draw_restarts(case)} | {0, 5}) >= 2
