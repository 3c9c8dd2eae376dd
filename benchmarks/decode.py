"""Decoding rates of the serdes, and their ratio to a bare ``from_json(decode(value))`` without any check.

Run ``python benchmarks/decode.py [records]``. Two workloads: ratings (7 fields, 156 B) and card transactions (3 fields,
66 B): intact, with 1 % and 10 % broken documents, and cut into batches.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable

import pyarrow as pa

from streamnb import schema as s
from streamnb.duck import Sql, ident, lit, sql
from streamnb.serde import Side, decode_batch, encode, format_named
from streamnb.store import Store

ROUNDS = 5
MESSAGES = (
    "why is it so difficult to keep the bathrooms clean ?",
    "Surprisingly good, maybe you are getting your mojo back",
    "thank you for the most friendly, helpful experience",
    "your team here rocks!",
    "airport refurb looks great, will fly outta here more!",
    "is this as good as it gets? really ?",
    "(expletive deleted)",
    "meh",
)
RATINGS = (
    s.Column("RATING_ID", s.BIGINT),
    s.Column("USER_ID", s.INTEGER),
    s.Column("STARS", s.INTEGER),
    s.Column("ROUTE_ID", s.INTEGER),
    s.Column("RATING_TIME", s.BIGINT),
    s.Column("CHANNEL", s.STRING),
    s.Column("MESSAGE", s.STRING),
)
TRANSACTIONS = (s.Column("CARD_NUMBER", s.STRING), s.Column("AMOUNT", s.DOUBLE), s.Column("TS", s.BIGINT))


def ratings(count: int, rng: random.Random) -> list[bytes]:
    """Make ratings as a producer writes them: compact JSON, lower-case names."""
    return [
        json.dumps(
            {
                "rating_id": i + 1,
                "user_id": rng.randrange(10_000),
                "stars": rng.randrange(1, 6),
                "route_id": rng.randrange(10_000),
                "rating_time": 1_519_304_105_213 + i,
                "channel": rng.choice(("web", "ios", "android", "iOS-test")),
                "message": MESSAGES[i % len(MESSAGES)],
            },
            separators=(",", ":"),
        ).encode()
        for i in range(count)
    ]


def transactions(count: int, rng: random.Random) -> list[bytes]:
    """Make card transactions: compact JSON, amounts with up to two decimals."""
    return [
        json.dumps(
            {
                "card_number": f"c{rng.randrange(10_000):012d}",
                "amount": round(rng.random() * 500, 2),
                "ts": 1_519_304_105_213 + i // 10,
            },
            separators=(",", ":"),
        ).encode()
        for i in range(count)
    ]


def load(store: Store, name: Sql, values: list[bytes]) -> None:
    """Put records into a table of the shape that decode_batch reads."""
    count = len(values)
    store.register(
        "loaded",
        pa.table(
            {
                "i": pa.array(range(count), pa.int64()),
                "key": pa.array([i.to_bytes(8, "big") for i in range(count)], pa.binary()),
                "value": pa.array(values, pa.binary()),
            }
        ),
    )
    store.execute(
        sql(
            "CREATE OR REPLACE TABLE {} AS SELECT i, 0::INTEGER AS part, i AS off, i AS ts, key, value,"
            " NULL::STRUCT(k VARCHAR, v BLOB)[] AS hdr FROM loaded",
            name,
        )
    )
    store.unregister("loaded")


def best(run: Callable[[], object]) -> float:
    """Time the fastest of a few runs, in seconds."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def report(label: str, count: int, seconds: float, bare: float) -> None:
    """Print one line: rate and ratio to the bare decoding."""
    print(f"{label:<46} {seconds * 1e3:8.1f} ms {count / seconds / 1e6:7.2f} M/s  x {seconds / bare:5.2f}", flush=True)


def bare_statement(columns: tuple[s.Column, ...], table: Sql) -> Sql:
    """Write the unchecked decoding that everything is compared with."""
    types = {"STRING": "VARCHAR"}
    structure = {c.name.lower(): types.get(str(c.type), str(c.type)) for c in columns}
    fields = ", ".join(f"x.{c.name.lower()} AS v{i}" for i, c in enumerate(columns))
    return sql(
        "CREATE OR REPLACE TEMP TABLE target AS SELECT i AS seq, part, off, ts, hdr, {} FROM"
        " (SELECT *, from_json(decode(value), {}) AS x FROM {})",
        Sql(fields),
        lit(json.dumps(structure)),
        table,
    )


PASS_THROUGH = (sql("i AS seq"), sql("part"), sql("off"), sql("ts"), sql("hdr"))


def measure(store: Store, name: str, columns: tuple[s.Column, ...], values: list[bytes]) -> None:
    """Print all lines of one workload."""
    count = len(values)
    json_format = format_named("JSON")
    no_key, long_key = Side(format_named("NONE"), ()), Side(format_named("KAFKA"), (s.Column("K", s.BIGINT),))
    table, target = sql("bench"), sql("target")
    load(store, table, values)
    statement = bare_statement(columns, table)
    bare = best(lambda: store.execute(statement))
    report(f"{name}: bare from_json(decode(value))", count, bare, bare)
    side = Side(json_format, columns)
    report(
        f"{name}: decode_batch",
        count,
        best(lambda: decode_batch(store, table, target, no_key, side, PASS_THROUGH)),
        bare,
    )
    report(
        f"{name}: decode_batch, KAFKA BIGINT keys",
        count,
        best(lambda: decode_batch(store, table, target, long_key, side, PASS_THROUGH)),
        bare,
    )
    encoded = encode(side, [Sql(f"v{i}") for i in range(len(columns))])
    encode_statement = sql("CREATE OR REPLACE TEMP TABLE encoded AS SELECT {} AS value FROM target", encoded)
    report(f"{name}: encode", count, best(lambda: store.execute(encode_statement)), bare)
    for size in (50_000, 10_000, 1_000, 100, 1):
        rounds = min(20, count // size)
        slices = [ident(f"slice{n}") for n in range(rounds)]
        for n, piece in enumerate(slices):
            store.execute(
                sql(
                    "CREATE OR REPLACE TABLE {} AS SELECT * FROM bench LIMIT {} OFFSET {}",
                    piece,
                    lit(size),
                    lit(n * size),
                )
            )

        def run(slices: list[Sql] = slices) -> None:
            for piece in slices:
                decode_batch(store, piece, target, long_key, side, PASS_THROUGH)

        seconds = best(run)
        label = f"{name}: batches of {size}"
        print(f"{label:<46} {seconds / rounds * 1e3:8.1f} ms {rounds * size / seconds / 1e6:7.2f} M/s", flush=True)
    for share in (100, 10):
        load(store, table, [v[:-5] if i % share == 0 else v for i, v in enumerate(values)])
        report(
            f"{name}: decode_batch, 1 of {share} truncated",
            count,
            best(lambda: decode_batch(store, table, target, no_key, side, PASS_THROUGH)),
            bare,
        )
    spaced = [json.dumps(json.loads(v)).replace("fly", "\\u0066ly").encode() for v in values]
    load(store, table, spaced)
    report(
        f"{name}: decode_batch, spaces, some \\u escapes",
        count,
        best(lambda: decode_batch(store, table, target, no_key, Side(json_format, columns), PASS_THROUGH)),
        bare,
    )


def main() -> None:
    """Run both workloads."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500_000
    rng = random.Random(1)
    store = Store.open()
    measure(store, "ratings", RATINGS, ratings(count, rng))
    measure(store, "transactions", TRANSACTIONS, transactions(count, rng))
    store.close()


if __name__ == "__main__":
    main()
