"""Syntax trees of expressions to typed expressions, by ksqlDB's rules.

``type_expression`` is the door. Every error names the place in the text; its message is ksqlDB's where ksqlDB has one.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from streamnb import schema as s
from streamnb.errors import KsqlError, KsqlFunctionError, KsqlStatementError
from streamnb.functions.aggregate import is_aggregate
from streamnb.functions.registry import ArgType, LambdaArg, Resolved, UnitArg
from streamnb.plan import constructors
from streamnb.plan.coercion import coerce, coerce_all, convert
from streamnb.plan.comparison import align, datetime_operands
from streamnb.plan.elsewhere import function_advice
from streamnb.plan.env import Env, resolve_type
from streamnb.plan.labels import expression_text
from streamnb.plan.scope import ColumnScope, EmptyScope, Scope, ScopeEntry
from streamnb.plan.temporal import check_time_zone
from streamnb.plan.typed import (
    Typed,
    TypedArithmetic,
    TypedAtTimeZone,
    TypedBetween,
    TypedCall,
    TypedCase,
    TypedCast,
    TypedComparison,
    TypedConcat,
    TypedIn,
    TypedIsNull,
    TypedLambda,
    TypedLike,
    TypedLiteral,
    TypedLogical,
    TypedNegative,
    TypedNot,
    TypedParam,
    TypedUnit,
)
from streamnb.plan.types import arithmetic_type, can_cast, common_type, type_name
from streamnb.schema import Decimal, SqlType
from streamnb.sql import ast

__all__ = [
    "ColumnScope",
    "EmptyScope",
    "Env",
    "Scope",
    "ScopeEntry",
    "coerce",
    "resolve_type",
    "type_expression",
]


def type_expression(expression: ast.Expression, scope: Scope, env: Env) -> Typed:
    """Find the columns and functions of an expression and the type of each of its parts.

    The type of the result is None for the untyped NULL only.
    Raises: KsqlStatementError or KsqlFunctionError, with the span of the part at fault.
    """
    return Typer(scope, env, {}).type(expression)


class Typer:
    """Types the parts of one expression; ``params`` holds the lambda parameters that can be used, by name."""

    def __init__(self, scope: Scope, env: Env, params: Mapping[str, TypedParam]) -> None:
        self._scope = scope
        self._env = env
        self._params = params

    def type(self, expression: ast.Expression) -> Typed:
        """Type one expression."""
        try:
            typed = _RULES[type(expression)](self, expression)
        except KsqlError as error:
            if error.span is None and expression.span != ast.NO_SPAN:
                error.span = expression.span
            raise
        return typed if expression.span == ast.NO_SPAN else replace(typed, span=expression.span)

    def text(self, expression: ast.Expression) -> str:
        """Write an expression for a message."""
        return expression_text(expression, self._scope)

    def _column(self, e: ast.ColumnRef) -> Typed:
        if e.source is None and e.name in self._params:
            return self._params[e.name]
        return self._scope.resolve(e)

    def _decimal(self, e: ast.DecimalLiteral) -> Typed:
        exponent = e.value.as_tuple().exponent
        scale = max(0, -int(exponent))
        precision = max(len(e.value.as_tuple().digits) + max(0, int(exponent)), scale, 1)
        return TypedLiteral(Decimal(precision, scale), e.value)

    # Operators

    def _unary(self, e: ast.Unary) -> Typed:
        operand = self.type(e.operand)
        if e.op == "NOT":
            self._require_boolean(e, operand)
            return TypedNot(s.BOOLEAN, operand)
        if operand.type is None or not operand.type.is_numeric:
            raise KsqlStatementError(
                f"Error processing expression: {self.text(e)}. Unsupported arithmetic types. {type_name(operand.type)}",
                summary=f"{self.text(e.operand)} is no number",
            )
        if e.op == "+":
            return operand
        if isinstance(operand, TypedLiteral) and isinstance(operand.value, int | float | decimal.Decimal):
            return _negated(operand.type, operand.value)
        return TypedNegative(operand.type, operand)

    def _require_boolean(self, e: ast.Expression, *operands: Typed) -> None:
        for operand in operands:
            if operand.type not in (s.BOOLEAN, None):
                names = " ".join(type_name(o.type) for o in operands)
                raise KsqlStatementError(
                    f"Error processing expression: {self.text(e)}. Unsupported logical types. {names}",
                    summary=f"AND, OR and NOT take BOOLEAN, not {type_name(operand.type)}",
                    hint="compare it with something: = 1, IS NOT NULL, ...",
                )

    def _binary(self, e: ast.Binary) -> Typed:
        left, right = self.type(e.left), self.type(e.right)
        if e.op in ("AND", "OR"):
            self._require_boolean(e, left, right)
            return TypedLogical(s.BOOLEAN, e.op, coerce(left, s.BOOLEAN), coerce(right, s.BOOLEAN))
        if e.op == "||":
            return self._concatenation(e, left, right)
        if e.op in ("+", "-", "*", "/", "%"):
            return self._arithmetic(e, left, right)
        return self._comparison(e.op, e.left, e.right, left, right)

    def _concatenation(self, e: ast.Binary, left: Typed, right: Typed) -> Typed:
        """``||`` joins texts, or byte strings; anything else beside a text is written as text."""
        if left.type == right.type == s.BYTES:
            return TypedConcat(s.BYTES, left, right)
        if s.STRING not in (left.type, right.type) or s.BYTES in (left.type, right.type):
            raise self._unsupported(e, left, right)
        return TypedConcat(s.STRING, _as_text(left), _as_text(right))

    def _arithmetic(self, e: ast.Binary, left: Typed, right: Typed) -> Typed:
        if left.type is None or right.type is None:
            names = f"{type_name(left.type)} and {type_name(right.type)}"
            raise KsqlStatementError(
                f"Error processing expression: {self.text(e)}. Arithmetic on types {names} are not supported.",
                summary=f"arithmetic with NULL is not possible: {self.text(e)}",
                hint="write CAST(NULL AS INT), or leave the expression out",
            )
        if e.op == "+" and left.type == right.type == s.STRING:
            return TypedConcat(s.STRING, left, right)
        result = arithmetic_type(e.op, left.type, right.type)
        if result is None:
            raise self._unsupported(e, left, right)
        if not isinstance(result, Decimal):
            left, right = convert(left, result), convert(right, result)
        return TypedArithmetic(result, e.op, left, right)

    def _unsupported(self, e: ast.Binary, left: Typed, right: Typed) -> KsqlStatementError:
        names = " ".join("null" if o.type is None else o.type.base for o in (left, right))
        return KsqlStatementError(
            f"Error processing expression: {self.text(e)}. Unsupported arithmetic types. {names}",
            summary=f"{e.op} does not work on {names.replace(' ', ' and ')}",
            hint="convert one side with CAST",
        )

    def _comparison(
        self, op: str, left: ast.Expression, right: ast.Expression, typed_left: Typed, typed_right: Typed
    ) -> TypedComparison:
        typed_left, typed_right = datetime_operands(left, right, typed_left, typed_right)
        pair = align(op, typed_left, typed_right, self.text(left), self.text(right))
        return TypedComparison(s.BOOLEAN, op, *pair)

    def _between(self, e: ast.Between) -> Typed:
        operand = self.type(e.operand)
        low = self._comparison(">=", e.operand, e.low, operand, self.type(e.low))
        high = self._comparison("<=", e.operand, e.high, operand, self.type(e.high))
        if low.left == high.left:
            test: Typed = TypedBetween(s.BOOLEAN, low.left, low.right, high.right)
        else:
            test = TypedLogical(s.BOOLEAN, "AND", low, high)
        return TypedNot(s.BOOLEAN, test) if e.negated else test

    def _in_list(self, e: ast.InList) -> Typed:
        parts = (e.operand, *e.items)
        typed = [self.type(part) for part in parts]
        items = zip(e.items, typed[1:], strict=True)
        typed[1:] = [datetime_operands(e.operand, item, typed[0], t)[1] for item, t in items]
        try:
            common, converted = coerce_all([(t, self.text(part)) for t, part in zip(typed, parts, strict=True)])
        except KsqlStatementError as error:
            error.message = f"Invalid Predicate: {error.message}"
            error.args = (error.message,)
            raise
        if common is None:
            converted = [TypedLiteral(s.BOOLEAN, None) for _ in parts]
        test = TypedIn(s.BOOLEAN, converted[0], tuple(converted[1:]))
        return TypedNot(s.BOOLEAN, test) if e.negated else test

    def _like(self, e: ast.Like) -> Typed:
        operand, pattern = self.type(e.operand), self.type(e.pattern)
        for part, typed in ((e.operand, operand), (e.pattern, pattern)):
            if typed.type not in (s.STRING, None):
                raise KsqlStatementError(
                    f"Like condition must be between strings. {self.text(part)} is of type {type_name(typed.type)}.",
                    summary=f"LIKE compares texts, and {self.text(part)} is of type {type_name(typed.type)}",
                    hint=f"write CAST({self.text(part)} AS STRING)",
                )
        if e.escape and isinstance(pattern, TypedLiteral) and _ends_escaped(str(pattern.value or ""), e.escape):
            raise KsqlStatementError(
                f"LIKE pattern must not end with the escape character: {self.text(e.pattern)}",
                summary=f"the pattern {self.text(e.pattern)} ends with its escape character",
                hint=f"write {e.escape}{e.escape} for the character itself",
                span=e.pattern.span,
            )
        test = TypedLike(s.BOOLEAN, coerce(operand, s.STRING), coerce(pattern, s.STRING), e.escape)
        return TypedNot(s.BOOLEAN, test) if e.negated else test

    # Forms of their own

    def _cast(self, e: ast.Cast) -> Typed:
        operand = self.type(e.operand)
        target = resolve_type(e.type, self._env)
        if operand.type is None:
            return TypedLiteral(target, None)
        if operand.type == target:
            return operand
        if not can_cast(operand.type, target):
            raise KsqlStatementError(
                f"Cast of {operand.type} to {target} is not supported",
                summary=f"a value of type {operand.type} cannot be converted to {target}",
            )
        return TypedCast(target, operand)

    def _case(self, e: ast.Case) -> Typed:
        operand = None if e.operand is None else self.type(e.operand)
        conditions: list[Typed] = []
        for when in e.whens:
            typed = self.type(when.condition)
            if e.operand is not None and operand is not None:
                typed = self._comparison("=", e.operand, when.condition, operand, typed)
            elif typed.type != s.BOOLEAN:
                raise KsqlStatementError(
                    f"WHEN operand type should be boolean.\nType for '{self.text(when.condition)}' is "
                    f"{type_name(typed.type)}",
                    summary=f"{self.text(when.condition)} is of type {type_name(typed.type)}, a condition is BOOLEAN",
                    hint="compare it with something: = 1, IS NOT NULL, ...",
                )
            conditions.append(typed)
        results = [when.result for when in e.whens] + ([e.default] if e.default is not None else [])
        type_, typed_results = self._case_results(e, results)
        whens = tuple(zip(conditions, typed_results, strict=False))
        return TypedCase(type_, whens, typed_results[-1] if e.default is not None else None)

    def _case_results(self, e: ast.Case, results: Sequence[ast.Expression]) -> tuple[SqlType, list[Typed]]:
        typed = [self.type(r) for r in results]
        common: SqlType | None = None
        for result in typed:
            if result.type is not None:
                wider = result.type if common is None else common_type(common, result.type)
                if wider is None:
                    raise self._no_common_result(results, typed)
                common = wider
        if common is None:
            raise KsqlStatementError(
                "Invalid Case expression. All case branches have NULL type",
                summary="every branch of the CASE is NULL",
                hint="write CAST(NULL AS ...) in one of them",
            )
        return common, [convert(result, common) for result in typed]

    def _no_common_result(self, results: Sequence[ast.Expression], typed: Sequence[Typed]) -> KsqlStatementError:
        types = ", ".join(f"{self.text(r)} ({type_name(t.type)})" for r, t in zip(results, typed, strict=True))
        return KsqlStatementError(
            f"Invalid Case expression. Type for all 'THEN' clauses should be the same.\nThe results are {types}.",
            summary="the results of the CASE have no type in common",
            hint=f"{types}: convert them with CAST",
        )

    def _at_time_zone(self, e: ast.AtTimeZone) -> Typed:
        check_time_zone(e.zone)
        return TypedAtTimeZone(s.TIMESTAMP, coerce(self.type(e.operand), s.TIMESTAMP), self.type(e.zone))

    # Calls

    def _call(self, e: ast.Call) -> Typed:
        args = [a for a in e.args if not isinstance(a, ast.Star)]
        typed: list[Typed | None] = [None if isinstance(a, ast.Lambda) else self.type(a) for a in args]
        given = [_argument(a, t) for a, t in zip(args, typed, strict=True)]
        try:
            function = self._env.registry.resolve(e.name, given)
        except KsqlFunctionError as error:
            if is_aggregate(e.name):
                error.summary = f"{e.name} is an aggregate, which cannot be used here"
                error.hint = "aggregates stand in SELECT and in HAVING, as in HAVING COUNT(*) > 3"
            elif "does not exist" in (error.summary or ""):
                error.hint = function_advice(e.name) or error.hint
            raise
        if any(isinstance(a, ast.Lambda) for a in args):
            for i, argument in enumerate(args):
                if isinstance(argument, ast.Lambda):
                    typed[i] = body = self._lambda(e.name, argument, function.lambda_params(i))
                    given[i] = LambdaArg(len(argument.params), body.body.type)
            function = self._env.registry.resolve(e.name, given)
        return TypedCall(function.return_type, function, tuple(_converted(function, typed)))

    def _lambda(self, name: str, e: ast.Lambda, types: Sequence[SqlType | None]) -> TypedLambda:
        if len(types) != len(e.params):
            raise KsqlFunctionError(
                f"Was expecting {len(types)} arguments but found {len(e.params)}, {list(e.params)}. "
                f"Check your lambda statement of {name}.",
                summary=f"the lambda of {name} takes {len(types)} parameters, not {len(e.params)}",
                span=e.span,
            )
        params = tuple(
            TypedParam(t, f"{p}@{len(self._params) + i}") for i, (p, t) in enumerate(zip(e.params, types, strict=True))
        )
        known = {**self._params, **dict(zip(e.params, params, strict=True))}
        return TypedLambda(None, params, Typer(self._scope, self._env, known).type(e.body))

    def _stray(self, e: ast.Expression) -> Typed:
        what = "a lambda" if isinstance(e, ast.Lambda) else "a time unit"
        raise KsqlStatementError(f"{what.capitalize()} can only be an argument of a function: {self.text(e)}.")


def _negated(type_: SqlType, value: int | float | decimal.Decimal) -> Typed:
    """Negate a literal; a BIGINT whose negative fits INTEGER keeps its type, as in Java."""
    if type_ == s.INTEGER and value == -(2**31):
        return TypedLiteral(type_, value)
    if type_ == s.BIGINT and value == -(2**63):
        return TypedLiteral(type_, value)
    return TypedLiteral(type_, -value)


def _ends_escaped(pattern: str, escape: str) -> bool:
    return (len(pattern) - len(pattern.rstrip(escape))) % 2 == 1


def _as_text(typed: Typed) -> Typed:
    return coerce(typed, s.STRING) if typed.type in (s.STRING, None) else TypedCast(s.STRING, typed)


def _argument(e: ast.Expression, typed: Typed | None) -> ArgType:
    """Describe an argument to the registry."""
    if isinstance(e, ast.Lambda):
        return LambdaArg(len(e.params))
    if isinstance(e, ast.TimeUnit):
        return UnitArg(e.unit)
    assert typed is not None
    return typed.type


def _converted(function: Resolved, typed: Sequence[Typed | None]) -> list[Typed]:
    """Convert arguments to the types that the function takes."""
    out = []
    for argument, wanted in zip(typed, function.param_types, strict=True):
        assert argument is not None
        plain = wanted is None or isinstance(argument, TypedLambda | TypedUnit)
        out.append(argument if plain or wanted is None else coerce(argument, wanted))
    return out


_RULES: dict[type[Any], Callable[[Typer, Any], Typed]] = {
    ast.NullLiteral: lambda t, e: TypedLiteral(None, None),
    ast.BooleanLiteral: lambda t, e: TypedLiteral(s.BOOLEAN, e.value),
    ast.IntegerLiteral: lambda t, e: TypedLiteral(s.INTEGER, e.value),
    ast.LongLiteral: lambda t, e: TypedLiteral(s.BIGINT, e.value),
    ast.DecimalLiteral: Typer._decimal,
    ast.DoubleLiteral: lambda t, e: TypedLiteral(s.DOUBLE, e.value),
    ast.StringLiteral: lambda t, e: TypedLiteral(s.STRING, e.value),
    ast.ColumnRef: Typer._column,
    ast.Unary: Typer._unary,
    ast.Binary: Typer._binary,
    ast.Between: Typer._between,
    ast.InList: Typer._in_list,
    ast.Like: Typer._like,
    ast.IsNull: lambda t, e: TypedIsNull(s.BOOLEAN, t.type(e.operand), e.negated),
    ast.Cast: Typer._cast,
    ast.Case: Typer._case,
    ast.AtTimeZone: Typer._at_time_zone,
    ast.Call: Typer._call,
    ast.TimeUnit: lambda t, e: TypedUnit(None, e.unit),
    ast.Lambda: Typer._stray,
    ast.FieldRef: lambda t, e: constructors.field(t.type(e.base), e.name, t.text(e.base)),
    ast.Subscript: lambda t, e: constructors.subscript(t.type(e.base), t.type(e.index), t.text(e)),
    ast.ArrayConstructor: lambda t, e: constructors.array([(t.type(i), t.text(i)) for i in e.items]),
    ast.MapConstructor: lambda t, e: constructors.map_(
        [(t.type(k), t.text(k)) for k, _ in e.entries], [(t.type(v), t.text(v)) for _, v in e.entries]
    ),
    ast.StructConstructor: lambda t, e: constructors.struct([(name, t.type(v), t.text(v)) for name, v in e.fields]),
}
