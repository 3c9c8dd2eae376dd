"""The input of the throughput benchmark, made again the same at every call, and what must come of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

__all__ = ["CARDS", "PARTITIONS", "check_ratings", "check_transactions", "make_ratings", "make_transactions", "produce"]

PARTITIONS = 4
CARDS = 10_000
WINDOW_MS = 5_000
START_MS = 1_519_304_100_000
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
CHANNELS = ("web", "ios", "android", "iOS-test")

Record = tuple[bytes, bytes, int]  # key, value, timestamp
Run = dict[str, Any]


def make_ratings(count: int) -> Iterator[Record]:
    """Make ratings of 7 fields, about 158 bytes each."""
    draw = np.random.default_rng(1)
    users, stars = draw.integers(0, 10_000, count).tolist(), draw.integers(1, 6, count).tolist()
    routes, channels = draw.integers(0, 10_000, count).tolist(), draw.integers(0, len(CHANNELS), count).tolist()
    for i, (user, star, route, channel) in enumerate(zip(users, stars, routes, channels, strict=True)):
        ts = START_MS + i // 10
        value = (
            f'{{"rating_id":{i + 1},"user_id":{user},"stars":{star},"route_id":{route},"rating_time":{ts},'
            f'"channel":"{CHANNELS[channel]}","message":"{MESSAGES[i % len(MESSAGES)]}"}}'
        )
        yield b"%d" % user, value.encode(), ts


def make_transactions(count: int) -> Iterator[Record]:
    """Make card transactions of 3 fields, about 67 bytes each: 10 per ms of event time, 0.2 s out of order."""
    draw = np.random.default_rng(2)
    cards, cents = draw.integers(0, CARDS, count), draw.integers(1, 50_000, count).tolist()
    jitter = draw.integers(0, 200, count)
    times = (START_MS + np.arange(count) // 10 + jitter).tolist()
    for card, cent, ts in zip(cards.tolist(), cents, times, strict=True):
        value = f'{{"card_number":"{card:010d}","amount":{cent / 100:.2f},"ts":{ts}}}'
        yield b"%010d" % card, value.encode(), ts


def produce(bootstrap: str, topic: str, records: Iterator[Record]) -> None:
    """Fill a topic with a plain producer; keys decide the partitions as the Java client's do."""
    settings = {"linger.ms": 50, "batch.size": 1_000_000, "queue.buffering.max.messages": 1_000_000}
    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", **settings})
    for number, (key, value, ts) in enumerate(records):
        producer.produce(topic, value, key, timestamp=ts)
        if number % 50_000 == 0:
            producer.poll(0)
            while len(producer) > 500_000:
                producer.poll(0.1)
    producer.flush()


def _read(bootstrap: str, topic: str, each: Callable[[bytes, bytes], None]) -> int:
    """Read a topic to its end at read_committed and return the number of records."""
    settings = {"group.id": "check", "isolation.level": "read_committed", "enable.partition.eof": True}
    consumer = Consumer({"bootstrap.servers": bootstrap, "fetch.queue.backoff.ms": 2, **settings})
    consumer.assign([TopicPartition(topic, part, 0) for part in range(PARTITIONS)])
    count = ended = 0
    while ended < PARTITIONS:
        for message in consumer.consume(500, 1.0):
            error = message.error()
            if error is None:
                each(message.key() or b"", message.value() or b"")
                count += 1
            elif error.code() == KafkaError._PARTITION_EOF:
                ended += 1
    consumer.close()
    return count


def check_ratings(bootstrap: str, topic: str, count: int) -> tuple[int, bool]:
    """Compare the filter's output with the input: each rating below three stars is there once."""
    wanted = sorted(v["rating_id"] for _, v, _ in map(_decoded, make_ratings(count)) if v["stars"] < 3)
    found: list[int] = []
    outputs = _read(bootstrap, topic, lambda key, value: found.append(json.loads(value)["RATING_ID"]))
    return outputs, sorted(found) == wanted


def check_transactions(bootstrap: str, topic: str, count: int) -> tuple[int, bool]:
    """Compare the last result of each card and window with the input: count and sum in cents."""
    wanted: dict[tuple[bytes, int], tuple[int, int]] = {}
    for card, value, ts in map(_decoded, make_transactions(count)):
        key = (card, ts // WINDOW_MS * WINDOW_MS)
        n, cents = wanted.get(key, (0, 0))
        wanted[key] = (n + 1, cents + round(value["amount"] * 100))
    found: dict[tuple[bytes, int], tuple[int, int]] = {}

    def note(key: bytes, value: bytes) -> None:
        result = json.loads(value)
        found[key[:-8], int.from_bytes(key[-8:], "big")] = (result["N"], round(result["TOTAL"] * 100))

    return _read(bootstrap, topic, note), found == wanted


def _decoded(record: Record) -> tuple[bytes, dict[str, Any], int]:
    return record[0], json.loads(record[1]), record[2]
