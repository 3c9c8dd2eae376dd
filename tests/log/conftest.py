"""Fixtures for the tests of logs."""

from __future__ import annotations

import os

import pytest

from streamnb.log.native import is_available


@pytest.fixture(params=["native", "python"])
def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let the reader and the publisher use C code, and then confluent-kafka's messages."""
    kind: str = request.param
    if kind == "python":
        monkeypatch.setenv("STREAMNB_NATIVE", "0")
        monkeypatch.setattr("streamnb.log.kafka_reader.is_available", lambda: False)
        monkeypatch.setattr("streamnb.log.kafka_publisher.is_available", lambda: False)
    elif not is_available() and "CI" not in os.environ:
        pytest.skip("the C code is not compiled: no C compiler was there when streamnb was installed")
    else:
        assert is_available()
    return kind
