"""All ways in which an operator can run on a chip: each engine alone, or two engines that share its experts or heads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from magnitudes.arrays import Real, maximum
from simulator.cost import TOGETHER
from simulator.placement.places import Place, path_s, serving, shared_byte_per_s
from simulator.placement.split import deals, part, pieces
from simulator.reuse import Reuse
from workloads.graph import Node
from workloads.operator import Collective, Operator, Residency

BETWEEN = "between memories"  # the part that is the way from one memory to another
SHARED = "shared"  # ends the name of the part that is a memory which two engines read at once


@dataclass(frozen=True, slots=True)
class Way:
    """One way to run an operator.

    Parameters
    ----------
    name : str
        The engine, or both: ``sm + logic_pim``.
    home : str
        The memory where what is computed lies afterwards.
    time_s : Real
        One call.
    parts : mapping of str to Real
        As in `simulator.cost.Cost`.
    shares : mapping of str to Real
        Share of the work by engine.
    counts : mapping of str to Real
        Events of one call, as in `simulator.cost.Cost`.
    """

    name: str
    home: str
    time_s: Real
    parts: Mapping[str, Real]
    shares: Mapping[str, Real]
    counts: Mapping[str, Real]


def ways(node: Node, places: tuple[Place, ...], reuse: Reuse, *, coprocess: bool) -> tuple[Way, ...]:
    """All ways to run an operator.

    Parameters
    ----------
    node : Node
    places : tuple of Place
        All engines of the chip.
    reuse : Reuse
    coprocess : bool
        Whether two engines may share an operator.
    """
    able = serving(node.operator, places)
    alone = tuple(_alone(node.operator, node.count, place, places, reuse) for place in able)
    whole = pieces(node.operator)
    if not coprocess or whole is None:
        return alone
    pairs = combinations(zip(able, alone, strict=True), 2)
    return alone + tuple(way for a, b in pairs for way in _together(node, whole, a, b, places, reuse))


def _alone(operator: Operator, count: Real, place: Place, places: tuple[Place, ...], reuse: Reuse) -> Way:
    cost = place.law.cost(operator, count, reuse)
    parts = cost.parts if isinstance(operator, Collective) else {_label(place, places, name): s for name, s in cost.parts.items()}
    return Way(place.name, place.home, cost.time_s, parts, {place.name: 1.0}, cost.counts)


def _label(place: Place, places: tuple[Place, ...], part_name: str) -> str:
    """Resources of the first engine go by their own names, those of the others by the engine's, too."""
    return part_name if place is places[0] else f"{place.name} {part_name}"


def _together(node: Node, whole: Real, a: tuple[Place, Way], b: tuple[Place, Way], places: tuple[Place, ...], reuse: Reuse) -> tuple[Way, ...]:
    """Two engines side by side, for each deal of the pieces.

    What they read from one memory comes no faster than it delivers; beside different ones, the second is sent its part and sends its results back.
    """
    found = []
    for own, other in deals(a[1].time_s, b[1].time_s, whole):
        halves = (part(node.operator, own, whole), part(node.operator, other, whole))
        first, second = (_alone(h, node.count, place, places, reuse) for h, place in zip(halves, (a[0], b[0]), strict=True))
        time_s, parts = maximum(first.time_s, second.time_s), {**first.parts, **second.parts}
        if a[0].home == b[0].home:
            parts[f"{a[0].home} {SHARED}"] = (halves[0].byte + halves[1].byte) / shared_byte_per_s((a[0], b[0]))
            time_s = maximum(time_s, parts[f"{a[0].home} {SHARED}"])
        else:
            sent_s = path_s(halves[1].byte_of(Residency.ACTIVATION) + halves[1].byte_of(Residency.OUTPUT), a[0].home, b[0].home, a[0].machine.chip)
            time_s, parts[BETWEEN] = maximum(time_s, second.time_s + sent_s), sent_s
        shares = {a[0].name: own / (own + other), b[0].name: other / (own + other)}
        found.append(Way(f"{a[0].name}{TOGETHER}{b[0].name}", a[0].home, time_s, parts, shares, {**first.counts, **second.counts}))
    return tuple(found)
