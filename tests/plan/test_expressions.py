"""Types and errors of expressions."""

from __future__ import annotations

import pytest

from streamnb import schema as s
from streamnb.errors import KsqlError, KsqlFunctionError, KsqlStatementError
from streamnb.functions.registry import default_registry
from streamnb.plan.expressions import ColumnScope, EmptyScope, Env, ScopeEntry, coerce, resolve_type, type_expression
from streamnb.plan.scope import UnresolvedColumnError
from streamnb.plan.typed import Typed, TypedCast, TypedColumn, TypedLiteral, TypedParam, walk
from streamnb.schema import Array, Decimal, Field, Map, SqlType, Struct
from streamnb.sql import ast
from streamnb.sql.parser import parse_expression, parse_type

COLUMNS = {
    "I": "INT",
    "B": "BIGINT",
    "D": "DOUBLE",
    "C": "DECIMAL(4, 2)",
    "S": "STRING",
    "F": "BOOLEAN",
    "DAY": "DATE",
    "AT_TIME": "TIMESTAMP",
    "RAW": "BYTES",
    "A": "ARRAY<INT>",
    "AB": "ARRAY<BIGINT>",
    "M": "MAP<STRING, BIGINT>",
    "ST": "STRUCT<X INT, `x` STRING>",
    "ROWTIME": "BIGINT",
}
SCOPE = ColumnScope([ScopeEntry("T", name, f"v{i}", parse_type(t)) for i, (name, t) in enumerate(COLUMNS.items())])
ENV = Env(default_registry(), {"MONEY": Decimal(10, 2), "PRICE": Struct((Field("AMOUNT", ast.TypeName("MONEY")),))})


def typed(text: str) -> Typed:
    return type_expression(parse_expression(text), SCOPE, ENV)


def refusal(text: str) -> KsqlError:
    with pytest.raises(KsqlError) as caught:
        typed(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("1", "INTEGER"),
        ("2147483648", "BIGINT"),
        ("1.50", "DECIMAL(3, 2)"),
        ("0.05", "DECIMAL(2, 2)"),
        ("1E0", "DOUBLE"),
        ("NULL", "null"),
        ("I + I", "INTEGER"),
        ("I + B", "BIGINT"),
        ("B + D", "DOUBLE"),
        ("C + D", "DOUBLE"),
        ("I + C", "DECIMAL(13, 2)"),
        ("B - C", "DECIMAL(22, 2)"),
        ("C * C", "DECIMAL(9, 4)"),
        ("C / C", "DECIMAL(11, 7)"),
        ("C % 1.125", "DECIMAL(4, 3)"),
        ("CAST(1 AS DECIMAL(38, 10)) + C", "DECIMAL(38, 9)"),
        ("CAST(1 AS DECIMAL(38, 30)) * CAST(1 AS DECIMAL(38, 30))", "DECIMAL(38, 21)"),
        ("- C", "DECIMAL(4, 2)"),
        ("S + 'x'", "STRING"),
        ("S || I", "STRING"),
        ("RAW || RAW", "BYTES"),
        ("I = 1.5", "BOOLEAN"),
        ("A", "ARRAY<INTEGER>"),
        ("A[1]", "INTEGER"),
        ("A[B]", "INTEGER"),
        ("M['k']", "BIGINT"),
        ("ST->X", "INTEGER"),
        ("ST->`x`", "STRING"),
        ("ARRAY[1, B, 2.5]", "ARRAY<DECIMAL(20, 1)>"),
        ("ARRAY[NULL, 'a']", "ARRAY<STRING>"),
        ("ARRAY['1', I]", "ARRAY<INTEGER>"),
        ("MAP(S := 1, 10 := 2)", "MAP<STRING, INTEGER>"),
        ("STRUCT(A := 1, `a` := S)", "STRUCT<`A` INTEGER, `a` STRING>"),
        ("ARRAY[STRUCT(X := I), STRUCT(X := B, Y := S)]", "ARRAY<STRUCT<`X` BIGINT, `Y` STRING>>"),
        ("CASE WHEN F THEN 1 ELSE B END", "BIGINT"),
        ("CASE I WHEN 1 THEN 'one' ELSE NULL END", "STRING"),
        ("CAST(S AS MONEY)", "DECIMAL(10, 2)"),
        ("CAST(NULL AS ARRAY<MONEY>)", "ARRAY<DECIMAL(10, 2)>"),
        ("AT_TIME AT TIME ZONE 'Asia/Tokyo'", "TIMESTAMP"),
        ("ABS(C)", "DECIMAL(4, 2)"),
        ("TRANSFORM(A, x => x + B)", "ARRAY<BIGINT>"),
        ("TRANSFORM(M, (k, v) => UCASE(k), (k, v) => v + 0.5)", "MAP<STRING, DECIMAL(21, 1)>"),
        ("REDUCE(AB, B, (total, x) => total + x)", "BIGINT"),
    ],
)
def test_expression_has_the_type_ksqldb_gives_it(text: str, type_: str) -> None:
    found = typed(text).type

    assert ("null" if found is None else str(found)) == type_


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "I + NULL",
            "Error processing expression: (I + null). Arithmetic on types INTEGER and null are not supported.",
        ),
        ("F + 1.5", "Error processing expression: (F + 1.5). Unsupported arithmetic types. BOOLEAN DECIMAL"),
        ("S - 'a'", "Unsupported arithmetic types. STRING STRING"),
        ("I || I", "Unsupported arithmetic types. INTEGER INTEGER"),
        ("- S", "Unsupported arithmetic types. STRING"),
        ("NOT I", "Error processing expression: (NOT I). Unsupported logical types. INTEGER"),
        ("F AND I", "Error processing expression: (F AND I). Unsupported logical types. BOOLEAN INTEGER"),
        ("I >= 'x'", "Cannot compare I (INTEGER) to 'x' (STRING) with GREATER_THAN_OR_EQUAL."),
        ("ABS(I) > '3'", "Cannot compare ABS(I) (INTEGER) to '3' (STRING) with GREATER_THAN."),
        ("F < F", "Cannot compare F (BOOLEAN) to F (BOOLEAN) with LESS_THAN."),
        ("A < A", "Cannot compare A (ARRAY<INTEGER>) to A (ARRAY<INTEGER>) with LESS_THAN."),
        ("I = NULL", "Comparison with NULL not supported: INTEGER = NULL"),
        ("AT_TIME > 'noon'", "Failed to parse timestamp 'noon'"),
        ("DAY = '2020-13-01'", "Failed to parse date '2020-13-01'"),
        ("ROWTIME > 'noon'", "Failed to parse timestamp 'noon'"),
        ("I IN (1, 'many')", 'Invalid Predicate: invalid input syntax for type INTEGER: "many"'),
        ("C IN (1, 'many')", 'invalid input syntax for type DECIMAL: "many"'),
        ("F IN ('maybe')", 'invalid input syntax for type BOOLEAN: "maybe"'),
        (
            "C IN (10, TRUE)",
            "operator does not exist: DECIMAL(12, 2) = BOOLEAN (true)\n"
            "Hint: You might need to add explicit type casts.",
        ),
        ("D IN (1, S)", "operator does not exist: DOUBLE = STRING (S)"),
        ("AB IN (ARRAY['1', 'two'])", 'invalid input syntax for type BIGINT: "two"'),
        ("AB IN (ARRAY[F])", "operator does not exist: ARRAY<BIGINT> = ARRAY<BOOLEAN> (ARRAY[F])"),
        ("M IN (3)", "operator does not exist: MAP<STRING, BIGINT> = INTEGER (3)"),
        ("I LIKE 'x'", "Like condition must be between strings. I is of type INTEGER."),
        ("S LIKE 'x!' ESCAPE '!'", "LIKE pattern must not end with the escape character: 'x!'"),
        ("CAST(S AS ARRAY<INT>)", "Cast of STRING to ARRAY<INTEGER> is not supported"),
        ("CAST(I AS BOOLEAN)", "Cast of INTEGER to BOOLEAN is not supported"),
        ("CAST(I AS NOTHING)", "Cannot resolve unknown type: NOTHING"),
        ("CASE WHEN I THEN 1 END", "WHEN operand type should be boolean.\nType for 'I' is INTEGER"),
        ("CASE WHEN F THEN 1 ELSE S END", "Invalid Case expression. Type for all 'THEN' clauses should be the same."),
        ("CASE WHEN F THEN NULL ELSE NULL END", "Invalid Case expression. All case branches have NULL type"),
        ("ARRAY[]", "Array constructor cannot be empty. Please supply at least one element"),
        ("ARRAY[NULL]", "Cannot construct an array with all NULL elements"),
        ("ARRAY[1, 'x']", 'invalid input syntax for type INTEGER: "x"'),
        ("MAP()", "Map constructor cannot be empty. Please supply at least one key value pair"),
        ("MAP(NULL := 1)", "Cannot construct a map with all NULL keys"),
        ("MAP('a' := NULL)", "Cannot construct a map with all NULL values"),
        ("STRUCT(A := 1, A := 2)", "Duplicate field names found in STRUCT: 'A'."),
        ("STRUCT(A := NULL)", "Can't infer a type of null. Please explicitly cast it to a required type"),
        ("ST->Y", "Could not find field 'Y' in 'ST'."),
        ("I->Y", "Expected STRUCT type, got: INTEGER"),
        ("A['k']", "Array subscript must be a whole number, but is of type STRING: A['k']"),
        ("I[1]", "Subscript expression (I[1]) do not apply to INTEGER."),
        ("ABS(*)", "Function 'abs' does not accept parameters ()."),
        ("BOB", "SELECT column 'BOB' cannot be resolved."),
        ("T.BOB", "SELECT column 'T.BOB' cannot be resolved."),
        ("X.I", "'X' is not a valid stream/table name or alias."),
    ],
)
def test_expression_is_refused_with_ksqldbs_words(text: str, message: str) -> None:
    assert message in refusal(text).message


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("DAZ", "did you mean DAY?"),
        ("STRUCT(CITY := S)->CITI", "did you mean CITY?"),
        ("UCASES(S)", "did you mean UCASE"),
        ("CAST(I AS MONY)", "did you mean MONEY?"),
        ("I = NULL", "use IS NULL or IS NOT NULL"),
    ],
)
def test_refusal_says_what_the_reader_can_do(text: str, hint: str) -> None:
    assert hint in (refusal(text).hint or "")


def test_refusal_points_at_the_part_at_fault() -> None:
    text = "I + 1 > 2 AND S > 3"

    error = refusal(text).at(text)

    assert error.render().splitlines()[1:3] == [f"  1 | {text}", "    |               ^^^^^"]


def test_unknown_function_points_at_its_call() -> None:
    error = refusal("1 + NOPE(I)")

    assert isinstance(error, KsqlFunctionError)
    assert error.span is not None
    assert (error.span.start, error.span.end) == (4, 11)


def test_unknown_column_tells_line_and_column_once_the_text_is_known() -> None:
    text = "I +\n  BOB"
    error = refusal(text)

    assert isinstance(error, UnresolvedColumnError)
    assert error.at(text).message == "Line: 2, Col: 3: SELECT column 'BOB' cannot be resolved."
    assert error.at(text).message == "Line: 2, Col: 3: SELECT column 'BOB' cannot be resolved."


def test_column_of_two_sources_is_ambiguous() -> None:
    scope = ColumnScope([ScopeEntry("L", "ID", "v0", s.INTEGER), ScopeEntry("R", "ID", "v1", s.STRING)], "JOIN ON")

    with pytest.raises(KsqlStatementError, match=r"Column 'ID' is ambiguous\. Could be L\.ID or R\.ID\."):
        type_expression(parse_expression("ID"), scope, ENV)
    assert type_expression(parse_expression("R.ID"), scope, ENV) == TypedColumn(s.STRING, "v1", "R_ID")
    with pytest.raises(KsqlStatementError, match=r"JOIN ON column 'L\.X' cannot be resolved"):
        type_expression(parse_expression("L.X"), scope, ENV)


def test_message_shows_the_label_of_a_column() -> None:
    class Aggregates:
        def resolve(self, ref: ast.ColumnRef) -> TypedColumn:
            return TypedColumn(s.BIGINT, "v0", "SUM(VALUE)")

    with pytest.raises(KsqlStatementError, match=r"Cannot compare \(SUM\(VALUE\) \+ 1\) \(BIGINT\) to 'x'"):
        type_expression(parse_expression("T.AGG + 1 > 'x'"), Aggregates(), ENV)


def test_constant_may_not_name_a_column() -> None:
    with pytest.raises(KsqlStatementError, match="Column 'I' cannot be resolved"):
        type_expression(parse_expression("I + 1"), EmptyScope(), ENV)


@pytest.mark.parametrize(
    ("zone", "hint"),
    [
        ("Europe/Berln", "hint: did you mean Europe/Berlin?"),
        ("+99", "hint: such as 'Europe/Berlin', 'UTC' or '+01:00'"),
        ("", "hint: such as 'Europe/Berlin', 'UTC' or '+01:00'"),
    ],
)
def test_unknown_time_zone_is_refused_with_a_hint(zone: str, hint: str) -> None:
    text = f"AT_TIME AT TIME ZONE '{zone}'"
    with pytest.raises(KsqlStatementError) as refused:
        typed(text)
    drawn = refused.value.at(text).render()
    assert drawn.startswith(f"error: there is no time zone '{zone}'\n") and drawn.endswith(hint) and "^" in drawn


def test_lambda_parameter_hides_a_column_and_an_outer_parameter() -> None:
    nested = typed("TRANSFORM(ARRAY[A], I => TRANSFORM(I, I => I + 1))")

    names = {node.name for node in walk(nested) if isinstance(node, TypedParam)}
    assert len(names) == 2
    assert nested.type == Array(Array(s.INTEGER))


def test_text_literal_beside_a_pseudo_column_is_a_moment_in_milliseconds() -> None:
    literals = [n for n in walk(typed("'2020-01-01T01:00+0100' <= ROWTIME")) if isinstance(n, TypedLiteral)]

    assert literals == [TypedLiteral(s.BIGINT, 1577836800000)]


def test_custom_types_resolve_inside_each_other() -> None:
    expected = Map(s.STRING, Struct((Field("AMOUNT", Decimal(10, 2)),)))

    assert resolve_type(Map(s.STRING, ast.TypeName("PRICE")), ENV) == expected


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("1", "BIGINT"),
        ("1", "DECIMAL(12, 2)"),
        ("C", "DOUBLE"),
        ("C", "DECIMAL(6, 3)"),
        ("A", "ARRAY<DOUBLE>"),
        ("'2020-01-01'", "DATE"),
        ("S", "TIMESTAMP"),
        ("NULL", "MAP<STRING, INT>"),
        ("STRUCT(X := 1)", "STRUCT<X BIGINT, Y STRING>"),
        ("ARRAY['1']", "ARRAY<INT>"),
    ],
)
def test_value_converts_to_the_wanted_type(text: str, target: str) -> None:
    type_ = parse_type(target)

    assert coerce(typed(text), type_).type == type_


@pytest.mark.parametrize(
    ("text", "target"),
    [("B", "INT"), ("D", "DECIMAL(4, 2)"), ("C", "DECIMAL(4, 3)"), ("'1'", "INT"), ("1", "STRING"), ("A", "STRING")],
)
def test_value_that_would_lose_something_does_not_convert(text: str, target: str) -> None:
    with pytest.raises(KsqlStatementError, match="Cannot implicitly convert"):
        coerce(typed(text), parse_type(target))


def test_constants_are_converted_while_planning() -> None:
    nodes = list(walk(typed("I IN (1, '2', 3)")))

    assert not any(isinstance(node, TypedCast) for node in nodes)


def test_every_type_has_a_text_form() -> None:
    types: list[SqlType] = [parse_type(t) for t in COLUMNS.values()]

    assert [parse_type(str(t)) for t in types] == types
