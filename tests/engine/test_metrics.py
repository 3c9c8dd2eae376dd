"""The meter of a query: totals, rates and batch times by the clock it is given."""

from __future__ import annotations

from streamnb.engine.metrics import Meter


def test_rates_are_those_of_the_last_ten_seconds() -> None:
    meter = Meter()
    assert meter.rates(0) == (0.0, 0.0)
    meter.note_batch(500, 20, 10, 0, 1.0)
    assert meter.rates(900) == (20.0, 10.0)
    assert meter.rates(4_999) == (4.0, 2.0)
    meter.note_batch(9_000, 30, 0, 0, 1.0)
    assert meter.rates(9_500) == (5.0, 1.0)
    assert meter.rates(10_000) == (3.0, 0.0)
    assert meter.rates(19_000) == (0.0, 0.0)
    assert (meter.records_in, meter.records_out, meter.batches) == (50, 10, 2)


def test_batch_times_are_the_last_the_longest_and_the_mean_of_the_last_seconds() -> None:
    meter = Meter()
    assert (meter.batch_ms_last, meter.batch_ms_max, meter.batch_ms_mean(0)) == (None, None, None)
    for now_ms, batch_ms in ((0, 40.0), (11_000, 2.0), (11_500, 4.0)):
        meter.note_batch(now_ms, 1, 1, 0, batch_ms)
    assert (meter.batch_ms_last, meter.batch_ms_max, meter.batch_ms_mean(12_000)) == (4.0, 40.0, 3.0)
    assert meter.batch_ms_mean(60_000) is None


def test_meter_keeps_few_buckets_however_long_a_query_runs() -> None:
    meter = Meter()
    for second in range(1000):
        meter.note_batch(second * 1000, 1, 1, 0, 1.0)
    assert len(meter._seconds) == 10
    assert meter.rates(999_000) == (1.0, 1.0)


def test_clock_that_was_set_back_loses_no_count() -> None:
    meter = Meter()
    meter.note_batch(50_000, 1, 1, 0, 1.0)
    meter.note_batch(10_000, 2, 2, 0, 1.0)
    assert meter.records_in == 3
    assert meter.rates(10_000) == (3.0, 3.0)
