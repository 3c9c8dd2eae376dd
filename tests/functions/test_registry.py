"""Calls are resolved as ksqlDB resolves them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from streamnb.duck import ident, lit, sql
from streamnb.errors import KsqlFunctionError
from streamnb.functions.registry import LambdaArg, Registry, Resolved
from streamnb.functions.signature_text import parse_type
from streamnb.schema import BIGINT, DOUBLE, INTEGER, STRING, Array, Decimal
from streamnb.store import Store
from tests.functions.calling import arg_type


def resolve(name: str, *types: str, registry: Registry | None = None) -> Resolved:
    return (registry or Registry()).resolve(name, [arg_type(t) for t in types])


def refusal(name: str, *types: str, registry: Registry | None = None) -> KsqlFunctionError:
    with pytest.raises(KsqlFunctionError) as caught:
        resolve(name, *types, registry=registry)
    return caught.value


@pytest.mark.parametrize(
    ("name", "types", "params", "returns"),
    [
        ("ABS", ["INT"], ["INT"], "INT"),
        ("ABS", ["DECIMAL(5,2)"], ["DECIMAL(5,2)"], "DECIMAL(5,2)"),
        ("ROUND", ["DECIMAL(33,16)"], ["DECIMAL(33,16)"], "DECIMAL(17,0)"),
        ("ROUND", ["DECIMAL(33,16)", "INT"], ["DECIMAL(33,16)", "INT"], "DECIMAL(33,16)"),
        ("GREATEST", ["DECIMAL(9,2)", "DECIMAL(7,6)"], ["DECIMAL(9,2)", "DECIMAL(7,6)"], "DECIMAL(13,6)"),
        ("GREATEST", ["INT", "BIGINT", "DOUBLE", "NULL"], ["DOUBLE", "DOUBLE", "DOUBLE", "DOUBLE"], "DOUBLE"),
        ("GREATEST", ["TIMESTAMP", "STRING"], ["TIMESTAMP", "TIMESTAMP"], "TIMESTAMP"),
        ("GEO_DISTANCE", ["DOUBLE", "DECIMAL(3,1)", "BIGINT", "INT"], ["DOUBLE"] * 4, "DOUBLE"),
        ("COALESCE", ["NULL", "INT", "BIGINT"], ["BIGINT", "BIGINT", "BIGINT"], "BIGINT"),
        ("SUBSTRING", ["STRING", "NULL"], ["STRING", "INT"], "STRING"),
        ("ARRAY_CONTAINS", ["ARRAY<BIGINT>", "INT"], ["ARRAY<BIGINT>", "BIGINT"], "BOOLEAN"),
        ("AS_MAP", ["ARRAY<STRING>", "ARRAY<DOUBLE>"], ["ARRAY<STRING>", "ARRAY<DOUBLE>"], "MAP<STRING, DOUBLE>"),
    ],
)
def test_call_converts_its_arguments_and_has_a_type(
    name: str, types: list[str], params: list[str], returns: str
) -> None:
    found = resolve(name, *types)
    assert (found.param_types, found.return_type) == (tuple(map(parse_type, params)), parse_type(returns))


def test_untyped_nulls_have_an_untyped_result() -> None:
    assert resolve("IFNULL", "NULL", "NULL").return_type is None


def test_lambda_parameters_are_known_before_the_result() -> None:
    registry = Registry()
    first = registry.resolve("TRANSFORM", [Array(INTEGER), LambdaArg(1)])
    assert (first.lambda_params(1), first.return_type) == ((INTEGER,), None)
    second = registry.resolve("TRANSFORM", [Array(INTEGER), LambdaArg(1, BIGINT)])
    assert second.return_type == Array(BIGINT)


def test_lambda_with_too_many_parameters_is_refused() -> None:
    with pytest.raises(KsqlFunctionError, match="does not accept parameters \\(ARRAY<INTEGER>, LAMBDA\\)"):
        Registry().resolve("FILTER", [Array(INTEGER), LambdaArg(2)])


def test_unknown_function_is_named_with_those_like_it() -> None:
    error = refusal("SUBSTRNG", "STRING")
    assert error.message == "Can't find any functions with the name 'SUBSTRNG'"
    assert error.hint == "did you mean SUBSTRING?"


def test_wrong_arguments_list_what_is_accepted() -> None:
    assert refusal("CHR", "DOUBLE").message == (
        "Function 'chr' does not accept parameters (DOUBLE).\n"
        "Valid alternatives are:\n"
        "chr(INTEGER code)\n"
        "chr(STRING code)\n"
        "For detailed information on a function run: DESCRIBE FUNCTION <Function-Name>;"
    )


@pytest.mark.parametrize("types", [["INT", "BIGINT"], ["NULL", "NULL"], ["INT", "DECIMAL(38,30)"]])
def test_call_that_fits_two_overloads_is_ambiguous(types: list[str]) -> None:
    shown = ", ".join(t if t.startswith("D") else {"INT": "INTEGER", "NULL": "null"}.get(t, t) for t in types)
    message = refusal("GREATEST", *types).message.replace("DECIMAL(38, 30)", "DECIMAL(38,30)")
    expected = f"Function 'greatest' cannot be resolved due to ambiguous method parameters ({shown})."
    assert message.startswith(expected)


def value(store: Store, registry: Registry, found: Resolved, *args: str | int | None) -> object:
    registry.install(store)
    return store.rows(sql("SELECT {}", found.render([lit(a) for a in args])))[0][0]


def test_python_function_outlives_the_transaction_that_needed_it() -> None:
    registry, store = Registry(), Store.open()
    found = registry.resolve("JSON_CONCAT", [arg_type("STRING")])
    with pytest.raises(RuntimeError, match="taken back"), store.transaction():
        registry.install(store)
        raise RuntimeError("taken back")
    assert value(store, registry, found, None) is None


def test_python_function_is_callable_on_every_cursor() -> None:
    registry, store = Registry(), Store.open()
    found = registry.resolve("JSON_CONCAT", [arg_type("STRING")])
    registry.install(store)
    assert value(store.cursor(), registry, found, None) is None
    assert value(store.cursor(), Registry(), found, None) is None


def test_argument_used_twice_is_computed_once() -> None:
    store = Store.open()
    round_half = Registry().resolve("ROUND", [DOUBLE])
    call = round_half.render([sql("random() * 1000 + {}", ident("n"))])
    assert call.count("random()") == 1
    rows = store.rows(sql("SELECT {} BETWEEN n AND n + 1000 FROM range(100) AS numbers(n)", call))
    assert rows == [(True,)] * 100


def test_nested_calls_do_not_multiply() -> None:
    registry = Registry()
    text = ident("k0")
    for _ in range(12):
        text = registry.resolve("SUBSTRING", [STRING, INTEGER]).render([text, lit(2)])
    assert len(text) < 12_000


def test_decimal_result_never_exceeds_38_digits() -> None:
    found = resolve("GREATEST", "DECIMAL(38,0)", "DECIMAL(38,20)")
    assert found.return_type == Decimal(38, 20)


def test_importing_functions_loads_no_function() -> None:
    code = "import sys, streamnb.functions; print([m for m in sys.modules if m.startswith('streamnb.functions.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
