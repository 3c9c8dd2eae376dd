"""Aggregation one record at a time, in plain Python: what the vectorised operator must equal.

Rules as in Kafka Streams with caching off: windows by stream time per partition, a result after each record, a
tombstone when HAVING stops holding, sessions that merge, EMIT FINAL at the record that closes the window.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["FUNCTIONS", "Function", "Output", "Record", "SessionOracle", "TimeOracle", "last_per_batch"]


@dataclass(frozen=True)
class Record:
    seq: int
    part: int
    ts: int
    key: Any
    values: tuple[Any, ...] = ()
    null: bool = False


@dataclass(frozen=True)
class Output:
    seq: int
    ts: int
    key: Any
    ws: int | None
    we: int | None
    values: tuple[Any, ...] | None  # None: a tombstone


@dataclass(frozen=True)
class Function:
    """An aggregate over one column: ``merge`` joins two sessions' states, the older one first."""

    start: Callable[[], Any]
    add: Callable[[Any, Any, int], Any]
    result: Callable[[Any], Any] = lambda state: state
    merge: Callable[[Any, Any], Any] | None = None


def _latest(state: Any, value: Any, seq: int) -> Any:
    return state if value is None else (seq, value)


def _earliest(state: Any, value: Any, seq: int) -> Any:
    return state if value is None or state is not None else (seq, value)


def _skip(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any, int], Any]:
    return lambda state, value, _: state if value is None else value if state is None else function(state, value)


def _set(state: list[Any], value: Any, _: int = 0) -> list[Any]:
    return state if value in state else [*state, value]


def _merge_sets(a: list[Any], b: list[Any]) -> list[Any]:
    for value in b:
        a = _set(a, value)
    return a


def _top(count: int, distinct: bool = False) -> Callable[[list[Any]], list[Any]]:
    return lambda state: sorted(set(state) if distinct else state, reverse=True)[:count]


def _histogram(state: dict[Any, int], value: Any, _: int) -> dict[Any, int]:
    return state if value is None else {**state, value: state.get(value, 0) + 1}


def _merge_histograms(a: dict[Any, int], b: dict[Any, int]) -> dict[Any, int]:
    return {key: a.get(key, 0) + b.get(key, 0) for key in {**a, **b}}


def _pick(latest: bool) -> Callable[[Any, Any], Any]:
    def merge(a: Any, b: Any) -> Any:
        if a is None or b is None:
            return b if a is None else a
        return max(a, b) if latest else min(a, b)

    return merge


def _deviation(state: list[Any]) -> float:
    if len(state) < 2:
        return 0.0
    mean = sum(state) / len(state)
    return math.fsum((x - mean) ** 2 for x in state) / (len(state) - 1)


def _append(state: list[Any], value: Any, _: int) -> list[Any]:
    return state if value is None else [*state, value]


def _joined(a: list[Any], b: list[Any]) -> list[Any]:
    return a + b


def _plus(a: Any, b: Any) -> Any:
    return a + b


FUNCTIONS: dict[str, Function] = {
    "COUNT(*)": Function(lambda: 0, lambda s, v, _: s + 1, merge=_plus),
    "COUNT": Function(lambda: 0, lambda s, v, _: s + (v is not None), merge=_plus),
    "SUM": Function(lambda: 0, lambda s, v, _: s + (v or 0), merge=_plus),
    "AVG": Function(list, _append, lambda s: sum(s) / len(s) if s else 0.0, _joined),
    "MIN": Function(lambda: None, _skip(min), merge=lambda a, b: _skip(min)(a, b, 0)),
    "MAX": Function(lambda: None, _skip(max), merge=lambda a, b: _skip(max)(a, b, 0)),
    "STDDEV_SAMP": Function(list, _append, _deviation, _joined),
    "LATEST_BY_OFFSET": Function(lambda: None, _latest, lambda s: s and s[1], _pick(True)),
    "EARLIEST_BY_OFFSET": Function(lambda: None, _earliest, lambda s: s and s[1], _pick(False)),
    "LATEST 2": Function(
        list, lambda s, v, q: s if v is None else [*s, (q, v)], lambda s: [v for _, v in sorted(s)[-2:]], _joined
    ),
    "EARLIEST 2": Function(
        list, lambda s, v, q: s if v is None else [*s, (q, v)], lambda s: [v for _, v in sorted(s)[:2]], _joined
    ),
    "TOPK 2": Function(list, _append, _top(2), _joined),
    "TOPKDISTINCT 2": Function(list, _append, _top(2, True), _joined),
    "COLLECT_LIST": Function(list, lambda s, v, _: [*s, v], merge=_joined),
    "COLLECT_LIST <= 3": Function(list, lambda s, v, _: [*s, v][:3], merge=lambda a, b: (a + b)[:3]),
    "COLLECT_SET": Function(list, _set, merge=_merge_sets),
    "HISTOGRAM": Function(dict, _histogram, merge=_merge_histograms),
    "COUNT_DISTINCT": Function(set, lambda s, v, _: s if v is None else s | {v}, len, lambda a, b: a | b),
    "ATTR": Function(list, _set, lambda s: s[0] if len(s) == 1 else None, _merge_sets),
}

Having = Callable[[tuple[Any, ...]], bool | None]


@dataclass
class TimeOracle:
    """Aggregation without a window (``size`` None) or in time windows. ``calls``: function names with value columns."""

    calls: list[tuple[str, int]]
    having: Having | None = None
    size: int | None = None
    advance: int = 0
    grace: int = 0
    retention: int = 0
    final: bool = False
    rows: dict[Any, list[Any]] = field(default_factory=dict)  # (key, ws) -> [ts, states, part]
    clock: dict[int, int] = field(default_factory=dict)
    late: int = 0
    lost: int = 0

    def apply(self, record: Record) -> list[Output]:
        """Take one record and return what it causes."""
        if record.null or record.key is None:
            return []
        if self.size is None:
            return self._update(record, None)
        stream_time = max(self.clock.get(record.part, -1), record.ts)
        self.clock[record.part] = stream_time
        outputs = []
        start = max(0, record.ts - self.size + self.advance) // self.advance * self.advance
        while start <= record.ts:
            if start + self.size > stream_time - self.grace:
                outputs += self._update(record, start)
            else:
                self.late += 1
            start += self.advance
        return self._close(record, stream_time) if self.final else outputs

    def result(self, states: list[Any]) -> tuple[Any, ...]:
        return tuple(FUNCTIONS[name].result(state) for (name, _), state in zip(self.calls, states, strict=True))

    def _update(self, record: Record, ws: int | None) -> list[Output]:
        old = self.rows.get((record.key, ws))
        ts, states = (old[0], old[1]) if old else (record.ts, [FUNCTIONS[name].start() for name, _ in self.calls])
        before = old is not None and self._holds(states)
        states = [
            FUNCTIONS[name].add(state, record.values[column], record.seq)
            for (name, column), state in zip(self.calls, states, strict=True)
        ]
        ts = max(ts, record.ts)
        self.rows[record.key, ws] = [ts, states, record.part]
        now = self._holds(states)
        we = None if ws is None or self.size is None else ws + self.size
        if not now and not before:
            return []
        return [Output(record.seq, ts, record.key, ws, we, self.result(states) if now else None)]

    def _holds(self, states: list[Any]) -> bool:
        return self.having is None or self.having(self.result(states)) is True

    def _close(self, record: Record, stream_time: int) -> list[Output]:
        assert self.size is not None
        outputs = []
        for (key, ws), (ts, states, part) in sorted(self.rows.items(), key=lambda row: (row[0][1], row[0][0])):
            if part != record.part or ws + self.size + self.grace > stream_time:
                continue
            del self.rows[key, ws]
            if ws < stream_time // self.advance * self.advance - self.retention:
                self.lost += 1
            elif self._holds(states):
                outputs.append(Output(record.seq, ts, key, ws, ws + self.size, self.result(states)))
        return outputs


@dataclass
class SessionOracle:
    """Aggregation in sessions."""

    calls: list[tuple[str, int]]
    gap: int
    grace: int
    having: Having | None = None
    final: bool = False
    sessions: dict[Any, dict[tuple[int, int], list[Any]]] = field(default_factory=dict)  # key -> (s, e) -> states
    parts: dict[Any, int] = field(default_factory=dict)
    clock: dict[int, int] = field(default_factory=dict)
    late: int = 0

    def apply(self, record: Record) -> list[Output]:
        """Take one record and return what it causes: tombstones of merged sessions, then the new session."""
        if record.null or record.key is None:
            return []
        before = self.clock.get(record.part, -1)
        stream_time = max(before, record.ts)
        self.clock[record.part] = stream_time
        mine = self.sessions.setdefault(record.key, {})
        self.parts[record.key] = record.part
        touched = sorted(
            (
                (s, e)
                for s, e in mine
                if e >= record.ts - self.gap and s <= record.ts + self.gap and e > before - self.gap - self.grace
            ),
            key=lambda session: session[1],
        )
        start = min([s for s, _ in touched] + [record.ts])
        end = max([e for _, e in touched] + [record.ts])
        outputs: list[Output] = []
        if end < stream_time - self.grace - self.gap:
            self.late += 1
        else:
            outputs = self._merge(record, touched, start, end)
        return self._close(record, stream_time) if self.final else outputs

    def _merge(self, record: Record, touched: list[tuple[int, int]], start: int, end: int) -> list[Output]:
        mine = self.sessions[record.key]
        outputs = []
        states = [FUNCTIONS[name].start() for name, _ in self.calls]
        first = True
        shown = touched == [(start, end)] and start == end and self._holds(mine[start, end])
        for session in touched:
            old = mine.pop(session)
            if (session[0] != session[1] or (start, end) != session) and self._holds(old):
                outputs.append(Output(record.seq, session[1], record.key, *session, None))
            if first:
                states, first = old, False
                continue
            merged = []
            for (name, _), a, b in zip(self.calls, states, old, strict=True):
                merge = FUNCTIONS[name].merge
                assert merge is not None
                merged.append(merge(a, b))
            states = merged
        states = [
            FUNCTIONS[name].add(state, record.values[column], record.seq)
            for (name, column), state in zip(self.calls, states, strict=True)
        ]
        mine[start, end] = states
        if self._holds(states):
            outputs.append(Output(record.seq, end, record.key, start, end, self.result(states)))
        elif shown:
            outputs.append(Output(record.seq, end, record.key, start, end, None))
        return outputs

    def result(self, states: list[Any]) -> tuple[Any, ...]:
        return tuple(FUNCTIONS[name].result(state) for (name, _), state in zip(self.calls, states, strict=True))

    def _holds(self, states: list[Any]) -> bool:
        return self.having is None or self.having(self.result(states)) is True

    def _close(self, record: Record, stream_time: int) -> list[Output]:
        outputs = []
        found = [(e, s, key) for key, mine in self.sessions.items() for s, e in mine if self.parts[key] == record.part]
        for end, start, key in sorted(found):
            if end < stream_time - self.grace - self.gap:
                states = self.sessions[key].pop((start, end))
                if self._holds(states):
                    outputs.append(Output(record.seq, end, key, start, end, self.result(states)))
        return outputs


def last_per_batch(batches: list[list[Output]]) -> list[list[Output]]:
    """Keep of each batch the last output per key and window; no tombstone for what was never shown outside."""
    shown: set[Any] = set()
    kept = []
    for batch in batches:
        last = {(output.key, output.ws, output.we): output for output in batch}
        kept.append([o for w, o in last.items() if o.values is not None or w in shown])
        shown |= {window for window, output in last.items() if output.values is not None}
        shown -= {window for window, output in last.items() if output.values is None}
    return kept
