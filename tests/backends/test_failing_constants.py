"""Expressions that fail whatever the record: each record has its error, wherever DuckDB would compute the constant.

The same text read from a column, which nothing can compute early, tells what is right.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streamnb.schema import BOOLEAN
from tests.backends.expression_batch import RAISED, Batch

FAILING = {
    "cast": ("CAST({} AS INT)", "x"),
    "cast of a cast": ("CAST(CAST({} AS DOUBLE) AS INT)", "x"),
    "negative": ("-CAST({} AS INT)", "x"),
    "division": ("1 / LEN({})", ""),
    "comparison": ("CAST({} AS DECIMAL(4, 2)) > 1.5", "x"),
    "time": ("PARSE_TIMESTAMP({}, 'yyyy')", "x"),
    "time zone": ("CAST({} AS TIMESTAMP)", "x"),
    "array": ("JSON_ITEMS({})", "["),
    "element": ("JSON_ITEMS({})[1]", "["),
    "map": ("JSON_RECORDS({})", "{"),
    "lambda": ("TRANSFORM(JSON_ITEMS({}), x => UCASE(x))", "["),
    "fold of a map": ("REDUCE(JSON_RECORDS({}), 0, (s, k, v) => s + 1)", "{"),
    "case": ("CASE WHEN CAST({} AS INT) = 1 THEN 1 ELSE 2 END", "x"),
    "nested case": ("CASE WHEN CASE WHEN CAST({} AS INT) = 1 THEN 1 ELSE 2 END = 1 THEN 1 ELSE 2 END", "x"),
    "user-visible text": ("UCASE(EXTRACTJSONFIELD({}, '$.a'))", "{"),
}
PLACES = (
    "{}",
    "{} = '1'",
    "{} = '1' OR I = 7",
    "I = 7 OR {} = '1'",
    "I = 7 AND {} = '1'",
    "{} = '1' AND I = 7",
    "NOT ({} = '1')",
    "CASE WHEN {} = '1' THEN 1 ELSE 2 END",
    "CASE WHEN I = 7 THEN 'a' WHEN {} = '1' THEN 'b' END",
    "CASE WHEN I = 8 THEN 'a' WHEN {} = '1' THEN 'b' END",
    "CASE WHEN I = 7 THEN {} ELSE 'b' END",
    "'x' LIKE {}",
    "{} LIKE S",
    "{} IN ('a', 'b')",
    "S IN ('a', {})",
    "{} BETWEEN 'a' AND S",
    "{} IS NULL",
    "{} IS DISTINCT FROM S",
    "{} || S",
    "ARRAY[{}]",
    "STRUCT(A := {})->A",
    "COALESCE({}, 'c')",
    "NULLIF({}, 'c')",
    "SPLIT(S, {})",
    "SUBSTRING({}, I)",
    "REGEXP_EXTRACT({}, S)",
    "FORMAT_DATE(DAY, {})",
    "CAST({} AS INT) + I",
    "TRANSFORM(A, x => {})",
    "TRANSFORM(A, x => CASE WHEN {} = '1' THEN 1 ELSE x END)",
    "TRANSFORM(ARRAY[S], x => REGEXP_EXTRACT({}, x))",
)


@pytest.fixture(scope="module")
def batch() -> Iterator[Batch]:
    batch = Batch()
    yield batch
    batch.store.close()


@pytest.mark.parametrize("name", FAILING)
def test_constant_that_fails_is_an_error_of_the_record_wherever_it_stands(batch: Batch, name: str) -> None:
    template, text = FAILING[name]
    constant, column = template.format(f"'{text}'"), template.format(f"REPLACE(S, '12', '{text}')")
    assert batch.evaluate(column)[0] == RAISED
    wrong = {}
    for place in PLACES:
        whole = [place.format(f"CAST({operand} AS STRING)") for operand in (constant, column)]
        found, expected = (batch.evaluate(each)[0] for each in whole)
        if found != expected:
            wrong[whole[0]] = found, expected
        if batch.typed(whole[0]).type == BOOLEAN:
            found, expected = map(batch.decides, whole)
            if found != expected:
                wrong[f"WHERE {whole[0]}"] = found, expected
    assert not wrong
