"""A small engine for tests: keeps an outbox of 2000 rows in a database file and publishes it, trimming as it goes.

Usage: publisher_worker.py BOOTSTRAP SERVICE_ID TOPIC FILE; ends when all is out.
"""

from __future__ import annotations

import sys
from pathlib import Path

from streamnb.duck import lit, sql
from streamnb.failpoints import failpoint
from streamnb.log.kafka_publisher import OUTBOX_SCHEMA, KafkaPublisher
from streamnb.log.kafka_url import KafkaUrl
from streamnb.store import Store

COUNT, BATCH = 2000, 250


def main(bootstrap: str, service_id: str, topic: str, file: str) -> None:
    store = Store.open(Path(file))
    if not store.rows(sql("SELECT 1 FROM duckdb_tables() WHERE table_name = 'outbox'")):
        with store.transaction():
            store.execute(
                sql(
                    "CREATE TABLE outbox AS SELECT range AS seq, {} AS topic, 1000 + range AS ts,"
                    " encode((range % 7)::VARCHAR) AS key, encode(range::VARCHAR) AS value,"
                    " NULL::STRUCT(k VARCHAR, v BLOB)[] AS hdr, 0 AS window_bytes FROM range({})",
                    lit(topic),
                    lit(COUNT),
                )
            )
    publisher = KafkaPublisher(KafkaUrl(bootstrap, service_id), store_id="worker", seq_next=COUNT)
    publisher.start()
    offered = store.rows(sql("SELECT coalesce(min(seq), {}) FROM outbox", lit(COUNT)))[0][0]
    trimmed = offered
    while trimmed < COUNT:
        batch = store.arrow(sql("SELECT * FROM outbox WHERE seq >= {} ORDER BY seq LIMIT {}", lit(offered), lit(BATCH)))
        if batch.num_rows and publisher.offer(batch.cast(OUTBOX_SCHEMA)):
            offered += batch.num_rows
        publisher.wait_published(trimmed + 1, 0.5)
        published = publisher.published or 0
        if published > trimmed:
            with store.transaction():
                store.execute(sql("DELETE FROM outbox WHERE seq < {}", lit(published)))
            failpoint("publish.trimmed")
            trimmed = published
        if publisher.error is not None:
            raise publisher.error
    publisher.stop()
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
