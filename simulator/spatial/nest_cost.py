"""What a nest costs: how often each operand's tile is brought, the energy of that, and how long the ports take.

A tile is brought again whenever a loop above it that steps through its operand moves on; loops that do not, lying directly above it, leave it where it is.
Everything overlaps but the first tiles' way in and the last one's way out:

    clocks = max(first in + steps, bytes of each port / its width) + last out + crossing
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
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
    """What one operand moves, in bytes.

    Parameters
    ----------
    memory_read, memory_write, buffer_read, buffer_write : Column
        Over the memory's ports, and over the buffer's.
    register_read, register_write : Column
        In the registers that elements have for it.
    alone_memory, alone_buffer : Column
        Of what is read, what nothing hides: registers filled between two tiles.
    """

    memory_read: Any
    memory_write: Any
    buffer_read: Any = 0.0
    buffer_write: Any = 0.0
    register_read: Any = 0.0
    register_write: Any = 0.0
    alone_memory: Any = 0.0
    alone_buffer: Any = 0.0


@dataclass(frozen=True, slots=True)
class Terms:
    """What the time and the energy of nests are made of, whatever ports and prices are.

    Parameters
    ----------
    moved : mapping of str to Moved
        By operand.
    steps : Column
    first_byte, last_byte : Column
        That come before the first step, and leave after the last one.
    """

    moved: Mapping[str, Moved]
    steps: Any
    first_byte: Any
    last_byte: Any

    def energy_j(self, h: Hierarchy, multiply_add: float) -> Any:
        """Energy of one group of so many multiply-adds."""
        energy: Any = multiply_add * h.multiply_add_j
        for operand, m in self.moved.items():
            energy = energy + m.memory_read * h.memory.read_j_per_byte + m.memory_write * h.memory.write_j_per_byte
            energy = energy + m.buffer_read * h.buffer.read_j_per_byte + m.buffer_write * h.buffer.write_j_per_byte
            if register := h.registers.get(operand):
                energy = energy + m.register_read * register.read_j_per_byte + m.register_write * register.write_j_per_byte
        return energy

    def clock(self, h: Hierarchy) -> Any:
        """Clocks of one group."""
        wide, out = h.memory.read_byte_per_clock, h.memory.write_byte_per_clock
        late, later = (sum(getattr(m, name) for m in self.moved.values()) for name in ("alone_memory", "alone_buffer"))
        busy = (self.first_byte + late) / wide + self.steps + later / h.buffer.read_byte_per_clock
        for port in self.port_clocks(h.memory, "memory") + self.port_clocks(h.buffer, "buffer"):
            busy = np.maximum(busy, port)
        return busy + self.last_byte / (wide if out is None else out) + h.cross_clock

    def port_clocks(self, store: Store, name: str) -> list[Any]:
        """Clocks that each port of a store takes alone."""
        each = [(getattr(m, f"{name}_read"), getattr(m, f"{name}_write")) for m in self.moved.values()]
        if not store.own_ports:
            each = [(sum(read for read, _ in each), sum(written for _, written in each))]
        if store.write_byte_per_clock is None:
            return [(read + written) / store.read_byte_per_clock for read, written in each]
        return [c for read, written in each for c in (read / store.read_byte_per_clock, written / store.write_byte_per_clock)]

    def taken(self, rows: Any) -> Terms:
        """Those of some nests."""
        return together([self], lambda v: v[0][rows] if np.ndim(v[0]) else v[0])

    def least(self) -> Terms:
        """The least of each number over all nests: no nest takes fewer clocks than this one would."""
        return together([self], lambda v: np.min(v[0]))


def together(terms: Sequence[Terms], joined: Callable[[Sequence[Any]], Any]) -> Terms:
    """Several as one, each number by a function of theirs."""
    moved = {o: Moved(*(joined([getattr(t.moved[o], f.name) for t in terms]) for f in fields(Moved))) for o in terms[0].moved}
    whole, first, last = (joined([getattr(t, name) for t in terms]) for name in ("steps", "first_byte", "last_byte"))
    return Terms(moved, whole, first, last)


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
        loaded, used, alone = 0.0, 0.0, 0.0
        if register is not None:
            loaded = brought * self.own_count[operand] * self.units * width
            used = self.loops.multiply_add / self.loops.groups * width
            alone = byte if register.copies <= 1.0 else 0.0
        if not held:
            return Moved(byte, 0.0, register_read=used, register_write=loaded, alone_memory=alone)
        tile = self.buffer_count[operand] * width
        often = times(self.behind, None, operand, self.behind["first"] == GROUPS.index(GROUP[operand]))
        return Moved(often * whole_words(tile, h.memory), 0.0, byte, often * whole_words(tile, h.buffer), used, loaded, alone_buffer=alone)

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
        own, sums = self.own_count["output"] * self.units, self.loops.multiply_add / self.loops.groups * h.partial_byte
        used, made = (own * out * width + sums, own * back * h.partial_byte + sums) if register is not None else (0.0, 0.0)
        if not held:
            return Moved(back_byte, out_byte, register_read=used, register_write=made)
        tile = self.buffer_count["output"]
        often = times(self.behind, None, "output", self.behind["first"] == GROUPS.index("sum"))
        again = often - self.behind["k"] * self.behind["result"]
        wide = np.where(again > 0.0, h.partial_byte, h.output_byte)
        m_out, m_back = often * whole_words(tile * wide, h.memory), again * whole_words(tile * h.partial_byte, h.memory)
        b_out, b_back = often * whole_words(tile * wide, h.buffer), again * whole_words(tile * h.partial_byte, h.buffer)
        return Moved(m_back, m_out, back_byte + b_out, out_byte + b_back, used, made)

    def terms(self, moved: Mapping[str, Moved]) -> Terms:
        """What energy and clocks of one group are made of, of all nests."""
        return Terms(moved, self.steps, self._first_byte(), self._last_byte())

    def _first_byte(self) -> Any:
        """Bytes of the first tiles of both input operands."""
        h = self.hierarchy
        counts = {o: self.buffer_count[o] if o in h.buffer.holds else self.element_count[o] for o in ("input", "weight")}
        return counts["input"] * h.input_byte + counts["weight"] * h.weight_byte

    def _last_byte(self) -> Any:
        """Bytes of the last results: finished ones leave the buffer as they come."""
        last = np.where(self._open_sums(), self.buffer_count["output"], np.minimum(self.element_count["output"], self.buffer_count["output"]))
        return last * self.hierarchy.output_byte
