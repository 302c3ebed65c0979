"""Layers on an array by the mapping that is found, or given, for each: tiles and loop orders instead of the closed form of folds.

Products and convolutions are mapped between the buffer in front of main memory and the elements; attention and what is no product follow the closed form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np

from hardware_specs.schema import SpatialEngine
from magnitudes.arrays import Reader, Real, as_float, largest
from magnitudes.datatypes import DataType, DataTypeChoice
from magnitudes.errors import InputError
from simulator.cost import Cost, Mapped, MappedRows
from simulator.kernels.timing import Timing
from simulator.law import CostLaw
from simulator.machine import Machine, MachineError
from simulator.reuse import Reuse
from simulator.spatial.hierarchy import Hierarchy, Loops, loops_of
from simulator.spatial.machines import hierarchies_of, hierarchy_of
from simulator.spatial.mappings import Given, Mappings
from simulator.spatial.nest_price import NestPrice, price
from simulator.spatial.overlap import above_roofs, step_s
from simulator.spatial.product import product_of
from simulator.spatial.search import Goal, MappingError, Nest, search
from simulator.unserved import by_units
from workloads.operator import Contraction, Convolution, GroupedContraction, Operator


def searched_law(machine: Machine, timing: Timing, library: str, how: Mappings, closed: CostLaw) -> CostLaw:
    """The tile law of an array whose layers are mapped one by one.

    Parameters
    ----------
    how : Mappings
        Which are given, and for what the others are searched.
    closed : CostLaw
        The law of all else.
    """
    _check_machine(machine)

    def cost(operator: Operator, count: Real, reuse: Reuse) -> Cost:
        if not isinstance(operator, Contraction | GroupedContraction | Convolution):
            return closed.cost(operator, count, reuse)
        return _together([_one(o, m, how) for o, m in _rows(operator, machine)], operator, count)

    return CostLaw("tile", cost, notes=(*closed.notes, _note(machine, how)))


def _check_machine(machine: Machine) -> None:
    if len(machine.tiers) < 2:
        raise MachineError(f"{machine.chip.name} has no memory behind {machine.memory.name} to map layers from; leave --mapping out")


def _note(machine: Machine, how: Mappings) -> str:
    buffer, memory = machine.tiers[-2].name, machine.memory.name
    told = f"{len(how.given)} as given, the others" if how.given else "each"
    goal = {"energy_delay": "energy x delay", "energy": "energy", "time": "time"}[how.goal]
    what = f"products and convolutions are mapped between {buffer} and {memory}, {told} searched for the least {goal}"
    return f"{what}; attention, all else and what a page varies follow the closed form"


def _one(operator: Contraction | GroupedContraction | Convolution, machine: Machine, how: Mappings) -> tuple[Real, dict[str, Real], Mapped]:
    """One design's time, what each resource alone needs [s], and its mapping."""
    loops, product = loops_of(operator), product_of(operator)
    element = product.element
    assert isinstance(element, DataType)
    pace_s = step_s(product, machine)
    try:
        chosen = _given(loops, machine, element, pace_s, how.given[operator.name]) if operator.name in how.given else None
        best = chosen or _best(loops, machine, element, pace_s, how.goal)
    except InputError as error:
        raise MappingError(f"{operator.name} on {machine.chip.name}: {error}") from None
    named = {"matrix": "matrix", "buffer": machine.tiers[-2].name, "memory": machine.memory.name}
    parts = above_roofs({named[what]: clock * pace_s for what, clock in best.price.clocks.items()}, operator, machine)
    parts = by_units(parts, operator, machine)
    time_s = largest([machine.memory.latency_s + best.price.clock * pace_s, *parts.values()])
    energy = {named[what]: j for what, j in best.price.energy_j.items()}
    nest = best.nest
    return time_s, parts, Mapped(
        nest.element, nest.buffer, nest.memory, best.unrolled, (named["buffer"], named["memory"]), energy, best.times_floor, best.compared, how.goal
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Best:
    """The mapping that was taken."""

    nest: Nest
    unrolled: Mapping[str, float]
    price: NestPrice
    times_floor: float | None
    compared: int


def _best(loops: Loops, machine: Machine, element: DataType, pace_s: Real, goal: Goal) -> _Best:
    """The best over all ways to lay loops along the array's sides."""
    found: list[tuple[float, _Best, float]] = []
    refused: MappingError | None = None
    for hierarchy in hierarchies_of(machine, loops, element, 1.0 / pace_s):
        try:
            one = search(loops, hierarchy, goal)
        except MappingError as error:
            refused = error
            continue
        energy, clock = float(one.energy_j[0]), float(one.clock[0])
        value = {"energy_delay": energy * clock, "energy": energy, "time": clock}[goal]
        beside = hierarchy.side_by_side(loops)
        unrolled = {name: n for name, n in beside.items() if n > 1.0}
        found.append((value, _Best(one.nest[0], unrolled, price(loops, hierarchy, one.nest[0]), None, one.compared), value / float(one.at_most[0])))
    if not found:
        assert refused is not None
        raise refused
    value, best, _ = min(found, key=lambda f: f[0])
    floor = min(f for _, _, f in found)
    return replace(best, times_floor=value / floor, compared=sum(b.compared for _, b, _ in found))


def _given(loops: Loops, machine: Machine, element: DataType, pace_s: Real, given: Given) -> _Best:
    """A mapping as it was given."""
    hierarchy: Hierarchy = hierarchy_of(machine, loops, element, clock_hz=1.0 / pace_s)
    if given.unrolled:
        _check_sides(machine, given.unrolled)
        hierarchy = replace(hierarchy, unrolled=given.unrolled)
    beside = {name: n for name, n in hierarchy.side_by_side(loops).items() if n > 1.0}
    return _Best(given.nest, beside, price(loops, hierarchy, given.nest), None, 1)


def _check_sides(machine: Machine, unrolled: Mapping[str, float]) -> None:
    """Refuse more iterations side by side than the array has elements."""
    engine = machine.engine
    assert isinstance(engine, SpatialEngine)
    taken = float(np.prod(list(unrolled.values())))
    elements = as_float(engine.arrays) * as_float(engine.rows) * as_float(engine.columns)
    if taken > elements:
        raise MappingError(f"the mapping lays {taken:g} iterations side by side and {engine.name} has {elements:g} elements; lay fewer in 'unrolled'")


def _together(rows: list[tuple[Real, dict[str, Real], Mapped]], operator: Operator, count: Real) -> Cost:
    """The cost of all designs."""
    if len(rows) == 1:
        time_s, parts, mapped = rows[0]
        return Cost(operator, count, time_s, parts, mapped=MappedRows((mapped,)))
    times = np.array([as_float(time_s) for time_s, _, _ in rows])
    names = dict.fromkeys(name for _, parts, _ in rows for name in parts)
    columns: dict[str, Real] = {name: np.array([as_float(parts.get(name, 0.0)) for _, parts, _ in rows]) for name in names}
    return Cost(operator, count, times, columns, mapped=MappedRows(mapped for _, _, mapped in rows))


def _rows(operator: Any, machine: Machine) -> list[tuple[Any, Machine]]:
    """The operator and the machine of each design."""
    size = max(_length(operator), _length(machine.engine), *(_length(tier) for tier in machine.tiers))
    if size < 0:
        raise MachineError("mappings are searched for designs, not for regions or formulas: ask without --mapping for those")
    if size == 0:
        return [(operator, machine)]
    return [(_picked(operator, i), Machine(machine.system, _picked(machine.engine, i), tuple(_picked(tier, i) for tier in machine.tiers))) for i in range(size)]


def _length(thing: Any) -> int:
    """Designs in the columns of a dataclass: 0 where it has none, less where it holds formulas."""
    if isinstance(thing, Reader):
        return -1_000_000
    if isinstance(thing, np.ndarray):
        return len(thing)
    if isinstance(thing, Mapping | tuple) or is_dataclass(thing):
        parts = thing.values() if isinstance(thing, Mapping) else thing if isinstance(thing, tuple) else [getattr(thing, f.name) for f in fields(thing)]
        lengths = [_length(part) for part in parts] or [0]
        return min(lengths) if min(lengths) < 0 else max(lengths)
    return 0


def _picked(thing: Any, index: int) -> Any:
    """One design's row of a dataclass with columns."""
    if isinstance(thing, np.ndarray):
        return float(thing[index if len(thing) > 1 else 0])
    if isinstance(thing, DataTypeChoice):
        return thing.options[int(thing.index[index])] if isinstance(thing.index, np.ndarray) else thing.options[int(as_float(thing.index))]
    if isinstance(thing, Mapping):
        return {name: _picked(v, index) for name, v in thing.items()}
    if isinstance(thing, tuple):
        return tuple(_picked(v, index) for v in thing)
    if is_dataclass(thing) and not isinstance(thing, type) and _length(thing) > 0:
        return replace(thing, **{f.name: _picked(getattr(thing, f.name), index) for f in fields(thing) if f.init})
    return thing
