"""Which overload a call means.

Resolution follows ksqlDB: overloads that fit exactly come first, then those that fit with implicit conversions; one
without variable arguments is preferred, then the one with fewer type variables, then the one whose variable
arguments start later; what is still ambiguous is an error.
"""

from __future__ import annotations

from collections.abc import Sequence

from streamnb.errors import KsqlFunctionError
from streamnb.functions.declare import Overload
from streamnb.functions.matching import Match, match
from streamnb.functions.signatures import ArgType

__all__ = ["resolve_overload"]


def resolve_overload(name: str, overloads: Sequence[Overload], args: Sequence[ArgType]) -> tuple[Overload, Match]:
    """Choose the overload that a call means.

    Raises: KsqlFunctionError when none fits, or when several do and none is better.
    """
    for casts in (False, True):
        fits = [(o, m) for o in overloads if (m := match(o.signature, args, casts)) is not None]
        if not fits:
            continue
        fits.sort(key=lambda fit: _preference(fit[0]))
        if len(fits) > 1 and _preference(fits[0][0]) == _preference(fits[1][0]):
            raise KsqlFunctionError(
                f"Function '{name}' cannot be resolved due to ambiguous method parameters {_list(args)}.\n"
                f"{_alternatives(name, overloads)}",
                summary=f"{name.upper()}{_list(args)} fits more than one form of the function",
                hint=f"write CAST around an argument. {_hint(name, overloads)}",
            )
        return fits[0]
    raise KsqlFunctionError(
        f"Function '{name}' does not accept parameters {_list(args)}.\n{_alternatives(name, overloads)}",
        summary=f"function {name.upper()} does not accept {_list(args)}",
        hint=_hint(name, overloads),
    )


def _preference(overload: Overload) -> tuple[int, int, int]:
    signature = overload.signature
    variadic = signature.variadic
    return (0 if variadic is None else 1, len(signature.variables()), 0 if variadic is None else -variadic)


def _list(args: Sequence[ArgType]) -> str:
    return f"({', '.join('null' if a is None else str(a) for a in args)})"


def _alternatives(name: str, overloads: Sequence[Overload]) -> str:
    lines = [f"{name}({', '.join(map(str, o.signature.params))})" for o in overloads]
    return "\n".join(
        [
            "Valid alternatives are:",
            *lines,
            "For detailed information on a function run: DESCRIBE FUNCTION <Function-Name>;",
        ]
    )


def _hint(name: str, overloads: Sequence[Overload]) -> str:
    forms = [f"{name.upper()}({', '.join(map(str, o.signature.params))})" for o in overloads[:4]]
    return f"{name.upper()} can be called as {', '.join(forms)}{', ...' if len(overloads) > 4 else ''}"
