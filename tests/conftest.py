"""Fixtures that several folders of tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from streamnb.functions.registry import default_registry
from streamnb.store import Store
from tests.kafka_broker import KafkaBroker, missing_tool

settings.register_profile("ci", derandomize=True, print_blob=True)
if os.environ.get("CI"):
    settings.load_profile("ci")  # the same examples in every run; runs elsewhere look for new ones


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """Run one Kafka node for the whole session; tests that use it carry the marker ``kafka``.

    Without Java or Maven the tests are skipped, but under CI they fail: there a broker must be had.
    """
    reason = missing_tool()
    if reason is not None:
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with KafkaBroker(tmp_path_factory.mktemp("kafka") / "node").running() as broker:
        yield broker


@pytest.fixture(autouse=True)
def functions_of_the_test() -> Iterator[None]:
    """Forget the user functions that a test has registered: they are the whole process's."""
    registry = default_registry()
    before = set(registry.own_names())
    yield
    for name in set(registry.own_names()) - before:
        registry.unregister(name)


@pytest.fixture
def store() -> Iterator[Store]:
    """Open a database in memory."""
    opened = Store.open()
    yield opened
    opened.close()
