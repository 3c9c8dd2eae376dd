"""Signatures are read from text, and what is wrong with one is pointed at."""

from __future__ import annotations

import pytest

from streamnb.errors import KsqlFunctionError
from streamnb.functions.signature_text import parse_declaration, parse_signature, parse_type
from streamnb.schema import BIGINT, INTEGER, STRING, Array, Decimal, Field, Map, Struct


@pytest.mark.parametrize("text", ["INT -> INT", "(INT) ->", "(WORD) -> INT", "(INT) -> INT INT", "(INT; INT) -> INT"])
def test_text_that_is_no_signature_is_refused(text: str) -> None:
    with pytest.raises(KsqlFunctionError, match="not a signature"):
        parse_signature(text)


def test_declaration_has_a_name_parameters_and_a_result() -> None:
    declared = parse_declaration("Pick(first BIGINT, varchar..., const n int) -> Array<String>")
    assert (declared.name, str(declared.signature)) == (
        "Pick",
        "(BIGINT first, STRING..., const INTEGER n) -> ARRAY<STRING>",
    )


def test_types_nest_and_fields_are_upper_case_unless_quoted() -> None:
    found = parse_type("map<string, array<struct<id int, `At``Home` decimal(10, 2)>>>")
    assert found == Map(STRING, Array(Struct((Field("ID", INTEGER), Field("At`Home", Decimal(10, 2))))))


def test_repeated_parameter_may_stand_anywhere() -> None:
    signature = parse_declaration("F(INT, BIGINT..., STRING) -> INT").signature
    assert signature.expand(4) == (INTEGER, BIGINT, BIGINT, STRING)
    assert signature.expand(2) == (INTEGER, STRING)
    assert signature.expand(1) is None


@pytest.mark.parametrize(
    ("text", "rendering"),
    [
        (
            "F(INTT) -> INT",
            ["error: unknown type INTT", "  1 | F(INTT) -> INT", "    |   ^^^^", "hint: did you mean INT?"],
        ),
        (
            "(INT) -> INT",
            [
                "error: the name of the function is expected here, not (",
                "  1 | (INT) -> INT",
                "    | ^",
                "hint: write it as NAME(INT, VARCHAR) -> VARCHAR",
            ],
        ),
        (
            "F(INT) -> DECIMAL(50, 2)",
            [
                "error: there is no DECIMAL(50, 2)",
                "  1 | F(INT) -> DECIMAL(50, 2)",
                "    |                   ^^^^^",
                "hint: the precision is 1 to 38, the scale at most the precision",
            ],
        ),
        (
            "F(INT)",
            [
                "error: -> is expected here, but the text ends",
                "  1 | F(INT)",
                "    |       ^",
                "hint: write it as NAME(INT, VARCHAR) -> VARCHAR",
            ],
        ),
        (
            "F(INT) => INT",
            [
                "error: -> is expected here, not =>",
                "  1 | F(INT) => INT",
                "    |        ^^",
                "hint: write it as NAME(INT, VARCHAR) -> VARCHAR",
            ],
        ),
        (
            "F[INT] -> INT",
            [
                "error: unexpected character [",
                "  1 | F[INT] -> INT",
                "    |  ^",
                "hint: write it as NAME(INT, VARCHAR) -> VARCHAR",
            ],
        ),
    ],
)
def test_error_points_into_the_text(text: str, rendering: list[str]) -> None:
    with pytest.raises(KsqlFunctionError) as caught:
        parse_declaration(text)
    assert caught.value.render().splitlines() == rendering
