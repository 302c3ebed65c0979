"""The best mapping of a layer on an array: all tiles and loop orders at once, as columns.

Tiles that do not fit, and element tiles that lie within another that fits, are left out beforehand (`simulator.spatial.nests`); of the loop orders only those
are kept that differ in traffic. What is left is compared exhaustively, so that the answer is the best of these; it is no proof for all mappings there are. How
far it may be from the best of all is said with it: `Found.at_most` is its cost against a floor that no mapping is under. Climbing on from it by single moves
of any kind gains nothing on the layers tried, but for buffers that barely hold one window of the feature map (tests/unit/test_mapping_search.py).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from math import prod
from typing import Any, Literal

import numpy as np

from magnitudes.arrays import Column, Mask
from magnitudes.errors import InputError
from simulator.spatial.hierarchy import LOOPS, OPERANDS, Hierarchy, Loops, Store
from simulator.spatial.nest_cost import NestCost, Sizes
from simulator.spatial.nests import GROUPS, Tiles, buffer_tiles, element_tiles, maximal, steps

Goal = Literal["energy_delay", "energy", "time"]
ALIKE = 1.0 + 1e-9
SHARES = (1.0, 0.5)  # of the registers that element tiles fill
GROUP_LOOPS = {"k": "k", "sum": "rsc", "result": "xyb"}  # loops of a group, innermost first


class MappingError(InputError):
    """A layer that cannot be mapped."""


@dataclass(frozen=True, slots=True)
class Nest:
    """A mapping: loops by block, innermost first, each with its iterations; what is one iteration is left out."""

    element: tuple[tuple[str, float], ...]
    buffer: tuple[tuple[str, float], ...]
    memory: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """The best mapping of a layer: a number, or a column, a row a design.

    Parameters
    ----------
    energy_j, clock : Column
    nest : tuple of Nest
        A row a design.
    at_most : Column
        Cost by the goal, over a floor that no mapping is under.
    compared : int
        Mappings, for each design.
    """

    energy_j: Column
    clock: Column
    nest: tuple[Nest, ...]
    at_most: Column
    compared: int


def search(loops: Loops, hierarchy: Hierarchy, goal: Goal = "energy_delay") -> Found:
    """The mapping of least cost, for each design.

    Parameters
    ----------
    hierarchy : Hierarchy
        Numbers, or columns of one length.

    Raises
    ------
    MappingError
        If no tile fits.
    """
    own = _standing(hierarchy)
    total = steps(loops, own)
    n = {name: int(value) for name, value in total.items()}
    element = _fitting_elements(element_tiles(n["k"], n["c"], n["x"], n["r"], n["s"]), loops, own)
    buffer, first = _orders(buffer_tiles(n["k"], n["c"], n["x"], n["y"], n["r"], n["s"], n["b"]), total, loops, own)
    cost = NestCost(loops, own, element, buffer, first)
    allowed = cost.fits() & cost.divides(element, buffer)
    energy, clock = _by_order(cost)
    value = np.where(allowed, _value(energy, clock, goal), np.inf)
    flat = value.reshape(*value.shape[:-3], -1)
    best = np.atleast_1d(flat.argmin(axis=-1))
    if goal == "time":  # of the many that are as fast, the one of least energy
        frugal = np.where(value <= flat.min(axis=-1)[..., None, None, None] * ALIKE, energy, np.inf)
        best = np.atleast_1d(frugal.reshape(*value.shape[:-3], -1).argmin(axis=-1))
    at = np.take_along_axis(np.atleast_2d(flat), best[:, None], axis=-1)[:, 0]
    if not np.all(np.isfinite(at)):
        raise MappingError(
            f"no tile of the layer fits: {own.buffer.name or 'the buffer'} holds {np.min(np.asarray(own.buffer.capacity_byte)):g} bytes; enlarge it"
            + (f" (--set {own.buffer.name}.capacity=...)" if own.buffer.name else "")
            + ", or let an operand pass by (Store.holds)"
        )
    e, c = (np.atleast_2d(v.reshape(*v.shape[:-3], -1)) for v in (energy, clock))
    rows = np.arange(len(best)) if len(e) > 1 else np.zeros(len(best), dtype=np.int64)
    energy_j, clocks = e[rows, best] * loops.groups, c[rows, best] * loops.groups
    nests = tuple(_nest(np.unravel_index(i, value.shape[-3:]), element, buffer, first, total) for i in best)
    floor = _value(*_floor(loops, own), goal)
    return Found(energy_j, clocks, nests, _value(energy_j, clocks, goal) / np.ravel(floor), flat.shape[-1])


def _standing(hierarchy: Hierarchy) -> Hierarchy:
    """The hierarchy with its columns standing before the axes of order, element tile and buffer tile."""

    def standing(store: Store) -> Store:
        columns = {f.name: getattr(store, f.name) for f in fields(store) if isinstance(getattr(store, f.name), np.ndarray)}
        return replace(store, **{name: value[:, None, None, None] for name, value in columns.items()})

    mac = hierarchy.multiply_add_j
    return replace(
        hierarchy, buffer=standing(hierarchy.buffer), memory=standing(hierarchy.memory),
        registers={name: standing(store) for name, store in hierarchy.registers.items()},
        multiply_add_j=mac[:, None, None, None] if isinstance(mac, np.ndarray) else mac,
    )  # fmt: skip


def _value(energy: Any, clock: Any, goal: Goal) -> Any:
    if goal == "energy_delay":
        return energy * clock
    return energy if goal == "energy" else clock


def _fitting_elements(tiles: Tiles, loops: Loops, hierarchy: Hierarchy) -> Tiles:
    """Element tiles that fit into all registers, none of them within another; smaller ones beside them, for buffers that hold no large one.

    What is kept does not depend on the buffer, so that a larger one has all mappings of a smaller one.
    """
    kept = [np.zeros(1, dtype=np.int64)]  # a step at a time
    for share in SHARES:
        fitting = np.flatnonzero(
            np.logical_and.reduce([_fits_register(tiles, o, s, share, loops, hierarchy) for o, s in hierarchy.registers.items()] or [tiles.k > 0.0])
        )
        if not fitting.size and share == 1.0:
            raise MappingError("an element's registers hold less than one weight, input and sum; enlarge them, or leave a register out")
        kept.append(fitting[maximal(tiles.taken(fitting))])
    return tiles.taken(np.unique(np.concatenate(kept))[::-1])


def _fits_register(tiles: Tiles, operand: str, store: Store, share: float, loops: Loops, hierarchy: Hierarchy) -> Mask:
    """Whether tiles fit into a share of a register, those that are not whole as often as it keeps copies; sums are made in place."""
    if operand == "weight":
        byte = tiles.k * tiles.c * tiles.r * tiles.s * hierarchy.weight_byte
        copies = np.where(byte >= byte.max(), 1.0, store.copies)
    elif operand == "output":
        byte, copies = tiles.k * tiles.x * tiles.y * tiles.b * hierarchy.partial_byte, np.ones(1)
    else:
        byte, copies = tiles.c * loops.window(tiles.x, tiles.r) * tiles.s * hierarchy.input_byte, np.array([store.copies])
    least = float(np.min(np.asarray(store.capacity_byte)))
    one = float((byte * copies).min())
    return np.asarray(byte * copies <= max(least * share, min(one, least)))


def _orders(tiles: Tiles, total: dict[str, float], loops: Loops, hierarchy: Hierarchy) -> tuple[Tiles, Column]:
    """Buffer tiles, each with the loop orders around it that differ: one that runs once is never innermost."""
    moving = np.stack([np.logical_or.reduce([getattr(tiles, name) < total[name] for name in GROUP_LOOPS[g]]) for g in GROUPS], axis=1)
    several = moving.sum(axis=1) > 1
    chosen = np.where(several[:, None], moving, np.arange(3)[None, :] == 0)
    rows, first = np.nonzero(chosen)
    return tiles.taken(rows), first.astype(np.float64)


def _by_order(cost: NestCost) -> tuple[Any, Any]:
    """Energy and clocks with an axis for what runs innermost around the element, as in `GROUPS`."""
    kept = {o: {first: (cost.written(first) if o == "output" else cost.read(o, first)) for first in (False, True)} for o in ("input", "weight", "output")}
    stays = {"k": "input", "sum": "output", "result": "weight"}
    both = [cost.total(tuple(kept[o][stays[g] == o] for o in kept)) for g in GROUPS]
    shape = np.broadcast_shapes(*(np.shape(v) for pair in both for v in pair))
    if len(shape) > 2:  # columns of designs bring an axis of their own
        return tuple(np.concatenate([np.broadcast_to(pair[i], shape) for pair in both], axis=-3) for i in (0, 1))  # type: ignore[return-value]
    return tuple(np.stack([np.broadcast_to(pair[i], shape) for pair in both]) for i in (0, 1))  # type: ignore[return-value]


def _nest(at: tuple[Any, ...], element: Tiles, buffer: Tiles, first: Column, total: dict[str, float]) -> Nest:
    """The loops of one choice."""
    order, a, t = (int(i) for i in at)
    own = {name: float(getattr(element, name)[a]) for name in LOOPS}
    tile = {name: float(getattr(buffer, name)[t]) for name in LOOPS}
    around = {name: tile[name] / own[name] for name in LOOPS}
    behind = {name: float(np.ceil(total[name] / tile[name])) for name in LOOPS}
    inside = [(name, own[name]) for name in "rsckxyb"]
    return Nest(*(tuple((n, f) for n, f in block if f > 1.0) for block in (inside, _ordered(around, order), _ordered(behind, int(first[t])))))


def _ordered(block: dict[str, float], innermost: int) -> list[tuple[str, float]]:
    groups = [GROUPS[innermost], *(g for i, g in enumerate(GROUPS) if i != innermost)]
    return [(name, block[name]) for g in groups for name in GROUP_LOOPS[g]]


def _floor(loops: Loops, h: Hierarchy) -> tuple[Any, Any]:
    """Energy and clocks that no mapping is under: each number over memory once, each step of a full array."""
    beside = prod(h.side_by_side(loops).values())
    sizes, everything = Sizes(loops, dict.fromkeys(LOOPS, 1.0)), Tiles(*(np.array([getattr(loops, name)]) for name in LOOPS))
    count = {operand: loops.groups * float(sizes.of(operand, everything)[0]) for operand in OPERANDS}
    read, written = count["input"] * h.input_byte + count["weight"] * h.weight_byte, count["output"] * h.output_byte
    memory = h.memory
    energy = loops.multiply_add * h.multiply_add_j + read * memory.read_j_per_byte + written * memory.write_j_per_byte
    widths = {"input": h.input_byte, "weight": h.weight_byte}
    for operand, store in h.registers.items():
        each = widths[operand] * store.read_j_per_byte if operand in widths else h.partial_byte * (store.read_j_per_byte + store.write_j_per_byte)
        energy = energy + loops.multiply_add * each
    moved = (read + written) / memory.read_byte_per_clock if memory.write_byte_per_clock is None else read / memory.read_byte_per_clock
    return energy, np.maximum(loops.multiply_add / beside, np.asarray(moved))
