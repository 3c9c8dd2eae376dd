"""Settings: what a user may give, and that each is documented."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamnb.config import ACCEPTED, SETTINGS, check_setting, reference_page, value_of
from streamnb.errors import KsqlStatementError

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "settings.md"


def test_every_setting_is_documented_on_the_reference_page() -> None:
    assert PAGE.read_text() == reference_page(), "run `make docs`"


def test_every_setting_with_an_effect_is_read_somewhere() -> None:
    package = PAGE.parent.parent.parent / "streamnb"
    code = "".join(path.read_text() for path in package.rglob("*.py") if path.name != "config.py")
    assert [setting.name for setting in SETTINGS if f'"{setting.name}"' not in code] == []


def test_every_default_is_a_valid_value() -> None:
    given = {setting.name: setting.default for setting in (*SETTINGS, *ACCEPTED) if setting.default is not None}
    assert {name: check_setting(name, value) for name, value in given.items()} == {n: (n, v) for n, v in given.items()}


def test_setting_is_known_with_and_without_the_prefix_of_kafka_streams() -> None:
    assert check_setting("ksql.streams.Auto.Offset.Reset", "EARLIEST") == ("auto.offset.reset", "earliest")
    assert check_setting("max.batch.records", " 007 ") == ("max.batch.records", "7")


def test_setting_of_a_function_is_taken_as_it_is() -> None:
    assert check_setting("ksql.functions.collect_list.limit", "5") == ("ksql.functions.collect_list.limit", "5")


def test_unknown_setting_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(KsqlStatementError) as caught:
        check_setting("auto.ofset.reset", "earliest")
    assert caught.value.render() == (
        "error: there is no setting auto.ofset.reset\nhint: did you mean auto.offset.reset?"
    )


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("auto.offset.reset", "first", "give latest or earliest"),
        ("max.batch.records", "0", "give a whole number of at least 1"),
        ("max.batch.records", "many", "give a whole number of at least 1"),
        ("ksql.persistence.wrap.single.values", "yes", "give true or false"),
        ("ksql.timestamp.throw.on.invalid", "true", "give false"),
    ],
)
def test_value_of_the_wrong_kind_is_refused(name: str, value: str, hint: str) -> None:
    with pytest.raises(KsqlStatementError) as caught:
        check_setting(name, value)
    assert caught.value.hint == hint


def test_value_has_the_type_of_its_kind_and_falls_back_to_the_default() -> None:
    config = {"max.batch.records": "7", "ksql.persistence.wrap.single.values": "true"}
    assert value_of(config, "max.batch.records") == 7
    assert value_of(config, "ksql.persistence.wrap.single.values") is True
    assert value_of(config, "auto.offset.reset") == "latest"
    assert value_of(config, "ksql.sink.partitions") is None
