"""Matrix products in tiles and waves: the best tile of a library's menu, with all that keeps it from the roof.

For each tile: blocks over multiprocessors in waves, a contraction split over idle ones, arithmetic at the sustained rate,
operands fed from the cache through each multiprocessor's port, compulsory traffic through as much of the memory's bandwidth as
the loads in flight can draw (Little's law), and what of the shorter does not hide behind the longer. Behind the best tile: the
output's tail, the pipeline's fill, the power limit, a quantisation kernel in front, and the launch.
"""

from __future__ import annotations

from dataclasses import dataclass

from hardware_specs.schema import KernelEngine
from magnitudes.arrays import Real, ceil, floor, maximum, minimum, sqrt, where
from magnitudes.datatypes import DataTypeChoice
from simulator.calibration import table
from simulator.cost import NEVER_S, fastest
from simulator.kernels.cache import FAR
from simulator.kernels.formats import format_by_format, same_for_all
from simulator.kernels.matrix_library import Arithmetic, Scheduling, arithmetic, density, energy_scale, in_fp32, scheduling, uses_matrix_units, usual_hz
from simulator.kernels.matrix_width import issued, rated_hz, whole_flop_per_clock, width
from simulator.kernels.timing import Timing
from simulator.kernels.widening import LOW_TILES, is_widened, widening_s
from simulator.machine import Machine
from simulator.reuse import Reuse
from simulator.structured import structured_gain
from simulator.traffic import held_byte
from workloads.operator import Contraction, Operand, Residency

INLINE_CHECKED = ("GDDR5", "GDDR6")  # memories of data-centre cards that keep check bits among the data
NO_LATENCY_S = 1e-12  # a spec that gives no latency leaves the loads in flight unlimited
# Where 7 and 5 nm parts reach their least voltage; datasheets do not say. Under their limits an A100, H100, L40S and B200 all run at 1.3 to 1.4 GHz.
CALM_HZ = 1.4e9
USUAL_AREA_M2 = 6e-6  # of a multiprocessor with its share of cache and links, where no area is published: GA100 7.6, GH100 6.2, AD102 4.3 mm2
FP32_SUM_BYTE = 8.0  # a partial sum in fp32, written and read once


@dataclass(frozen=True, slots=True)
class Product:
    """A contraction on a machine: what all tiles of the menu share."""

    operator: Contraction
    machine: Machine
    engine: KernelEngine
    menu: Scheduling
    how: Arithmetic
    rate_flop_per_s: Real  # sustained, of one multiprocessor
    memory_byte: Real  # what main memory must deliver or take
    output_byte: Real  # of that, the output's

    @property
    def feed_byte_per_s(self) -> Real:
        """What the cache delivers to all tiles together."""
        return self.menu.feed * self.machine.nearest.bandwidth_byte_per_s

    @property
    def memory_byte_per_s(self) -> Real:
        """What main memory sustains; GDDR keeps check bits among the data (NVIDIA: ECC takes 6.25 % of its capacity) and fetches them as well.

        GDDR5X and GDDR6X are on cards that are not sold with error correction; GDDR7 checks on its own die.
        """
        share = float(table("matrix")["inline_ecc"]) if self.machine.memory.kind in INLINE_CHECKED else 1.0
        return self.menu.dram_sustained * share * self.machine.memory.bandwidth_byte_per_s

    @property
    def feed_s(self) -> Real:
        """Time of a byte from the cache to all tiles together [s/byte]."""
        return 1.0 / self.feed_byte_per_s

    @property
    def port_s(self) -> Real:
        """Time of a byte through one multiprocessor's port [s/byte]."""
        return 1.0 / (self.menu.port * self.engine.clock_hz)

    def stream_s(self, memory_byte: Real, cache_byte: Real) -> Real:
        """Time of a stream of which a part comes from memory, through the cache, and the rest from the cache."""
        return memory_byte * maximum(1.0 / self.memory_byte_per_s, self.feed_s) + cache_byte * self.feed_s

    @property
    def unit_byte_per_s(self) -> Real:
        """What one multiprocessor can draw from memory: loads in flight over latency."""
        shared = self.engine.shared_byte if self.engine.shared_byte is not None else 64.0 * 1024.0
        return float(table("matrix")["inflight"]) * shared / maximum(self.machine.memory.latency_s, NO_LATENCY_S)


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile of the menu laid over a product: how many there are, their area, and arithmetic and loads of each."""

    blocks: Real
    area: float
    mac_s: Real
    load_byte: Real
    widen_s: Real = 0.0


def matrix_parts(operator: Contraction, machine: Machine, timing: Timing, reuse: Reuse, library: str = "") -> tuple[Real, dict[str, Real]]:
    """Time of a matrix product, and what each resource alone needs [s]: as serving stacks run it, or by a vendor's library alone where it is named."""
    element = operator.a
    if isinstance(element, DataTypeChoice) and not same_for_all(element, lambda o: (uses_matrix_units(machine, o), in_fp32(machine, o))):
        return format_by_format(operator, element, lambda o: matrix_parts(o, machine, timing, reuse, library))
    weights = operator.b
    if isinstance(weights, DataTypeChoice) and not same_for_all(weights, is_widened):
        return format_by_format(operator, weights, lambda o: matrix_parts(o, machine, timing, reuse, library), "b")
    product = _product(operator, machine, reuse, library)
    tiles = product.menu.tiles + (LOW_TILES if is_widened(operator.b) else ())
    ways = [_tile_parts(product, rows, columns) for rows, columns in tiles]
    best_s, parts = fastest(ways + _row_ways(product))
    busy_s = maximum(best_s + _tail_s(product), _floor_s(product))
    busy_s = busy_s + _throttle_s(product, busy_s, reuse)
    front_s = _front_s(product) + product.how.packing * timing.start_s
    path = "linear" if operator.b_residency is Residency.WEIGHT else "function"
    if timing.context == "eager":
        front_s = front_s + product.menu.pick_s
    return timing.finish_s(busy_s + front_s, path), parts | {"launch": timing.start_s + front_s}


def _row_ways(p: Product) -> list[tuple[Real, dict[str, Real]]]:
    """A single row by a matrix on vector units: every BLAS has a kernel without tiles (gemv), past which the matrix streams."""
    o = p.operator
    if p.menu.half_side == 0.0 or (isinstance(o.m, float) and o.m > 1.0):
        return []
    mac_s, feed_s = o.matrix_flop / (p.rate_flop_per_s * p.engine.multiprocessors), o.byte * p.feed_s
    memory_s = p.memory_byte / p.memory_byte_per_s
    time_s = where(o.m <= 1.0, maximum(maximum(mac_s, feed_s), memory_s), NEVER_S)
    return [(time_s, {"vector": mac_s, p.machine.nearest.name: feed_s, p.machine.memory.name: memory_s})]


def _floor_s(p: Product) -> Real:
    """What no tiling can beat: every operand through the cache once, and the arithmetic of what is fused behind."""
    cache = p.machine.cache or p.machine.memory
    moved_s = p.operator.byte / cache.bandwidth_byte_per_s
    if not p.operator.epilogue:
        return moved_s
    return maximum(moved_s, p.operator.vector_flop / p.machine.vector_flop_per_s(p.operator.arithmetic))


def _product(operator: Contraction, machine: Machine, reuse: Reuse, library: str) -> Product:
    """Rates and traffic of a product."""
    engine, generation = machine.engine, machine.chip.generation
    assert isinstance(engine, KernelEngine)
    on_matrix_units = uses_matrix_units(machine, operator.a)
    kind = "linear" if operator.b_residency is Residency.WEIGHT else "bmm"
    how = arithmetic(machine, operator.a, kind, library)
    menu = scheduling(generation, on_matrix_units, in_fp32(machine, operator.a), kind)
    issue = issued(how.issue, width(machine, operator.a))
    rate = issue * structured_gain(operator, machine) * machine.matrix_flop_per_s(operator.a) / engine.multiprocessors / _translation(operator, machine, kind)
    memory_byte, output_byte = _traffic(operator, machine, engine, how, reuse)
    return Product(operator, machine, engine, menu, how, rate, memory_byte, output_byte)


def hit_share(reuse_byte: Real, machine: Machine) -> Real:
    """Share of an operand that is still in the cache: a sharp fall at its usable capacity, as for any stream that comes round again.

    Of a cache in two partitions half of the capacity counts (`held_byte`).
    """
    if machine.cache is None:
        return 0.0
    ratio: Real = minimum(reuse_byte / (table("matrix")["cache_usable"] * held_byte(machine)), FAR)
    square = ratio * ratio
    fourth = square * square
    eighth = fourth * fourth
    return 1.0 / (1.0 + eighth * eighth)


def _traffic(operator: Contraction, machine: Machine, engine: KernelEngine, how: Arithmetic, reuse: Reuse) -> tuple[Real, Real]:
    """Bytes through main memory: all operands, and the output's share of them."""
    missed = {o.name: o.byte * (1.0 - hit_share(_distance_byte(o, operator, how, reuse), machine)) for o in operator.operands}
    output_byte = missed["c"] if "c" in missed else missed["output"]
    memory_byte = sum(missed.values(), 0.0)
    if not (isinstance(how.naive_raster, float) and how.naive_raster == 0.0):
        memory_byte = memory_byte + how.naive_raster * _sweeps_byte(operator, machine, engine)
    return memory_byte, output_byte


def _distance_byte(operand: Operand, operator: Contraction, how: Arithmetic, reuse: Reuse) -> Real:
    """Bytes touched since an operand was: activations that a kernel in front quantises were written just before."""
    distance_byte = reuse.distance_byte(operand)
    if operand.name != "a" or (isinstance(how.quantised, float) and how.quantised == 0.0):
        return distance_byte
    return where(how.quantised > 0.0, minimum(distance_byte, _quantised_byte(operator)), distance_byte)


def _quantised_byte(operator: Contraction) -> Real:
    """Bytes that quantising the activations moves: 16 bits in, the narrow format out."""
    return operator.batch * operator.m * operator.k * (2.0 + operator.a.byte)


def _sweeps_byte(operator: Contraction, machine: Machine, engine: KernelEngine) -> Real:
    """Activations read again for each column of tiles, where the library does not swizzle its raster."""
    a_byte = operator.operands[0].byte
    abreast = maximum(1.0, engine.multiprocessors / ceil(operator.m / 128.0))
    sweeps = maximum(0.0, operator.n / (128.0 * abreast) - 1.0)
    return float(table("matrix")["naive_raster_miss"]) * sweeps * a_byte * (1.0 - hit_share(a_byte, machine))


def _translation(operator: Contraction, machine: Machine, kind: str) -> Real:
    """Slow-down where the panels in use outgrow the reach of address translation (Pascal: Jia et al. 2018; CDNA)."""
    c = table("matrix")
    reach_byte = c["translation_reach_byte"].get(machine.chip.generation)
    if reach_byte is None or kind == "bmm":
        return 1.0
    panel = minimum(operator.m + operator.n, c["translation_panel"]) * operator.k * operator.a.byte
    beyond = maximum(0.0, panel / reach_byte - 1.0)
    return 1.0 + float(c["translation_slow"]) * beyond / (beyond + 3.0)


def _tile_parts(p: Product, rows: float, columns: float) -> tuple[Real, dict[str, Real]]:
    """Time with one tile of the menu, and what each resource needs, without and with a contraction that is split [s]."""
    o, units = p.operator, p.engine.multiprocessors
    down, across = ceil(o.m / rows), ceil(o.n / columns)
    tile = Tile(
        blocks=o.batch * down * across,
        area=rows * columns,
        mac_s=2.0 * rows * columns * (1.0 + p.menu.half_side * (1.0 / rows + 1.0 / columns)) * (o.k / p.rate_flop_per_s),
        widen_s=widening_s(o.b, columns * o.k, p.engine),
        load_byte=o.m * o.k * o.a.byte / down + p.menu.second_share * o.n * o.k * o.b.byte / across,  # a ragged edge is not loaded
    )
    whole = _split_parts(p, tile, 1.0, 0.0)
    limit = minimum(p.how.max_split, floor(o.k / p.menu.split_min_k))
    most = minimum(floor(units / tile.blocks), limit)
    if isinstance(most, float) and most <= 1.0:
        return whole
    # The sums' traffic is that of a usual split, not of this one: more multiprocessors split further, and must not be slower for it.
    sums_s = o.batch * o.m * o.n * FP32_SUM_BYTE * float(table("matrix")["split_traffic"]) * p.feed_s
    return fastest([whole, _split_parts(p, tile, maximum(1.0, most), p.menu.split_clk / p.engine.clock_hz + sums_s)])


def _split_parts(p: Product, tile: Tile, split: Real, joined_s: Real) -> tuple[Real, dict[str, Real]]:
    """Time of all tiles with the contraction in so many parts, and what each resource needs [s]."""
    units = p.engine.multiprocessors
    full = tile.blocks / units
    waves = maximum(1.0, full + p.menu.wave * (ceil(full) - full))
    busy_units = minimum(tile.blocks * split, units)
    turns = waves / split
    mac_s = turns * tile.mac_s
    feed_s = tile.load_byte * maximum(tile.blocks * p.feed_s, turns * p.port_s)
    memory_s = maximum(p.memory_byte / p.memory_byte_per_s, p.memory_byte / p.unit_byte_per_s / busy_units)
    work_s = maximum(mac_s, feed_s)
    parts: dict[str, Real] = {}
    busy_s = work_s
    if not (isinstance(tile.widen_s, float) and tile.widen_s == 0.0):
        parts["widening"] = turns * tile.widen_s
        busy_s = work_s + parts["widening"]  # both issue in turn; as long as memory is slower, neither is felt
    switch_s = p.menu.tile_switch * tile.area / 16384.0 * p.machine.memory.latency_s * (waves - 1.0)
    # What is loaded once passes the cache on its way from memory, for the most part beside it: what is loaded again competes with it.
    again_s = maximum(mac_s, feed_s * maximum(0.0, 1.0 - p.menu.once_share * p.operator.byte / (tile.blocks * tile.load_byte)))
    time_s = maximum(busy_s, memory_s) + p.menu.overlap_loss * minimum(again_s, memory_s) + switch_s + joined_s
    compute = "matrix" if p.menu.half_side == 0.0 else "vector"
    return time_s, {compute: mac_s, p.machine.nearest.name: feed_s, p.machine.memory.name: memory_s, **parts}


def _tail_s(p: Product) -> Real:
    """What stands before and behind the main loop: the first tile's loads, the last tiles' output."""
    written_byte = _written(p.operator).byte
    tail_s = p.menu.epilogue * p.stream_s(p.output_byte, written_byte - p.output_byte)
    return tail_s + p.menu.fill_clk / p.engine.clock_hz * minimum(1.0, p.operator.k / 256.0)


def _written(operator: Contraction) -> Operand:
    return operator.operands[-1]


def _throttle_s(p: Product, busy_s: Real, reuse: Reuse) -> Real:
    """What the power limit adds, once heat and regulators have reacted.

    A busy chip draws for its area at every clock (clock tree, schedulers, register files, caches), whatever it multiplies, besides the
    energy of each operation and byte. Where that is more than the limit allows, the clock falls to what the arithmetic then lasts for,
    and the energy with the clock (the square of the voltage falls about as fast) as far as the voltage can fall.
    """
    chip = p.machine.chip
    if chip.tdp_w is None:
        return 0.0
    at_rest_s = _least_joule(p) / chip.tdp_w
    calm_s = _clocks(p) / CALM_HZ  # at the highest clock that the least voltage allows
    deficit_s = maximum(0.0, maximum(at_rest_s, sqrt(at_rest_s * calm_s)) - busy_s * (1.0 + reuse.spare))
    around_s = busy_s + reuse.busy_s
    return deficit_s * around_s / (around_s + p.menu.throttle_s)


def _clocks(p: Product) -> Real:
    """Clocks of what runs with the chip's clock, at the least: arithmetic, and the loads of the largest tile from the cache."""
    rows, columns = p.menu.tiles[0]
    o = p.operator
    load_byte = o.batch * o.m * o.n * o.k * (o.a.byte / columns + p.menu.second_share * o.b.byte / rows)
    arithmetic_s = o.matrix_flop / (p.rate_flop_per_s * p.engine.multiprocessors)
    clocks: Real = maximum(arithmetic_s * rated_hz(p.machine), load_byte / p.feed_byte_per_s * usual_hz(p.machine))
    return clocks


def _least_joule(p: Product) -> Real:
    """Energy of a product at the least voltage."""
    c = table("matrix")
    flop = p.operator.matrix_flop / structured_gain(p.operator, p.machine)
    clocks = flop / whole_flop_per_clock(p.machine, p.operator.a)
    switched = 1e-12 * (p.how.pj_per_flop * energy_scale(p.machine) * flop + c["pj_per_byte"] * p.memory_byte)
    joule: Real = switched + c["joule_per_m2_clock"] * density(p.machine) * area_m2(p.machine) * clocks
    return joule


def area_m2(machine: Machine) -> Real:
    """Area of all compute dies."""
    if machine.chip.area_m2 is not None:
        return machine.chip.area_m2
    engine = machine.engine
    assert isinstance(engine, KernelEngine)
    return USUAL_AREA_M2 * engine.multiprocessors


def _front_s(p: Product) -> Real:
    """What runs before the product: quantising the activations (two bytes in), or laying out scales."""
    if isinstance(p.how.front_s, float) and p.how.front_s == 0.0:
        return 0.0
    o = p.operator
    moved_byte = p.how.quantised * _quantised_byte(o)
    hit = hit_share(moved_byte, p.machine)
    stream_s = p.stream_s(moved_byte * (1.0 - hit), moved_byte * hit)
    rows = o.m / p.engine.multiprocessors
    return stream_s + p.how.front_s + p.how.row_s * rows + p.how.first_rows_s * minimum(1.0, 0.5 * rows)
