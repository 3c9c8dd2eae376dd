"""kill -9 of a pipeline in one file: what a tick wrote is there as a whole, and a reopened file goes on from it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from streamnb.duck import ident, sql
from streamnb.store import Store
from tests.faults.harness import Victim, declared_failpoints, seed

pytestmark = pytest.mark.slow

TOTAL = 12_000
STATEMENTS = f"""
CREATE STREAM IF NOT EXISTS ratings (rating_id BIGINT, user_id INT, stars INT)
  WITH (KAFKA_TOPIC='ratings', VALUE_FORMAT='JSON', PARTITIONS=1);
CREATE STREAM IF NOT EXISTS poor WITH (KAFKA_TOPIC='poor') AS
  SELECT rating_id, stars FROM ratings WHERE stars < 3;
CREATE TABLE IF NOT EXISTS by_stars WITH (KAFKA_TOPIC='by_stars', KEY_FORMAT='JSON') AS
  SELECT stars, COUNT(*) AS n, SUM(rating_id) AS s FROM ratings GROUP BY stars;
CREATE TABLE IF NOT EXISTS poor_by_stars WITH (KAFKA_TOPIC='poor_by_stars', KEY_FORMAT='JSON') AS
  SELECT stars, COUNT(*) AS n FROM poor GROUP BY stars;
CREATE SOURCE CONNECTOR IF NOT EXISTS gen WITH ('connector.class'='datagen', 'quickstart'='ratings',
  'kafka.topic'='ratings', 'max.interval'='1', 'iterations'='{TOTAL}', 'random.seed'='7');
"""
POINTS = ("batch.", "store.")
ELSEWHERE = ("store.reopen",)


def check_file(store: Store) -> None:
    """The queries have taken in what their places say, and written what follows from it."""
    if not store.rows(sql("SELECT 1 FROM duckdb_tables() WHERE table_name = 'places'")):
        return
    found = store.rows(sql("SELECT query, sum(next) FROM streamnb.places GROUP BY query"))
    taken = {query.rsplit("_", 1)[0]: int(count) for query, count in found}
    if len(taken) < 3:
        return
    assert len(set(taken.values()) - {taken["CTAS_POOR_BY_STARS"]}) <= 1, taken
    emitted = store.rows(sql("SELECT coalesce(sum(emitted), 0) FROM streamnb.connectors"))[0][0]
    ratings, poor = ident("topic", "ratings"), ident("topic", "poor")
    assert store.rows(sql("SELECT count(*), coalesce(max(off) + 1, 0) FROM {}", ratings)) == [(emitted, emitted)]
    assert taken["CSAS_POOR"] <= emitted
    wanted = store.rows(
        sql(
            "SELECT (v->>'stars')::INT, count(*), sum((v->>'rating_id')::BIGINT) FROM (SELECT off, decode(value)::JSON"
            " AS v FROM {}) WHERE off < (SELECT max(next) FROM streamnb.places WHERE query LIKE 'CTAS_BY_STARS%')"
            " GROUP BY ALL ORDER BY 1",
            ratings,
        )
    )
    assert _table(store, "CTAS_BY_STARS") == wanted
    ids = "SELECT (v->>'{name}')::BIGINT FROM (SELECT off, decode(value)::JSON AS v FROM {topic}) {where} ORDER BY off"
    small = store.rows(
        sql(
            ids,
            name=sql("rating_id"),
            topic=ratings,
            where=sql(
                "WHERE (v->>'stars')::INT < 3 AND off < (SELECT next FROM streamnb.places WHERE query LIKE 'CSAS_%')"
            ),
        )
    )
    assert store.rows(sql(ids, name=sql("RATING_ID"), topic=poor, where=sql(""))) == small
    assert sum(row[1] for row in _table(store, "CTAS_POOR_BY_STARS")) == taken["CTAS_POOR_BY_STARS"]


def _table(store: Store, prefix: str) -> list[tuple[int, ...]]:
    query = next(
        q for (q,) in store.rows(sql("SELECT DISTINCT query FROM streamnb.places")) if q.rsplit("_", 1)[0] == prefix
    )
    return store.rows(sql("SELECT k0, COLUMNS('^v') FROM {} ORDER BY 1", ident("state", f"{query}:table")))


def test_kill_at_every_failpoint_of_a_tick_leaves_a_whole_file(tmp_path: Path) -> None:
    number = seed()
    draw = random.Random(number)
    file, statements = tmp_path / "pipeline.duckdb", tmp_path / "pipeline.sql"
    statements.write_text(STATEMENTS)
    victim = Victim(str(file), file, statements, batch_records=50)
    victim.note(f"STREAMNB_SEED={number}")
    names = sorted(n for n in declared_failpoints() - set(ELSEWHERE) if n.startswith(POINTS))
    draw.shuffle(names)
    for name in names:
        victim.kill_at(name, draw.randint(1, 12) if name.startswith("batch.") else 1)
        with victim.dead_file() as store:
            check_file(store)
    victim.finish(TOTAL)
    with victim.dead_file() as store:
        check_file(store)
        assert sum(row[1] for row in _table(store, "CTAS_BY_STARS")) == TOTAL
