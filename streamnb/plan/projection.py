"""The select list: stars expanded, names given, key columns told from value columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from streamnb.errors import KsqlStatementError, Span
from streamnb.plan.relations import Relation, rewrite
from streamnb.plan.sources import RESERVED_COLUMNS
from streamnb.plan.typed import Typed
from streamnb.schema import Column, Struct
from streamnb.sql import ast
from streamnb.sql.printer import format_expression

__all__ = [
    "Item",
    "KeyRule",
    "check_aliases",
    "check_names",
    "check_unique",
    "expand_items",
    "split_items",
    "unqualified",
    "untyped",
]

MISSING_KEY = "Key missing from projection (ie, SELECT). See https://cnfl.io/2LV7ouS."


@dataclass(frozen=True)
class Item:
    """One column of the result: its name, whether it was given by the user, and its expression."""

    name: str
    expression: ast.Expression
    aliased: bool
    span: Span


def expand_items(query: ast.Query, relation: Relation, struct_type: object, *, with_bounds: bool = False) -> list[Item]:
    """Expand the stars of a select list and name every column.

    ``struct_type`` is a function that gives an expression's type, for ``struct->*``; ``with_bounds`` adds the window
    bounds of a windowed source behind the key, as push queries show them.
    """
    items: list[Item] = []
    names = _Names(relation)
    for item in query.items:
        if isinstance(item, ast.Star) and query.partition_by and not _by_null(query):
            items += _expand_repartitioned(item, query, relation, names)
        elif isinstance(item, ast.Star):
            items += _expand_star(item, relation, with_bounds)
        elif isinstance(item, ast.StructStar):
            items += _expand_struct(item, struct_type)
        else:
            items.append(
                Item(item.alias or names.of(item.expression), item.expression, item.alias is not None, item.span)
            )
    return items


class _Names:
    """Names the columns of a select list that have no alias, unlike the columns of the sources.

    Source: ksqlDB numbers the unnamed ones from 0 (KSQL_COL_0), and repeated names of struct fields from 1 (CITY_1).
    """

    def __init__(self, relation: Relation) -> None:
        self._relation = relation
        self._taken = {e.name for e in relation.entries}
        self._used: dict[str, int] = {}

    def of(self, expression: ast.Expression) -> str:
        """Name an expression."""
        if isinstance(expression, ast.ColumnRef):
            return self._of_column(expression)
        base, first = (expression.name, "") if isinstance(expression, ast.FieldRef) else ("KSQL_COL", "_0")
        number = self._used.get(base, 0)
        name = f"{base}{first if number == 0 else f'_{number}'}"
        while name in self._taken:
            number += 1
            name = f"{base}_{number}"
        self._used[base] = number + 1
        return name

    def _of_column(self, ref: ast.ColumnRef) -> str:
        if self._relation.prefixed and ref.source is not None:
            ambiguous = sum(e.name == ref.name for e in self._relation.entries) > 1
            return f"{ref.source}_{ref.name}" if ambiguous else ref.name
        return ref.name


def _by_null(query: ast.Query) -> bool:
    return isinstance(query.partition_by[0], ast.NullLiteral)


def _expand_repartitioned(star: ast.Star, query: ast.Query, relation: Relation, names: _Names) -> list[Item]:
    """Expand a star over a stream that gets a new key: the new key, the other columns, the old key last."""
    by = [relation.canonical(e, "PARTITION BY") for e in query.partition_by]
    kept = _expand_star(star, relation, False)
    known = {item.expression: item.name for item in kept}
    keys = [Item(known.get(e) or names.of(e), e, False, star.span) for e in by]
    rest = [item for item in kept if item.expression not in by]
    old = [i for i in rest if not relation.prefixed and any(i.expression in refs for refs in relation.keys)]
    return keys + [item for item in rest if item not in old] + old


def _expand_star(star: ast.Star, relation: Relation, with_bounds: bool) -> list[Item]:
    aliases = {e.source for e in relation.entries}
    if star.source is not None and star.source not in aliases:
        raise KsqlStatementError(f"'{star.source}' is not a valid stream/table name or alias.", span=star.span)
    items = []
    for entry in relation.entries:
        if star.source not in (None, entry.source):
            continue
        bounds = with_bounds and entry.name in ("WINDOWSTART", "WINDOWEND")
        if entry.system and not bounds:
            continue
        name = f"{entry.source}_{entry.name}" if relation.prefixed and entry.source else entry.name
        items.append(Item(name, ast.ColumnRef(entry.name, entry.source or None, span=star.span), False, star.span))
    if with_bounds and not relation.prefixed:
        keys = [i for i in items if any(i.name == refs[0].name for refs in relation.keys)]
        bounds_items = [i for i in items if i.name in ("WINDOWSTART", "WINDOWEND")]
        items = keys + bounds_items + [i for i in items if i not in keys and i not in bounds_items]
    return items


def _expand_struct(item: ast.StructStar, struct_type: object) -> list[Item]:
    type_ = struct_type(item.base) if callable(struct_type) else None
    if not isinstance(type_, Struct):
        raise KsqlStatementError(
            f"Cannot use '->*' on a non-struct expression: {format_expression(item.base)} ({type_})", span=item.span
        )
    return [Item(f.name, ast.FieldRef(item.base, f.name, span=item.span), False, item.span) for f in type_.fields]


@dataclass(frozen=True)
class KeyRule:
    """What the key columns of a persistent query's result are.

    ``candidates`` lists, for each key column, the canonical expressions that may stand for it in the projection;
    ``noun`` words the error when one is missing (``key column``, ``grouping expression``, ...), and ``note`` ends it;
    ``of_join`` tells that internal names are prefixed; ``unqualified`` that messages name columns without their
    source; ``foreign_of`` is the left table of a foreign-key join.
    """

    candidates: tuple[tuple[ast.Expression, ...], ...]
    noun: str
    of_group: bool = False
    of_join: bool = False
    unqualified: bool = False
    note: str = ""
    foreign_of: str = ""


def split_items(
    items: Sequence[Item], canonical: Sequence[ast.Expression], rule: KeyRule, sink: str
) -> tuple[list[Item], list[Item]]:
    """Tell the key items of a persistent query's projection from its value items.

    Shape: one key item per key column, in the key's order; value items in the projection's order.
    Raises: KsqlStatementError when a key column is missing, or is there twice.
    """
    keys: list[Item] = []
    used: set[int] = set()
    missing: list[tuple[ast.Expression, ...]] = []
    for options in rule.candidates:
        places = _first_places(canonical, options)
        if not places:
            missing.append(options)
            continue
        if len(places) > 1:
            raise _repeated_key([items[i] for i in places], rule)
        keys.append(items[places[0]])
        used.add(places[0])
    if missing:
        raise _missing_key(missing if rule.of_group or rule.foreign_of else rule.candidates, rule, sink)
    return keys, [item for i, item in enumerate(items) if i not in used]


def _first_places(canonical: Sequence[ast.Expression], options: Sequence[ast.Expression]) -> list[int]:
    """List where the first option that occurs at all stands in the projection."""
    for option in options:
        places = [i for i, expression in enumerate(canonical) if expression == option]
        if places:
            return places
    return []


def _repeated_key(items: Sequence[Item], rule: KeyRule) -> KsqlStatementError:
    names = sorted(i.name for i in items)
    hint = "keep one of them; AS_VALUE(column) copies a key column into the value."
    if rule.of_group:
        shown = " and ".join(f"`{n}`" for n in names)
        return KsqlStatementError(
            f"The projection contains a key column more than once: {shown}.", hint=hint, span=items[-1].span
        )
    own = items[0].expression
    name = own.name if isinstance(own, ast.ColumnRef) else names[0]
    if rule.of_join and isinstance(own, ast.ColumnRef) and own.source is not None:
        name = f"{own.source}_{own.name}"
    return KsqlStatementError(
        f"The projection contains a key column (`{name}`) more than once, aliased as: {' and '.join(names)}.",
        hint=hint,
        span=items[-1].span,
    )


def _missing_foreign(missing: Sequence[Sequence[ast.Expression]], rule: KeyRule, sink: str) -> KsqlStatementError:
    names = [options[0].name for options in missing if isinstance(options[0], ast.ColumnRef)]
    plural = "s" if len(names) > 1 else ""
    return KsqlStatementError(
        f"Primary key column{plural} missing in projection. For foreign-key table-table joins, the projection must "
        f"include all primary key columns from the left input table (`{rule.foreign_of}`). Missing column{plural}: "
        f"{', '.join(f'`{n}`' for n in names)}.",
        summary=f"the key of {sink} is missing from SELECT",
        hint=f"select {' and '.join(names)}.",
    )


def _missing_key(missing: Sequence[Sequence[ast.Expression]], rule: KeyRule, sink: str) -> KsqlStatementError:
    if rule.foreign_of:
        return _missing_foreign(missing, rule, sink)
    show = unqualified if rule.unqualified else format_expression
    if len(missing) == 1:
        names = [show(e) for e in missing[0]]
        shown = " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
        example = names[0]
    else:
        names = [show(options[0]) for options in missing]
        shown = f"{', '.join(names[:-1])} and {names[-1]}"
        example = ", ".join(names)
    noun = rule.noun + ("s" if len(names) > 1 else "")
    return KsqlStatementError(
        f"{MISSING_KEY}\nThe query used to build `{sink}` must include the {noun} {shown} in its projection "
        f"(eg, SELECT {example}...).{rule.note}",
        summary=f"the key of {sink} is missing from SELECT",
        hint=f"select {shown}, as in SELECT {example}, ...",
    )


def unqualified(expression: ast.Expression, *, prefixed: bool = False) -> str:
    """Write an expression with its columns named without their source, or, behind a join, with it as a prefix."""

    def bare(node: ast.Expression) -> ast.Expression | None:
        if not isinstance(node, ast.ColumnRef):
            return None
        name = f"{node.source}_{node.name}" if prefixed and node.source else node.name
        return replace(node, name=name, source=None)

    return format_expression(rewrite(expression, bare))


def check_aliases(query: ast.Query) -> None:
    """Refuse names of pseudo columns for the columns of a sink. Raises: KsqlStatementError."""
    for item in query.items:
        if query.joins or not isinstance(item, ast.SelectItem):
            continue
        if item.alias in RESERVED_COLUMNS:
            raise KsqlStatementError(
                f"`{item.alias}` is a reserved column name. You cannot use it as an alias for a column.",
                hint="choose another name.",
                span=item.span,
            )
        own = item.expression
        if isinstance(own, ast.ColumnRef) and item.alias is None and own.name in RESERVED_COLUMNS:
            raise _reserved(own.name, item.span)


def _reserved(name: str, span: Span | None = None) -> KsqlStatementError:
    return KsqlStatementError(
        f"Reserved column name in select: `{name}`. Please remove or alias the column.",
        hint=f"write {name} AS another name.",
        span=span,
    )


def check_names(keys: Sequence[Column], values: Sequence[Column], *, persistent: bool, by_star: bool = False) -> None:
    """Refuse reserved and duplicate names; ``by_star`` lets a key that a star named have any.

    Raises: KsqlStatementError.
    """
    for column in values if by_star else (*keys, *values):
        if persistent and column.name in RESERVED_COLUMNS:
            raise _reserved(column.name)
    if not persistent:
        return
    check_unique(keys, values)
    if not values:
        raise KsqlStatementError(
            "The projection contains no value columns.",
            hint="select a column beside the key; AS_VALUE(column) copies the key into the value.",
        )


def check_unique(keys: Sequence[Column], values: Sequence[Column]) -> None:
    """Refuse columns of the same name. Raises: KsqlStatementError."""
    names = [c.name for c in (*keys, *values)]
    repeated = [c for c in values if names.count(c.name) > 1]
    if repeated:
        shown = ", ".join(map(str, repeated))
        raise KsqlStatementError(
            f"Duplicate value columns found in schema: {shown}", hint="give each column a name of its own with AS."
        )


def untyped(items: Sequence[tuple[Item, Typed]]) -> None:
    """Refuse columns whose type cannot be told. Raises: KsqlStatementError."""
    for item, typed in items:
        if typed.type is None:
            raise KsqlStatementError(
                "Can't infer a type of null. Please explicitly cast it to a required type, e.g. CAST(null AS VARCHAR).",
                summary="NULL has no type of its own",
                hint="write CAST(NULL AS VARCHAR), or another type.",
                span=item.span,
            )
