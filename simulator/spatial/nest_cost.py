"""What a nest costs: how often each operand's tile is brought, the energy of that, and how long the ports take.

A tile is brought again whenever a loop above it that steps through its operand moves on; loops that do not, lying directly above it, leave it where it is.
Everything overlaps but the first tiles' way in and the last one's way out:

    clocks = max(first in + steps, bytes of each port / its width) + last out + crossing
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from magnitudes.arrays import Column
from simulator.spatial.hierarchy import LOOPS, Hierarchy, Loops, Store
from simulator.spatial.nests import GROUPS, Tiles, steps

GROUP = {"input": "k", "weight": "result", "output": "sum"}  # the group that leaves an operand where it is
Block = Mapping[str, Any]  # iterations of each group


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of each operand in a tile of the whole array, by how many steps of each loop it holds."""

    loops: Loops
    beside: Mapping[str, float]

    def of(self, operand: str, tile: Tiles) -> Column:
        """Numbers in a tile: windows of neighbouring results overlap in the feature map."""
        n = {name: np.minimum(getattr(tile, name) * self.beside[name], getattr(self.loops, name)) for name in LOOPS}
        if operand == "weight":
            return np.asarray(n["k"] * n["c"] * n["r"] * n["s"])
        if operand == "output":
            return np.asarray(n["k"] * n["x"] * n["y"] * n["b"])
        across = np.minimum(self.loops.window(n["x"], n["r"]), self.loops.in_x)
        down = np.minimum(self.loops.window(n["y"], n["s"]), self.loops.in_y)
        return np.asarray(n["c"] * n["b"] * across * down)


def times(block: Block, behind: Block | None, operand: str, first: Any) -> Any:
    """How often a tile is brought, going through a block of loops and those behind it.

    Parameters
    ----------
    first : bool or Mask
        Whether the group that leaves the operand where it is runs innermost in the block.
    behind : Block, optional
        With ``first``: the index in `GROUPS` of what runs innermost there.
    """
    still = GROUP[operand]
    moving = prod(block[g] for g in GROUPS if g != still)
    held = first | (moving == 1.0)
    count = moving * np.where(held, 1.0, block[still])
    if behind is None:
        return count
    moving_behind = prod(behind[g] for g in GROUPS if g != still)
    held_behind = (moving == 1.0) & ((behind["first"] == GROUPS.index(still)) | (moving_behind == 1.0))
    return count * moving_behind * np.where(held_behind, 1.0, behind[still])


def whole_words(byte: Any, store: Store) -> Any:
    """Bytes of a tile in whole words of a store."""
    return byte if store.word_byte <= 1.0 else np.ceil(byte / store.word_byte) * store.word_byte


@dataclass(frozen=True, slots=True)
class Moved:
    """What one operand moves, and what that takes.

    Parameters
    ----------
    energy_j : Column
    memory_byte, read_byte, write_byte : Column
        Over the memory's ports, and over the buffer's.
    alone_clock : Column
        That nothing hides: registers filled between two tiles.
    """

    energy_j: Any
    memory_read_byte: Any
    memory_write_byte: Any
    read_byte: Any = 0.0
    write_byte: Any = 0.0
    alone_clock: Any = 0.0


class NestCost:
    """Costs of all nests of a layer: element tiles by buffer tiles, for one group of the layer.

    Parameters
    ----------
    element : Tiles
        Choices of A tiles.
    buffer : Tiles
        Choices of T tiles, and for each which of `GROUPS` runs innermost around memory.
    """

    def __init__(self, loops: Loops, hierarchy: Hierarchy, element: Tiles, buffer: Tiles, memory_first: Column) -> None:
        self.loops, self.hierarchy = loops, hierarchy
        beside, total = hierarchy.side_by_side(loops), steps(loops, hierarchy)
        self.units = prod(beside.values())
        sizes = Sizes(loops, beside)
        self.element_count = {o: sizes.of(o, element)[:, None] for o in GROUP}
        self.own_count = {o: Sizes(loops, dict.fromkeys(LOOPS, 1.0)).of(o, element)[:, None] for o in GROUP}  # in one element
        self.buffer_count = {o: sizes.of(o, buffer) for o in GROUP}
        whole = Tiles(*(np.array([total[name]]) for name in LOOPS))
        self.all_count = {o: float(sizes.of(o, whole)[0]) for o in GROUP}
        self.inside: Block = {
            "k": element.k[:, None], "sum": (element.c * element.r * element.s)[:, None], "result": (element.x * element.y * element.b)[:, None],
        }  # fmt: skip
        self.around: Block = {
            "k": buffer.k / element.k[:, None],
            "sum": (buffer.c / element.c[:, None]) * (buffer.r / element.r[:, None]) * (buffer.s / element.s[:, None]),
            "result": (buffer.x / element.x[:, None]) * (buffer.y / element.y[:, None]) * (buffer.b / element.b[:, None]),
        }  # fmt: skip
        self.behind: Block = {
            "k": np.ceil(total["k"] / buffer.k), "sum": np.ceil(total["c"] / buffer.c),
            "result": np.ceil(total["x"] / buffer.x) * np.ceil(total["y"] / buffer.y) * np.ceil(total["b"] / buffer.b), "first": memory_first,
        }  # fmt: skip
        self.steps = prod(self.inside.values()) * prod(self.around[g] * self.behind[g] for g in GROUPS)

    def divides(self, element: Tiles, buffer: Tiles) -> Any:
        """Whether the buffer's tile is made of whole element tiles."""
        remainders = [getattr(buffer, name) % getattr(element, name)[:, None] for name in LOOPS]
        return np.logical_and.reduce([r == 0.0 for r in np.broadcast_arrays(*remainders)])

    def fits(self) -> Any:
        """Whether the held tiles fit into the buffer."""
        return self.held_byte() <= self.hierarchy.buffer.capacity_byte

    def held_byte(self) -> Any:
        """Bytes of the tiles that the buffer holds, those that are not whole as often as it keeps copies."""
        store = self.hierarchy.buffer
        byte: Any = 0.0
        for operand in store.holds:
            count = self.buffer_count[operand]
            width = self._width(operand) if operand != "output" else np.where(self._open_sums(), self.hierarchy.partial_byte, self.hierarchy.output_byte)
            byte = byte + count * width * np.where(count >= self.all_count[operand], 1.0, store.copies)
        return byte

    def _open_sums(self) -> Any:
        return (self.around["sum"] > 1.0) | (self.behind["sum"] > 1.0)

    def _width(self, operand: str) -> float:
        return {"input": self.hierarchy.input_byte, "weight": self.hierarchy.weight_byte}[operand]

    def _brought(self, operand: str, first: bool) -> Any:
        """How often an element's tile of an operand is brought or, where elements have no register for it, a single number of each."""
        if operand in self.hierarchy.registers:
            return times(self.around, self.behind, operand, first)
        still = GROUP[operand]
        moving = prod(self.inside[g] for g in GROUPS if g != still)
        innermost = (still == "sum") | ((still == "k") & (self.inside["sum"] == 1.0))
        held = innermost | (moving == 1.0)
        count = moving * np.where(held, 1.0, self.inside[still])
        around = {g: self.around[g] for g in GROUPS}
        outer = times(around, self.behind, operand, first)
        moved_on = prod(self.around[g] * self.behind[g] for g in GROUPS)
        return count * np.where(moving == 1.0, outer, moved_on)

    def read(self, operand: str, first: bool) -> Moved:
        """What an input operand moves, where the loops that leave it still run innermost around the element, or not."""
        h, width, register = self.hierarchy, self._width(operand), self.hierarchy.registers.get(operand)
        brought = self._brought(operand, first)
        tile_byte = self.element_count[operand] * width if register is not None else self._single(operand) * width
        held = operand in h.buffer.holds
        source = h.buffer if held else h.memory
        byte = brought * whole_words(tile_byte, source)
        energy: Any = byte * source.read_j_per_byte
        alone: Any = 0.0
        if register is not None:
            energy = energy + brought * self.own_count[operand] * self.units * width * register.write_j_per_byte
            energy = energy + self.loops.multiply_add / self.loops.groups * width * register.read_j_per_byte
            alone = byte / source.read_byte_per_clock if register.copies <= 1.0 else 0.0
        if not held:
            return Moved(energy, byte, 0.0, alone_clock=alone)
        tile = self.buffer_count[operand] * width
        often = times(self.behind, None, operand, self.behind["first"] == GROUPS.index(GROUP[operand]))
        memory_byte, written = often * whole_words(tile, h.memory), often * whole_words(tile, h.buffer)
        energy = energy + memory_byte * h.memory.read_j_per_byte + written * h.buffer.write_j_per_byte
        return Moved(energy, memory_byte, 0.0, byte, written, alone)

    def _single(self, operand: str) -> float:
        """Numbers of an operand that one step of the array takes."""
        one = Tiles(*(np.ones(1) for _ in LOOPS))
        return float(Sizes(self.loops, self.hierarchy.side_by_side(self.loops)).of(operand, one)[0])

    def written(self, first: bool) -> Moved:
        """What results move, sums that come back included, where sums run innermost around the element or not."""
        h, register = self.hierarchy, self.hierarchy.registers.get("output")
        out = self._brought("output", first)
        distinct = self.around["k"] * self.around["result"] * self.behind["k"] * self.behind["result"]
        count = self.element_count["output"] if register is not None else self._single("output")
        distinct = distinct if register is not None else distinct * self.inside["k"] * self.inside["result"]
        back = out - distinct
        width = np.where(back > 0.0, h.partial_byte, h.output_byte)
        held = "output" in h.buffer.holds
        target = h.buffer if held else h.memory
        out_byte, back_byte = out * whole_words(count * width, target), back * whole_words(count * h.partial_byte, target)
        energy: Any = out_byte * target.write_j_per_byte + back_byte * target.read_j_per_byte
        if register is not None:
            own = self.own_count["output"] * self.units
            energy = energy + own * (out * width * register.read_j_per_byte + back * h.partial_byte * register.write_j_per_byte)
            sums = self.loops.multiply_add / self.loops.groups * h.partial_byte
            energy = energy + sums * (register.read_j_per_byte + register.write_j_per_byte)
        if not held:
            return Moved(energy, back_byte, out_byte)
        tile = self.buffer_count["output"]
        often = times(self.behind, None, "output", self.behind["first"] == GROUPS.index("sum"))
        again = often - self.behind["k"] * self.behind["result"]
        wide = np.where(again > 0.0, h.partial_byte, h.output_byte)
        m_out, m_back = often * whole_words(tile * wide, h.memory), again * whole_words(tile * h.partial_byte, h.memory)
        b_out, b_back = often * whole_words(tile * wide, h.buffer), again * whole_words(tile * h.partial_byte, h.buffer)
        energy = energy + m_out * h.memory.write_j_per_byte + m_back * h.memory.read_j_per_byte
        energy = energy + b_out * h.buffer.read_j_per_byte + b_back * h.buffer.write_j_per_byte
        return Moved(energy, m_back, m_out, back_byte + b_out, out_byte + b_back)

    def total(self, moved: tuple[Moved, ...]) -> tuple[Any, Any]:
        """Energy and clocks of one group, of all nests."""
        h = self.hierarchy
        energy = sum(m.energy_j for m in moved) + self.loops.multiply_add / self.loops.groups * h.multiply_add_j
        ports = busy_clocks(h.memory, [(m.memory_read_byte, m.memory_write_byte) for m in moved])
        ports += busy_clocks(h.buffer, [(m.read_byte, m.write_byte) for m in moved])
        busy = self._first_in() + self.steps + sum(m.alone_clock for m in moved)
        for port in ports:
            busy = np.maximum(busy, port)
        return energy, busy + self._last_out() + h.cross_clock

    def _first_in(self) -> Any:
        """Clocks until the first tiles of both input operands are there."""
        h = self.hierarchy
        counts = {o: self.buffer_count[o] if o in h.buffer.holds else self.element_count[o] for o in ("input", "weight")}
        return (counts["input"] * h.input_byte + counts["weight"] * h.weight_byte) / h.memory.read_byte_per_clock

    def _last_out(self) -> Any:
        """Clocks until the last results are in memory: finished results leave the buffer as they come."""
        port = self.hierarchy.memory.write_byte_per_clock or self.hierarchy.memory.read_byte_per_clock
        last = np.where(self._open_sums(), self.buffer_count["output"], np.minimum(self.element_count["output"], self.buffer_count["output"]))
        return last * self.hierarchy.output_byte / port


def busy_clocks(store: Store, moved: Sequence[tuple[Any, Any]]) -> list[Any]:
    """Clocks of each port of a store, for bytes read and written of each operand."""
    if store.own_ports:
        return [clock for read, written in moved for clock in _port_clocks(store, read, written)]
    return _port_clocks(store, sum(read for read, _ in moved), sum(written for _, written in moved))


def _port_clocks(store: Store, read_byte: Any, write_byte: Any) -> list[Any]:
    """Clocks of the port, or of the two, that carry so many bytes."""
    if store.write_byte_per_clock is None:
        return [(read_byte + write_byte) / store.read_byte_per_clock]
    return [read_byte / store.read_byte_per_clock, write_byte / store.write_byte_per_clock]
