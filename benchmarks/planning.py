"""How long a statement takes until it runs: parse, plan and compile, in milliseconds, each the median of many rounds.

Run ``python -m benchmarks.planning [rounds] [--markdown FILE]``. The grammar is loaded before; what that takes is shown
on its own.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import streamnb
from benchmarks.page import machine, table, write_section
from streamnb.backends.duckdb.compile import compile_plan
from streamnb.backends.duckdb.operator import Mode
from streamnb.plan.sinks import plan_create_as
from streamnb.sql import ast
from streamnb.sql.parser import parse_statement

T = TypeVar("T")
ROUNDS = 200
SOURCES = """
CREATE STREAM ratings (rating_id BIGINT KEY, user_id INT, stars INT, route_id INT, rating_time BIGINT,
  channel VARCHAR, message VARCHAR) WITH (KAFKA_TOPIC='ratings', VALUE_FORMAT='JSON', PARTITIONS=4);
CREATE TABLE customers (id INT PRIMARY KEY, first_name VARCHAR, last_name VARCHAR, club_status VARCHAR)
  WITH (KAFKA_TOPIC='customers', VALUE_FORMAT='JSON', PARTITIONS=4);
"""
STATEMENTS = {
    "filter: 6 columns, 1 condition": """
        CREATE STREAM poor AS SELECT rating_id, user_id, stars, channel, UCASE(message) AS message, stars * 20 AS score
          FROM ratings WHERE stars < 3 AND channel LIKE '%web%' EMIT CHANGES""",
    "join: stream and table, 7 columns": """
        CREATE STREAM rated AS SELECT r.user_id, r.rating_id, r.stars, r.channel, r.message, c.club_status,
            c.first_name || ' ' || c.last_name AS name
          FROM ratings r LEFT JOIN customers c ON r.user_id = c.id
          WHERE CASE WHEN r.stars < 3 THEN 'poor' ELSE 'good' END = 'poor' EMIT CHANGES""",
    "window: 3 aggregates, HAVING": """
        CREATE TABLE by_channel AS SELECT channel, COUNT(*) AS n, AVG(stars) AS mean, MAX(rating_time) AS last
          FROM ratings WINDOW TUMBLING (SIZE 1 MINUTE, GRACE PERIOD 10 SECONDS)
          WHERE stars IS NOT NULL GROUP BY channel HAVING COUNT(*) > 2 EMIT CHANGES""",
}


def timed(times: list[float], action: Callable[[], T]) -> T:
    """Do something and note how many milliseconds it took."""
    began = time.perf_counter()
    result = action()
    times.append((time.perf_counter() - began) * 1e3)
    return result


def measure(workspace: streamnb.Workspace, text: str, rounds: int) -> dict[str, float]:
    """Take a statement through all phases; returns the medians in milliseconds."""
    catalog, env = workspace.pipeline.catalog, workspace.pipeline.env()
    times: dict[str, list[float]] = {"parse": [], "plan": [], "compile": []}
    for _ in range(rounds):
        statement = timed(times["parse"], lambda: parse_statement(text))
        assert isinstance(statement, ast.CreateAs)
        planned = timed(times["plan"], partial(plan_create_as, statement, catalog, env, text))
        timed(times["compile"], partial(compile_plan, planned.query.root, "benchmark", Mode.LAST, durable=False))
    return {phase: statistics.median(taken) for phase, taken in times.items()}


def report(loading_ms: float, found: dict[str, dict[str, float]], rounds: int) -> list[str]:
    """Write the figures as Markdown."""
    head = ["`CREATE … AS SELECT`, median ms", "parse", "plan", "compile", "sum"]
    rows = [[name, *(f"{ms:.2f}" for ms in (*m.values(), sum(m.values())))] for name, m in found.items()]
    return [
        f"Made by `python -m benchmarks.planning {rounds}`: medians of {rounds} rounds ({machine()}).",
        f"Loading the grammar takes {loading_ms:.0f} ms, once in a process.",
        "",
        *table(head, rows),
    ]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rounds", type=int, nargs="?", default=ROUNDS)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    loading: list[float] = []
    timed(loading, lambda: parse_statement("SHOW STREAMS"))
    print(f"loading the grammar, once: {loading[0]:.0f} ms")
    found: dict[str, dict[str, float]] = {}
    with streamnb.connect("memory://") as workspace:
        workspace.execute(SOURCES)
        print(f"{'CREATE ... AS SELECT, median ms':<38} {'parse':>8} {'plan':>8} {'compile':>8} {'sum':>8}")
        for name, text in STATEMENTS.items():
            found[name] = medians = measure(workspace, text, options.rounds)
            shown = " ".join(f"{ms:8.2f}" for ms in (*medians.values(), sum(medians.values())))
            print(f"{name:<38} {shown}", flush=True)
    if options.markdown is not None:
        write_section(options.markdown, "Planning a statement", report(loading[0], found, options.rounds))


if __name__ == "__main__":
    main()
