"""What the processing log says about a record whose expression failed."""

from __future__ import annotations

from tests.pipelines import put, records, run, workspace


def test_error_of_a_record_names_the_column_and_the_cause() -> None:
    with workspace() as nb:
        put(nb, "s", [(None, {"v": v}) for v in (1, 0, 2, 0)])
        nb("CREATE STREAM S (V INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');")
        nb("CREATE STREAM O WITH (PARTITIONS=1) AS SELECT 10 / V AS SHARE FROM S;")
        run(nb)
        assert [value["SHARE"] for *_, value in records(nb, "O")] == [10, None, 5, None]
        messages = [value["MESSAGE"] for *_, value in records(nb, "ksql_processing_log")]
        assert len(messages) == 2
        assert all(m.startswith("Error computing column SHARE: ") and "zero" in m for m in messages), messages
