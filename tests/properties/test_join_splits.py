"""Joins equal the per-record oracle wherever their input is cut into micro-batches, and whichever hashes are equal."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamnb.plan.logical import JoinWindow
from streamnb.store import Store
from tests.backends.join_harness import JoinRunner, cut
from tests.layouts import LAYOUTS, choose_layout
from tests.oracle.join import (
    ForeignKeyOracle,
    Record,
    StreamOracle,
    StreamTableOracle,
    TableOracle,
    run,
)

few = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module", params=LAYOUTS)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    opened = Store.open()
    with pytest.MonkeyPatch.context() as patch:
        choose_layout(patch, request.param)
        yield opened
    opened.close()


@st.composite
def histories(draw: st.DrawFn, *, steps: int = 5, size: int = 22) -> list[Record]:
    """Records of both sides: few keys, disordered timestamps, nulls here and there."""
    maybe_null = st.sampled_from([0, 1, 2, 3, None])
    drawn = draw(
        st.lists(
            st.tuples(
                st.integers(0, 1),
                st.sampled_from([0, 1, 2, 0, 1, 2, -3, None]),
                st.sampled_from([1, 2, 3, 4, 5, None]),
                st.integers(-2, steps),
                maybe_null,
            ),
            max_size=size,
        )
    )
    clock, records = 2, []
    for seq, (side, key, value, step, fk) in enumerate(drawn):
        clock = max(0, clock + step)
        part = 0 if key is None else key % 2
        records.append(Record(seq, side, key, None if value is None else 100 * seq + value, clock, fk, part))
    return records


cuts = st.lists(st.integers(1, 9), min_size=1, max_size=4)


@pytest.mark.parametrize("kind", ["INNER", "LEFT"])
@few
@given(records=histories(), sizes=cuts)
def test_stream_table_join_equals_oracle_at_any_cut(
    store: Store, kind: str, records: list[Record], sizes: list[int]
) -> None:
    runner = JoinRunner(kind, tables=1, store=store)
    assert runner.run(cut(records, sizes)) == run(StreamTableOracle(kind), records)


@pytest.mark.parametrize("kind", ["INNER", "LEFT", "RIGHT", "FULL"])
@few
@given(records=histories(), sizes=cuts)
def test_table_table_join_equals_oracle_at_any_cut(
    store: Store, kind: str, records: list[Record], sizes: list[int]
) -> None:
    runner = JoinRunner(kind, tables=2, store=store)
    assert runner.run(cut(records, sizes)) == run(TableOracle(kind), records)


@pytest.mark.parametrize("kind", ["INNER", "LEFT"])
@few
@given(records=histories(), sizes=cuts)
def test_foreign_key_join_equals_oracle_at_any_cut(
    store: Store, kind: str, records: list[Record], sizes: list[int]
) -> None:
    runner = JoinRunner(kind, tables=2, foreign=True, store=store)
    assert runner.run(cut(records, sizes)) == run(ForeignKeyOracle(kind), records)


@pytest.mark.parametrize("kind", ["INNER", "LEFT", "RIGHT", "FULL"])
@few
@given(
    records=histories(),
    sizes=cuts,
    before=st.integers(0, 6),
    after=st.integers(0, 6),
    grace=st.sampled_from([None, 0, 1, 4]),
)
def test_stream_stream_join_equals_oracle_at_any_cut(
    store: Store, kind: str, records: list[Record], sizes: list[int], before: int, after: int, grace: int | None
) -> None:
    runner = JoinRunner(kind, window=JoinWindow(before, after, grace), store=store)
    assert runner.run(cut(records, sizes)) == run(StreamOracle(kind, before, after, grace), records)
