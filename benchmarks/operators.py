"""Records a second through each kind of stateful query on ``memory://``, beside DuckDB's batch query in the same run.

Run ``python -m benchmarks.operators [--records N] [--only NAME] [--profile]``. Every workload has a process of its own.
Its topics hold JSON in four partitions; the query starts when they are full, and the clock stops when it has taken in
every record and committed. The bare query decodes the same topics with ``from_json`` and computes the same result once;
results are compared. ``--profile`` prints where the engine's thread spends its time, by statement.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.profiling import profiled
from streamnb.duck import Sql, lit, sql
from streamnb.workspace import Workspace, connect

ROOT = Path(__file__).parents[1]
RECORDS = 2_000_000
PARTITIONS = 4
KEYS = 10_000
KEYS_MANY = 100_000
START_MS = 1_519_304_100_000

SOURCE = "CREATE {kind} {name} (k INT {key}, v INT) WITH (KAFKA_TOPIC='{name}', VALUE_FORMAT='JSON', PARTITIONS=4);"
STREAM, TABLE = {"kind": "STREAM", "key": "KEY"}, {"kind": "TABLE", "key": "PRIMARY KEY"}


@dataclass(frozen=True)
class Topic:
    """A topic to fill: ``share`` of the records, with keys below ``keys``, ``every`` ms of event time apart.

    Without a share it has one record for each key.
    """

    name: str
    kind: dict[str, str]
    keys: int
    share: float | None = 1.0
    every: float = 0.1
    start_ms: int = START_MS


@dataclass(frozen=True)
class Workload:
    """A query, its topics, and the bare query; both give (rows, sum) to compare, ``ours`` over the result's topic."""

    title: str
    topics: tuple[Topic, ...]
    statement: str
    bare: str
    ours: str


WORKLOADS = {
    "stream-table": Workload(
        "stream–table join, 10,000 rows",
        (Topic("t", TABLE, KEYS, None, start_ms=START_MS - 86_400_000), Topic("s", STREAM, KEYS)),
        "CREATE STREAM o AS SELECT s.k, s.v AS v, t.v AS w FROM s JOIN t ON s.k = t.k;",
        "SELECT count(*), sum(s.v + t.v) FROM s JOIN t ON s.k = t.k",
        "SELECT count(*), sum((j->>'V')::BIGINT + (j->>'W')::BIGINT) FROM o",
    ),
    "stream-stream": Workload(
        "stream–stream join WITHIN 1 SECOND",
        (Topic("a", STREAM, KEYS, 0.5, 0.2), Topic("b", STREAM, KEYS, 0.5, 0.2)),
        "CREATE STREAM o AS SELECT a.k, a.v AS v, b.v AS w FROM a JOIN b WITHIN 1 SECONDS GRACE PERIOD 1 SECONDS"
        " ON a.k = b.k;",
        "SELECT count(*), sum(a.v + b.v) FROM a JOIN b ON a.k = b.k AND abs(a.ts - b.ts) <= 1000",
        "SELECT count(*), sum((j->>'V')::BIGINT + (j->>'W')::BIGINT) FROM o",
    ),
    "tumbling": Workload(
        "COUNT(*), SUM by 10,000 keys, TUMBLING 5 s",
        (Topic("s", STREAM, KEYS),),
        "CREATE TABLE o AS SELECT k, COUNT(*) AS n, SUM(v) AS t FROM s WINDOW TUMBLING (SIZE 5 SECONDS) GROUP BY k;",
        "SELECT count(*), sum(t) FROM (SELECT k, ts // 5000, count(*) AS n, sum(v) AS t FROM s GROUP BY ALL)",
        "SELECT count(*), sum(T) FROM O",
    ),
    "session": Workload(
        "COUNT(*) by 10,000 keys, SESSION 2 s",
        (Topic("s", STREAM, KEYS),),
        "CREATE TABLE o AS SELECT k, COUNT(*) AS n, SUM(v) AS t FROM s WINDOW SESSION (2 SECONDS) GROUP BY k;",
        "SELECT count(*), sum(t) FROM (SELECT k, g, sum(v) AS t FROM (SELECT k, v, sum(gap) OVER (PARTITION BY k"
        " ORDER BY ts ROWS UNBOUNDED PRECEDING) AS g FROM (SELECT *, coalesce((ts - lag(ts) OVER (PARTITION BY k"
        " ORDER BY ts) > 2000)::INT, 0) AS gap FROM s)) GROUP BY k, g)",
        "SELECT count(*), sum(T) FROM O",
    ),
    "aggregate": Workload(
        "COUNT(*), SUM by 100,000 keys",
        (Topic("s", STREAM, KEYS_MANY),),
        "CREATE TABLE o AS SELECT k, COUNT(*) AS n, SUM(v) AS t FROM s GROUP BY k;",
        "SELECT count(*), sum(t) FROM (SELECT k, count(*) AS n, sum(v) AS t FROM s GROUP BY k)",
        "SELECT count(*), sum(T) FROM O",
    ),
    "table-table": Workload(
        "table–table join, 100,000 rows each",
        (Topic("a", TABLE, KEYS_MANY, 0.5, 0.2), Topic("b", TABLE, KEYS_MANY, 0.5, 0.2)),
        "CREATE TABLE o AS SELECT a.k, a.v AS v, b.v AS w FROM a JOIN b ON a.k = b.k;",
        "SELECT count(*), sum(a.v + b.v) FROM (SELECT k, arg_max(v, off) AS v FROM a GROUP BY k) a"
        " JOIN (SELECT k, arg_max(v, off) AS v FROM b GROUP BY k) b ON a.k = b.k",
        "SELECT count(*), sum(V + W) FROM O",
    ),
}


def fill(nb: Workspace, topic: Topic, records: int) -> int:
    """Fill a topic with records in the order of their times; returns how many."""
    count = topic.keys if topic.share is None else int(records * topic.share)
    key = sql("i" if topic.share is None else "hash(i) % {}", *([] if topic.share is None else [lit(topic.keys)]))
    nb.execute(SOURCE.format(name=topic.name, **topic.kind))
    rows = sql(
        "(SELECT i AS seq, 0 AS sub, {start} + floor(i * {every})::BIGINT AS ts, k % {parts} AS p, k::BIT::BLOB AS key,"
        " encode(concat('{{\"V\":', (i * 7919) % 1000, '}}')) AS value, NULL::STRUCT(k VARCHAR, v BLOB)[] AS hdr"
        " FROM (SELECT i, ({key})::INTEGER AS k FROM range({count}) r(i)))",
        start=lit(topic.start_ms),
        every=lit(topic.every),
        key=key,
        count=lit(count),
        parts=lit(PARTITIONS),
    )
    engine = nb.pipeline.engine

    def append() -> None:
        with engine.store.transaction():
            engine.log.append(topic.name, rows, part=sql("p::INTEGER"))

    engine.call(append)
    return count


def bare(nb: Workspace, workload: Workload) -> tuple[float, tuple[Any, ...]]:
    """Run the batch query of DuckDB alone; returns seconds and result."""
    engine = nb.pipeline.engine

    def run() -> tuple[float, tuple[Any, ...]]:
        began = time.perf_counter()
        for topic in workload.topics:
            engine.store.execute(
                sql(
                    "CREATE OR REPLACE TEMP TABLE {} AS SELECT off, ts, key::BIT::INTEGER AS k, x.v AS v FROM"
                    ' (SELECT *, from_json(decode(value), \'{{"V": "INTEGER"}}\') AS x FROM {})',
                    Sql(topic.name),
                    engine.log.relation(topic.name),
                )
            )
        found = engine.store.rows(Sql(workload.bare))[0]
        seconds = time.perf_counter() - began
        for topic in workload.topics:
            engine.store.execute(sql("DROP TABLE {}", Sql(topic.name)))
        return seconds, found

    return engine.call(run)


def ours(nb: Workspace, workload: Workload, total: int) -> float:
    """Run the streaming query until it has taken in all records; returns seconds."""
    began = time.perf_counter()
    nb.execute(workload.statement)
    (query,) = nb.pipeline.engine.queries.values()
    while query.meter.records_in < total:
        if query.info.state == "ERROR":
            raise SystemExit(str(query.info.errors))
        time.sleep(0.005)
    return time.perf_counter() - began


def result(nb: Workspace, workload: Workload) -> tuple[Any, ...]:
    """Read what the streaming query made."""
    if "CREATE TABLE" in workload.statement:
        return tuple(nb.sql(workload.ours).rows[0])
    engine = nb.pipeline.engine
    relation = engine.log.relation("O")
    query = sql("WITH o AS (SELECT decode(value)::JSON AS j FROM {}) {}", relation, Sql(workload.ours))
    return engine.call(lambda: engine.store.rows(query)[0])


def program(name: str, records: int, profile: bool) -> None:
    """Be one workload; print its figures as JSON."""
    workload = WORKLOADS[name]
    with connect("memory://", auto_offset_reset="earliest") as nb:
        total = sum(fill(nb, topic, records) for topic in workload.topics)
        filled_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        seconds_bare, wanted = bare(nb, workload)
        with profiled(profile) as counted, counted():
            seconds = ours(nb, workload, total)
        found = result(nb, workload)
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps(
            {
                "records": total,
                "seconds": seconds,
                "bare": seconds_bare,
                "right": [int(n or 0) for n in found] == [int(n or 0) for n in wanted],
                "filled_mb": filled_mb,
                "peak_mb": peak_mb,
            }
        )
    )


def main() -> None:
    """Run the workloads and print a table of Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=RECORDS)
    parser.add_argument("--only", choices=WORKLOADS)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--program", choices=WORKLOADS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.program:
        program(options.program, options.records, options.profile)
        return
    print("| query | records/s | bare DuckDB, once | ratio | peak RSS MB (topics alone) | right |")
    print("|---|---|---|---|---|---|", flush=True)
    wrong = False
    for name, workload in WORKLOADS.items():
        if options.only not in (None, name):
            continue
        command = [sys.executable, "-m", "benchmarks.operators", "--program", name, "--records", str(options.records)]
        command += ["--profile"] if options.profile else []
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        rate, rate_bare = found["records"] / found["seconds"], found["records"] / found["bare"]
        wrong = wrong or not found["right"]
        print(
            f"| {workload.title} | {rate:,.0f} | {rate_bare:,.0f} | {rate / rate_bare:.3f} |"
            f" {found['peak_mb']:,.0f} ({found['filled_mb']:,.0f}) | {'yes' if found['right'] else 'NO'} |",
            flush=True,
        )
    if wrong:
        raise SystemExit("a result is wrong")


if __name__ == "__main__":
    main()
