"""The statements that declare the data sets fit the data."""

from __future__ import annotations

import json

import pytest

from streamnb.connectors.datagen import Datagen, DatagenConfig
from streamnb.connectors.quickstarts import QUICKSTARTS, Quickstart
from streamnb.sql import ast
from streamnb.sql.parser import parse_statement


@pytest.mark.parametrize("quickstart", QUICKSTARTS, ids=lambda q: q.name)
def test_declaration_names_every_field_and_nothing_else(quickstart: Quickstart) -> None:
    statement = parse_statement(quickstart.declaration)
    assert isinstance(statement, ast.CreateSource)
    declared = [column.name.upper() for column in statement.columns]
    config = DatagenConfig.parse({"quickstart": quickstart.name, "kafka.topic": "t", "max.interval": "0"})
    value = json.loads(Datagen(config).next(0, 1)["value"][0].as_py())
    assert declared == [name.upper() for name in value]
