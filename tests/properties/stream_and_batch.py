"""Random queries as streams cut at random and as one batch; plain ones also as a SELECT over history.

Long runs: ``python -m tests.properties.stream_and_batch --examples 10000 --seed 1``. Example n of a seed draws the same
query, records and cuts again.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from streamnb.backends.duckdb.compile import Program, compile_plan
from streamnb.backends.duckdb.operator import Mode
from streamnb.backends.duckdb.steps import ERRORS
from streamnb.duck import join, sql
from streamnb.engine.readers import EmbeddedReader
from streamnb.engine.task import QueryTask
from streamnb.plan.sinks import plan_create_as
from streamnb.sql import ast
from streamnb.sql.parser import parse_statement
from streamnb.workspace import Workspace
from tests.pipelines import put, rows, workspace
from tests.properties.queries import COLUMNS, Query, draw_query

__all__ = ["EXAMPLES_PER_TOPIC", "Example", "examples"]

EXAMPLES_PER_TOPIC = 25
PARTITIONS = 2
WHOLE = 1_000_000
Row = tuple[Any, ...]  # part, off of its record, is null, key, values
Place = tuple[int, Any, Any]  # kind of error, part, off

_TEXTS = ("", "a", "abc", "b,c", "12", "-1.5", "true", "it's", "é☃", "A_%", "2020-01-02", "12:30:45", '{"a": [1]}')


def draw_value(rng: random.Random) -> dict[str, Any] | bytes | None:
    """Draw a record's value: fields null or missing, null as a whole, or no JSON at all."""
    fate = rng.random()
    if fate < 0.04:
        return None if fate < 0.02 else b"{bad"
    big, texts = rng.choice((0, 1, -1, 7, 2**31 - 1, -(2**31))), [*_TEXTS, None]
    fields: dict[str, Any] = {
        "I": big,
        "J": rng.randrange(-9, 10),
        "B": rng.choice((0, 5, -(2**63), 2**63 - 1, 2**31)),
        "D": rng.choice((0.0, 1.5, -2.5, 1e300, 1e-9)),
        "C": rng.choice((0, 1.25, -7.5, 9999999.99)),
        "T": rng.choice(_TEXTS),
        "U": rng.choice(_TEXTS),
        "F": rng.random() < 0.5,
        "L": [rng.choice((1, 2, -3, None)) for _ in range(rng.randrange(4))],
        "LT": [rng.choice(texts) for _ in range(rng.randrange(4))],
        "M": {rng.choice(_TEXTS): rng.choice((1, 2, None)) for _ in range(rng.randrange(4))},
        "ST": {"X": rng.choice((1, None)), "Y": rng.choice(texts)},
        "TS": rng.choice((0, 1_580_000_000_123, -1)),
        "DAY": rng.choice((0, 18_321, -1)),
        "CLOCK": rng.choice((0, 45_045_000, 86_399_000)),
        "RAW": rng.choice(("", "YWJj", "AAAAAAAAAAE=")),
    }
    for name in list(fields):
        if rng.random() < 0.15:
            fields[name] = None
        elif rng.random() < 0.05:
            del fields[name]
    return fields


class Example:
    """One query over the records of a topic, in as many ways as it can be run."""

    def __init__(self, nb: Workspace, query: Query, rng: random.Random) -> None:
        self.query = query
        self._nb = nb
        self._rng = rng

    def check(self) -> None:
        """Compare the whole topic as one batch with the topic cut at random, every change and the last ones."""
        whole, errors = self._run([WHOLE], Mode.EVERY)
        cuts = [self._rng.choice((1, 2, 3, 5, 9)) for _ in range(5)]
        mode = Mode.EVERY if self.query.group is None else self._rng.choice(list(Mode))
        cut, errors_cut = self._run(cuts, mode)
        if mode is Mode.LAST:
            cut, expected = self._net(cut), self._net(whole)
        else:
            expected = whole
        assert cut == expected, f"cuts of {cuts} give others: {_difference(cut, expected)}"
        assert errors_cut == errors, f"cuts of {cuts} give other errors"
        if self.query.plain:
            self._check_history(whole)

    def _net(self, changes: Sequence[Row]) -> list[Row]:
        """Fold a table's changes; a stream's stay as they are."""
        if self.query.group is None:
            return list(changes)
        return sorted({change[3]: change for change in changes}.values())

    def _check_history(self, changes: Sequence[Row]) -> None:
        result = [row[3:] if self.query.group else row[4:] for row in self._net(changes) if not row[2]]
        found = [tuple(map(repr, row)) for row in rows(self._nb, f"{self.query} ORDER BY 1")]
        if self.query.group:
            found = [row for row in found if row[0] != "None"]
        assert sorted(result) == sorted(found), f"history says: {_difference(result, found)}"

    def _program(self, mode: Mode) -> Program:
        pipeline = self._nb.pipeline
        kind, text = ("STREAM", str(self.query)) if self.query.group is None else ("TABLE", str(self.query))
        if kind == "STREAM":
            text = text.replace("SELECT ", "SELECT K, ", 1)
        statement = parse_statement(f"CREATE {kind} O AS {text};")
        assert isinstance(statement, ast.CreateAs)
        planned = plan_create_as(statement, pipeline.catalog, pipeline.env(), "")
        return compile_plan(planned.query.root, "example", mode, durable=False)

    def _run(self, sizes: Sequence[int], mode: Mode) -> tuple[list[Row], list[Place]]:
        """Run the query to the end of the topic, taking as many records of each partition as the sizes say in turn."""
        store, registry = self._nb.pipeline.store, self._nb.pipeline.registry
        task = QueryTask("example", self._program(mode), [EmbeddedReader("s")], registry, None)
        registry.install(store)
        store.execute(sql("DROP TABLE IF EXISTS {}", ERRORS))  # an example that failed may have left some
        task.prepare(store, earliest=True)
        changes, errors = list[Row](), list[Place]()
        moved = True
        number = 0
        while moved:
            result = task.step(store, sizes[number % len(sizes)])
            number += 1
            if result.count:
                changes += self._output(task)
            errors += [(e.type, e.part, e.off) for e in result.log]
            moved = result.place != task.place
            task.accept(result)
        task.drop(store)
        return changes, sorted(errors, key=repr)

    def _output(self, task: QueryTask) -> Iterator[Row]:
        shape = task.program.shape
        columns = join(", ", [sql("part"), sql("off"), sql("vnull"), *shape.key_columns(), *shape.value_columns()])
        found = self._nb.pipeline.store.rows(sql("SELECT {} FROM {} ORDER BY seq, sub", columns, task.output()))
        return ((*row[:3], *map(repr, row[3:])) for row in found)


def _difference(found: Sequence[Row], wanted: Sequence[Row]) -> str:
    """Show the first rows that only one side has."""
    more, less = Counter(found) - Counter(wanted), Counter(wanted) - Counter(found)
    return f"{list(more)[:3]} instead of {list(less)[:3]}"


def examples(seed: int, indexes: range) -> Iterator[Example]:
    """Draw examples; those of one topic share its records and a pipeline."""
    for topic in range(indexes.start // EXAMPLES_PER_TOPIC, -(-indexes.stop // EXAMPLES_PER_TOPIC)):
        rng = random.Random(f"{seed}:topic {topic}")
        with workspace() as nb:
            columns = ", ".join(f"{name} {type_}" for name, type_ in COLUMNS.items())
            nb(f"CREATE STREAM S (K INT KEY, {columns}) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=2);")
            count = rng.choice((6, 12, 24))
            put(nb, "s", [(n, draw_value(rng), 1000 + n, rng.randrange(PARTITIONS)) for n in range(count)])
            first = topic * EXAMPLES_PER_TOPIC
            for index in range(max(first, indexes.start), min(first + EXAMPLES_PER_TOPIC, indexes.stop)):
                own = random.Random(f"{seed}:{index}")
                yield Example(nb, draw_query(own), own)


def main() -> int:
    """Run examples and report those that fail; the exit status tells whether any did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    failed = 0
    indexes = range(options.first, options.first + options.examples)
    for index, example in zip(indexes, examples(options.seed, indexes), strict=True):
        try:
            example.check()
        except Exception as error:
            failed += 1
            sys.stdout.write(f"example {index} of seed {options.seed}: {example.query}\n  {error!r}\n")
        if index % 500 == 499:
            sys.stdout.write(f"{index + 1 - options.first} examples, {failed} failed\n")
            sys.stdout.flush()
    sys.stdout.write(f"seed {options.seed}: {options.examples} examples, {failed} failed\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
