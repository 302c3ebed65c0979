"""Grouped products over experts: row tiles of uneven groups, the weights of active experts, waves over the chip.

One compiled kernel serves all experts (Gale et al., MegaBlocks, 2023, for the idea); its properties are in
``calibration/experts.json``.
"""

from __future__ import annotations

from dataclasses import dataclass

from hardware_specs.schema import KernelEngine
from magnitudes.arrays import Real, maximum, minimum, where
from magnitudes.datatypes import by_format, is_narrow
from simulator.calibration import derived, table
from simulator.kernels.attention import reached_s
from simulator.kernels.cache import byte_s
from simulator.kernels.timing import Timing
from simulator.machine import Machine
from simulator.reuse import Reuse
from workloads.operator import GroupedContraction, Residency

TILE_COLUMNS = 128.0
DEFAULT_LIBRARY = "sglang_fused_moe_triton"  # the compiled kernel runs everywhere


@dataclass(frozen=True, slots=True)
class ExpertLibrary:
    """How a library runs grouped products.

    Parameters
    ----------
    sync : float
        flop a clock of one multiprocessor that its matrix instructions reach in 16 bits, twice that in 8.
    fixed_clk, cta_clk : float
        Clocks of the whole layer's set-up, and of a block's.
    matrix_eff, half_tile : float
        Share of the instruction rate, and rows at which a tile is half as efficient.
    element_rate : float
        Weight elements that one multiprocessor draws a clock.
    tail, serial, reach_share, dram_eff, l2_eff : float
        As in `simulator.kernels.attention`.
    moves : float
        Passes over the activations in gather, activation and weighted sum.
    """

    sync: float
    fixed_clk: float
    cta_clk: float
    matrix_eff: float
    half_tile: float
    element_rate: float
    tail: float
    dram_eff: float
    l2_eff: float
    serial: float
    reach_share: float
    moves: float


@derived
def expert_library(name: str = DEFAULT_LIBRARY) -> ExpertLibrary:
    """The row of a library."""
    rows = table("experts")["libraries"]
    return ExpertLibrary(**rows.get(name, rows["default"]))


def grouped_parts(operator: GroupedContraction, machine: Machine, timing: Timing, reuse: Reuse, library: str | None = None) -> tuple[Real, dict[str, Real]]:
    """Time of one grouped product, and what each resource alone needs [s]."""
    c, engine = expert_library(library or DEFAULT_LIBRARY), machine.engine
    assert isinstance(engine, KernelEngine)
    load = operator.rows / maximum(operator.groups, 1.0)
    tile = _tile(operator, load)
    # Groups choose independently: each active one has a last tile that is half full on average, and one tile at least.
    tiles = maximum(operator.active, operator.rows / tile + 0.5 * operator.active)
    blocks = tiles * operator.n / TILE_COLUMNS
    flop_clk = _flop_per_clk(operator, machine, engine, c) * tile / (tile + c.half_tile)
    waves = maximum(1.0, blocks / engine.multiprocessors + c.tail)
    # A block multiplies as fast as its units, or as its weights arrive: loads in flight over the memory's latency.
    parts: dict[str, Real] = {
        "matrix": waves * (2.0 * tile * TILE_COLUMNS * operator.k / flop_clk + c.cta_clk) / engine.clock_hz,
        "latency": waves * (TILE_COLUMNS * operator.k / c.element_rate + c.cta_clk) / engine.clock_hz,
    }
    block_s = maximum(parts["matrix"], parts["latency"])
    weight_byte, moved_byte = operator.byte_of(Residency.WEIGHT), operator.byte_of(Residency.ACTIVATION) + operator.byte_of(Residency.OUTPUT)
    busy = minimum(blocks, engine.multiprocessors)
    weight_s = reached_s(weight_byte * byte_s(reuse.weight_byte, machine, c.dram_eff, c.l2_eff), weight_byte, c.reach_share, busy, machine)
    moved_s = moved_byte * byte_s(moved_byte, machine, c.dram_eff, c.l2_eff)
    parts[machine.memory.name] = weight_s + moved_s
    if machine.cache is not None:
        parts[machine.cache.name] = operator.byte / machine.cache.bandwidth_byte_per_s
    work_s = maximum(block_s, weight_s) + c.serial * minimum(block_s, weight_s) + moved_s
    return timing.finish_s(work_s, "linear"), parts


def _tile(operator: GroupedContraction, load: Real) -> Real:
    """Rows of a tile: the compiled kernel's choice looks at the mean rows of a group."""
    return where(load <= 8.0, 16.0, where(load > 128.0, 128.0, 64.0))


def _flop_per_clk(operator: GroupedContraction, machine: Machine, engine: KernelEngine, c: ExpertLibrary) -> Real:
    """Instruction rate of one multiprocessor: the chip's, or the compiled kernel's where that is lower."""
    peak = machine.matrix_flop_per_s(operator.a) / (engine.multiprocessors * engine.clock_hz)
    return minimum(peak, c.sync * by_format(operator.a, lambda o: 2.0 if is_narrow(o) else 1.0)) * c.matrix_eff
