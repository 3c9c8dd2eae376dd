"""What one micro-batch of a stateful query costs, by the size of its state and of the batch.

Run ``python -m benchmarks.cost [--only NAME] [--keys N,N] [--batches N,N] [--large] [--profile] [--markdown FILE]``.
Each operator and size of state has a process of its own, and a file of its own: the state is built from records, in
large batches, and folded into the file. Then batches over keys drawn evenly from all (the worst case) are put into the
topics, and the tick that takes one in is timed: reading, decoding, the operators, state and output, the durable commit.
Figures are medians, by the clock and, in parentheses, of all processors together, which a loaded machine disturbs less,
and, of these, what the operators and the commit take: the rest is for reading, decoding, encoding and writing records.
The load average is printed beside them. ``--profile`` shows the statements of the ticks that were timed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.page import machine, table, write_section
from benchmarks.profiling import profiled
from streamnb import store
from streamnb.backends.duckdb.steps import run_statements
from streamnb.clock import SystemClock
from streamnb.duck import Sql
from streamnb.engine import task
from streamnb.workspace import Workspace

ROOT = Path(__file__).parents[1]
KEYS = (10_000, 200_000, 2_000_000)
KEYS_LARGE = 10_000_000
BATCHES = (1, 100, 10_000, 50_000)
SLICE = 500_000
STRIDE = 7919  # a prime
START_MS = 1_519_304_100_000
MINUTE_MS = 60_000


@dataclass(frozen=True)
class Feed:
    """The records of one topic, as SQL.

    ``kind`` and ``columns`` declare it; ``key`` and ``value`` (``name: expression``; a key in braces) say what is in a
    record, ``ts`` its time in ms: over ``n``, the size of the state, ``j``, the number of the record from 0, and ``i``:
    all numbers below ``n`` in a scattered order while the state is built, a large random number later. ``filled`` is
    the records of the topic that build the state, as a share of ``n``; ``share`` its part of a batch.
    """

    name: str
    kind: str
    columns: str
    key: str
    value: dict[str, str]
    ts: str = "0"
    filled: float = 1.0
    share: float = 1.0


@dataclass(frozen=True)
class Operator:
    """A stateful query; ``aggregates`` are measured at the largest size too."""

    title: str
    query: str
    feeds: tuple[Feed, ...]
    aggregates: bool = False


VALUE = {"v": "i % 1000", "w": "i % 7 / 2"}


def _stream(name: str, ts: str = "0", filled: float = 1.0, share: float = 1.0, key: str = "i % n") -> Feed:
    return Feed(name, "STREAM", "(k {type} KEY, v INT, w DOUBLE)", key, VALUE, ts, filled, share)


def _table(name: str, filled: float = 1.0, share: float = 1.0) -> Feed:
    return Feed(name, "TABLE", "(k {type} PRIMARY KEY, v INT, w DOUBLE)", "i % n", VALUE, "0", filled, share)


WINDOWS = 100
OPERATORS = {
    "aggregate": Operator(
        "COUNT, SUM, MAX, no window",
        "CREATE TABLE o AS SELECT k, COUNT(*) AS n, SUM(v) AS t, MAX(w) AS m FROM s GROUP BY k;",
        (_stream("s"),),
        aggregates=True,
    ),
    "tumbling": Operator(
        f"the same, TUMBLING, {WINDOWS} windows kept",
        "CREATE TABLE o AS SELECT k, COUNT(*) AS n, SUM(v) AS t, MAX(w) AS m FROM s WINDOW TUMBLING (SIZE 5 MINUTES)"
        " GROUP BY k;",
        # all keys of a window, then the next window; batches fall into the last two, and time goes on
        (
            _stream(
                "s",
                f"least(j * {WINDOWS} // n, {WINDOWS - 1} - j % 2) * {5 * MINUTE_MS} + greatest(j - n, 0) // 10",
                key=f"i % (n // {WINDOWS})",
            ),
        ),
        aggregates=True,
    ),
    "session": Operator(
        "the same, SESSION, one session a key",
        "CREATE TABLE o AS SELECT k, COUNT(*) AS n, SUM(v) AS t, MAX(w) AS m FROM s WINDOW SESSION (1 HOURS)"
        " GROUP BY k;",
        (_stream("s", f"j * {10 * MINUTE_MS} // n"),),
        aggregates=True,
    ),
    "stream-table": Operator(
        "stream–table join, 1 % of the batch changes the table",
        "CREATE STREAM o AS SELECT s.k, s.v AS v, t.v AS tv, t.w AS tw FROM s LEFT JOIN t ON s.k = t.k;",
        (_table("t", share=0.01), _stream("s", filled=0, share=0.99)),
    ),
    "stream-stream": Operator(
        "stream–stream join, the window covers 1 % of the state",
        "CREATE STREAM o AS SELECT a.k, a.v AS v, b.v AS w FROM a JOIN b WITHIN 5 SECONDS ON a.k = b.k;",
        tuple(_stream(name, "j * 1000000 // n", 0.5, 0.5, key="i % (n // 100)") for name in ("a", "b")),
    ),
    "table-table": Operator(
        "table–table join, so many rows on each side",
        "CREATE TABLE o AS SELECT a.k, a.v AS v, b.v AS w FROM a JOIN b ON a.k = b.k;",
        (_table("a", share=0.5), _table("b", share=0.5)),
    ),
    "foreign-key": Operator(
        "foreign-key join, 10 left rows a right row",
        "CREATE TABLE o AS SELECT a.k, a.v AS v, b.v AS w FROM a JOIN b ON a.f = b.k;",
        (
            _table("b", filled=0.1, share=0.1),
            Feed(
                "a",
                "TABLE",
                "(k {type} PRIMARY KEY, f {type}, v INT)",
                "i % n",
                {"f": "{i % (n // 10)}", "v": "i % 1000"},
                share=0.9,
            ),
        ),
    ),
}


@contextmanager
def _operators_timed() -> Iterator[list[float]]:
    """Give a list that takes the seconds of processors that each run of operators, and each commit, needs."""
    spent: list[float] = []
    begun = [0.0]

    def run(*arguments: Any) -> int:
        began = time.process_time()
        try:
            return run_statements(*arguments)
        finally:
            spent.append(time.process_time() - began)

    def passed(point: str) -> None:
        if point == "batch.before_commit":
            begun[0] = time.process_time()
        elif point == "batch.after_commit":
            spent.append(time.process_time() - begun[0])

    with patch.object(task, "run_statements", run), patch.object(store, "failpoint", passed):
        yield spent


class Pipeline:
    """A pipeline with one query, whose ticks are run by hand."""

    def __init__(self, operator: Operator, keys: int, key_type: str, path: Path) -> None:
        self.nb = Workspace(
            str(path),
            clock=SystemClock(),
            settings={"auto_offset_reset": "earliest", "max_batch_records": SLICE},
            start=False,
        )
        self.operator, self.keys, self.type = operator, keys, key_type
        self.engine = self.nb.pipeline.engine
        self.sent = {feed.name: 0 for feed in operator.feeds}
        for feed in operator.feeds:
            columns = feed.columns.format(type=key_type)
            self.nb(
                f"CREATE {feed.kind} {feed.name} {columns} WITH (KAFKA_TOPIC='{feed.name}', VALUE_FORMAT='JSON',"
                " PARTITIONS=1);"
            )
        self.nb(operator.query)

    def _named(self, number: str) -> str:
        """Write a key's value as SQL, given its number."""
        return f"({number})" if self.type != "VARCHAR" else f"printf('customer-%010d', {number})"

    def send(self, feed: Feed, count: int, *, scattered: bool) -> None:
        """Append records to a topic: ``scattered`` ones have any keys, others all keys in turn."""
        first = self.sent[feed.name]
        self.sent[feed.name] += count
        key = self._named(feed.key)
        bytes_ = f"encode({key})" if self.type == "VARCHAR" else f"({key})::{self.type}::BIT::BLOB"
        fields = []
        for name, text in feed.value.items():
            is_key = text.startswith("{")
            value = self._named(text.strip("{}")) if is_key else text
            quote = '"' if is_key and self.type == "VARCHAR" else ""
            fields.append(f"'\"{name.upper()}\":{quote}', {value}, '{quote}'")
        number = "(hash(range) >> 1)::BIGINT" if scattered else f"(range * {STRIDE}) % {self.keys}"
        rows = (
            f"(SELECT j AS seq, 0 AS sub, {START_MS} + {feed.ts} AS ts, {bytes_} AS key,"
            f" encode(concat('{{', {', chr(44), '.join(fields)}, '}}')) AS value,"
            f" NULL::STRUCT(k VARCHAR, v BLOB)[] AS hdr FROM (SELECT range AS j, {number} AS i, {self.keys} AS n"
            f" FROM range({first}, {first + count})))"
        )
        with self.engine.store.transaction():
            self.engine.log.append(feed.name, Sql(rows))

    def build(self) -> None:
        """Build the state and fold it into the file."""
        for feed in self.operator.feeds:
            left = int(self.keys * feed.filled)
            while left:
                count = min(left, SLICE)
                self.send(feed, count, scattered=False)
                while self.engine.tick():
                    pass
                left -= count
        self._check()
        self.engine.store.checkpoint()

    def put(self, size: int) -> None:
        """Put a batch into the topics."""
        left = size
        for feed in reversed(self.operator.feeds):
            is_first = feed is self.operator.feeds[0]
            count = left if is_first else min(left, max(1, round(size * feed.share)))
            if count:
                self.send(feed, count, scattered=True)
            left -= count

    def tick(self) -> tuple[float, float, float]:
        """Run the tick that takes a batch in.

        Returns its milliseconds by the clock, of all processors, and of them those of the operators and the commit.
        """
        began, began_cpu = time.perf_counter(), time.process_time()
        with _operators_timed() as of_operators:
            while self.engine.tick():
                pass
        spent = time.perf_counter() - began, time.process_time() - began_cpu, sum(of_operators)
        self._check()
        whole, cpu, operators = (seconds * 1000 for seconds in spent)
        return whole, cpu, operators

    def _check(self) -> None:
        (query,) = self.engine.queries.values()
        if query.info.state != "RUNNING" or query.task.lag(self.engine.store):
            raise SystemExit(f"the query is {query.info.state}: {query.info.errors}")

    def rows(self) -> int:
        """Count the rows of the query's state."""
        (query,) = self.engine.queries.values()
        return sum(int(self.engine.store.rows(table.size())[0][0]) for table in query.task.program.tables)


def measure(options: argparse.Namespace) -> None:
    """Measure one operator at one size of state; print the figures as JSON."""
    operator = OPERATORS[options.only]
    (keys,) = options.keys
    with tempfile.TemporaryDirectory() as folder:
        pipeline = Pipeline(operator, keys, options.type, Path(folder) / "cost.db")
        began = time.perf_counter()
        pipeline.build()
        found: dict[str, float] = {"build_s": time.perf_counter() - began, "rows": pipeline.rows()}
        for size in options.batches:
            times = []
            with profiled(options.profile, width=options.width, shown=40) as profile:
                for _ in range(options.rounds):
                    pipeline.put(size)
                    with profile():
                        times.append(pipeline.tick())
            del times[: min(2, len(times) - 1)]  # DuckDB and the decoders are warm by then
            for name, column in zip(("", "cpu ", "operators "), zip(*times, strict=True), strict=True):
                found[f"{name}{size}"] = statistics.median(column)
            began = time.perf_counter()
            pipeline.engine.store.checkpoint()
            found[f"fold {size}"] = (time.perf_counter() - began) * 1000
        pipeline.nb.close()
    print(json.dumps(found))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.replace("_", "").split(","))


def main() -> None:
    """Measure what is asked for and print a table of Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=OPERATORS)
    parser.add_argument("--keys", type=_numbers, default=KEYS)
    parser.add_argument("--batches", type=_numbers, default=BATCHES)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--type", choices=("BIGINT", "VARCHAR"), default="BIGINT", help="the type of the keys")
    parser.add_argument("--large", action="store_true", help=f"aggregates also at {KEYS_LARGE:,} keys")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--width", type=int, default=110, help="how much of a statement the profile shows")
    parser.add_argument("--markdown", type=Path, help="the page of figures to write to")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options)
        return
    head = [
        "ms (CPU ms; of operators and commit) a batch of",
        "rows of state",
        *(f"{b:,}" for b in options.batches),
        "load",
    ]
    print(*table(head, []), sep="\n", flush=True)
    rows = []
    for name, operator in OPERATORS.items():
        if options.only not in (None, name):
            continue
        for keys in (*options.keys, *((KEYS_LARGE,) if options.large and operator.aggregates else ())):
            rows.append(_row(name, keys, options))
            print(table(head, [rows[-1]])[-1], flush=True)
    if options.markdown is not None:
        told = f"Keys are {options.type}, {options.rounds} rounds, {machine()}. Made by `python -m benchmarks.cost`."
        write_section(options.markdown, "The cost of a batch", [told, "", *table(head, rows)])


def _row(name: str, keys: int, options: argparse.Namespace) -> list[str]:
    """Measure one operator at one size of state, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.cost", "--measure", "--only", name, "--keys", str(keys)]
    command += ["--batches", ",".join(map(str, options.batches)), "--rounds", str(options.rounds)]
    command += ["--type", options.type, "--width", str(options.width)]
    command += ["--profile"] if options.profile else []
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    cells = [f"{found[str(b)]:.0f} ({found[f'cpu {b}']:.0f}; {found[f'operators {b}']:.0f})" for b in options.batches]
    return [OPERATORS[name].title, f"{found['rows']:,.0f}", *cells, f"{os.getloadavg()[0]:.1f}"]


if __name__ == "__main__":
    main()
