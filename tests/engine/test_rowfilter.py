"""What is selected in other views, as a condition on the rows of a relation."""

from __future__ import annotations

from decimal import Decimal as Number
from typing import Any

import pytest

from streamnb.engine.relation import Relation, View
from streamnb.engine.rowfilter import RowFilter
from streamnb.schema import BIGINT, STRING, TIMESTAMP, Array, Decimal, SqlType
from tests.pipelines import live, put, shown_by, workspace

DAY_MS = 86_400_000
COLUMNS: list[tuple[str, SqlType]] = [
    ("K", STRING),
    ("N", BIGINT),
    ("AT", TIMESTAMP),
    ("PRICE", Decimal(6, 2)),
    ("TAGS", Array(STRING)),
]
MAKE = """
CREATE STREAM MADE (K VARCHAR, N BIGINT, AT TIMESTAMP, PRICE DECIMAL(6, 2), TAGS ARRAY<VARCHAR>)
  WITH (KAFKA_TOPIC='made', PARTITIONS=1, VALUE_FORMAT='JSON');
"""


@pytest.mark.parametrize(
    ("selected", "found"),
    [
        (RowFilter(chosen=((0, frozenset({"a", None})),)), [0, 2]),
        (RowFilter(chosen=((3, frozenset({Number("1.50")})),)), [1]),
        (RowFilter(chosen=((0, frozenset()),)), []),
        (RowFilter(chosen=((4, frozenset({"['x']"})),)), [0, 1, 2]),
        (RowFilter(spans=((1, 1.0, 2.0),)), [1]),
        (RowFilter(spans=((2, 1_522_195_200_000.0, 1_522_195_200_000.0 + DAY_MS),)), [0]),
        (RowFilter(chosen=((0, frozenset({"a", "b"})),), spans=((1, 0.0, 1.0),)), [0]),
        (RowFilter(search="b", chosen=((0, frozenset({"a", "b"})),)), [1]),
    ],
)
def test_rows_selected_elsewhere_are_those_on_show(selected: RowFilter, found: list[int]) -> None:
    rows: list[dict[str, Any]] = [
        {"K": "a", "N": 0, "AT": 1_522_238_400_000, "PRICE": 1.25, "TAGS": ["x"]},
        {"K": "b", "N": 1, "AT": 1_522_281_600_000, "PRICE": 1.5, "TAGS": []},
        {"K": None, "N": 2, "AT": None, "PRICE": None, "TAGS": None},
    ]
    with workspace(start=True) as nb:
        nb(MAKE)
        query = live(nb, "SELECT * FROM MADE EMIT CHANGES;")
        relation: Relation = query.relation()
        put(nb, "made", [(n, row) for n, row in enumerate(rows)])
        shown_by(query, lambda shown: len(shown) == 3)
        page = relation.page(View(sort=((1, False),), filter=selected), 0, 10)
    assert page.rows.column("c1").to_pylist() == found
