"""Windows of time: which hold a record, which still take it, which are final."""

from __future__ import annotations

import pytest

from streamnb.windows import SessionWindows, TimeWindows, default_grace_ms


def test_tumbling_window_of_a_record_starts_at_a_multiple_of_the_size() -> None:
    windows = TimeWindows(10, 10, 0)
    assert [list(windows.starts(ts)) for ts in (0, 9, 10, 25)] == [[0], [0], [10], [20]]


def test_hopping_windows_of_a_record_come_earliest_first_and_none_starts_before_the_epoch() -> None:
    windows = TimeWindows(30, 10, 0)
    assert list(windows.starts(25)) == [0, 10, 20]
    assert list(windows.starts(5)) == [0]
    assert windows.windows_max == 3


def test_hopping_windows_with_gaps_in_the_rank_hold_every_record_when_the_advance_is_no_divisor() -> None:
    windows = TimeWindows(30, 12, 0)
    assert windows.windows_max == 3
    for ts in range(200):
        expected = [start for start in range(0, 240, 12) if start <= ts < start + 30]
        assert list(windows.starts(ts)) == expected


def test_window_takes_a_late_record_until_its_end_and_grace_are_reached() -> None:
    windows = TimeWindows(10, 10, 5)
    assert [windows.accepts(0, t) for t in (9, 14, 15)] == [True, True, False]
    assert windows.is_final(0, 15)


def test_window_is_kept_by_the_start_of_the_newest_window() -> None:
    windows = TimeWindows(10, 10, 5, 40)
    assert windows.is_kept(0, 49)
    assert not windows.is_kept(0, 50)


def test_session_takes_records_up_to_the_gap_on_both_sides() -> None:
    sessions = SessionWindows(10, 0)
    assert [sessions.touches(ts, 100, 120) for ts in (89, 90, 110, 130, 131)] == [False, True, True, True, False]


def test_session_is_kept_and_open_for_gap_and_grace() -> None:
    sessions = SessionWindows(10, 5)
    assert [sessions.is_kept(100, t) for t in (114, 115)] == [True, False]
    assert [sessions.is_closed(100, t) for t in (115, 116)] == [False, True]


def test_default_grace_is_the_rest_of_a_day_and_nothing_for_final_results() -> None:
    assert default_grace_ms(3_600_000) == 82_800_000
    assert default_grace_ms(100_000_000) == 0
    assert default_grace_ms(1000, final=True) == 0


@pytest.mark.parametrize(
    ("size", "advance", "grace", "retention"),
    [(10, 0, 0, None), (10, 20, 0, None), (10, 10, -1, None), (10, 10, 5, 14)],
)
def test_windows_that_make_no_sense_are_refused(size: int, advance: int, grace: int, retention: int | None) -> None:
    with pytest.raises(ValueError):
        TimeWindows(size, advance, grace, retention)
