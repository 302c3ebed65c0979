"""What one given mapping costs, part by part, and whether it can be at all: loops that it leaves out and tiles that do not fit are named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, prod

import numpy as np

from magnitudes.arrays import as_float
from magnitudes.names import check_known
from magnitudes.units import show
from simulator.spatial.hierarchy import LOOPS, Hierarchy, Loops, Store
from simulator.spatial.nest_cost import Moved, NestCost, together
from simulator.spatial.nests import GROUPS, Tiles, steps
from simulator.spatial.search import GROUP_LOOPS, MappingError, Nest

STAYS = {"k": "input", "sum": "output", "result": "weight"}  # what stays where it is while a group runs innermost


@dataclass(frozen=True, slots=True)
class NestPrice:
    """A mapping's cost.

    Parameters
    ----------
    energy_j : mapping of str to float
        ``matrix`` (multiply-adds and registers), ``buffer``, ``memory``; of all groups.
    clock : float
        In all.
    clocks : mapping of str to float
        That the array's steps and the busiest port of each store take alone.
    """

    energy_j: Mapping[str, float]
    clock: float
    clocks: Mapping[str, float]


def price(loops: Loops, hierarchy: Hierarchy, nest: Nest) -> NestPrice:
    """The cost of a mapping. Of each block only the group that runs innermost matters to what moves.

    Parameters
    ----------
    hierarchy : Hierarchy
        Numbers, no columns.

    Raises
    ------
    MappingError
        If the nest does not run all of a loop, or its tiles do not fit a register or the buffer.
    """
    own, tile = _tiles(loops, hierarchy, nest)
    h, groups = hierarchy, loops.groups
    element, buffer = (Tiles(*(np.array([sides[name]]) for name in LOOPS)) for sides in (own, tile))
    cost = NestCost(loops, h, element, buffer, np.array([float(GROUPS.index(_innermost(nest.memory)))]))
    _check_registers(own, loops, h)
    held = as_float(cost.held_byte().item())
    if held > as_float(h.buffer.capacity_byte):
        name = h.buffer.name or "the buffer"
        raise MappingError(
            f"the mapping's tiles take {show(held, 'byte')} of {name} (two of each that is not whole, the next coming in while one is used), which holds "
            f"{show(as_float(h.buffer.capacity_byte), 'byte')}; move loops from its buffer block to its memory block"
            + (f", or enlarge it: --set {name}.capacity={show(2.0 ** ceil(np.log2(held)), 'byte').replace(' ', '')}" if h.buffer.name else "")
        )
    kept = STAYS[_innermost(nest.buffer)]
    moved = {o: cost.written(kept == o) if o == "output" else cost.read(o, kept == o) for o in ("input", "weight", "output")}
    terms = together([cost.terms(moved)], lambda numbers: as_float(np.ravel(numbers[0])[0].item()))
    stores = {"buffer": h.buffer, "memory": h.memory}
    parts = {name: sum(_carried_j(m, name, store) for m in terms.moved.values()) for name, store in stores.items()}
    energy = as_float(terms.energy_j(h, loops.multiply_add / groups))
    energies = {"matrix": energy - sum(parts.values()), **parts}
    clocks = {"matrix": as_float(terms.steps), **{name: max(as_float(c) for c in terms.port_clocks(store, name)) for name, store in stores.items()}}
    clock = float(terms.clock(h))
    return NestPrice({name: groups * j for name, j in energies.items()}, groups * clock, {name: groups * c for name, c in clocks.items()})


def _carried_j(moved: Moved, name: str, store: Store) -> float:
    """Energy of what an operand moves over a store's ports."""
    read, written = getattr(moved, f"{name}_read"), getattr(moved, f"{name}_write")
    return float(read * as_float(store.read_j_per_byte) + written * as_float(store.write_j_per_byte))


def _tiles(loops: Loops, hierarchy: Hierarchy, nest: Nest) -> tuple[dict[str, float], dict[str, float]]:
    """Sides of the elements' tile and of the buffer's."""
    for block in (nest.element, nest.buffer, nest.memory):
        for name, _ in block:
            check_known("loop", name, LOOPS)
    own = {name: prod(f for n, f in nest.element if n == name) for name in LOOPS}
    tile = {name: own[name] * prod(f for n, f in nest.buffer if n == name) for name in LOOPS}
    for name, wanted in steps(loops, hierarchy).items():
        run = tile[name] * prod(f for n, f in nest.memory if n == name)
        if run < wanted:
            beside = hierarchy.side_by_side(loops)[name]
            aside = f", {beside:g} side by side in the array" if beside > 1.0 else ""
            raise MappingError(
                f"the mapping runs loop {name} {run:g} times and the layer has {getattr(loops, name):g}{aside}: {wanted:g} are needed; "
                "lengthen it in one of its blocks"
            )
    return own, tile


def _innermost(block: tuple[tuple[str, float], ...]) -> str:
    """The group of loops that runs innermost in a block."""
    return next((group for group, names in GROUP_LOOPS.items() if block and block[0][0] in names), GROUPS[0])


def _check_registers(own: Mapping[str, float], loops: Loops, h: Hierarchy) -> None:
    """Refuse element tiles that the registers do not hold."""
    window = as_float(np.asarray(loops.window(np.asarray(own["x"]), np.asarray(own["r"]))).item())
    needed = {
        "weight": own["k"] * own["c"] * own["r"] * own["s"] * h.weight_byte, "output": own["k"] * own["x"] * own["y"] * own["b"] * h.partial_byte,
        "input": own["c"] * window * own["s"] * h.input_byte,
    }  # fmt: skip
    for operand, register in h.registers.items():
        if needed[operand] > as_float(register.capacity_byte):
            raise MappingError(
                f"the mapping's element block holds {needed[operand]:g} bytes of {operand}s and an element's register holds "
                f"{as_float(register.capacity_byte):g}; move loops from its element block to its buffer block"
            )
