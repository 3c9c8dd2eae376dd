"""Parameters: a widget whose value queries take by its name, as ``:name``."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets
from traitlets import TraitError

from streamnb.errors import StreamnbError

__all__ = ["Param", "param"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BUTTONS_MAX = 5  # with more choices than that they are a list to open
_BUTTON_CHARS_MAX = 12
_FAR = 2**53
_KINDS = "a list of choices, a number, a text, True or False, a date, a time"


class Param:
    """A value that a reader can change: ``%%ksql`` takes it where ``:name`` stands.

    A live query is planned again when the value changes. ``value`` can be read and set from Python too.
    """

    def __init__(self, name: str, widget: ipywidgets.ValueWidget) -> None:
        self.name = name
        self.widget = widget

    @property
    def value(self) -> Any:
        """The value as it is now. Raises: StreamnbError when it is set to something that is no choice."""
        return self.widget.value

    @value.setter
    def value(self, value: Any) -> None:
        try:
            self.widget.value = value
        except TraitError:
            choices = getattr(self.widget, "options", None)
            hint = f"choices: {', '.join(map(repr, _values(choices)))}" if choices else None
            raise StreamnbError(f"parameter {self.name} cannot be {value!r}", hint=hint) from None

    def observe(self, changed: Callable[[Any], None]) -> Callable[[], None]:
        """Call a function with each new value; what is returned ends that."""

        def hear(change: Mapping[str, Any]) -> None:
            changed(change["new"])

        self.widget.observe(hear, names="value")
        return lambda: self.widget.unobserve(hear, names="value")

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.widget._repr_mimebundle_(**options)

    def __repr__(self) -> str:
        return f"<Param {self.name} = {self.value!r}>"


def param(
    name: str,
    default: Any,
    *,
    value: Any = None,
    min: float | None = None,
    max: float | None = None,
    step: float | None = None,
    label: str | None = None,
) -> Param:
    """Make a parameter for the queries of a notebook, to be kept in a variable of its name and shown as a cell's value.

    ``default`` says what it is: a list of choices (or a dict of labels and choices), the first of which it starts
    with unless ``value`` names another; a number, with ``min`` and ``max`` a slider; a text, True or False, a date or
    a time. ``label`` is shown in place of the name.
    Raises: StreamnbError for a name that SQL cannot spell and for a default that is none of these.
    """
    if not _NAME.fullmatch(name):
        raise StreamnbError(f"{name!r} is no name for a parameter", hint="letters, digits and _, as in :tier")
    shown = {"description": label or name}
    bounds = {key: bound for key, bound in (("min", min), ("max", max), ("step", step)) if bound is not None}
    if bounds and (isinstance(default, bool) or not isinstance(default, int | float)):
        raise StreamnbError(f"parameter {name} has {', '.join(bounds)}, and is no number", hint=f"give {_KINDS}")
    if isinstance(default, list | tuple | range | Mapping):
        made = Param(name, _choice(name, default, shown))
        if value is not None:
            made.value = value
        return made
    if value is not None:
        raise StreamnbError(f"parameter {name} has no choices for value to name", hint="its value is the default")
    return Param(name, _single(name, default, bounds, shown))


def _choice(name: str, choices: Sequence[Any] | Mapping[str, Any], shown: dict[str, Any]) -> ipywidgets.ValueWidget:
    options = list(choices.items()) if isinstance(choices, Mapping) else [(str(c), c) for c in choices]
    if not options:
        raise StreamnbError(f"parameter {name} has no choices", hint="give at least one")
    few = len(options) <= _BUTTONS_MAX and all(len(label) <= _BUTTON_CHARS_MAX for label, _ in options)
    if not few:
        return ipywidgets.Dropdown(options=options, **shown)
    buttons = ipywidgets.ToggleButtons(options=options, **shown)
    buttons.style.button_width = "auto"
    return buttons


def _single(name: str, default: Any, bounds: dict[str, float], shown: dict[str, Any]) -> ipywidgets.ValueWidget:
    if isinstance(default, bool):
        return ipywidgets.Checkbox(default, indent=False, **shown)
    if isinstance(default, int | float):
        return _number(name, default, bounds, shown)
    if isinstance(default, str):
        return ipywidgets.Text(default, continuous_update=False, **shown)
    if isinstance(default, dt.datetime):
        picker = ipywidgets.DatetimePicker if default.tzinfo else ipywidgets.NaiveDatetimePicker
        return picker(value=default, **shown)
    if isinstance(default, dt.date):
        return ipywidgets.DatePicker(value=default, **shown)
    if isinstance(default, dt.time):
        return ipywidgets.TimePicker(value=default, **shown)
    raise StreamnbError(f"parameter {name} cannot start as {type(default).__name__}", hint=f"give {_KINDS}")


def _number(name: str, default: float, bounds: dict[str, float], shown: dict[str, Any]) -> ipywidgets.ValueWidget:
    whole = all(isinstance(number, int) for number in (default, *bounds.values()))
    low, high = bounds.get("min", -_FAR), bounds.get("max", _FAR)
    if not low <= default <= high:
        raise StreamnbError(f"parameter {name} starts at {default}, outside {low} to {high}", hint="move min or max")
    if "min" in bounds and "max" in bounds:
        slider = ipywidgets.IntSlider if whole else ipywidgets.FloatSlider
        return slider(value=default, continuous_update=False, **bounds, **shown)
    field = ipywidgets.BoundedIntText if whole else ipywidgets.BoundedFloatText
    return field(value=default, **{"min": low, "max": high, **bounds}, **shown)


def _values(options: Sequence[Any]) -> list[Any]:
    return [option[1] if isinstance(option, tuple) else option for option in options]
