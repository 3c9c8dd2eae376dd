"""Results in a terminal: values are data, whatever they hold."""

from __future__ import annotations

import io

from rich.console import Console

from streamnb.cli.output import CELL_LENGTH_MAX, cell, grid, show
from streamnb.results import Message, Rows
from streamnb.schema import INTEGER, STRING


def drawn(result: Message | Rows) -> str:
    out = io.StringIO()
    show(Console(file=out, width=80), result)
    return out.getvalue()


def test_message_is_printed_as_it_is() -> None:
    assert drawn(Message("", "[red]Stream created[/red]")) == "[red]Stream created[/red]\n"


def test_rows_are_a_table_with_title_and_final_message() -> None:
    text = drawn(Rows("", (("ID", INTEGER), ("NAME", STRING)), [(1, "a"), (2, None)], "Things", "That is all."))
    assert [line for line in text.splitlines() if "│" in line or "┃" in line] != []
    for part in ("Things", "ID", "NAME", "null", "That is all."):
        assert part in text


def test_markup_and_control_sequences_in_values_are_not_obeyed() -> None:
    out = io.StringIO()
    Console(file=out, width=80, force_terminal=True, color_system=None).print(grid(["A"], [("[bold]x[/bold]\x1b[2J",)]))
    assert "[bold]x[/bold]\N{REPLACEMENT CHARACTER}[2J" in out.getvalue()


def test_long_value_is_cut_and_bytes_are_hexadecimal() -> None:
    assert cell("x" * 1000) == "x" * (CELL_LENGTH_MAX - 1) + "…"
    assert cell(b"\x01\xff") == "01ff"
