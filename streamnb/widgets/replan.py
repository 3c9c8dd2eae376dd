"""Live queries follow their parameters: one that changes has the query planned again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets

from streamnb.errors import StreamnbError
from streamnb.results import Live
from streamnb.widgets.param import Param

__all__ = ["watch"]


def watch(live: Live) -> Callable[[], None]:
    """Plan a query again whenever one of its parameters changes; what is returned ends that.

    Parameters are those of ``streamnb.param`` and widgets that have a value. A query that was stopped stays so; one
    that is refused with the new value goes on as it was, and its views say why.
    """
    given = {id(value): (name, value) for name, value in live.params.items()}.values()  # each once
    held = [Param(name, v) if isinstance(v, ipywidgets.ValueWidget) else v for name, v in given]

    def changed(_value: Any) -> None:
        if live.state == "STOPPED":
            return
        try:
            live.replan()
            live.problem = None
        except StreamnbError as error:
            live.problem = error.render().splitlines()[0]

    ends = [value.observe(changed) for value in held if isinstance(value, Param)]

    def end() -> None:
        while ends:
            ends.pop()()

    return end
