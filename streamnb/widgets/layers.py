"""Where the boxes of a diagram go: columns from left to right, as few crossings as a few sweeps find.

The steps are those of Sugiyama, Tagawa and Toda (1981): columns by the longest way from a start, places held open for
arrows that pass a column, order within a column by the mean place of the neighbours.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

__all__ = ["Layers", "assign_layers", "order_layers"]

SWEEPS = 8

Layers = list[list[str]]
Arrows = Sequence[tuple[str, str]]


def assign_layers(ids: Sequence[str], arrows: Arrows) -> dict[str, int]:
    """Number the columns: each id stands behind all that leads to it; an arrow that closes a circle does not count."""
    into: dict[str, list[str]] = {id_: [] for id_ in ids}
    for start, end in arrows:
        into[end].append(start)
    layers: dict[str, int] = {}
    open_: set[str] = set()

    def place(id_: str) -> int:
        if id_ in layers:
            return layers[id_]
        open_.add(id_)
        layers[id_] = max((place(start) + 1 for start in into[id_] if start not in open_), default=0)
        open_.discard(id_)
        return layers[id_]

    for id_ in ids:
        place(id_)
    return layers


def order_layers(ids: Sequence[str], arrows: Arrows) -> tuple[Layers, list[list[str]]]:
    """Order each column, and give each arrow its way through the columns.

    Returns: the columns, with places held open by ids that begin with ``|``; the ways, as ids from start to end.
    """
    number = assign_layers(ids, arrows)
    layers: Layers = [[] for _ in range(max(number.values(), default=-1) + 1)]
    for id_ in ids:
        layers[number[id_]].append(id_)
    ways = []
    for start, end in arrows:
        way = [start]
        for passed in range(number[start] + 1, number[end]):
            way.append(f"|{start}|{end}|{passed}")
            layers[passed].append(way[-1])
        ways.append([*way, end])
    neighbours: dict[str, tuple[list[str], list[str]]] = {id_: ([], []) for layer in layers for id_ in layer}
    for way in ways:
        for left, right in itertools.pairwise(way):
            neighbours[right][0].append(left)
            neighbours[left][1].append(right)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        order = range(1, len(layers)) if forward else range(len(layers) - 2, -1, -1)
        for n in order:
            beside = {id_: place for place, id_ in enumerate(layers[n - 1 if forward else n + 1])}
            layers[n] = _by_neighbours(
                layers[n], {id_: neighbours[id_][0 if forward else 1] for id_ in layers[n]}, beside
            )
    return layers, ways


def _by_neighbours(layer: Sequence[str], lists: Mapping[str, list[str]], beside: Mapping[str, int]) -> list[str]:
    """Sort a column by the mean place of each one's neighbours; one without any keeps its own place."""
    means = {}
    for place, id_ in enumerate(layer):
        places = [beside[n] for n in lists[id_] if n in beside]
        means[id_] = sum(places) / len(places) if places else float(place)
    return sorted(layer, key=lambda id_: means[id_])
