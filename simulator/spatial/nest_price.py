"""What one given mapping costs, part by part, and whether it can be at all: loops that it leaves out and tiles that do not fit are named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, prod

import numpy as np

from magnitudes.arrays import as_float
from magnitudes.names import NameMiss, nearest
from magnitudes.units import show
from simulator.spatial.hierarchy import LOOPS, Hierarchy, Loops, Store
from simulator.spatial.nest_cost import Moved, NestCost, busy_clocks
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
    moved = tuple(cost.written(kept == o) if o == "output" else cost.read(o, kept == o) for o in ("input", "weight", "output"))
    energy, clock = cost.total(moved)
    memory, port = _traffic(moved)
    parts = {
        "memory": memory[0] * as_float(h.memory.read_j_per_byte) + memory[1] * as_float(h.memory.write_j_per_byte),
        "buffer": port[0] * as_float(h.buffer.read_j_per_byte) + port[1] * as_float(h.buffer.write_j_per_byte),
    }  # fmt: skip
    whole = as_float(np.ravel(energy)[0].item())
    energies = {"matrix": whole - sum(parts.values()), **parts}
    clocks = {"matrix": as_float(np.ravel(cost.steps)[0].item()), "buffer": _busiest(moved, h.buffer, ""), "memory": _busiest(moved, h.memory, "memory_")}
    return NestPrice(
        {name: groups * j for name, j in energies.items()}, groups * as_float(np.ravel(clock)[0].item()), {name: groups * c for name, c in clocks.items()}
    )  # fmt: skip


def _tiles(loops: Loops, hierarchy: Hierarchy, nest: Nest) -> tuple[dict[str, float], dict[str, float]]:
    """Sides of the elements' tile and of the buffer's."""
    for block in (nest.element, nest.buffer, nest.memory):
        for name, _ in block:
            if name not in LOOPS:
                raise NameMiss("loop", name, nearest(name, LOOPS), f"(known: {', '.join(LOOPS)})")
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


def _traffic(moved: tuple[Moved, ...]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Bytes read from and written to the memory, and the buffer."""

    def over(name: str) -> float:
        return sum(as_float(np.ravel(getattr(m, name))[0].item()) for m in moved)

    return (over("memory_read_byte"), over("memory_write_byte")), (over("read_byte"), over("write_byte"))


def _busiest(moved: tuple[Moved, ...], store: Store, prefix: str) -> float:
    """Clocks of the busiest port of a store."""
    each = [(getattr(m, f"{prefix}read_byte"), getattr(m, f"{prefix}write_byte")) for m in moved]
    return max(as_float(np.ravel(c)[0].item()) for c in busy_clocks(store, each))
