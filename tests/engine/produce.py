"""Another program that produces to Kafka: reads [topic, key, value, timestamp] as lines of JSON from its input.

Usage: produce.py BOOTSTRAP. Knows confluent-kafka only, nothing of streamnb.
"""

from __future__ import annotations

import json
import sys

from confluent_kafka import Producer


def main(bootstrap: str) -> None:
    """Produce every line's record and wait for all acknowledgements."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5})
    for line in sys.stdin:
        topic, key, value, ts = json.loads(line)
        key, value = (None if text is None else text.encode() for text in (key, value))
        producer.produce(topic, value, key, timestamp=ts)
    if producer.flush(30):
        sys.exit("not everything was acknowledged")


if __name__ == "__main__":
    main(sys.argv[1])
