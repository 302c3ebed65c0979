"""Which memory holds what, where engines stand beside several: the weights and caches of an operator lie where it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from magnitudes.arrays import Real, largest, maximum, total
from simulator.cost import Cost
from simulator.memory import TierUse
from simulator.placement.places import Place
from workloads.graph import Workload
from workloads.operator import GroupedContraction, Operator, Residency


def homes_of(loads: Sequence[Workload], costs: Sequence[Sequence[Cost]], places: tuple[Place, ...]) -> dict[str, TierUse]:
    """What each memory is asked to hold over all passes; empty where there is one memory.

    An operator that two passes run beside different memories has its weights in both.
    """
    names = list(dict.fromkeys(p.home for p in places))
    if len(names) == 1:
        return {}
    chip = places[0].machine.chip
    found = {}
    for name in names:
        engines = [p.name for p in places if p.home == name]
        weight = largest([w.weight_byte * _share(own, engines, _weight_byte) for w, own in zip(loads, costs, strict=True)])
        state = largest([w.state_byte * _share(own, engines, _state_byte) for w, own in zip(loads, costs, strict=True)])
        active = largest([w.activation_byte if name == names[0] else _largest_active(own, engines) for w, own in zip(loads, costs, strict=True)])
        found[name] = TierUse(name, chip.tier(name).capacity_byte, weight, state, active)
    return found


def _weight_byte(operator: Operator) -> Real:
    """Weights that an operator needs at hand: those of idle experts too."""
    byte = operator.byte_of(Residency.WEIGHT)
    return byte * operator.groups / operator.active if isinstance(operator, GroupedContraction) else byte


def _state_byte(operator: Operator) -> Real:
    return operator.byte_of(Residency.STATE)


def _on(cost: Cost, engines: Sequence[str]) -> Real:
    """Share of an operator that runs on some engines."""
    return total(cost.placed.shares.get(e, 0.0) for e in engines) if cost.placed else 0.0


def _share(costs: Sequence[Cost], engines: Sequence[str], byte_of: Callable[[Operator], Real]) -> Real:
    """Share of all bytes of a kind that operators on some engines need."""
    every = total(c.count * byte_of(c.operator) for c in costs)
    own = total(c.count * byte_of(c.operator) * _on(c, engines) for c in costs)
    return own / maximum(every, 1.0)


def _largest_active(costs: Sequence[Cost], engines: Sequence[str]) -> Real:
    return largest([(c.operator.byte_of(Residency.ACTIVATION) + c.operator.byte_of(Residency.OUTPUT)) * _on(c, engines) for c in costs])
