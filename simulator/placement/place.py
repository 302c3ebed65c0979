"""From the ways of each operator to its cost: where it runs, what that takes, and what the other ways would have taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from magnitudes.arrays import Real, choose, equal, minimum, where
from simulator.cost import Cost, Placed
from simulator.placement.assign import Stage, activation_byte, assign, moved_s
from simulator.placement.places import Place, path_s
from simulator.placement.ways import BETWEEN, Way, ways
from simulator.reuse import reuse_in_model
from workloads.graph import Node, Workload


def placed_costs(load: Workload, places: tuple[Place, ...], *, coprocess: bool = True) -> tuple[Cost, ...]:
    """The cost of each operator of a pass on the engine, or on the two, where the pass finishes first.

    Parameters
    ----------
    load : Workload
    places : tuple of Place
        All engines of the chip; with one of them nothing is to be chosen.
    coprocess : bool
        Whether two engines may share the experts or heads of an operator.
    """
    if len(places) == 1 and not places[0].machine.engine.serves:
        return places[0].law.costs(load)
    reuse = reuse_in_model(load)
    options = [ways(node, places, reuse, coprocess=coprocess) for node in load.nodes]
    homes = list(dict.fromkeys(p.home for p in places))
    if len(homes) == 1:
        return tuple(_fastest(node, own) for node, own in zip(load.nodes, options, strict=True))
    return _between_memories(load.nodes, options, homes, places)


def _between_memories(nodes: Sequence[Node], options: Sequence[tuple[Way, ...]], homes: list[str], places: tuple[Place, ...]) -> tuple[Cost, ...]:
    """The best chain over engines beside different memories."""
    chip = places[0].machine.chip
    stages = []
    for node, own in zip(nodes, options, strict=True):
        byte = activation_byte(node)
        moves = tuple(tuple(path_s(byte, a, b, chip) for b in homes) for a in homes)
        stages.append(Stage(node, tuple(_least_s([w for w in own if w.home == home]) for home in homes), moves))
    chosen = assign(stages)
    costs = []
    for node, own, home, all_moved_s in zip(nodes, options, chosen, moved_s(stages, chosen), strict=True):
        costs.append(_fastest(node, own, [float(homes.index(w.home)) for w in own], home, all_moved_s / node.count))
    return tuple(costs)


def _least_s(own: Sequence[Way]) -> Real | None:
    """The fastest of the ways beside one memory; None where there is none."""
    best: Real | None = None
    for way in own:
        best = way.time_s if best is None else minimum(best, way.time_s)
    return best


def _fastest(node: Node, own: Sequence[Way], places: Sequence[float] = (), home: Real = 0.0, wait_s: Real | None = None) -> Cost:
    """The fastest way, or the fastest beside the memory that was chosen, with what the operator waits for its activations."""
    if len(own) == 1 and wait_s is None:
        way = own[0]
        return Cost(node.operator, node.count, way.time_s, way.parts, Placed((way.name,), (way.time_s,), 0.0, way.shares), way.counts)
    best_s, choice = _choice(own, places, home)
    time_s = best_s if wait_s is None else best_s + wait_s
    parts, shares, counts = (_chosen(choice, [getattr(w, kind) for w in own]) for kind in ("parts", "shares", "counts"))
    if wait_s is not None:
        parts[BETWEEN] = parts.get(BETWEEN, 0.0) + wait_s
    return Cost(node.operator, node.count, time_s, parts, Placed(tuple(w.name for w in own), tuple(w.time_s for w in own), choice, shares), counts)


def _chosen(choice: Real, options: Sequence[Mapping[str, Real]]) -> dict[str, Real]:
    """One of several mappings, by number and name by name; nothing of what it does not have."""
    return {name: choose(choice, [own.get(name, 0.0) for own in options]) for name in dict.fromkeys(n for own in options for n in own)}


def _choice(own: Sequence[Way], places: Sequence[float], home: Real) -> tuple[Real, Real]:
    """Time and number of the fastest way, or of the fastest beside one memory."""
    if not places:
        return _least([(way.time_s, float(number)) for number, way in enumerate(own)])
    numbered = [(place, (way.time_s, float(number))) for number, (way, place) in enumerate(zip(own, places, strict=True))]
    by_home = {place: _least([option for there, option in numbered if there == place]) for place in dict.fromkeys(places)}
    (_, (best_s, choice)), *others = by_home.items()
    for place, (time_s, number) in others:
        here = equal(home, place)
        best_s, choice = where(here, time_s, best_s), where(here, number, choice)
    return best_s, choice


def _least(options: Sequence[tuple[Real, float]]) -> tuple[Real, Real]:
    """The least of several times, and its number; of equals the first."""
    (best_s, first), *others = options
    choice: Real = first
    for time_s, number in others:
        choice = where(time_s < best_s, number, choice)
        best_s = minimum(best_s, time_s)
    return best_s, choice
