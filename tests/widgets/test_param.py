from __future__ import annotations

import datetime as dt
from typing import Any

import ipywidgets
import pytest

from streamnb.errors import StreamnbError
from streamnb.widgets.param import param

DAY = dt.date(2018, 3, 4)
NOON = dt.datetime(2018, 3, 4, 12)


@pytest.mark.parametrize(
    ("default", "options", "widget", "value"),
    [
        (["P", "G", "S"], {}, ipywidgets.ToggleButtons, "P"),
        (["P", "G", "S"], {"value": "G"}, ipywidgets.ToggleButtons, "G"),
        ({"Platinum": "P", "Gold": "G"}, {}, ipywidgets.ToggleButtons, "P"),
        (range(10), {"value": 7}, ipywidgets.Dropdown, 7),
        (["Unifi AP - Attic", "Unifi AP - Study"], {}, ipywidgets.Dropdown, "Unifi AP - Attic"),
        (3, {"min": 1, "max": 5}, ipywidgets.IntSlider, 3),
        (0.5, {"min": 0, "max": 1, "step": 0.1}, ipywidgets.FloatSlider, 0.5),
        (1, {"min": 0, "max": 1, "step": 0.1}, ipywidgets.FloatSlider, 1.0),
        (-7, {}, ipywidgets.BoundedIntText, -7),
        (3, {"min": 1}, ipywidgets.BoundedIntText, 3),
        (2.5, {}, ipywidgets.BoundedFloatText, 2.5),
        ("web", {}, ipywidgets.Text, "web"),
        (True, {}, ipywidgets.Checkbox, True),
        (DAY, {}, ipywidgets.DatePicker, DAY),
        (NOON, {}, ipywidgets.NaiveDatetimePicker, NOON),
        (NOON.replace(tzinfo=dt.UTC), {}, ipywidgets.DatetimePicker, NOON.replace(tzinfo=dt.UTC)),
        (dt.time(12, 30), {}, ipywidgets.TimePicker, dt.time(12, 30)),
    ],
)
def test_default_decides_the_widget(default: Any, options: dict[str, Any], widget: type, value: Any) -> None:
    made = param("p", default, **options)
    assert (type(made.widget), made.value, made.widget.description) == (widget, value, "p")


@pytest.mark.parametrize(
    ("name", "default", "options", "message"),
    [
        ("my tier", ["P"], {}, "'my tier' is no name for a parameter"),
        ("tier", [], {}, "parameter tier has no choices"),
        ("tier", ["P"], {"value": "X"}, "parameter tier cannot be 'X'"),
        ("tier", None, {}, "parameter tier cannot start as NoneType"),
        ("tier", ["P"], {"min": 1}, "parameter tier has min, and is no number"),
        ("stars", 9, {"min": 1, "max": 5}, "parameter stars starts at 9, outside 1 to 5"),
        ("stars", 3, {"value": 4}, "parameter stars has no choices for value to name"),
    ],
)
def test_parameter_that_makes_no_sense_says_why(name: str, default: Any, options: Any, message: str) -> None:
    with pytest.raises(StreamnbError) as refused:
        param(name, default, **options)
    assert refused.value.message == message


def test_observers_hear_new_values_until_they_end_it() -> None:
    tier = param("tier", ["P", "G", "S"])
    heard: list[Any] = []
    end = tier.observe(heard.append)
    tier.value = "G"
    tier.value = "G"
    end()
    tier.value = "S"
    assert heard == ["G"]


def test_label_is_shown_in_place_of_the_name() -> None:
    assert param("ap", ["a", "b"], label="Access point").widget.description == "Access point"
