"""Matrix products in tiles and waves: the best tile of a library's menu, with all that keeps it from the roof.

For each tile: blocks over multiprocessors in waves, a contraction split over idle ones, arithmetic at the sustained rate,
operands fed from the cache through each multiprocessor's port, the output stored through the cache, compulsory traffic through as much
of the memory's bandwidth as the loads in flight can draw (Little's law), and what of the shorter does not hide behind the longer. Behind
the best tile: the pipeline's fill, the power limit, a quantisation kernel in front, and the launch.
"""

from __future__ import annotations

from hardware_specs.schema import KernelEngine
from magnitudes.arrays import Real, ceil, floor, maximum, minimum, total, where
from magnitudes.datatypes import DataTypeChoice
from simulator.calibration import table
from simulator.cost import NEVER_S, fastest
from simulator.kernels.cache import FAR
from simulator.kernels.formats import format_by_format, same_for_all
from simulator.kernels.matrix_library import Arithmetic, arithmetic, in_fp32, scheduling, uses_matrix_units
from simulator.kernels.matrix_power import throttle_s
from simulator.kernels.matrix_product import Product, Tile
from simulator.kernels.matrix_width import issued, width
from simulator.kernels.timing import Timing
from simulator.kernels.widening import LOW_TILES, is_widened, widening_s
from simulator.machine import Machine
from simulator.reuse import Reuse
from simulator.structured import structured_gain
from simulator.traffic import held_byte
from workloads.operator import Contraction, Operand, Residency

FP32_SUM_BYTE = 8.0  # a partial sum in fp32, written and read once
STEP = 32.0  # of the contraction that a kernel without asynchronous copies has on its way (CUTLASS's default for Volta: two stages of 32)
USUAL_UNITS = 128.0  # tiles of a last wave: not of this chip, so that one with more multiprocessors is not slower for its larger last wave
RESIDENT = 4.0  # of their tiles that share a multiprocessor and wait for memory together


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
    busy_s = maximum(best_s + _fill_s(product), _floor_s(product))
    busy_s = busy_s + throttle_s(product, busy_s, reuse)
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
    return Product(operator, machine, engine, menu, how, rate, _traffic_byte(operator, machine, engine, how, reuse))


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


def _traffic_byte(operator: Contraction, machine: Machine, engine: KernelEngine, how: Arithmetic, reuse: Reuse) -> Real:
    """Bytes of all operands through main memory."""
    memory_byte = total(o.byte * (1.0 - hit_share(_distance_byte(o, operator, how, reuse), machine)) for o in operator.operands)
    if not (isinstance(how.naive_raster, float) and how.naive_raster == 0.0):
        memory_byte = memory_byte + how.naive_raster * _sweeps_byte(operator, machine, engine)
    return memory_byte


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
        store_byte=_written(o).byte / (o.batch * down * across),
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
    memory_s = memory_s + p.menu.ramp * minimum(memory_s, p.machine.memory.latency_s)
    loop_s = maximum(mac_s, feed_s)
    if p.menu.staged:
        loop_s = maximum(loop_s, _steps_s(p) / split * maximum(1.0, waves / RESIDENT))
    # All of the last wave's output is stored after it, and a share of the others': what the next tile's loads and arithmetic do not hide.
    store_s = tile.store_byte * maximum(tile.blocks * p.store_s, waves * p.port_s)
    last = 1.0 / maximum(1.0, tile.blocks / USUAL_UNITS)
    work_s = maximum(loop_s, store_s) + (p.menu.epilogue + (1.0 - p.menu.epilogue) * last) * minimum(loop_s, store_s)
    parts: dict[str, Real] = {}
    busy_s = work_s
    if not (isinstance(tile.widen_s, float) and tile.widen_s == 0.0):
        parts["widening"] = turns * tile.widen_s
        busy_s = work_s + parts["widening"]  # both issue in turn; as long as memory is slower, neither is felt
    switch_s = p.menu.tile_switch * tile.area / 16384.0 * p.machine.memory.latency_s * (waves - 1.0)
    time_s = maximum(busy_s, _beside(work_s, memory_s, p.menu.overlap_loss)) + switch_s + joined_s
    compute = "matrix" if p.menu.half_side == 0.0 else "vector"
    return time_s, {compute: mac_s, p.machine.nearest.name: feed_s, p.machine.memory.name: memory_s, **parts}


def _beside(one_s: Real, other_s: Real, loss: float) -> Real:
    """Time of two that run side by side: the shorter hides behind the longer, the less so the nearer it comes to it."""
    longer_s, shorter_s = maximum(one_s, other_s), minimum(one_s, other_s)
    return longer_s + loss * shorter_s * minimum(1.0, shorter_s / longer_s)


def _steps_s(p: Product) -> Real:
    """Time of a contraction whose next step alone is on its way while one is multiplied: a latency each, the cache's or the memory's."""
    cache = p.machine.cache or p.machine.memory
    missed = minimum(1.0, p.memory_byte / p.operator.byte)
    return p.operator.k / STEP * (cache.latency_s + missed * (p.machine.memory.latency_s - cache.latency_s))


def _fill_s(p: Product) -> Real:
    """What stands before the main loop: the first tile's loads."""
    return p.menu.fill_clk / p.engine.clock_hz * minimum(1.0, p.operator.k / 256.0)


def _written(operator: Contraction) -> Operand:
    return operator.operands[-1]


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
