"""What DuckDB does that nobody would guess, and our code is built on or around.

A test fails when a new DuckDB changes it. Its comment names the code to look at then; pyproject.toml has the minor
version that all of this was tried on. A trap that is gone may make code simpler, so that is a failure too. Times are
not tested here: that MERGE and UPDATE are slow on large tables shows in benchmarks only, and a test below holds that
operators do without them.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from streamnb.backends.duckdb.steps import texts_of
from streamnb.duck import Sql
from streamnb.store import DatabaseError, Store
from tests import allocator
from tests.pipelines import RECENT, USERS, workspace

VALUES = "(VALUES ('1', 2147483647), ('x', 1)) t(s, a)"
SHARED = [
    f"SELECT TRY(a + 1), TRY((a + 1) * 2) FROM {VALUES}",
    f"SELECT TRY(CAST(s AS BIGINT) + CAST(s AS BIGINT)) FROM {VALUES}",
    f"SELECT TRY(CAST(s AS INT)), TRY(CAST(s AS INT) > 0) FROM {VALUES}",
]
LOOKED_UP = f"SELECT TRY(CAST(s AS BIGINT) IN (1, 2, 3, 4, 5, 6)) FROM {VALUES}"


@pytest.fixture
def plain() -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB as it comes, without the settings of the store."""
    with duckdb.connect() as connection:
        yield connection


def one(store: Store, text: str) -> Any:
    """Read the one row of a query, or its one value."""
    [row] = store.rows(Sql(text))
    return row[0] if len(row) == 1 else row


# Errors of records. Code: store/opening.py (two optimizers are off), backends/duckdb/stateless.py, hoisting.py.


@pytest.mark.parametrize("text", [*SHARED, LOOKED_UP])
def test_try_lets_errors_out_as_duckdb_comes(plain: duckdb.DuckDBPyConnection, text: str) -> None:
    with pytest.raises(duckdb.Error):
        plain.execute(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SHARED[0], [(None, None), (2, 4)]),
        (SHARED[1], [(2,), (None,)]),
        (SHARED[2], [(1, True), (None, None)]),
        (LOOKED_UP, [(True,), (None,)]),
    ],
)
def test_try_holds_with_the_settings_of_the_store(store: Store, text: str, expected: list[Any]) -> None:
    assert store.rows(Sql(text)) == expected
    assert store.cursor().rows(Sql(text)) == expected


def test_try_refuses_volatile_functions(store: Store) -> None:
    # backends/duckdb/expressions.py: what is volatile is never tried.
    with pytest.raises(DatabaseError, match="volatile"):
        store.rows(Sql("SELECT TRY(random())"))


def test_case_evaluates_only_the_branch_it_takes(store: Store) -> None:
    # backends/duckdb/compiler.py: CASE, and guards of divisions.
    text = "SELECT CASE WHEN a = 0 THEN 'zero' WHEN CAST(s AS INT) > 0 THEN 'more' END FROM (VALUES ('x', 0)) t(s, a)"
    assert one(store, text) == "zero"


ABSENT = "(list_position(l, CASE WHEN s = 'x' THEN s::INT END) IS NOT NULL)"


def test_an_error_is_left_out_where_statistics_tell_the_result(plain: duckdb.DuckDBPyConnection) -> None:
    # store/opening.py: else it depends on the rows beside a record whether its error is logged.
    plain.execute("CREATE TEMP TABLE t AS SELECT NULL::INT[] AS l, 'x' AS s")
    assert plain.execute(f"SELECT {ABSENT} FROM t").fetchone() == (False,)


def test_no_error_is_left_out_with_the_settings_of_the_store(store: Store) -> None:
    store.execute(Sql("CREATE TEMP TABLE t AS SELECT NULL::INT[] AS l, 'x' AS s"))
    with pytest.raises(DatabaseError, match="Could not convert"):
        store.rows(Sql(f"SELECT {ABSENT} FROM t"))


def test_operands_behind_a_null_are_not_evaluated_where_it_is_one_vector(store: Store) -> None:
    # backends/duckdb/operands.py: COALESCE makes such a vector of the only row of a batch, CASE of more.
    store.execute(Sql("CREATE TEMP TABLE t AS SELECT NULL::INT AS n, 'x' AS s"))
    for null in ("coalesce(n, n)", "CASE WHEN n = 1 THEN n END"):
        assert one(store, f"SELECT {null} + s::INT FROM t") is None
        with pytest.raises(DatabaseError, match="Could not convert"):
            store.rows(Sql(f"SELECT list_transform([{{'a': {null}, 'b': s::INT}}], lambda x: x.a + x.b)[1] FROM t"))


# Numbers. Code: backends/duckdb/arithmetic.py, casts.py.


def test_division_of_doubles_by_zero_is_infinite_and_that_of_integers_raises(store: Store) -> None:
    found = one(store, "SELECT 1::DOUBLE / 0, -1::DOUBLE / 0, 0::DOUBLE / 0, 1::DOUBLE % 0, 5 / 0")
    assert found[:2] == (math.inf, -math.inf) and math.isnan(found[2]) and math.isnan(found[3])
    assert found[4] == math.inf  # "/" makes integers doubles
    for text in ("5 // 0", "5 % 0", "5.0::DECIMAL(4, 2) // 0"):
        with pytest.raises(DatabaseError, match="Division by zero"):
            store.rows(Sql(f"SELECT {text}"))


def test_integers_divide_towards_zero_and_overflow_raises(store: Store) -> None:
    assert one(store, "SELECT -5 // 2, -5 % 3, 5 % -3") == (-2, -2, 2)
    for text in ("2147483647::INTEGER + 1::INTEGER", "(-2147483648)::INTEGER // (-1)::INTEGER"):
        with pytest.raises(DatabaseError, match="Overflow"):
            store.rows(Sql(f"SELECT {text}"))


def test_casts_to_integers_round_and_do_not_truncate(store: Store) -> None:
    # casts.py truncates before; halves go to the even neighbour for DOUBLE, away from zero for DECIMAL.
    assert one(store, "SELECT 1.5::DOUBLE::INT, 2.5::DOUBLE::INT, -1.5::DOUBLE::INT") == (2, 2, -2)
    assert one(store, "SELECT 1.7::DECIMAL(3, 1)::INT, 2.5::DECIMAL(3, 1)::INT") == (2, 3)


def test_division_of_decimals_is_one_of_doubles(store: Store) -> None:
    assert one(store, "SELECT typeof(1::DECIMAL(4, 2) / 3)") == "DOUBLE"


def test_product_of_two_short_decimals_is_computed_in_64_bits(store: Store) -> None:
    factors = "(VALUES (1000000000::DECIMAL(10, 0), 1000000000::DECIMAL(10, 0))) t(a, b)"
    with pytest.raises(DatabaseError, match="Overflow in multiplication"):
        store.rows(Sql(f"SELECT a * b FROM {factors}"))
    assert one(store, f"SELECT a::DECIMAL(19, 0) * b FROM {factors}") == Decimal(10**18)


def test_product_of_decimals_with_more_than_38_fractional_digits_is_refused(store: Store) -> None:
    with pytest.raises(DatabaseError, match="scale 39"):
        store.rows(Sql("SELECT 0.1::DECIMAL(20, 20) * 0.1::DECIMAL(19, 19)"))


def test_nan_equals_itself_and_is_above_infinity(store: Store) -> None:
    # Comparisons and MAX of doubles are left to DuckDB: NaN stands there as in Java's Double.compare.
    assert one(store, "SELECT 'NaN'::DOUBLE = 'NaN'::DOUBLE, 'NaN'::DOUBLE > 'inf'::DOUBLE") == (True, True)


# Aggregates and windows. Code: functions/aggregate*.py, backends/duckdb/aggregate_layout.py, join_table_table.py.


def test_arg_max_passes_over_null_and_arg_max_null_does_not(store: Store) -> None:
    # aggregate_order.py; a tombstone would lose against an older row.
    rows = "(VALUES (1, 1), (NULL, 2)) t(v, seq)"
    text = f"SELECT arg_max(v, seq), arg_max_null(v, seq), arg_min(v, -seq), arg_min_null(v, -seq) FROM {rows}"
    assert one(store, text) == (1, None, 1, None)
    assert one(store, f"SELECT last(v ORDER BY seq) FROM {rows}") is None


def test_arg_max_of_a_struct_counts_one_whose_fields_are_null(store: Store) -> None:
    # aggregate_layout.py packs the newest row of a group, however many of its columns are null.
    rows = "(VALUES (1, 1), (NULL, 2)) t(v, seq)"
    assert one(store, f"SELECT arg_max(struct_pack(v := v), seq) FROM {rows}") == {"v": None}


def test_ignore_nulls_passes_over_null_but_not_over_a_struct_of_nulls(store: Store) -> None:
    # join_table_table.py: a tombstone is a struct.
    rows = "(VALUES (1, {'v': 1}), (2, {'v': NULL}), (3, NULL)) t(seq, x)"
    text = f"SELECT last_value(x IGNORE NULLS) OVER (ORDER BY seq ROWS UNBOUNDED PRECEDING) FROM {rows}"
    assert store.rows(Sql(text)) == [({"v": 1},), ({"v": None},), ({"v": None},)]


def test_window_without_a_frame_takes_all_that_tie_with_the_row(store: Store) -> None:
    # Every window of an operator has ROWS and a total order: seq, or (seq, sub).
    rows = "(VALUES (1, 10, 1), (2, 10, 2), (3, 20, 4)) t(seq, ts, v)"
    by_ts = f"SELECT sum(v) OVER (ORDER BY ts) FROM {rows} ORDER BY seq"
    by_seq = f"SELECT sum(v) OVER (ORDER BY ts, seq ROWS UNBOUNDED PRECEDING) FROM {rows} ORDER BY seq"
    assert store.rows(Sql(by_ts)) == [(3,), (3,), (7,)]
    assert store.rows(Sql(by_seq)) == [(1,), (3,), (7,)]


def test_sums_of_integers_are_wider_than_their_terms(store: Store) -> None:
    # aggregate_numeric.py wraps them as Java does.
    assert one(store, "SELECT typeof(sum(v)), sum(v) FROM (VALUES (9223372036854775807), (1)) t(v)") == (
        "HUGEINT",
        2**63,
    )


def test_list_reduce_folds_from_the_left_from_its_start(store: Store) -> None:
    # aggregate_numeric.py: sums of doubles depend on the order of their terms, and are those of ksqlDB this way only.
    terms = [1.0, 1e16, 1.0, -1e16, 3.0]
    expected = functools.reduce(operator.add, terms, 0.1)
    assert expected != functools.reduce(operator.add, reversed(terms), 0.1)
    assert one(store, f"SELECT list_reduce({terms}, lambda a, b: a + b, 0.1::DOUBLE)") == expected


def test_lists_keep_null_and_their_order(store: Store) -> None:
    # aggregate_collect.py, functions/arrays.py
    assert one(store, "SELECT list(x ORDER BY seq) FROM (VALUES (2, 'b'), (1, NULL)) t(seq, x)") == [None, "b"]
    assert one(store, "SELECT list_contains([1, NULL], NULL), list_position([1, NULL], NULL)") == (None, 2)
    assert one(store, "SELECT list_sort([2, NULL, 1]), list_reverse_sort([2, NULL, 1])") == ([1, 2, None], [2, 1, None])


def test_greatest_and_least_pass_over_null(store: Store) -> None:
    # Clocks and running times of all windowed operators.
    assert one(store, "SELECT greatest(1, NULL), least(NULL, 2)") == (1, 2)


def test_unnest_zips_lists_and_pads_with_null(store: Store) -> None:
    # flatmap.py: table functions side by side.
    text = "SELECT unnest([1, 2]), unnest(['a']), unnest(NULL::INT[])"
    assert store.rows(Sql(text)) == [(1, "a", None), (2, None, None)]


def test_concat_passes_over_null_and_bars_do_not(store: Store) -> None:
    # compiler.py: TypedConcat; functions/strings.py: CONCAT
    assert one(store, "SELECT NULL::VARCHAR || 'x', concat(NULL, 'x')") == (None, "x")


# Joins and state. Code: backends/duckdb/join_*.py, state/tables.py.


def test_hashes_that_are_stored_stay_the_same(store: Store) -> None:
    # State of joins has a column of hashes (join_sides.py). If they change, files of an older version must be rebuilt.
    found = one(
        store, "SELECT hash('a'), hash('a longer text than twelve bytes'), hash(1), hash(1::BIGINT), hash('a', 1)"
    )
    assert found == (
        12561829011207016135,
        3708714104219217767,
        4717996019076358352,
        4717996019076358352,
        6250315044274023003,
    )


def test_asof_join_takes_the_last_row_at_or_before(store: Store) -> None:
    text = (
        "SELECT s.seq, r.v FROM (VALUES (1), (5), (9)) s(seq) ASOF LEFT JOIN (VALUES (2, 'a'), (5, 'b'), (9, NULL))"
        " r(seq, v) ON s.seq >= r.seq ORDER BY 1"
    )
    assert store.rows(Sql(text)) == [(1, None), (5, "b"), (9, None)]


def test_operators_change_large_state_by_delete_and_insert_only() -> None:
    # MERGE and UPDATE ... FROM take 8 or 140 ms for the same statement; clocks have a row for each partition.
    with workspace(ratings=1) as nb:
        nb(RECENT + USERS)
        nb("CREATE TABLE COUNTS AS SELECT CHANNEL, COUNT(*) AS N FROM RATINGS GROUP BY CHANNEL HAVING COUNT(*) > 1;")
        nb("CREATE TABLE VISITS AS SELECT ID, COUNT(*) AS N FROM RATINGS WINDOW SESSION (5 SECONDS) GROUP BY ID;")
        nb("CREATE STREAM NAMED AS SELECT R.ID, NAME FROM RATINGS R LEFT JOIN USERS U ON R.ID = U.ID;")
        nb("CREATE STREAM NAMES (ID INT KEY, T STRING) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON', PARTITIONS=1);")
        nb("CREATE STREAM PAIRS AS SELECT ROWKEY, T FROM RATINGS R FULL JOIN NAMES N WITHIN 1 HOUR ON R.ID = N.ID;")
        nb("CREATE TABLE LATER AS SELECT ID, NAME FROM USERS WHERE NAME > 'A';")
        texts = [t for q in nb.pipeline.engine.queries.values() for s in q.task.program.statements for t in texts_of(s)]
    changing = [t for t in texts if t.startswith(("MERGE", "UPDATE"))]
    tables = {t.removeprefix("MERGE INTO ").removeprefix("UPDATE ").split(" ", 1)[0] for t in changing}
    assert tables and all(table.endswith('_clock"') for table in tables)


# JSON. Code: serde/json_format.py and json_layout.py: from_json sees only documents for which it is exact.

STRUCTURE = '{"ID":"BIGINT","B":"BOOLEAN","D":"DECIMAL(10,2)","V":"VARCHAR"}'


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ('{"ID":1.7}', (2, None, None, None)),  # rounds
        ('{"ID":" 7 "}', (7, None, None, None)),  # converts
        ('{"B":1}', (None, True, None, None)),
        ('{"ID":"x"}', (None, None, None, None)),  # a wrong type is null
        ('{"ID":99999999999999999999}', (None, None, None, None)),
        ('{"D":12345678.905}', (None, None, Decimal("12345678.91"), None)),  # rounds
        ('{"D":10.10,"V":10.10}', (None, None, Decimal("10.10"), "10.10")),  # exact, and keeps the text of numbers
        ('{"V":12345678901234567.89}', (None, None, None, "12345678901234567.89")),
        ('{"ID":1,"ID":2}', (1, None, None, None)),  # the first one
        ('{"id":1}', (None, None, None, None)),  # names match exactly
        ('{"ID":1,}', (1, None, None, None)),
        ('{"ID":NaN}', (None, None, None, None)),
        ("[1]", (None, None, None, None)),
        ("5", (None, None, None, None)),
        ("null", None),
    ],
)
def test_from_json_is_lenient(store: Store, document: str, expected: tuple[Any, ...] | None) -> None:
    found = one(store, f"SELECT from_json('{document}', '{STRUCTURE}')")
    assert (None if found is None else tuple(found.values())) == expected


@pytest.mark.parametrize("document", ['{"ID":1} xyz', '{"V":"\\ud800"}', "", "{"])
def test_from_json_fails_the_batch_for_one_malformed_document(store: Store, document: str) -> None:
    with pytest.raises(DatabaseError, match="Malformed JSON"):
        store.rows(Sql(f"SELECT from_json(d, '{STRUCTURE}') FROM (VALUES ('{{\"ID\":1}}'), ('{document}')) t(d)"))


def test_json_extract_string_takes_numbers_through_double(store: Store) -> None:
    # Nothing of ours calls it for numbers.
    text = """SELECT json_extract_string('{"a":12345678901234567.89,"b":10.10}', ['$.a', '$.b'])"""
    assert one(store, text) == ["12345678901234568.0", "10.1"]


def test_decoding_bytes_that_are_no_utf8_raises(store: Store) -> None:
    # serde: always within TRY.
    with pytest.raises(DatabaseError, match="invalid"):
        store.rows(Sql(r"SELECT decode('\xff'::BLOB)"))
    assert one(store, r"SELECT TRY(decode('\xff'::BLOB))") is None


def test_dot_matches_no_line_break_and_a_full_match_is_full(store: Store) -> None:
    # json_layout.py: the patterns of templates.
    assert one(store, "SELECT regexp_full_match('a\nb', 'a.b'), regexp_full_match('a\n', 'a')") == (False, False)


# The connection. Code: store/store.py


def test_result_that_is_not_fetched_to_its_end_blocks_the_connection(plain: duckdb.DuckDBPyConnection) -> None:
    # Store.rows fetches all.
    plain.execute("SELECT * FROM (VALUES (1), (2))").fetchone()
    with pytest.raises(duckdb.Error, match="unfinished result"):
        plain.register("x", pa.table({"a": [1]}))


# What a statement leaves behind. Code: engine/rowtable.py, docs/decisions/0015


def bytes_left_by(connection: duckdb.DuckDBPyConnection, statement: str, times: int = 400) -> float:
    """Run a statement again and again; return how many bytes of the allocator each of them keeps."""

    def run(times: int) -> int:
        for _ in range(times):
            connection.execute(statement).fetchall()
        return allocator.bytes_given_out()

    before = run(50)
    return (run(times) - before) / times


@allocator.TELLS
def test_join_of_a_few_rows_leaves_more_behind_than_group_by(plain: duckdb.DuckDBPyConnection) -> None:
    # KeyedRows._lookup is a GROUP BY for this alone; a join would say the same in fewer words.
    plain.execute("SET threads = 1")
    plain.execute("CREATE TABLE few AS SELECT range AS n FROM range(20)")
    plain.execute("CREATE TABLE many AS SELECT range AS n, range AS id FROM range(200)")
    joined = bytes_left_by(plain, "SELECT n, id FROM few LEFT JOIN many USING (n)")
    grouped = "SELECT n, max(id) FROM (SELECT n, NULL AS id FROM few UNION ALL FROM many WHERE n < 20) GROUP BY n"
    assert joined > 1000
    assert bytes_left_by(plain, grouped) < 500
