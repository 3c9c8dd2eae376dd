"""Plans and errors of joins."""

from __future__ import annotations

import re

import pytest

from streamnb.catalog import Catalog, DataSource
from streamnb.errors import KsqlError
from streamnb.functions.registry import default_registry
from streamnb.plan.expressions import Env
from streamnb.plan.logical import Join, PlanNode, children
from streamnb.plan.sinks import PersistentPlan, plan_create_as
from streamnb.plan.sources import plan_source
from streamnb.plan.typed import TypedColumn
from streamnb.schema import INTEGER
from streamnb.sql import ast
from streamnb.sql.parser import parse_statement

ENV = Env(default_registry())
SOURCES = (
    "CREATE STREAM ORDERS (ID BIGINT KEY, CUSTOMER INT, ITEM VARCHAR, PRICE DOUBLE) WITH ({})",
    "CREATE STREAM SHIPMENTS (ORDER_ID BIGINT KEY, CARRIER VARCHAR, CUSTOMER INT) WITH ({})",
    "CREATE STREAM WIDE (ID BIGINT KEY, CUSTOMER INT) WITH ({}, PARTITIONS=3)",
    "CREATE STREAM BARE (CUSTOMER INT KEY, NOTE VARCHAR) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='KAFKA')",
    "CREATE STREAM VISITS (ID BIGINT KEY, PAGE VARCHAR) WITH ({}, WINDOW_TYPE='SESSION')",
    "CREATE STREAM CLICKS (ID BIGINT KEY, PAGE VARCHAR) WITH ({}, WINDOW_TYPE='SESSION')",
    "CREATE STREAM MINUTES (ID BIGINT KEY, N INT) WITH ({}, WINDOW_TYPE='TUMBLING', WINDOW_SIZE='1 MINUTE')",
    "CREATE STREAM HOURS (ID BIGINT KEY, N INT) WITH ({}, WINDOW_TYPE='TUMBLING', WINDOW_SIZE='1 HOUR')",
    "CREATE STREAM TAGGED (ROWKEY INT KEY, TAGS MAP<VARCHAR, INT>) WITH ({})",
    "CREATE TABLE CUSTOMERS (ID INT PRIMARY KEY, NAME VARCHAR, CITY INT) WITH ({})",
    "CREATE TABLE LEVELS (ID INT PRIMARY KEY, LEVEL VARCHAR) WITH ({})",
    "CREATE TABLE CITIES (CITY_ID INT PRIMARY KEY, TOWN VARCHAR) WITH ({})",
    "CREATE TABLE SEATS (ROOM INT PRIMARY KEY, SEAT INT PRIMARY KEY, GUEST INT) WITH (KAFKA_TOPIC='t', FORMAT='JSON')",
)


def source(text: str) -> DataSource:
    statement = parse_statement(text.format("KAFKA_TOPIC='t', VALUE_FORMAT='JSON'") + ";")
    assert isinstance(statement, ast.CreateSource)
    return plan_source(statement, ENV, text)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    made = Catalog()
    for text in SOURCES:
        made.put(source(text))
    return made


def plan(catalog: Catalog, select: str, kind: str = "STREAM") -> PersistentPlan:
    text = f"CREATE {kind} OUT AS {select};"
    statement = parse_statement(text)
    assert isinstance(statement, ast.CreateAs)
    return plan_create_as(statement, catalog, ENV, text)


def columns(planned: PersistentPlan) -> str:
    schema = planned.sink.schema
    return f"{', '.join(c.name for c in schema.key)} -> {', '.join(c.name for c in schema.value)}"


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        (
            "SELECT * FROM ORDERS O JOIN SHIPMENTS S WITHIN 1 HOUR ON O.ID = S.ORDER_ID",
            "O_ID -> O_CUSTOMER, O_ITEM, O_PRICE, S_ORDER_ID, S_CARRIER, S_CUSTOMER",
        ),
        (
            "SELECT ITEM, S.CUSTOMER, ORDER_ID FROM ORDERS JOIN SHIPMENTS S WITHIN 1 HOUR ON ORDER_ID = ID",
            "ORDER_ID -> ITEM, S_CUSTOMER",
        ),
        (
            "SELECT S.*, ITEM FROM ORDERS JOIN SHIPMENTS S WITHIN 1 HOUR ON ID = ORDER_ID + 1",
            None,
        ),
        (
            "SELECT ID, S.*, ITEM FROM ORDERS JOIN SHIPMENTS S WITHIN 1 HOUR ON ID = ORDER_ID + 1",
            "ID -> S_ORDER_ID, S_CARRIER, S_CUSTOMER, ITEM",
        ),
        (
            "SELECT * FROM ORDERS O FULL JOIN SHIPMENTS S WITHIN 1 HOUR ON O.ID = S.ORDER_ID",
            "ROWKEY -> O_ID, O_CUSTOMER, O_ITEM, O_PRICE, S_ORDER_ID, S_CARRIER, S_CUSTOMER",
        ),
        (
            "SELECT ROWKEY AS K, ITEM FROM ORDERS O JOIN SHIPMENTS S WITHIN 1 HOUR ON ABS(O.ID) = ABS(S.ORDER_ID)",
            "K -> ITEM",
        ),
        (
            "SELECT ROWKEY_1, TAGS FROM TAGGED FULL JOIN ORDERS WITHIN 1 HOUR ON TAGGED.ROWKEY = CUSTOMER",
            "ROWKEY_1 -> TAGS",
        ),
        (
            "SELECT CUSTOMER, NAME, O.ROWTIME, C.ROWTIME AS AT FROM ORDERS O LEFT JOIN CUSTOMERS C ON CUSTOMER = C.ID",
            "CUSTOMER -> NAME, O_ROWTIME, AT",
        ),
        (
            "SELECT L.ID, NAME, LEVEL FROM ORDERS O JOIN CUSTOMERS C ON O.CUSTOMER = C.ID JOIN LEVELS L ON C.ID = L.ID",
            "L_ID -> NAME, LEVEL",
        ),
        (
            "SELECT V.ID, V.PAGE, C.PAGE FROM VISITS V JOIN CLICKS C WITHIN 1 MINUTE ON V.ID = C.ID",
            "V_ID -> V_PAGE, C_PAGE",
        ),
        (
            "SELECT * FROM VISITS V JOIN CLICKS C WITHIN 1 MINUTE ON V.ID = C.ID",
            "V_ID -> V_WINDOWSTART, V_WINDOWEND, V_PAGE, C_ID, C_WINDOWSTART, C_WINDOWEND, C_PAGE",
        ),
        (
            "SELECT * FROM ORDERS O JOIN CUSTOMERS C ON O.CUSTOMER = C.ID PARTITION BY O.ITEM",
            "O_ITEM -> O_CUSTOMER, O_PRICE, O_ROWTIME, O_ROWPARTITION, O_ROWOFFSET, O_ID,"
            " C_NAME, C_CITY, C_ROWTIME, C_ROWPARTITION, C_ROWOFFSET, C_ID",
        ),
    ],
)
def test_join_names_key_and_values(catalog: Catalog, select: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(KsqlError, match="Key missing from projection"):
            plan(catalog, select)
    else:
        assert columns(plan(catalog, select)) == expected


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ("SELECT * FROM CUSTOMERS C JOIN LEVELS L ON C.ID = L.ID", "C_ID -> C_NAME, C_CITY, L_ID, L_LEVEL"),
        ("SELECT ID, NAME, TOWN FROM CUSTOMERS LEFT JOIN CITIES ON CITY = CITY_ID", "ID -> NAME, TOWN"),
        ("SELECT ROOM, SEAT, NAME FROM SEATS JOIN CUSTOMERS ON GUEST = ID", "ROOM, SEAT -> NAME"),
        (
            "SELECT C.ID, TOWN, LEVEL FROM CUSTOMERS C JOIN CITIES ON C.CITY = CITY_ID JOIN LEVELS L ON L.ID = C.ID",
            "C_ID -> TOWN, LEVEL",
        ),
    ],
)
def test_join_of_tables_names_key_and_values(catalog: Catalog, select: str, expected: str) -> None:
    assert columns(plan(catalog, select, "TABLE")) == expected


def joins(node: PlanNode) -> list[Join]:
    found = [join for child in children(node) for join in joins(child)]
    return [*found, node] if isinstance(node, Join) else found


def test_sides_carry_only_columns_that_are_named_above(catalog: Catalog) -> None:
    planned = plan(
        catalog, "SELECT O.CUSTOMER, ITEM, NAME FROM ORDERS O LEFT JOIN CUSTOMERS C ON O.CUSTOMER = C.ID WHERE CITY > 3"
    )
    [join] = joins(planned.query.root)
    sides = [[e.label for e in side.value_exprs if isinstance(e, TypedColumn)] for side in children(join)]  # type: ignore[attr-defined]
    assert sides == [["O.CUSTOMER", "O.ITEM"], ["C.NAME", "C.CITY"]]


def test_foreign_key_is_the_last_value_of_the_left_side(catalog: Catalog) -> None:
    planned = plan(catalog, "SELECT ID, TOWN FROM CUSTOMERS JOIN CITIES ON CITY + 1 = CITY_ID", "TABLE")
    [join] = joins(planned.query.root)
    assert (join.keys, join.left.values, join.foreign_key) == (
        (INTEGER,),
        (INTEGER, INTEGER),
        TypedColumn(column="v1", type=INTEGER, label="(CUSTOMERS.CITY + 1)"),
    )


def test_key_behind_a_full_join_is_computed_anew_for_the_next_join(catalog: Catalog) -> None:
    select = (
        "SELECT O.ID, NAME FROM ORDERS O FULL JOIN SHIPMENTS S WITHIN 1 HOUR ON O.ID = S.ORDER_ID"
        " LEFT JOIN CUSTOMERS C ON O.CUSTOMER = C.ID"
    )
    with pytest.raises(KsqlError, match=r"must include the join expressions O.CUSTOMER or C.ID"):
        plan(catalog, select)
    first, second = joins(plan(catalog, select.replace("O.ID, NAME", "C.ID, NAME")).query.root)
    assert (first.kind, first.keys, second.kind, second.keys) == ("FULL", first.left.keys, "LEFT", (INTEGER,))


@pytest.mark.parametrize(
    ("select", "message"),
    [
        (
            "SELECT * FROM ORDERS O JOIN SHIPMENTS S WITHIN 1 HOUR ON O.ID = S.ORDER_ID AND ITEM = CARRIER",
            "Invalid join condition: joins on multiple conditions are not yet supported. "
            "Got ((O.ID = S.ORDER_ID) AND (O.ITEM = S.CARRIER)).",
        ),
        ("SELECT * FROM ORDERS O JOIN SHIPMENTS S WITHIN 1 HOUR ON O.ID > S.ORDER_ID", "Only equality join criteria"),
        ("SELECT * FROM ORDERS O JOIN SHIPMENTS S WITHIN 1 HOUR ON TRUE", "Unsupported join expression: true."),
        (
            "SELECT * FROM ORDERS O JOIN SHIPMENTS S WITHIN 1 HOUR ON O.ID + S.ORDER_ID = 7",
            "Invalid comparison expression '(O.ID + S.ORDER_ID)' in join '((O.ID + S.ORDER_ID) = 7)'.",
        ),
        (
            "SELECT * FROM ORDERS O JOIN SHIPMENTS S WITHIN 1 HOUR ON O.ID = O.CUSTOMER",
            "Each side of the join must reference exactly one source and not the same source. Left side references "
            "`O` and right references `O`",
        ),
        (
            "SELECT * FROM ORDERS O JOIN CUSTOMERS C ON O.CUSTOMER = C.ID JOIN LEVELS L ON O.CUSTOMER = C.ID",
            "A join criteria is expected to reference the source (`L`) in the FROM clause, instead the right source "
            "references `C` and the left source references `O`",
        ),
        (
            "SELECT * FROM ORDERS O JOIN CUSTOMERS C ON L.ID = C.ID JOIN LEVELS L ON O.CUSTOMER = L.ID",
            "The join criteria of `C` references `L`, which is not joined yet.",
        ),
        ("SELECT * FROM ORDERS O JOIN SHIPMENTS S WITHIN 1 HOUR ON O.ID = S.NO_ID", "JOIN ON column 'S.NO_ID' cannot"),
        ("SELECT * FROM ORDERS O JOIN SHIPMENTS S WITHIN 1 HOUR ON X.ID = S.ORDER_ID", "'X' is not a valid stream"),
        (
            "SELECT * FROM ORDERS O JOIN CUSTOMERS C ON CUSTOMER = ID",
            "Column 'ID' is ambiguous. Could be O.ID or C.ID.",
        ),
        ("SELECT * FROM ORDERS A JOIN ORDERS B WITHIN 1 HOUR ON A.ID = B.ID", "Can not join 'ORDERS' to 'ORDERS'"),
        ("SELECT * FROM ORDERS A JOIN SHIPMENTS A WITHIN 1 HOUR ON A.ID = A.ORDER_ID", "have the name 'A'"),
        (
            "SELECT * FROM ORDERS O JOIN BARE B WITHIN 1 HOUR ON O.CUSTOMER = B.CUSTOMER",
            "Source(s) BARE are using the 'KAFKA' value format. This format does not yet support JOIN.",
        ),
        ("SELECT * FROM ORDERS O JOIN SHIPMENTS S ON O.ID = S.ORDER_ID", "Stream-Stream joins must have a WITHIN"),
        (
            "SELECT * FROM ORDERS O JOIN CUSTOMERS C WITHIN 1 HOUR ON O.CUSTOMER = C.ID",
            "A window definition was provided for a Stream-Table join.",
        ),
        (
            "SELECT * FROM CUSTOMERS C JOIN LEVELS L WITHIN 1 HOUR ON C.ID = L.ID",
            "A window definition was provided for a Table-Table join.",
        ),
        (
            "SELECT * FROM ORDERS O JOIN CUSTOMERS C ON O.ID = C.ID",
            "Invalid join condition: types don't match. Got O.ID{BIGINT} = C.ID{INTEGER}.",
        ),
        (
            "SELECT * FROM ORDERS O JOIN CUSTOMERS C ON C.ID = O.ID",
            "Invalid join condition: types don't match. Got C.ID{INTEGER} = O.ID{BIGINT}.",
        ),
        (
            "SELECT * FROM ORDERS O JOIN CUSTOMERS C ON C.CITY = O.CUSTOMER",
            "Invalid join condition: stream-table joins require to join on the table's primary key. "
            "Got C.CITY = O.CUSTOMER.",
        ),
        (
            "SELECT * FROM LEVELS L JOIN CUSTOMERS C ON L.ID = C.CITY",
            "Invalid join condition: table-table joins require to join on the primary key of the right input table. "
            "Got L.ID = C.CITY.",
        ),
        (
            "SELECT * FROM ORDERS O FULL JOIN CUSTOMERS C ON O.CUSTOMER = C.ID",
            "Invalid join type: full-outer join not supported for stream-table join. Got O [FULL] OUTER JOIN C.",
        ),
        (
            "SELECT * FROM ORDERS O RIGHT JOIN CUSTOMERS C ON O.CUSTOMER = C.ID",
            "Invalid join type: right-outer join not supported for stream-table join. Got O RIGHT [OUTER] JOIN C.",
        ),
        (
            "SELECT * FROM CUSTOMERS C LEFT JOIN ORDERS O ON O.CUSTOMER = C.ID",
            "Invalid join order: table-stream joins are not supported; only stream-table joins. "
            "Got C LEFT [OUTER] JOIN O.",
        ),
        (
            "SELECT * FROM CUSTOMERS C RIGHT JOIN CITIES ON CITY = CITY_ID",
            "RIGHT OUTER JOIN on a foreign key is not supported",
        ),
        (
            "SELECT * FROM CUSTOMERS C FULL JOIN CITIES ON CITY = CITY_ID",
            "Invalid join type: full-outer join not supported for foreign-key table-table join.",
        ),
        (
            "SELECT * FROM CUSTOMERS C JOIN LEVELS L ON C.ID = L.ID JOIN CITIES ON C.CITY = CITY_ID",
            "Invalid join condition: foreign-key table-table joins are not supported as part of n-way joins. "
            "Got C.CITY = CITIES.CITY_ID.",
        ),
        (
            "SELECT SEAT, NAME FROM SEATS JOIN CUSTOMERS ON GUEST = ID",
            "the projection must include all primary key columns from the left input table (`SEATS`). "
            "Missing column: `ROOM`.",
        ),
        (
            "SELECT * FROM VISITS V JOIN ORDERS O WITHIN 1 HOUR ON V.ID = O.ID",
            "Can not join windowed source to non-windowed source.\n`V` is SESSION windowed\n`O` is not windowed",
        ),
        (
            "SELECT * FROM VISITS V JOIN HOURS H WITHIN 1 HOUR ON V.ID = H.ID",
            "Incompatible windowed sources.\nLeft source: SESSION\nRight source: TUMBLING",
        ),
        (
            "SELECT * FROM MINUTES M JOIN HOURS H WITHIN 1 HOUR ON M.ID = H.ID",
            "Implicit repartitioning of windowed sources is not supported.",
        ),
        (
            "SELECT * FROM MINUTES M JOIN HOURS H WITHIN 1 HOUR ON M.N = H.N",
            "Implicit repartitioning of windowed sources is not supported.",
        ),
        (
            "SELECT * FROM ORDERS O JOIN WIDE W WITHIN 1 HOUR ON O.ID = W.ID",
            "Can't join `O` with `W` since the number of partitions don't match. `O` partitions = 1; `W` partitions "
            "= 3.",
        ),
        (
            "SELECT * FROM TAGGED A JOIN ORDERS O WITHIN 1 HOUR ON A.TAGS = O.ITEM",
            "types don't match. Got A.TAGS{MAP<STRING, INTEGER>} = O.ITEM{STRING}.",
        ),
        (
            "SELECT O.* FROM ORDERS O FULL JOIN SHIPMENTS S WITHIN 1 HOUR ON O.ID = S.ORDER_ID",
            "must include the join expression ROWKEY in its projection (eg, SELECT ROWKEY...).\nROWKEY was added as a "
            "synthetic key column because the join criteria did not match any source column.",
        ),
        (
            "SELECT O.ID, O.ID AS AGAIN, ITEM FROM ORDERS O JOIN SHIPMENTS S WITHIN 1 HOUR ON O.ID = S.ORDER_ID",
            "The projection contains a key column (`O_ID`) more than once, aliased as: AGAIN and ID.",
        ),
        (
            "SELECT CARRIER FROM ORDERS O JOIN SHIPMENTS S WITHIN 1 HOUR ON O.ID = S.ORDER_ID",
            "must include the join expressions O.ID or S.ORDER_ID in its projection (eg, SELECT O.ID...).",
        ),
    ],
)
def test_join_is_refused(catalog: Catalog, select: str, message: str) -> None:
    with pytest.raises(KsqlError, match=re.escape(message)):
        plan(catalog, select)
