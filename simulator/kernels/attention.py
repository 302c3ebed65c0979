"""Fused attention: tiles of queries over keys and values that never leave the chip (Dao 2023, FlashAttention-2; Shah et al. 2024).

Two kernels: many queries a sequence (prefill, chunks), bound by matrix units and exponentials; one query a sequence (decode),
which streams keys and values and splits them to fill the chip. Libraries differ in tiles, packing of grouped heads and splits:
their properties are rows of ``calibration/attention.json``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from hardware_specs.schema import KernelEngine
from magnitudes.arrays import Real, ceil, equal, floor, maximum, minimum, sqrt, where
from magnitudes.datatypes import by_format, is_narrow
from simulator.calibration import derived, table
from simulator.cost import fastest
from simulator.kernels.cache import byte_s
from simulator.kernels.heat import cooling_s
from simulator.kernels.matrix_width import issued, width
from simulator.kernels.timing import Timing
from simulator.machine import Machine
from simulator.reuse import Reuse
from workloads.operator import Attention

SOFTMAX_VECTOR_OPS = 4.0  # scale and subtract, running maximum, sum, conversion: fp32 instructions a score
FULL_SHARED_BYTE = 228.0 * 1024.0  # the shared memory for which `element_rate` is given
PIPELINE_COLUMNS = 16384.0  # elements of a tile's accumulator: a wider head makes a lower tile
PADDED_ROWS = 16.0  # rows that a matrix instruction takes at least
REACH_UNITS = 128.0  # multiprocessors for which `reach_share` is given
REGISTERS_STAGED = 0.25  # of its registers, what a multiprocessor may hold loads in: more than shared memory on CDNA
RESULT_BYTE = 2.0  # of an element that a fused kernel writes: 8-bit operands, 16-bit results
NO_LATENCY_S = 1e-12  # a spec that gives no latency leaves the loads in flight unlimited

WIDEST_HEAD = 256.0  # of FlashAttention and flashinfer
# FlashMLA (deepseek-ai/FlashMLA, README, H800 SXM5, CUDA 12.8): 660 of 989 TFLOP/s where arithmetic binds, 3,000 of 3,350 GB/s where memory does; pages of
# 64 tokens. At 660 TFLOP/s each of 132 multiprocessors at 1.755 GHz draws 12 elements a clock, where an element meets 64 rows twice (576 + 512 of them for
# 576). What a call and a block cost beside is not published: the generation's own decode kernel's.
LATENT_KERNEL = "flashmla"
LATENT = {"hopper": (660.0 / 989.0, 3000.0 / 3350.0, 12.0)}


@dataclass(frozen=True, slots=True)
class PrefillLibrary:
    """How a library's kernel walks over keys with many queries.

    Parameters
    ----------
    tile, key_block : float
        Query rows and keys of a tile.
    pack : bool
        Whether query heads that share keys are rows of one tile.
    longest_window : float
        Windows up to this length are skipped over; longer ones are not passed to the kernel.
    fixed_clk, cta_clk : float
        Clocks of the whole call before it works, and of a block's set-up that nothing hides.
    cast_clk, odd_clk, window_clk, mask_clk : float
        Clocks to quantise 8-bit keys, to pad a head of 192, to build a window's indices, and to mask a score outside it.
    matrix_eff, fp8_share : float
        Share of the matrix peak in the main loop, and of that in 8 bits.
    softmax : float
        Share of exponentials and vector work that the matrix units do not hide.
    stage_tiles : float
        Shared memory, in query tiles, beyond which the tile shrinks.
    wide, narrow : float
        Compiled kernels: flop a clock times head width that registers allow, and the gain of an 8-bit type.
    tail, serial : float
        Waves lost at the end; share of the shorter of two activities that is not hidden.
    dram_eff, l2_eff : float
        Sustained shares of memory and cache bandwidth.
    """

    tile: float
    key_block: float
    pack: bool
    longest_window: float
    fixed_clk: float
    cta_clk: float
    matrix_eff: float
    fp8_share: float
    softmax: float
    stage_tiles: float
    tail: float
    dram_eff: float
    l2_eff: float
    serial: float
    cast_clk: float
    odd_clk: float
    window_clk: float
    mask_clk: float
    wide: float
    narrow: float
    compiled: bool = False


@dataclass(frozen=True, slots=True)
class DecodeLibrary:
    """How a library's kernel streams keys for single queries.

    Parameters
    ----------
    group_rows : float
        Grouped query heads that one block serves.
    max_splits : float
        Parts into which the keys of a sequence may be split.
    element_rate, fp8_element_rate : float
        Elements that one multiprocessor draws a clock: bytes in flight over latency, at 228 KB of shared memory.
    reach_share : float
        Busy multiprocessors draw ``min(1, reach_share * busy / 128)`` of the bandwidth. That their number counts, and not their share
        of the chip, keeps a chip with more of them from being slower.
    split_clk : float
        Clocks of the reduction over splits.

    Notes
    -----
    The others as in `PrefillLibrary`.
    """

    matrix_eff: float
    group_rows: float
    key_block: float
    max_splits: float
    longest_window: float
    fixed_clk: float
    cta_clk: float
    element_rate: float
    fp8_element_rate: float
    dram_eff: float
    l2_eff: float
    serial: float
    reach_share: float
    split_clk: float
    cast_clk: float
    odd_clk: float
    compiled: bool = False
    own_chip: bool = False  # the vendor's own kernels for each of its chips: bytes in flight are chosen for its memory
    vector_groups: bool = False  # groups under four heads run on vector units, at a quarter of the set-up


def library_name(generation: str, name: str | None = None) -> str:
    """The library that is named, or what serving stacks pick for a generation; ``default`` for one that nobody measured."""
    tables = table("attention")
    name = name or tables["library_of_generation"].get(generation, "default")
    return str(tables["same_library"].get(name, name))


@derived
def prefill_library(name: str, generation: str) -> PrefillLibrary:
    """The row of a library; flashinfer dispatches to another implementation on Blackwell."""
    rows = table("attention")["prefill"]
    key = f"{name}_{generation}" if f"{name}_{generation}" in rows else name
    return PrefillLibrary(**rows.get(key, rows["default"]), compiled=name == "triton")


@derived
def decode_library(name: str, generation: str) -> DecodeLibrary:
    """The row of a library; FlashAttention on Ampere is its second version."""
    rows = table("attention")["decode"]
    known = {f.name for f in fields(DecodeLibrary)}
    key = f"{name}_{generation}" if f"{name}_{generation}" in rows else name
    row = {k: v for k, v in rows.get(key, rows["default"]).items() if k in known}
    return DecodeLibrary(**row, compiled=name == "triton", own_chip=name == "trtllm_mha", vector_groups=name == "flashinfer")


def _decoder(operator: Attention, machine: Machine, name: str) -> DecodeLibrary:
    """The row that serves an operator: heads wider than the usual kernels have are latent attention's, with a kernel of its own on Hopper."""
    generation = machine.chip.generation
    usual = library_name(generation)
    own = decode_library(usual if name == LATENT_KERNEL else name, generation)
    wide = isinstance(operator.head_dim, float) and operator.head_dim > WIDEST_HEAD
    if not wide or generation not in LATENT or name not in (usual, LATENT_KERNEL):
        return own
    matrix_eff, dram_eff, element_rate = LATENT[generation]
    return replace(own, matrix_eff=matrix_eff, dram_eff=dram_eff, element_rate=element_rate, key_block=64.0)


def attention_parts(operator: Attention, machine: Machine, timing: Timing, reuse: Reuse, library: str | None = None) -> tuple[Real, dict[str, Real]]:
    """Time of fused attention, and what each resource alone needs [s]."""
    name = library_name(machine.chip.generation, library)
    law = _decode_parts if operator.decoding else _prefill_parts
    return law(operator, machine, timing, reuse, name)


def _engine(machine: Machine) -> KernelEngine:
    assert isinstance(machine.engine, KernelEngine)
    return machine.engine


def _reach(operator: Attention, longest: float) -> Real:
    """Keys in reach of one query, where the library skips those outside the window."""
    window = operator.window
    if window is None:
        return operator.kv_len
    passed = where(window <= longest, window, operator.kv_len) if not isinstance(window, float) else (window if window <= longest else operator.kv_len)
    return minimum(operator.kv_len, passed)


def _fixed_s(library: PrefillLibrary | DecodeLibrary, operator: Attention, machine: Machine, timing: Timing) -> Real:
    """What a call costs before it works: launch and set-up, kernels that quantise 8-bit keys, copies that pad an odd head.

    The clocks were measured in graph replays; another timing context shifts them by what it counts more or less.
    """
    clocks: Real = library.fixed_clk + by_format(operator.state, lambda o: library.cast_clk if is_narrow(o) else 0.0)
    clocks = clocks + where(equal(operator.head_dim, 192.0), library.odd_clk, 0.0)
    if isinstance(library, PrefillLibrary) and operator.window is not None:
        clocks = clocks + library.window_clk
    outside_s = timing.start_s - Timing("graph").start_s  # less than nothing where a kernel alone is timed: no more than the clocks are can be taken off
    return maximum(clocks / _engine(machine).clock_hz + outside_s, 0.0)


def _decode_parts(operator: Attention, machine: Machine, timing: Timing, reuse: Reuse, name: str) -> tuple[Real, dict[str, Real]]:
    """One query a sequence: keys and values stream once, split over idle multiprocessors (flash-decoding)."""
    c, engine = _decoder(operator, machine, name), _engine(machine)
    units, clock_hz = engine.multiprocessors, engine.clock_hz
    group = _rows_a_key(operator)
    work = operator.batch * operator.kv_heads
    reach = _reach(operator, c.longest_window)
    request_elements = operator.kv_dim * reach
    stream_byte = work * request_elements * operator.state.byte + work * group * operator.pair_dim * operator.element.byte
    blocks = work * ceil(group / c.group_rows)
    waves = maximum(1.0, blocks / units)
    draw = by_format(operator.state, lambda o: c.fp8_element_rate if is_narrow(o) else c.element_rate) * clock_hz
    if not c.compiled and engine.shared_byte is not None:
        held = engine.shared_byte if engine.register_byte is None else maximum(engine.shared_byte, REGISTERS_STAGED * engine.register_byte)
        draw = draw * held / FULL_SHARED_BYTE
    if c.own_chip:  # as many multiprocessors as `reach_share` counts keep the memory busy
        draw = maximum(draw, machine.memory.bandwidth_byte_per_s / (REACH_UNITS * operator.state.byte))
    memory_s = stream_byte * byte_s(reuse.state_byte, machine, c.dram_eff, c.l2_eff)
    rate = c.matrix_eff * machine.matrix_flop_per_s(operator.element)
    matrix_s = work * operator.pair_dim * reach * maximum(group, PADDED_ROWS) * 2.0 / rate
    cache = {machine.cache.name: stream_byte / machine.cache.bandwidth_byte_per_s} if machine.cache is not None else {}
    setup_s = (waves - 1.0) * _setup_clk(c, operator, group) / clock_hz
    fixed_s = _fixed_s(c, operator, machine, timing)

    def streamed(splits: Real, split_s: Real) -> tuple[Real, dict[str, Real]]:
        """All keys and values, each sequence's in so many parts."""
        reach_s = reached_s(memory_s, stream_byte, c.reach_share, minimum(blocks * splits, units), machine)
        latency_s = ceil(waves) * request_elements / splits / draw
        stream_s = maximum(maximum(reach_s, latency_s), matrix_s)
        work_s = split_s + maximum(stream_s, setup_s) + c.serial * minimum(stream_s, setup_s)
        parts = {"latency": latency_s, machine.memory.name: reach_s, **cache, "matrix": matrix_s, "launch": fixed_s + split_s}
        return _finish(fixed_s, work_s, timing), parts

    splits = maximum(1.0, minimum(floor(units / blocks), minimum(c.max_splits, ceil(reach / c.key_block))))
    return fastest([streamed(1.0, 0.0), streamed(splits, c.split_clk / clock_hz)])


def _rows_a_key(operator: Attention) -> Real:
    """Query rows that share a key: the heads of its group, of each token where several are verified at once."""
    heads = operator.heads / operator.kv_heads
    return heads if isinstance(operator.q_len, float) and operator.q_len == 1.0 else heads * operator.q_len


def reached_s(stream_s: Real, stream_byte: Real, reach_share: float, busy: Real, machine: Machine) -> Real:
    """Time of a stream that only some multiprocessors draw [s].

    Their share was measured on chips of 100 and more multiprocessors. A small chip's memory is no wider than its few can draw by
    the loads that they keep in flight over its latency.
    """
    engine = _engine(machine)
    shared = engine.shared_byte if engine.shared_byte is not None else FULL_SHARED_BYTE
    own_byte_per_s = float(table("matrix")["inflight"]) * shared / maximum(machine.memory.latency_s, NO_LATENCY_S)
    return maximum(stream_s, minimum(stream_s * REACH_UNITS / (reach_share * busy), stream_byte / (own_byte_per_s * busy)))


def _setup_clk(c: DecodeLibrary, operator: Attention, group: Real) -> Real:
    """Clocks that a block needs before its stream flows: more for wider heads."""
    clocks = c.cta_clk * (0.4 + 0.6 / 128.0 * operator.head_dim)
    if not c.vector_groups:
        return clocks
    on_vector_units: Real = where(group < 4.0, 0.25, 1.0)
    return clocks * by_format(operator.state, lambda o: 1.0 if is_narrow(o) else on_vector_units)


def _prefill_parts(operator: Attention, machine: Machine, timing: Timing, reuse: Reuse, name: str) -> tuple[Real, dict[str, Real]]:
    """Many queries a sequence: blocks of query rows walk over the keys in their reach, a triangle or a band with ragged edges."""
    c = prefill_library(name, machine.chip.generation)
    compute_s = _walk_s(operator, machine, c, name)
    compute_s = compute_s + cooling_s(operator, compute_s, machine, reuse)
    stream_byte = operator.byte + _widened_byte(operator)
    parts: dict[str, Real] = {"matrix": compute_s}
    parts[machine.memory.name] = stream_byte * byte_s(maximum(stream_byte, reuse.activation_byte), machine, c.dram_eff, c.l2_eff)
    if machine.cache is not None:
        parts[machine.cache.name] = stream_byte / machine.cache.bandwidth_byte_per_s
    stream_s = parts[machine.memory.name]
    parts["launch"] = _fixed_s(c, operator, machine, timing)
    work_s = maximum(compute_s, stream_s) + c.serial * minimum(compute_s, stream_s)
    return _finish(parts["launch"], work_s, timing), parts


def _widened_byte(operator: Attention) -> Real:
    """Bytes of the result beyond those of its operands' format: whatever a kernel multiplies in, it writes 16 bits."""
    rows = operator.batch * operator.heads * operator.q_len * (operator.pair_dim - operator.head_dim)
    return rows * by_format(operator.element, lambda o: maximum(RESULT_BYTE - o.byte, 0.0))


def _finish(fixed_s: Real, work_s: Real, timing: Timing) -> Real:
    """The call's fixed cost and its work; a framework's call may be longer than both."""
    if timing.context != "eager":
        return fixed_s + work_s
    return maximum(fixed_s + work_s, timing.finish_s(work_s, "function"))


def _walk_s(operator: Attention, machine: Machine, c: PrefillLibrary, name: str) -> Real:
    """Waves of blocks, or the longest block where there is less than one wave."""
    engine = _engine(machine)
    group = operator.heads / operator.kv_heads if c.pack else 1.0
    rows = operator.q_len * group
    tile = _tile(rows, operator.head_dim, c, name)
    key_block = minimum(c.key_block, PIPELINE_COLUMNS / operator.head_dim)
    blocks = operator.batch * (operator.kv_heads if c.pack else operator.heads) * ceil(rows / tile)
    fill = blocks / engine.multiprocessors
    mean_keys, longest_keys = _keys(operator, group, tile, key_block, c)
    if not c.compiled:  # idle multiprocessors take a part of the keys
        split = maximum(1.0, floor(1.0 / fill))
        longest_keys = maximum(longest_keys / split, minimum(longest_keys, 4.0 * key_block))
    matrix_clk, softmax_clk = 4.0 * operator.head_dim / _flop_per_clk(operator, machine, c, tile), _softmax_clk(machine, c)
    key_clk = tile * sqrt(matrix_clk * matrix_clk + softmax_clk * softmax_clk)
    longest_clk, mean_clk = longest_keys * key_clk, mean_keys * key_clk
    if c.compiled and operator.window is not None:  # tiles outside the window are skipped, their masks are not
        mask_clk = tile * c.mask_clk * operator.kv_len
        longest_clk, mean_clk = longest_clk + mask_clk, mean_clk + 0.5 * mask_clk
    busy_clk = (fill + c.tail) * mean_clk + maximum(fill - 1.0, 0.0) * c.cta_clk
    return (c.cta_clk + maximum(longest_clk, busy_clk)) / engine.clock_hz


def _keys(operator: Attention, group: Real, tile: Real, key_block: Real, c: PrefillLibrary) -> tuple[Real, Real]:
    """Keys that a block of queries walks over: on average, and the most."""
    if not operator.causal:
        return maximum(operator.kv_len, key_block), maximum(operator.kv_len, key_block)
    reach = _reach(operator, c.longest_window)
    banded = 1.0 + where(reach < operator.kv_len, 1.0, 0.0)
    edge = 0.5 * (minimum(operator.q_len, tile / group) + key_block) * banded
    early = maximum(reach - operator.kv_len + operator.q_len - 1.0, 0.0)  # queries that come too early to reach so far back
    missed = 0.5 * early * (early + 1.0) / operator.q_len  # keys that a query misses for that, on average
    mean = minimum(reach - missed + edge, maximum(operator.kv_len, key_block))
    return mean, maximum(minimum(reach + edge, operator.kv_len), key_block)


def _tile(rows: Real, head_dim: Real, c: PrefillLibrary, name: str) -> Real:
    """Query rows of a block: flashinfer fits it to the rows at hand and to the head, compiled kernels to the registers."""
    if name == "flashinfer":  # FA2DetermineCtaTileQ in its utils.cuh
        low: Real = where(rows > 16.0, 64.0, 16.0)
        return where(rows > 64.0, where(head_dim < 256.0, c.tile, low), low)
    return minimum(c.tile, PIPELINE_COLUMNS / head_dim) if c.compiled else c.tile


def _softmax_clk(machine: Machine, c: PrefillLibrary) -> Real:
    """Clocks of one multiprocessor for one score that the matrix units do not hide."""
    engine = _engine(machine)
    lanes = engine.vector_flop_per_s["fp32"] / (2.0 * engine.multiprocessors * engine.clock_hz)
    return c.softmax * (1.0 / engine.special_per_clock + SOFTMAX_VECTOR_OPS / lanes)


def _flop_per_clk(operator: Attention, machine: Machine, c: PrefillLibrary, tile: Real) -> Real:
    """Sustained matrix rate of one multiprocessor.

    Hand-written kernels lose when the query tile with its stages of keys outgrows shared memory; compiled ones when the
    accumulators of a wide head crowd the registers, and they gain only a part of a narrow format's peak.
    """
    engine = _engine(machine)
    peak = issued(c.matrix_eff, width(machine, operator.element)) * machine.matrix_flop_per_s(operator.element) / (engine.multiprocessors * engine.clock_hz)
    if c.compiled:
        share = by_format(operator.element, lambda o: c.narrow / 2.0 if is_narrow(o) else 1.0)
        gain = by_format(operator.element, lambda o: c.narrow if is_narrow(o) else 1.0)
        return minimum(peak * share, c.wide * gain / operator.head_dim)
    shared = engine.shared_byte if engine.shared_byte is not None else FULL_SHARED_BYTE
    staged = tile * c.stage_tiles * operator.element.byte * operator.head_dim / shared
    return peak * by_format(operator.element, lambda o: c.fp8_share if is_narrow(o) else 1.0) / maximum(1.0, staged)
