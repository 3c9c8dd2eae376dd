"""One example: a shape, a history, a cut and a mode; and what must hold of the outcome."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from streamnb.backends.duckdb.operator import Mode
from tests.layouts import LAYOUTS, choose_layout
from tests.oracle.filter import Log, decoded
from tests.properties.histories import Cut, draw_cut, draw_history, only, part_of
from tests.properties.judge import Judge, close_to
from tests.properties.shape import Shape
from tests.properties.trial import Change, Outcome, Trial, folded

__all__ = ["Court", "Example", "draw_example"]

WHOLE = Cut(1_000_000)


@dataclass(frozen=True)
class Example:
    """What is run and judged."""

    shape: Shape
    records: list[Log]
    mode: Mode
    cut: Cut
    layout: str = LAYOUTS[0]

    def __str__(self) -> str:
        lines = [f"{self.shape.name}, {self.mode.value} change, {self.cut}, {self.layout}", self.shape.statements]
        for r in self.records:
            value = None if r.value is None else r.value.decode()
            lines.append(f"  {self.shape.sources[r.source]}-{r.part} @{r.off} ts {r.ts} key {r.key}: {value}")
        return "\n".join(lines)


def draw_example(rng: random.Random, shape: Shape, lanes: int = 1) -> Example:
    """Draw an example of a shape; ``lanes`` histories run side by side in it."""
    modes = [Mode.EVERY, Mode.LAST] if shape.last else [Mode.EVERY]
    history = draw_history(rng, shape.sources, lanes)
    return Example(shape, history, rng.choice(modes), draw_cut(rng, lanes), rng.choice(LAYOUTS))


class Court:
    """Holds the judge and a pipeline per shape and mode."""

    def __init__(self) -> None:
        self._judge = Judge()
        self._trials: dict[tuple[str, Mode], Trial] = {}

    def close(self) -> None:
        """Let go of all pipelines."""
        for trial in self._trials.values():
            trial.close()
        self._trials.clear()

    def _run(self, example: Example, mode: Mode, cut: Cut) -> Outcome:
        key = (example.shape.name, mode)
        with pytest.MonkeyPatch.context() as patch:
            choose_layout(patch, example.layout)
            if key not in self._trials:
                self._trials[key] = Trial(example.shape, mode)
            return self._trials[key].run(example.records, cut)

    def check(self, example: Example) -> None:
        """Run an example and compare it with its oracles, and with the whole history as one batch."""
        shape = example.shape
        outcome = self._run(example, example.mode, example.cut)
        if outcome.rows is not None:
            left = _held(example, _close(folded(outcome.changes)))
            _same("the rows are not what the changes say", _close(outcome.rows), left)
        if shape.batch is not None:
            self._check_batch(example, outcome)
        every = example.mode is Mode.EVERY or outcome.rows is None
        if shape.changes is not None:
            expected = [Change(0, *change) for change in shape.changes(example.records)]
            _compare("the oracle", outcome, expected, every=every, ordered=shape.ordered)
        elif shape.exact and (example.cut != WHOLE or not every):
            whole = self._run(example, Mode.EVERY, WHOLE)
            _compare("the whole as one batch", outcome, whole.changes, every=every, ordered=shape.ordered)
            assert outcome.late == whole.late, f"{outcome.late} late records, as one batch {whole.late}"
            _same("other errors than as one batch", outcome.logged, whole.logged)

    def _check_batch(self, example: Example, outcome: Outcome) -> None:
        shape = example.shape
        answer = self._judge.ask(shape.batch or "", shape.sources, example.records)
        first = 0 if answer.timed else 1
        if outcome.rows is not None:
            found = {key: close_to(row[first:]) for key, row in folded(outcome.changes).items()}
            wanted = {key: close_to(values) for key, values in answer.rows}
            _same("the batch query gives other rows", found, wanted)
            return
        nulls = (None,) * (len(answer.rows[0][1]) + first - 1 if answer.rows else 0)
        changes = [(c.key + c.window, close_to((c.ts, *(c.values or nulls))[first:])) for c in outcome.changes]
        wanted_changes = [(key, close_to(values)) for key, values in answer.rows]
        _same("the batch query gives others", _by_key(changes, shape.ordered), _by_key(wanted_changes, shape.ordered))

    def shrink(self, example: Example) -> Example:
        """Leave out records, many at once at first, while the example still fails."""
        size = len(example.records) // 2
        while size:
            start = 0
            while start < len(example.records):
                left = only(example.records[:start] + example.records[start + size :])
                smaller = replace(example, records=left)
                if self.fails(smaller):
                    example = smaller
                else:
                    start += size
            size //= 2
        return example

    def fails(self, example: Example) -> bool:
        """Tell whether an example fails."""
        try:
            self.check(example)
        except Exception:
            return True
        return False


def _compare(whom: str, outcome: Outcome, expected: Sequence[Change], *, every: bool, ordered: bool) -> None:
    """Compare changes one by one, where each one is wanted, else what they leave."""
    if not every:
        _same(f"{whom} gives other rows", _close(folded(outcome.changes)), _close(folded(expected)))
        return
    found = [(c.key + c.window, close_to((c.ts, c.values))) for c in outcome.changes]
    wanted = [(c.key + c.window, close_to((c.ts, c.values))) for c in expected]
    _same(f"{whom} gives other changes", _by_key(found, ordered), _by_key(wanted, ordered))


def _held(example: Example, rows: dict[Any, Any]) -> dict[Any, Any]:
    """Leave out what is past its retention."""
    kept = example.shape.kept
    if kept is None:
        return rows
    now: dict[int, int] = {}
    by_key = kept.group == "K"
    for r in example.records:
        good, fields = decoded(r.value)
        if good and fields is not None and (r.key if by_key else fields["G"]) is not None:
            lane = r.part if by_key else 0
            now[lane] = max(now.get(lane, -1), r.ts)
    return {key: row for key, row in rows.items() if kept.holds(key[1:], now[part_of(key[0]) if by_key else 0])}


def _close(rows: Mapping[Any, tuple[Any, ...]]) -> dict[Any, Any]:
    return {key: close_to(row) for key, row in rows.items()}


def _by_key(changes: Sequence[tuple[Any, Any]], ordered: bool) -> dict[Any, list[Any]]:
    """Part changes by key: partitions are not ordered among each other."""
    parted: dict[Any, list[Any]] = {}
    for key, change in changes:
        parted.setdefault(key, []).append(change)
    return parted if ordered else {key: sorted(found, key=repr) for key, found in parted.items()}


def _same(complaint: str, found: Any, wanted: Any) -> None:
    assert found == wanted, f"{complaint}:\n  found  {found}\n  wanted {wanted}"
