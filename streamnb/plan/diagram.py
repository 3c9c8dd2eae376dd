"""Boxes and arrows: what a pipeline or a plan is made of, before anything is said about how it is drawn."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Box", "Diagram"]


@dataclass(frozen=True)
class Box:
    """One thing. ``kind`` is connector, topic, stream, table, query, live or step.

    ``notes`` are short lines below the name; ``state`` is RUNNING, RETRYING, ERROR, PAUSED, or empty for what has none;
    ``problem`` says what is wrong.
    """

    id: str
    kind: str
    name: str
    notes: tuple[str, ...] = ()
    state: str = ""
    problem: str | None = None


@dataclass(frozen=True)
class Diagram:
    """Boxes, in an order that is kept where nothing else decides, and arrows from one id to another."""

    boxes: tuple[Box, ...]
    arrows: tuple[tuple[str, str], ...]
