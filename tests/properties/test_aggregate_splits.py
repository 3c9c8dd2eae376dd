"""Aggregation equals the per-record oracle: record for record in batches of one, and the same however it is cut."""

from __future__ import annotations

import dataclasses
import functools
import random
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamnb.backends.duckdb.operator import Mode
from streamnb.plan.logical import AggregateCall, WindowSpec
from streamnb.plan.typed import TypedComparison, TypedLiteral
from streamnb.schema import BIGINT, BOOLEAN, DOUBLE
from streamnb.store import Store
from tests.backends.aggregate_harness import Runner, aggregate_call, column, cut, hopping, session, tumbling
from tests.layouts import LAYOUTS, choose_layout
from tests.oracle.aggregate import Output, Record, SessionOracle, TimeOracle, last_per_batch

FEW = ["COUNT(*)", "SUM", "LATEST_BY_OFFSET", "COLLECT_LIST"]
ALL = [
    "COUNT(*)", "COUNT", "SUM", "AVG", "MIN", "MAX", "STDDEV_SAMP", "LATEST_BY_OFFSET", "EARLIEST_BY_OFFSET",
    "LATEST 2", "EARLIEST 2", "TOPK 2", "TOPKDISTINCT 2", "COLLECT_LIST", "COLLECT_LIST <= 3", "COLLECT_SET",
    "COUNT_DISTINCT", "ATTR",
]  # fmt: skip
PARTS = {"a": 0, "b": 1, "c": 1, None: 0}
SPLITS = ((1,), (3, 1, 7), (60,))


@pytest.fixture(autouse=True)
def layout(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give half of all groups one hash; groups without windows are kept in both layouts."""
    chosen = str(getattr(request, "param", LAYOUTS[0]))
    choose_layout(monkeypatch, chosen)
    return chosen


both_layouts = pytest.mark.parametrize("layout", LAYOUTS, indirect=True)


@functools.cache
def store() -> Store:
    """One database for all examples."""
    return Store.open()


def call(name: str, type_: Any) -> AggregateCall:
    """Turn an oracle's name of an aggregate into a call over v0."""
    function, _, rest = (
        name.replace("LATEST 2", "LATEST_BY_OFFSET 2").replace("EARLIEST 2", "EARLIEST_BY_OFFSET 2").partition(" ")
    )
    if name == "COUNT(*)":
        return aggregate_call("COUNT")
    if rest.startswith("<="):
        return aggregate_call(function, column("v0", type_), limit=3)
    return aggregate_call(function, column("v0", type_), constants=[2] if rest else [])


@st.composite
def streams(draw: st.DrawFn, *, fractions: bool = False) -> list[Record]:
    """Draw a stream in which time runs on, with late records, null groups and null values."""
    numbers = st.sampled_from([None, 0.1, 0.2, 0.3, 1e15, -1e15] if fractions else [None, -7, 1, 2, 3, 5])
    rows = draw(
        st.lists(
            st.tuples(st.sampled_from(["a", "a", "b", "c", None]), st.integers(-30, 30), numbers, st.integers(0, 9)),
            min_size=5,
            max_size=25,
        )
    )
    return [
        Record(seq, PARTS[key], max(0, 5 * seq + jitter), key, (value,), null == 0)
        for seq, (key, jitter, value, null) in enumerate(rows)
    ]


def oracle(names: list[str], window: WindowSpec | None, final: bool, having: Any) -> TimeOracle | SessionOracle:
    calls = [(name, 0) for name in names]
    if window is None:
        return TimeOracle(calls, having)
    if window.kind == "SESSION":
        return SessionOracle(calls, window.size_ms, window.grace_ms, having, final)
    return TimeOracle(calls, having, window.size_ms, window.advance_ms, window.grace_ms, window.retention_ms, final)


def rounded(outputs: Iterable[Output]) -> list[Output]:
    """Round what is computed by another formula in the oracle."""
    return [
        o
        if o.values is None
        else dataclasses.replace(o, values=tuple(round(v, 9) if isinstance(v, float) else v for v in o.values))
        for o in outputs
    ]


def net(outputs: Iterable[Output]) -> list[Output]:
    """Sort a batch's last changes by group: a merged session's tombstone has no place of its own among them."""
    return sorted((dataclasses.replace(o, seq=0) for o in outputs), key=lambda o: (o.key, o.ws or 0, o.we or 0))


def check(
    records: list[Record],
    names: list[str],
    window: WindowSpec | None,
    *,
    final: bool = False,
    limit: int | None = None,
    type_: Any = BIGINT,
    splits: Iterable[tuple[int, ...]] = SPLITS,
) -> None:
    """Compare all splits and both modes with the oracle: output, late records."""
    having = None if limit is None else TypedComparison(BOOLEAN, ">", column("v1", type_), TypedLiteral(type_, limit))
    for sizes in splits:
        for mode in (Mode.EVERY,) if final else tuple(Mode):
            judge = None if limit is None else lambda values: values[1] > limit
            expected = oracle(names, window, final, judge)
            runner = Runner([call(n, type_) for n in names], values=(type_,), window=window, final=final, having=having,
                            mode=mode, store=store())  # fmt: skip
            wanted, got = [], []
            for batch in cut(records, sizes):
                wanted.append(rounded(o for record in batch for o in expected.apply(record)))
                got.append(rounded(runner.batch(batch)))
            if mode is Mode.EVERY:
                assert [o for b in got for o in b] == [o for b in wanted for o in b]
            else:
                assert [net(b) for b in got] == [net(b) for b in last_per_batch(wanted)]
            if window is not None:
                assert runner.late() == expected.late


quick = settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@both_layouts
@quick
@given(records=streams(), limit=st.sampled_from([None, 4]))
def test_groups_equal_the_oracle_however_they_are_cut(records: list[Record], limit: int | None) -> None:
    check(records, FEW, None, limit=limit)


@both_layouts
@quick
@given(records=streams(fractions=True))
def test_double_sums_equal_the_oracle_to_the_last_bit(records: list[Record]) -> None:
    check(records, ["COUNT", "SUM"], None, type_=DOUBLE)


@quick
@given(records=streams(), limit=st.sampled_from([None, 4]), grace=st.sampled_from([0, 10]))
def test_tumbling_windows_equal_the_oracle_however_they_are_cut(
    records: list[Record], limit: int | None, grace: int
) -> None:
    check(records, FEW, tumbling(20, grace), limit=limit)


@quick
@given(records=streams(), limit=st.sampled_from([None, 4]), grace=st.sampled_from([0, 5]))
def test_hopping_windows_equal_the_oracle_however_they_are_cut(
    records: list[Record], limit: int | None, grace: int
) -> None:
    check(records, FEW, hopping(30, 12, grace), limit=limit)


@quick
@given(
    records=streams(), limit=st.sampled_from([None, 4]), window=st.sampled_from([tumbling(20, 0), hopping(30, 12, 5)])
)
def test_final_results_equal_the_oracle_however_they_are_cut(
    records: list[Record], limit: int | None, window: WindowSpec
) -> None:
    check(records, FEW, window, final=True, limit=limit)


@quick
@given(records=streams(), limit=st.sampled_from([None, 4]), grace=st.sampled_from([0, 5, 20, 1000]))
def test_sessions_equal_the_oracle_however_they_are_cut(records: list[Record], limit: int | None, grace: int) -> None:
    check(records, FEW, session(10, grace), limit=limit, splits=SPLITS[:2] if grace else SPLITS[1:])


@quick
@given(records=streams(), grace=st.sampled_from([0, 5, 20]))
def test_final_sessions_equal_the_oracle_however_they_are_cut(records: list[Record], grace: int) -> None:
    check(records, FEW, session(10, grace), final=True)


def random_stream(seed: int, count: int, groups: int, jitter: int, step: float) -> list[Record]:
    """Make a longer stream with a skewed choice of groups."""
    rnd = random.Random(seed)
    records = []
    for seq in range(count):
        group = int(rnd.random() ** 2 * groups)
        ts = max(0, int(seq * step) + rnd.randint(-jitter, jitter))
        records.append(
            Record(seq, group % 3, ts, f"k{group}", (rnd.choice([None, -7, 1, 2, 3, 5]),), rnd.random() < 0.05)
        )
    return records


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("window", "final", "layout"),
    [
        (None, False, LAYOUTS[1]),
        *((window, final, LAYOUTS[0]) for window, final in (
            (None, False), (tumbling(200, 20), False), (hopping(300, 120, 0), False), (session(30, 20), False),
            (session(30, 0), False), (tumbling(200, 0), True), (hopping(300, 120, 50), True), (session(30, 20), True),
        )),
    ],
    indirect=["layout"],
)  # fmt: skip
def test_large_batches_of_all_aggregates_equal_the_oracle(
    seed: int, window: WindowSpec | None, final: bool, layout: str
) -> None:
    count = 800 if window is not None and window.kind == "SESSION" else 3000  # rounds are slow with all aggregates
    check(random_stream(seed, count, 40, 60, 1.5), ALL, window, final=final, splits=[(1500,), (700, 13)])
