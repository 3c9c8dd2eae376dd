"""Records a second from Kafka through a query to Kafka, beside a bare consume loop in the same run; start-up times.

Run ``python -m benchmarks.throughput [--records N] [--rounds N] [--bootstrap HOST:PORT] [--markdown FILE]``. Without
``--bootstrap`` it starts a broker of its own. Every program runs in a process of its own, in turns. A rate is the
number of input records over the time from the statement's answer (for the bare loop: from assign) until all results
are acknowledged by Kafka. Outputs are read back at read_committed and compared with plain Python's.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.load import (
    PARTITIONS,
    Record,
    check_ratings,
    check_transactions,
    make_ratings,
    make_transactions,
    produce,
)
from benchmarks.page import machine, write_section

ROOT = Path(__file__).parents[1]
FLOOR = 0.2

RATINGS = """
CREATE STREAM ratings (user_key VARCHAR KEY, rating_id BIGINT, user_id INT, stars INT, route_id INT,
  rating_time BIGINT, channel VARCHAR, message VARCHAR) WITH (KAFKA_TOPIC='{source}', VALUE_FORMAT='JSON');
CREATE STREAM poor WITH (KAFKA_TOPIC='{target}') AS
  SELECT user_key, rating_id, user_id, stars, channel, message FROM ratings WHERE stars < 3;
"""
TRANSACTIONS = """
CREATE STREAM transactions (card VARCHAR KEY, card_number VARCHAR, amount DOUBLE, ts BIGINT)
  WITH (KAFKA_TOPIC='{source}', VALUE_FORMAT='JSON');
CREATE TABLE spending WITH (KAFKA_TOPIC='{target}') AS
  SELECT card, COUNT(*) AS n, SUM(amount) AS total FROM transactions WINDOW TUMBLING (SIZE 5 SECONDS) GROUP BY card;
"""


@dataclass(frozen=True)
class Workload:
    """A query, its input, and the check of its output."""

    name: str
    title: str
    statements: str
    make: Callable[[int], Iterator[Record]]
    check: Callable[[str, str, int], tuple[int, bool]]


WORKLOADS = (
    Workload("filter", "filter: stars < 3, 5 of 7 fields", RATINGS, make_ratings, check_ratings),
    Workload(
        "window", "COUNT(*), SUM(amount) by card, TUMBLING 5 s", TRANSACTIONS, make_transactions, check_transactions
    ),
)


# The programs that are measured, each in a process of its own.


def consume(bootstrap: str, topic: str, records: int) -> dict[str, Any]:
    """Read all records with confluent-kafka and do nothing with them."""
    from confluent_kafka import Consumer, TopicPartition

    tuned = {
        "fetch.queue.backoff.ms": 2,
        "queued.min.messages": 200_000,
        "queued.max.messages.kbytes": 65_536,
        "max.partition.fetch.bytes": 4 << 20,
    }
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bare", "enable.auto.commit": False, **tuned})
    began = time.perf_counter()
    consumer.assign([TopicPartition(topic, part, 0) for part in range(PARTITIONS)])
    seen = 0
    while seen < records:
        seen += len(consumer.consume(500, 1.0))
    seconds = time.perf_counter() - began
    consumer.close()
    return {"seconds": seconds}


def engine(bootstrap: str, topic: str, records: int, statements: str) -> dict[str, Any]:
    """Run the query until every record is taken in and every result is out."""
    import streamnb

    with tempfile.TemporaryDirectory() as folder:
        url = f"kafka://{bootstrap}?service.id={topic}&state={folder}/state.duckdb"
        workspace = streamnb.connect(url, auto_offset_reset="earliest")
        workspace.execute(Path(statements).read_text())
        began = time.perf_counter()
        (query,) = workspace.pipeline.engine.queries.values()
        while query.meter.records_in < records:
            if query.info.state == "ERROR":
                raise SystemExit(str(query.info.errors))
            time.sleep(0.005)
        taken = time.perf_counter() - began
        if not workspace.pipeline.outside.flush(120.0):  # type: ignore[attr-defined]
            raise SystemExit("not everything was published")
        seconds = time.perf_counter() - began
        workspace.close()
    return {"seconds": seconds, "taken": taken}


def start_up(bootstrap: str, topic: str) -> dict[str, Any]:
    """Measure the import, and the time from connect to the first result in memory and on Kafka."""
    began = time.perf_counter()
    import streamnb

    imported = time.perf_counter()
    with streamnb.connect("memory://", auto_offset_reset="earliest") as workspace:
        _first_row(
            workspace,
            "CREATE STREAM s (id INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);"
            " INSERT INTO s VALUES (1); SELECT id FROM s EMIT CHANGES LIMIT 1;",
        )
        memory = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        again = time.perf_counter()
        url = f"kafka://{bootstrap}?service.id=startup&state={folder}/state.duckdb"
        with streamnb.connect(url, auto_offset_reset="earliest") as workspace:
            _first_row(
                workspace,
                f"CREATE STREAM s (rating_id BIGINT) WITH (KAFKA_TOPIC='{topic}',"
                " VALUE_FORMAT='JSON'); SELECT rating_id FROM s EMIT CHANGES LIMIT 1;",
            )
            kafka = time.perf_counter()
    return {"import": imported - began, "memory": memory - imported, "kafka": kafka - again}


def _first_row(workspace: Any, statements: str) -> None:
    live = workspace.execute(statements)[-1]
    if not live.wait(30) or live.feed.total != 1:
        raise SystemExit("no result came")


# The run.


def measure(*arguments: str) -> dict[str, Any]:
    """Run one of the programs in a new process."""
    command = [sys.executable, "-m", "benchmarks.throughput", "--program", *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, timeout=600)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def program(arguments: list[str]) -> None:
    """Be one of the programs; print what it measured, its processor time and its memory."""
    name, bootstrap, topic, *rest = arguments
    if name == "consume":
        result = consume(bootstrap, topic, int(rest[0]))
    elif name == "engine":
        result = engine(bootstrap, topic, int(rest[0]), rest[1])
    else:
        result = start_up(bootstrap, topic)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    result |= {"cpu": usage.ru_utime + usage.ru_stime, "rss_mb": usage.ru_maxrss / 1024}
    print(json.dumps(result))


def create_topic(bootstrap: str, topic: str) -> None:
    """Create an input topic."""
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result()


def run_workload(
    workload: Workload, bootstrap: str, source: str, records: int, rounds: int
) -> tuple[list[str], list[str]]:
    """Measure a workload in turns with the bare loop; return rows of the report, and what is wrong."""
    bare, ours, rates, outputs, right = [], [], [], 0, True
    for round_ in range(rounds):
        bare.append(measure("consume", bootstrap, source, str(records)))
        target = f"{source}-out-{round_}"
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
            file.write(workload.statements.format(source=source, target=target))
            file.flush()
            ours.append(measure("engine", bootstrap, target, str(records), file.name))
        rates.append(bare[-1]["seconds"] / ours[-1]["seconds"])
        outputs, agrees = workload.check(bootstrap, target, records)
        right = right and agrees
        print(
            f"{workload.name} {round_}: bare {records / bare[-1]['seconds']:,.0f}/s, engine"
            f" {records / ours[-1]['seconds']:,.0f}/s, ratio {rates[-1]:.2f}, {outputs:,} results,"
            f" {'right' if agrees else 'WRONG'}",
            flush=True,
        )
    rows = []
    for name, runs in ((workload.title, ours), ("bare consume(500) loop", bare)):
        seconds = statistics.median(r["seconds"] for r in runs)
        cpu = statistics.median(r["cpu"] for r in runs) / records * 1e6
        rss = max(r["rss_mb"] for r in runs)
        ratio = f"{statistics.median(rates):.2f}" if runs is ours else "1"
        more = f"{outputs:,} | {'yes' if right else 'NO'}" if runs is ours else "– | –"
        rows.append(f"| {name} | {records / seconds:,.0f} | {ratio} | {cpu:.2f} | {rss:,.0f} | {more} |")
    problems = [] if right else [f"{workload.name}: the output is wrong"]
    if statistics.median(rates) < FLOOR:
        problems.append(f"{workload.name}: ratio {statistics.median(rates):.2f} is below the floor of {FLOOR}")
    return rows, problems


def report(rows: list[str], starts: list[dict[str, Any]], records: int, rounds: int) -> str:
    """Write the figures as Markdown."""
    times = {k: statistics.median(s[k] for s in starts) for k in ("import", "memory", "kafka")}
    return "\n".join(
        [
            f"Made by `python -m benchmarks.throughput --records {records} --rounds {rounds} --markdown"
            " docs/performance.md`:",
            f"medians of {rounds} runs in turns, {records:,} records in {PARTITIONS} partitions, broker and program on",
            f"the same machine ({machine()}). Compare ratios, not rates:",
            "the machine was shared. Outputs were read back at read_committed and compared with plain Python's.",
            "",
            "| Kafka → query → Kafka, exactly once | records/s | ÷ bare loop | CPU s per M records | peak RSS MB |"
            " results | right |",
            "|---|---|---|---|---|---|---|",
            *rows,
            "",
            "| start-up | seconds |",
            "|---|---|",
            f"| `import streamnb` (the rooms are imported when used) | {times['import']:.2f} |",
            f"| connect `memory://` → first result of a push query | {times['memory']:.2f} |",
            f"| connect `kafka://` → first result of a push query | {times['kafka']:.2f} |",
        ]
    )


def main() -> None:
    """Run the benchmark."""
    if sys.argv[1:2] == ["--program"]:
        program(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bootstrap")
    parser.add_argument("--only", choices=[w.name for w in WORKLOADS])
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        bootstrap = options.bootstrap or stack.enter_context(_broker())
        rows, problems, source = list[str](), list[str](), ""
        for workload in WORKLOADS:
            if options.only in (None, workload.name):
                source = f"{workload.name}-{time.time_ns()}"
                create_topic(bootstrap, source)
                produce(bootstrap, source, workload.make(options.records))
                found, wrong = run_workload(workload, bootstrap, source, options.records, options.rounds)
                rows, problems = rows + found, problems + wrong
        starts = [measure("start", bootstrap, source) for _ in range(3)]
    text = report(rows, starts, options.records, options.rounds)
    print(text)
    if options.markdown is not None:
        write_section(options.markdown, "From Kafka to Kafka", text.splitlines())
    if problems:
        raise SystemExit("\n".join(problems))


@contextlib.contextmanager
def _broker() -> Iterator[str]:
    from tests.kafka_broker import KafkaBroker

    with tempfile.TemporaryDirectory() as folder, KafkaBroker(Path(folder) / "node", heap="1g").running() as broker:
        yield broker.bootstrap


if __name__ == "__main__":
    main()
