"""Convolution: the fastest of the algorithms that cuDNN chooses from.

Implicit GEMM (pixels by channels, in tiles and waves), fused Winograd F(2x2, 3x3) and non-fused Winograd F(4x4, 3x3): Lavin
and Gray, "Fast algorithms for convolutional neural networks", CVPR 2016. Matrix units run implicit GEMM only.

The gradient of the input is a convolution of the result's gradient. That of the filters is a product whose contraction runs over all pixels of
all images, far longer than it is wide: its kernels split it, and sum the parts afterwards (cuDNN's API reference, ``cudnnConvolutionBwdFilterAlgo_t``).
Neither has a coefficient of its own: both are predictions from the forward pass's.
"""

from __future__ import annotations

from dataclasses import replace

from hardware_specs.schema import KernelEngine
from magnitudes.arrays import Real, both, ceil, equal, maximum, minimum, smallest, where
from magnitudes.datatypes import DataTypeChoice
from simulator.calibration import constant, table
from simulator.kernels.elementwise import FP32, missed_byte
from simulator.kernels.formats import format_by_format
from simulator.kernels.timing import Timing
from simulator.machine import Machine, matrix_format
from simulator.reuse import Reuse
from simulator.traffic import sustained_byte_per_s
from workloads.operator import Convolution

# Tiles of cuDNN's kernels (a library property): pixels, channels, relative efficiency.
DIRECT_TILES = ((128.0, 128.0, 1.0), (128.0, 64.0, 0.95), (128.0, 32.0, 0.85), (64.0, 64.0, 0.8))
BATCHED_TILES = ((128.0, 128.0, 1.0), (64.0, 64.0, 0.85), (128.0, 32.0, 0.8), (32.0, 128.0, 0.8))
DEPTH = 8.0  # the contraction is padded to steps of this many
SPLITS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)  # parts of a filter gradient's contraction
PARTIAL_BYTE = 4.0  # partial sums are kept in fp32


def convolution_parts(operator: Convolution, machine: Machine, timing: Timing, reuse: Reuse) -> tuple[Real, dict[str, Real]]:
    """Time of a convolution by its best algorithm, and what each resource alone needs [s]."""
    if operator.gradient == "input":
        operator = _mirrored(operator)
    if isinstance(operator.a, DataTypeChoice):
        return format_by_format(operator, operator.a, lambda o: convolution_parts(o, machine, timing, reuse))
    parts = {machine.memory.name: missed_byte(operator, machine, reuse) / sustained_byte_per_s(machine)}
    if machine.cache is not None:
        parts[machine.cache.name] = operator.byte / machine.cache.bandwidth_byte_per_s
    moving_s = maximum(parts[machine.memory.name], _floor_s(operator, machine))
    on_matrix_units = matrix_format(machine.engine, operator.a) is not None
    if on_matrix_units:
        parts["matrix"] = _with_per_channel(operator, _matrix_direct_s(operator, machine), machine)
        work_s = maximum(parts["matrix"], moving_s)
    else:
        rate = machine.matrix_flop_per_s(operator.a)
        direct_s = _with_per_channel(operator, _direct_s(operator, _constant("direct") * rate, machine), machine)
        work_s = _with_winograd(operator, maximum(direct_s, moving_s), moving_s, rate, machine)
        parts["vector"] = minimum(direct_s, work_s)
    return timing.finish_s(work_s, "convolution"), parts


def _floor_s(operator: Convolution, machine: Machine) -> Real:
    """What no algorithm can beat: every operand through the cache once, and the arithmetic of what is fused behind."""
    cache = machine.cache or machine.memory
    moved_s = operator.byte / cache.bandwidth_byte_per_s
    return maximum(moved_s, operator.vector_flop / machine.vector_flop_per_s(operator.arithmetic)) if operator.epilogue else moved_s


def _constant(name: str) -> float:
    """A library property of cuDNN's kernels."""
    return constant("convolution", name)


def _pixels(operator: Convolution) -> Real:
    return operator.batch * operator.out_h * operator.out_w


def _padded(depth: Real) -> Real:
    return ceil(depth / DEPTH) * DEPTH


def _matrix_direct_s(operator: Convolution, machine: Machine) -> Real:
    """Implicit GEMM on matrix units: short runs of channels feed them badly."""
    channels = _padded(operator.cin / operator.groups)
    run_byte = channels * operator.a.byte
    rate = _constant("matrix") * machine.matrix_flop_per_s(operator.a) * run_byte / (run_byte + _constant("half_run_byte"))
    return _direct_s(operator, rate, machine, channels) + _constant("matrix_start_s")


def _direct_s(operator: Convolution, rate: Real, machine: Machine, channels: Real | None = None) -> Real:
    """Implicit GEMM: pixels by filters over channels and taps, or filters by channels and taps over pixels for the filters' gradient [s]."""
    taps, filters = operator.kernel_h * operator.kernel_w, operator.cout / operator.groups
    depth = _padded(operator.cin / operator.groups * taps) if channels is None else channels * taps
    if operator.gradient != "filter":
        return _tiled_s(operator.groups, _pixels(operator), filters, depth, DIRECT_TILES, rate, machine)
    return smallest(_split_s(parts, operator.groups, depth, filters, _padded(_pixels(operator)), rate, machine) for parts in SPLITS)


def _split_s(parts: float, count: Real, m: Real, n: Real, k: Real, rate: Real, machine: Machine) -> Real:
    """Products whose contraction is cut in parts, with their sum: the parts are written once and read once [s]."""
    partial_byte = 2.0 * PARTIAL_BYTE * (parts if parts > 1.0 else 0.0) * count * m * n
    return _tiled_s(count * parts, m, n, k / parts, DIRECT_TILES, rate, machine) + partial_byte / sustained_byte_per_s(machine)


def _mirrored(operator: Convolution) -> Convolution:
    """The gradient of the input as the convolution that it is: of the result's gradient, with as many taps a pixel as strides leave."""
    return replace(
        operator, gradient="", cin=operator.cout, cout=operator.cin, in_h=operator.out_h, in_w=operator.out_w, out_h=operator.in_h, out_w=operator.in_w,
        kernel_h=operator.kernel_h / operator.stride, kernel_w=operator.kernel_w / operator.stride, a=operator.c, c=operator.a,
    )  # fmt: skip


def _with_per_channel(operator: Convolution, tiled_s: Real, machine: Machine) -> Real:
    """The better of tiles and a kernel that computes each output by itself on the vector units, where the convolution is grouped.

    Tiles of a depthwise convolution hold one channel and waste the others' places; libraries have a kernel without tiles for it. Its
    arithmetic reaches the share of the vector rate that elementwise kernels reach: no measurement of its own stands behind that.
    """
    if isinstance(operator.groups, float) and operator.groups == 1.0:
        return tiled_s
    math = table("streaming")["math_rate"]
    rate = math.get(machine.chip.vendor, math["default"]) * machine.vector_flop_per_s(FP32)
    return minimum(tiled_s, where(operator.groups > 1.0, operator.matrix_flop / rate, tiled_s))


def _with_winograd(operator: Convolution, direct_s: Real, moving_s: Real, rate: Real, machine: Machine) -> Real:
    """The best of implicit GEMM and both Winograd forms, where the filter is 3x3 at stride one."""
    three = float_all(operator.kernel_h, 3.0) and float_all(operator.kernel_w, 3.0) and float_all(operator.stride, 1.0)
    if three is False:
        return direct_s
    forms = [direct_s, _batched_winograd_s(operator, rate, machine)]
    if operator.gradient != "filter":  # which has no fused form
        forms.append(_fused_winograd_s(operator, moving_s, rate, machine))
    best_s = smallest(forms)
    if three is True:
        return best_s
    is_three = both(both(equal(operator.kernel_h, 3.0), equal(operator.kernel_w, 3.0)), equal(operator.stride, 1.0))
    return where(is_three, best_s, direct_s)


def float_all(x: Real, value: float) -> bool | None:
    """Whether a plain number is that value; None where it varies."""
    return x == value if isinstance(x, float) else None


def _fused_winograd_s(operator: Convolution, moving_s: Real, rate: Real, machine: Machine) -> Real:
    """F(2x2, 3x3) in one kernel: a block covers 8x16 outputs of one image, or 8x4 of four, times 32 channels: 16 products of 32x32."""
    wide = operator.batch * ceil(operator.out_h / 8.0) * ceil(operator.out_w / 16.0)
    tall = ceil(operator.batch / 4.0) * ceil(operator.out_h / 8.0) * ceil(operator.out_w / 4.0)
    blocks = operator.groups * minimum(wide, tall) * ceil(operator.cout / operator.groups / 32.0)
    steps = _padded(operator.cin / operator.groups) + _constant("fill_steps")
    flop = 2.0 * 16.0 * 32.0 * 32.0
    product_s = ceil(blocks / _multiprocessors(machine)) * steps * flop * _multiprocessors(machine) / (_constant("fused") * rate)
    return maximum(product_s, moving_s) + _weight_byte(operator) * (1.0 + 16.0 / 9.0) / (_constant("filter_transform") * sustained_byte_per_s(machine))


def _batched_winograd_s(operator: Convolution, rate: Real, machine: Machine) -> Real:
    """F(4x4, 3x3): transform the input, 36 batched products, transform the output; tiles travel through memory in between."""
    squares = operator.batch * ceil(operator.out_h / 4.0) * ceil(operator.out_w / 4.0)
    inner_byte = 36.0 * squares * operator.a.byte * (operator.cin + operator.cout)
    weight_byte, byte_per_s = _weight_byte(operator), sustained_byte_per_s(machine)
    product_s = _tiled_s(
        36.0 * operator.groups,
        squares,
        operator.cout / operator.groups,
        _padded(operator.cin / operator.groups),
        BATCHED_TILES,
        _constant("batched") * rate,
        machine,
    )
    product_s = maximum(product_s, (inner_byte + 4.0 * weight_byte) / byte_per_s)
    transform_s = (inner_byte + operator.byte - weight_byte) / byte_per_s + 5.0 * weight_byte / (_constant("filter_transform") * byte_per_s)
    return product_s + transform_s + 3.0 * _constant("kernel_gap_s")


def _weight_byte(operator: Convolution) -> Real:
    return operator.cin / operator.groups * operator.cout * operator.kernel_h * operator.kernel_w * operator.b.byte


def _multiprocessors(machine: Machine) -> Real:
    assert isinstance(machine.engine, KernelEngine)
    return machine.engine.multiprocessors


def _tiled_s(count: Real, m: Real, n: Real, k: Real, tiles: tuple[tuple[float, float, float], ...], rate: Real, machine: Machine) -> Real:
    """Best tile of `count` products (m, k) by (k, n): waves of equal tiles over the multiprocessors [s]."""
    units = _multiprocessors(machine)
    wave_flop = smallest(
        ceil(count * ceil(m / tile_m) * ceil(n / tile_n) / units) * (2.0 * tile_m * tile_n / efficiency) for tile_m, tile_n, efficiency in tiles
    )
    return wave_flop * (k + _constant("fill_steps")) * units / rate
