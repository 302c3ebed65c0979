"""Mappings searched on an array: counted by walking the nests step by step, compared with random nests, alone and as columns."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import ceil, prod

import numpy as np
import pytest

from simulator.machine import MachineError
from simulator.spatial.hierarchy import LOOPS, MEETS, Hierarchy, Loops, Store, loops_of, row_stationary
from simulator.spatial.nest_cost import NestCost
from simulator.spatial.nests import GROUPS, Tiles, maximal, sides
from simulator.spatial.search import Found, MappingError, Nest, search
from workloads.operator import Contraction, Convolution, Softmax

LAYER = Loops(16, 12, 6, 6, 3, 3, in_x=8, in_y=8)
ARRAY = Hierarchy(
    {"k": 4, "c": 4}, 1.0, Store(6.0, 5.0, 16.0, 16.0, 1500.0, holds=("input", "output")), Store(200.0, 210.0, 8.0),
    {"weight": Store(1.0, 1.0, capacity_byte=36.0), "output": Store(0.5, 0.5, capacity_byte=2.0)}, cross_clock=6.0,
)  # fmt: skip
Loop = tuple[str, float]


def counted(inner: tuple[Loop, ...], outer: tuple[Loop, ...], operand: str) -> tuple[int, int]:
    """(times that a tile inside `outer` is another one than the step before, different tiles): by walking all loops, the outermost slowest."""
    before, changes, seen = None, 0, set()
    for at in itertools.product(*(range(int(n)) for _, n in reversed(outer))):
        where: dict[str, tuple[int, ...]] = {}
        for (name, _), i in zip(reversed(outer), at, strict=True):
            if name in MEETS[operand]:
                where[name] = (*where.get(name, ()), i)
        tile = tuple(sorted(where.items()))
        changes += tile != before
        seen.add(tile)
        before = tile
    return changes, len(seen)


def numbers(operand: str, inner: tuple[Loop, ...], layer: Loops, beside: Mapping[str, float]) -> float:
    """Numbers of an operand in a tile."""
    n = {name: min(prod(f for loop, f in inner if loop == name) * beside[name], getattr(layer, name)) for name in LOOPS}
    if operand == "input":
        return n["c"] * n["b"] * min((n["x"] - 1) * layer.stride + n["r"], layer.in_x) * min((n["y"] - 1) * layer.stride + n["s"], layer.in_y)
    return prod(n[name] for name in MEETS[operand])


def walked(nest: Nest, layer: Loops, h: Hierarchy) -> tuple[float, float]:
    """(energy, bytes over the memory's port) of a nest whose weights pass by the buffer and whose inputs have no register."""
    beside = h.side_by_side(layer)
    units = prod(beside.values())
    everything = (*nest.element, *nest.buffer, *nest.memory)
    tile, around = (*nest.element, *nest.buffer), (*nest.buffer, *nest.memory)
    weights, inputs, outputs = h.registers["weight"], h.buffer, h.registers["output"]
    energy = layer.multiply_add * (h.multiply_add_j + weights.read_j_per_byte + h.partial_byte * (outputs.read_j_per_byte + outputs.write_j_per_byte))
    brought, _ = counted(nest.element, around, "weight")
    weight_byte = brought * numbers("weight", nest.element, layer, beside)
    energy += (
        weight_byte * h.memory.read_j_per_byte + brought * numbers("weight", nest.element, layer, dict.fromkeys(LOOPS, 1.0)) * units * weights.write_j_per_byte
    )
    stepped, _ = counted((), everything, "input")
    energy += stepped * numbers("input", (), layer, beside) * inputs.read_j_per_byte
    often, _ = counted(tile, nest.memory, "input")
    input_byte = often * numbers("input", tile, layer, beside)
    energy += input_byte * (h.memory.read_j_per_byte + inputs.write_j_per_byte)
    out, distinct = counted(nest.element, around, "output")
    width, own = (h.partial_byte if out > distinct else h.output_byte), numbers("output", nest.element, layer, dict.fromkeys(LOOPS, 1.0)) * units
    count = numbers("output", nest.element, layer, beside)
    energy += out * count * width * inputs.write_j_per_byte + (out - distinct) * count * h.partial_byte * inputs.read_j_per_byte
    energy += own * (out * width * outputs.read_j_per_byte + (out - distinct) * h.partial_byte * outputs.write_j_per_byte)
    out, distinct = counted(tile, nest.memory, "output")
    width, count = (h.partial_byte if out > distinct else h.output_byte), numbers("output", tile, layer, beside)
    written, back = out * count * width, (out - distinct) * count * h.partial_byte
    energy += written * (h.memory.write_j_per_byte + inputs.read_j_per_byte) + back * (h.memory.read_j_per_byte + inputs.write_j_per_byte)
    return energy, weight_byte + input_byte + written + back


def whole(found: Found) -> tuple[float, float]:
    return float(found.energy_j[0]), float(found.clock[0])


@pytest.mark.parametrize("goal", ["energy", "energy_delay", "time"])
@pytest.mark.parametrize("capacity", [300.0, 1500.0, 1e6])
def test_energy_is_that_of_walking_the_nest(goal: str, capacity: float) -> None:
    array = replace(ARRAY, buffer=replace(ARRAY.buffer, capacity_byte=capacity))
    found = search(LAYER, array, goal)  # type: ignore[arg-type]
    energy, memory_byte = walked(found.nest[0], LAYER, array)
    assert found.energy_j[0] == pytest.approx(energy, rel=1e-12)
    assert found.clock[0] >= memory_byte / 8.0
    assert found.clock[0] >= LAYER.multiply_add / 16


def neighbours(nest: Nest) -> Iterator[Nest]:
    """Nests that differ by one move: a prime factor of a loop to any place of any block."""
    blocks = [list(nest.element), list(nest.buffer), list(nest.memory)]
    for i, block in enumerate(blocks):
        for j, (name, n) in enumerate(block):
            for prime in (p for p in (2.0, 3.0) if n % p == 0.0):
                left = [list(b) for b in blocks]
                left[i][j : j + 1] = [(name, n / prime)] if n > prime else []
                for to in range(3):
                    for place in range(len(left[to]) + 1):
                        moved = [list(b) for b in left]
                        moved[to].insert(place, (name, prime))
                        yield Nest(*(tuple(b) for b in moved))


def fits(nest: Nest, layer: Loops, h: Hierarchy) -> bool:
    own = dict.fromkeys(LOOPS, 1.0)
    tile, beside = (*nest.element, *nest.buffer), h.side_by_side(layer)
    weight, total = numbers("weight", nest.element, layer, own), numbers("weight", (*tile, *nest.memory), layer, own)
    if weight * (1 if weight >= total else 2) > h.registers["weight"].capacity_byte or numbers("output", nest.element, layer, own) > 1.0:
        return False
    open_sums = any(name in "crs" for name, _ in (*nest.buffer, *nest.memory))
    held = 0.0
    for operand, width in (("input", 1.0), ("output", h.partial_byte if open_sums else 1.0)):
        count = numbers(operand, tile, layer, beside)
        held += count * width * (1 if count >= numbers(operand, (*tile, *nest.memory), layer, beside) else 2)
    return held <= h.buffer.capacity_byte


@pytest.mark.parametrize(("capacity", "left"), [(150.0, 0.97), (200.0, 0.8), (400.0, 0.97), (1000.0, 0.97)])
def test_climbing_on_from_what_was_found_gains_little(capacity: float, left: float) -> None:
    """From the nest found, one move after the other of those that any mapping may make, as long as they gain: 3 % at most, a fifth where windows barely fit."""
    layer = Loops(8, 8, 4, 4, 3, 3, in_x=6, in_y=6)
    array = replace(ARRAY, buffer=replace(ARRAY.buffer, capacity_byte=capacity))
    nest = search(layer, array, "energy").nest[0]
    start = best = walked(nest, layer, array)[0]
    gained = True
    while gained:
        gained = False
        for other in neighbours(nest):
            if fits(other, layer, array) and (energy := walked(other, layer, array)[0]) < best * (1.0 - 1e-9):
                nest, best, gained = other, energy, True
                break
    assert best >= start * left


def test_a_larger_buffer_is_never_slower_or_dearer() -> None:
    sizes = np.geomspace(200.0, 1e6, 24)
    for goal, field in (("time", "clock"), ("energy", "energy_j")):
        found = search(LAYER, replace(ARRAY, buffer=replace(ARRAY.buffer, capacity_byte=sizes)), goal)  # type: ignore[arg-type]
        assert np.all(np.diff(getattr(found, field)) <= 0.0)


def test_columns_are_rows() -> None:
    sizes, widths = np.array([250.0, 900.0, 5000.0]), np.array([2.0, 8.0, 64.0])
    columns = replace(ARRAY, buffer=replace(ARRAY.buffer, capacity_byte=sizes), memory=replace(ARRAY.memory, read_byte_per_clock=widths))
    together = search(LAYER, columns)
    for i, (size, width) in enumerate(zip(sizes, widths, strict=True)):
        alone = search(LAYER, replace(ARRAY, buffer=replace(ARRAY.buffer, capacity_byte=size), memory=replace(ARRAY.memory, read_byte_per_clock=width)))
        assert (together.energy_j[i], together.clock[i]) == whole(alone)
        assert together.nest[i] == alone.nest[0]
        assert together.at_most[i] == pytest.approx(alone.at_most[0])


@pytest.mark.parametrize("goal", ["energy", "energy_delay"])
def test_bounds_leave_out_only_what_is_not_best(goal: str) -> None:
    """Where energies differ between designs all mappings are looked at: the same answers as by bounds, where they are the same energies after all."""
    rng = np.random.default_rng(5)
    layer, designs = Loops(64, 96, 14, 14, 3, 3, in_x=16, in_y=16), 40
    sizes, widths = 2.0 ** rng.uniform(9.0, 20.0, designs), 2.0 ** rng.uniform(0.0, 7.0, designs)
    columns = replace(ARRAY, buffer=replace(ARRAY.buffer, capacity_byte=sizes), memory=replace(ARRAY.memory, read_byte_per_clock=widths))
    priced = replace(columns, memory=replace(columns.memory, read_j_per_byte=np.full(designs, ARRAY.memory.read_j_per_byte)))
    bounded, all_of_them = (search(layer, h, goal) for h in (columns, priced))  # type: ignore[arg-type]
    assert bounded.nest == all_of_them.nest
    assert np.array_equal(bounded.energy_j, all_of_them.energy_j) and np.array_equal(bounded.clock, all_of_them.clock)


def test_never_under_its_floor_and_groups_follow_each_other() -> None:
    found = search(LAYER, ARRAY)
    assert found.at_most[0] >= 1.0
    twice = search(replace(LAYER, groups=2), ARRAY)
    assert whole(twice) == (2 * whole(found)[0], 2 * whole(found)[1])


def test_a_small_product_by_hand() -> None:
    """Four by four by four on a 4 x 4 array, everything held: each number crosses once, four steps."""
    free = Store(0.0, 0.0, 1.0)
    array = Hierarchy({"k": 4, "c": 4}, 2.0, replace(free, holds=("input", "output")), Store(10.0, 20.0, 16.0), {"weight": free, "output": free})
    found = search(Loops(4, 4, x=4, in_x=4, in_y=1), array, "energy")
    assert found.energy_j[0] == 64 * 2.0 + 32 * 10.0 + 16 * 20.0
    assert found.clock[0] >= 4 + 32 / 16


def test_each_dataflow_keeps_still_what_it_says() -> None:
    """Weights stay while results stream, sums stay while they add up, inputs stay while output channels pass: once each, and no more."""
    ones = {name: np.ones(1) for name in LOOPS}
    element = Tiles(**ones)
    buffer = Tiles(**(ones | {"k": np.array([4.0]), "c": np.array([4.0]), "x": np.array([4.0])}))
    layer = Loops(4, 4, x=4, in_x=4, in_y=1)
    registers = {name: Store(1.0, 1.0) for name in ("input", "weight", "output")}
    cost = NestCost(layer, replace(ARRAY, unrolled={}, registers=registers), element, buffer, np.zeros(1))
    for operand, still in (("weight", "result"), ("output", "sum"), ("input", "k")):
        assert GROUPS.index(still) >= 0
        assert cost._brought(operand, True).item() == 16
        assert cost._brought(operand, False).item() == 64


def test_tile_sides_divide_and_of_primes_nearly_do() -> None:
    assert sides(12) == (1.0, 2.0, 3.0, 4.0, 6.0, 12.0)
    assert max(sides(257)) == 257.0
    assert all(ceil(257 / side) * side <= 270 for side in sides(257))


def test_only_tiles_within_another_are_left_out() -> None:
    ones = np.ones(4)
    tiles = Tiles(np.array([1.0, 2.0, 2.0, 3.0]), np.array([1.0, 1.0, 2.0, 1.0]), ones, ones, ones, ones, ones)
    assert maximal(tiles).tolist() == [2, 3]


def test_operators_are_loops() -> None:
    assert loops_of(Contraction(name="fc", m=8.0, n=32.0, k=16.0)) == Loops(32.0, 16.0, x=8.0, in_x=8.0, in_y=1.0)
    depthwise = Convolution(
        name="dw", batch=2.0, cin=32.0, cout=32.0, in_h=8.0, in_w=8.0, out_h=4.0, out_w=4.0, kernel_h=3.0, kernel_w=3.0, stride=2.0, groups=32.0
    )
    assert loops_of(depthwise) == Loops(1.0, 1.0, 4.0, 4.0, 3.0, 3.0, 2.0, 2.0, 8.0, 8.0, 32.0)
    assert loops_of(depthwise).multiply_add == 2 * 32 * 16 * 9


def test_rows_of_filters_fill_the_array() -> None:
    assert row_stationary(12.0, 14.0, 3.0) == {"s": 3.0, "c": 4.0, "y": 14.0}


def test_what_cannot_be_is_named() -> None:
    with pytest.raises(MappingError, match=r"buffer holds 3 bytes; enlarge it"):
        search(LAYER, replace(ARRAY, buffer=replace(ARRAY.buffer, capacity_byte=3.0)))
    with pytest.raises(MappingError, match="registers hold less than one weight"):
        search(LAYER, replace(ARRAY, registers={"weight": Store(1.0, 1.0, capacity_byte=0.5)}))
    with pytest.raises(MachineError, match="cannot unroll 'z'"):
        replace(ARRAY, unrolled={"z": 4.0})
    with pytest.raises(MachineError, match="registers for 'bias'"):
        replace(ARRAY, registers={"bias": Store(1.0, 1.0)})
    with pytest.raises(MachineError, match="soft is a softmax"):
        loops_of(Softmax(name="soft", rows=1.0, cols=8.0))
