"""``kafka://`` URLs: what they mean, and that they keep their secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamnb.errors import LogError
from streamnb.log.kafka_url import KafkaUrl, parse_kafka_url


def test_url_of_a_host_alone_has_the_defaults() -> None:
    url = parse_kafka_url("kafka://broker")
    assert url == KafkaUrl("broker:9092", "default_", None, {}, {})
    assert url.state_path == Path("default_.duckdb")


def test_url_splits_ours_from_librdkafkas() -> None:
    url = parse_kafka_url(
        "kafka://a:1,[::1]:2/?security.protocol=SSL&state=%2Ftmp%2Fx.duckdb&service.id=shop"
        "&schema.registry.url=http%3A%2F%2Fr&max.batch.records=5&ssl.ca.location=/ca",
        {"max.batch.records"},
    )
    assert url.bootstrap == "a:1,[::1]:2"
    assert (url.service_id, url.state_path) == ("shop", Path("/tmp/x.duckdb"))
    assert url.client == {"security.protocol": "SSL", "ssl.ca.location": "/ca"}
    assert url.settings == {"schema.registry.url": "http://r", "max.batch.records": "5"}


def test_user_and_password_become_sasl_settings() -> None:
    url = parse_kafka_url("kafka://me:p%40ss@h:1?ksql.service.id=s")
    assert url.client == {"sasl.username": "me", "sasl.password": "p@ss"}
    assert url.service_id == "s"


def test_secrets_are_masked_wherever_the_url_prints() -> None:
    url = parse_kafka_url(
        "kafka://me:hunter2@h?sasl.mechanism=PLAIN&ssl.key.password=hunter3&schema.registry.basic.auth.user.info=x:hunter4"
    )
    for text in (repr(url), str(url), f"{url}", f"{url!r}", repr([url])):
        assert "hunter" not in text
        assert "sasl.mechanism=PLAIN" in text


def test_references_are_resolved_on_connecting_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from file\n")
    monkeypatch.setenv("KAFKA_PASSWORD", "from env")
    url = KafkaUrl("h:1", client={"sasl.password": "${env:KAFKA_PASSWORD}", "x": f"${{file:{tmp_path / 'key'}}}"})
    assert url.client_settings() == {"bootstrap.servers": "h:1", "sasl.password": "from env", "x": "from file"}
    assert "from env" not in repr(url)


def test_reference_to_nothing_is_an_error() -> None:
    with pytest.raises(LogError, match=r"sasl.password refers to the environment variable NOT_THERE_"):
        KafkaUrl("h:1", client={"sasl.password": "${env:NOT_THERE_}"}).client_settings()


@pytest.mark.parametrize(
    "text",
    [
        "kafka://",
        "kafka:///path",
        "http://h:1",
        "kafka://h:1/topic",
        "kafka://h:1#x",
        "kafka://h:99999",
        "kafka://h:1,,i:2",
        "kafka://h:1?nothing",
        "kafka://h:1?service.id=a/b",
        "kafka://h:1?bootstrap.servers=i:1",
        "kafka://secret:secret@h:x",
    ],
)
def test_malformed_url_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(LogError) as caught:
        parse_kafka_url(text)
    assert "secret" not in caught.value.render()
