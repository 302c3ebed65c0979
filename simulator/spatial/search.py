"""The best mapping of a layer on an array: all tiles and loop orders at once, as columns.

Tiles that do not fit, and element tiles that lie within another that fits, are left out beforehand (`simulator.spatial.nests`); of the loop orders only those
are kept that differ in traffic. The answer is the best of what is left (bounds leave out only what cannot be); it is no proof for all mappings there are. How
far it may be from the best of all is said with it: `Found.at_most` is its cost against a floor that no mapping is under. Climbing on from it by single moves
of any kind gains nothing on the layers tried, but for buffers that barely hold one window of the feature map (tests/unit/test_mapping_search.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from math import prod
from typing import Any, Literal

import numpy as np

from magnitudes.arrays import Column, Mask
from magnitudes.errors import InputError
from simulator.spatial.hierarchy import LOOPS, OPERANDS, Hierarchy, Loops, Store
from simulator.spatial.nest_cost import NestCost, Sizes, Terms, together
from simulator.spatial.nests import GROUPS, Places, Tiles, buffer_tiles, element_tiles, maximal, steps

Goal = Literal["energy_delay", "energy", "time"]
ALIKE, BARELY = 1.0 + 1e-9, 1.0 - 1e-12
CHUNK, BLOCK = 256, 8  # mappings, and designs, that are looked at together
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
    total = steps(loops, hierarchy)
    n = {name: int(value) for name, value in total.items()}
    element = _fitting_elements(element_tiles(n["k"], n["c"], n["x"], n["r"], n["s"]), loops, hierarchy)
    buffer, first = _orders(buffer_tiles(n["k"], n["c"], n["x"], n["y"], n["r"], n["s"], n["b"]), total, loops, hierarchy)
    places, held, terms = _candidates(NestCost(loops, hierarchy, element, buffer, first), element, buffer)
    best = _best(terms, held, _standing(hierarchy), loops, goal)
    if np.any(best < 0):
        raise MappingError(
            f"no tile of the layer fits: {hierarchy.buffer.name or 'the buffer'} holds {np.min(np.asarray(hierarchy.buffer.capacity_byte)):g} bytes; enlarge it"
            + (f" (--set {hierarchy.buffer.name}.capacity=...)" if hierarchy.buffer.name else "")
            + ", or let an operand pass by (Store.holds)"
        )
    energy_j, clock = (v * loops.groups for v in _priced(terms.taken(best), hierarchy, loops))
    shape = (len(GROUPS), len(element), len(buffer))
    nests = tuple(_nest(np.unravel_index(i, shape), element, buffer, first, total) for i in places[best])
    floor = _value(*_floor(loops, hierarchy), goal)
    return Found(energy_j, clock, nests, _value(energy_j, clock, goal) / np.ravel(floor), prod(shape))


def _standing(hierarchy: Hierarchy) -> Hierarchy:
    """The hierarchy with its columns standing before the axis of mappings."""
    return _each_column(hierarchy, lambda column: column[:, None])


def _each_column(hierarchy: Hierarchy, change: Callable[[Column], Column]) -> Hierarchy:
    """The hierarchy with a function of each of its columns."""

    def changed(store: Store) -> Store:
        changes: dict[str, Any] = {f.name: change(v) for f in fields(store) if isinstance(v := getattr(store, f.name), np.ndarray)}
        return replace(store, **changes) if changes else store

    mac = hierarchy.multiply_add_j
    return replace(
        hierarchy, buffer=changed(hierarchy.buffer), memory=changed(hierarchy.memory),
        registers={name: changed(store) for name, store in hierarchy.registers.items()},
        multiply_add_j=change(mac) if isinstance(mac, np.ndarray) else mac,
    )  # fmt: skip


def _value(energy: Any, clock: Any, goal: Goal) -> Any:
    if goal == "energy_delay":
        return energy * clock
    return energy if goal == "energy" else clock


def _priced(terms: Terms, h: Hierarchy, loops: Loops) -> tuple[Any, Any]:
    """Energy and clocks of one group: (mappings,), or (designs, mappings) where columns stand."""
    return terms.energy_j(h, loops.multiply_add / loops.groups), terms.clock(h)


def _best(terms: Terms, held: Column, h: Hierarchy, loops: Loops, goal: Goal) -> Places:
    """The number of the best mapping for each design, the first of equals; -1 where none fits.

    Mappings come by their energy, some at a time: that of the next times the clocks that no mapping is under bounds all that follow, so that designs
    that are under it already are done. Where time alone counts, or energies differ between designs, all are looked at.
    """
    energy, one = terms.energy_j(h, loops.multiply_add / loops.groups), terms.taken(slice(0, 1)).clock(h)
    designs = max(len(v) if isinstance(v, np.ndarray) and v.ndim > 1 else 1 for v in (energy, one, h.buffer.capacity_byte))
    best, value = np.full(designs, -1, dtype=np.int64), np.full(designs, np.inf)
    if goal == "time" or np.ndim(energy) > 1:
        for start in range(0, designs, BLOCK):
            rows = np.arange(start, min(start + BLOCK, designs))
            best[rows] = _of_all(terms, held, _some(h, rows), loops, goal, len(rows))
        return best
    order = np.argsort(energy, kind="stable")
    least = np.broadcast_to(terms.least().clock(h) if goal == "energy_delay" else np.ones(1), (designs, 1))[:, 0]
    todo = np.arange(designs)
    for start in range(0, len(order), CHUNK):
        some = np.sort(order[start : start + CHUNK])
        todo = todo[energy[order[start]] * least[todo] * BARELY <= value[todo]]
        if not len(todo):
            break
        own = _some(h, todo)
        found = np.where(held[some] <= own.buffer.capacity_byte, _value(energy[some], terms.taken(some).clock(own), goal), np.inf)
        found = np.broadcast_to(found, (len(todo), len(some)))
        place = found.argmin(axis=1)
        at = found[np.arange(len(todo)), place]
        better = (at < value[todo]) | ((at == value[todo]) & np.isfinite(at) & (some[place] < best[todo]))
        best[todo[better]], value[todo[better]] = some[place[better]], at[better]
    return best


def _some(h: Hierarchy, rows: Places) -> Hierarchy:
    """The hierarchy of some designs, its columns standing."""
    return _each_column(h, lambda column: column[rows])


def _of_all(terms: Terms, held: Column, h: Hierarchy, loops: Loops, goal: Goal, designs: int) -> Places:
    """The best of all mappings for some designs: of those that are as fast, where time counts, the one of least energy."""
    energy, clock = _priced(terms, h, loops)
    fits = held <= h.buffer.capacity_byte
    value = np.broadcast_to(np.where(fits, _value(energy, clock, goal), np.inf), (designs, len(held)))
    if goal == "time":
        value = np.where(value <= value.min(axis=1, keepdims=True) * ALIKE, energy, np.inf)
    best = value.argmin(axis=1)
    fitting = np.broadcast_to(fits, value.shape)[np.arange(designs), best]
    return np.asarray(np.where(fitting, best, -1))


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


def _candidates(cost: NestCost, element: Tiles, buffer: Tiles) -> tuple[Places, Column, Terms]:
    """Mappings whose tiles divide each other: their places among all, the bytes that the buffer holds, and what they cost.

    All are (orders, element tiles, buffer tiles), flat: what runs innermost around the element is one of `GROUPS`.
    """
    whole = np.broadcast_to(cost.divides(element, buffer), (len(GROUPS), len(element), len(buffer))).ravel()
    places = np.flatnonzero(whole)
    kept = {o: {first: (cost.written(first) if o == "output" else cost.read(o, first)) for first in (False, True)} for o in ("input", "weight", "output")}
    stays = {"k": "input", "sum": "output", "result": "weight"}
    by_order = [cost.terms({o: kept[o][stays[g] == o] for o in kept}) for g in GROUPS]
    one = whole[: len(element) * len(buffer)]

    def flat(numbers: Sequence[Any]) -> Any:
        shape = (len(element), len(buffer))
        if all(np.ndim(v) == 0 for v in numbers) and len({float(v) for v in numbers}) == 1:
            return numbers[0]
        return np.concatenate([np.broadcast_to(v, shape).ravel()[one] for v in numbers])

    return places, flat([cost.held_byte()] * len(GROUPS)), together(by_order, flat)


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
