"""Kernels that give each row to a block or a warp: softmax and norms.

Little's law decides them: rows that fit on the chip at once, rounds of loads a thread makes through the memory's latency,
block-wide reductions, and how often a row that does not stay near must be read again.
"""

from __future__ import annotations

from dataclasses import dataclass

from hardware_specs.schema import KernelEngine
from magnitudes.arrays import Real, both, ceil, either, equal, floor, maximum, where
from simulator.calibration import table
from simulator.kernels.elementwise import FP32, missed_byte
from simulator.kernels.timing import Timing
from simulator.machine import Machine
from simulator.reuse import Reuse
from simulator.traffic import cache_byte_per_s, held_byte, miss_share, sustained_byte_per_s
from workloads.operator import Normalization, Operator, Softmax

# Threads that a multiprocessor holds (vendors' programming guides); 2048 elsewhere.
RESIDENT_THREADS = {
    "turing": 1024.0, "ampere_ga10x": 1536.0, "ampere_ga10b": 1536.0, "ada": 1536.0, "blackwell_gb20x": 1536.0, "vega": 2560.0, "cdna1": 2560.0,
    "xe_hpc": 1024.0, "xe2": 1024.0,
}  # fmt: skip
# First-level cache of a multiprocessor (vendors' whitepapers); this much elsewhere.
NEAR_BYTE = {
    "maxwell": 24576.0, "pascal": 24576.0, "volta": 131072.0, "turing": 65536.0, "ampere": 196608.0, "ampere_ga10x": 131072.0, "ada": 131072.0,
    "hopper": 262144.0, "blackwell": 262144.0, "blackwell_gb20x": 131072.0, "vega": 16384.0, "cdna1": 16384.0, "cdna2": 16384.0,
    "cdna3": 32768.0,
}  # fmt: skip
USUAL_NEAR_BYTE = 65536.0
VECTOR_BYTE = 16.0  # widest load of a thread
BEFORE_STAGING = "pytorch-2.0"
LARGE_COLUMNS = 1028.0  # an eighth of twice as many is over 256: the next larger block
WARP_COLUMNS = 1024.0  # PyTorch's softmax gives a row to one warp up to this many columns


@dataclass(frozen=True, slots=True)
class RowKernel:
    """How a library walks over the rows (a library property).

    Parameters
    ----------
    passes : Real
        Times that a row is read.
    block_rows, threads : Real
        Rows and threads of one block.
    reductions : Real
        Block-wide reductions a row.
    vector_byte : float
        Bytes a load; one element at a time where 0.
    unrolled : bool
        Whether one thread keeps several loads in flight.
    """

    passes: Real
    block_rows: Real
    threads: Real
    reductions: Real
    vector_byte: float = VECTOR_BYTE
    unrolled: bool = True


STAGED_BYTE = 49152.0  # shared memory that a block has without asking for more (CUDA): a row that fits, in whole vectors, is read once
LAYER_NORM = RowKernel(passes=2.0, block_rows=1.0, threads=128.0, reductions=1.0)  # PyTorch: Welford, then scale
RMS_NORM = RowKernel(passes=2.0, block_rows=1.0, threads=1024.0, reductions=0.3, vector_byte=0.0, unrolled=False)  # serving libraries: scalar loads


def softmax_kernel(cols: Real, element_byte: Real = 4.0, library: str = "") -> RowKernel:
    """PyTorch's softmax of rows of `cols` elements.

    Up to 1024 columns one warp a row, which stays in registers. Above, one block of 1024 threads: whole vectors that fit into shared
    memory are staged there and read once; else there are three passes, maximum, sum and write. Before version 2.1 nothing was staged, and a block
    had the power of two from an eighth of the columns on, at most 512 threads (SoftMax_getBlockSize in its SoftMax.cu).
    """
    narrow = cols <= WARP_COLUMNS
    lanes = VECTOR_BYTE / element_byte
    if library == BEFORE_STAGING:
        once, wide = narrow, where(cols < 2.0 * LARGE_COLUMNS, 256.0, 512.0)
    else:
        once, wide = either(narrow, both(equal(floor(cols / lanes) * lanes, cols), cols * element_byte <= STAGED_BYTE)), 1024.0
    return RowKernel(passes=where(once, 1.0, 3.0), block_rows=where(narrow, 4.0, 1.0), threads=where(narrow, 128.0, wide), reductions=where(narrow, 0.3, 2.0))


def row_kernel(operator: Softmax | Normalization, library: str = "") -> RowKernel:
    """The kernel that libraries have for an operator."""
    if isinstance(operator, Softmax):
        return softmax_kernel(operator.cols, operator.element.byte, library)
    return RMS_NORM if operator.flavour == "rms" else LAYER_NORM


def row_parts(operator: Softmax | Normalization, machine: Machine, timing: Timing, reuse: Reuse, library: str = "") -> tuple[Real, dict[str, Real]]:
    """Time of a kernel over rows, and what each resource alone needs [s]; `library` may be ``pytorch-2.0``."""
    kernel = row_kernel(operator, library)
    row_byte = operator.cols * operator.element.byte
    slots = resident_threads(machine) * kernel.block_rows / kernel.threads
    far = _far_share(slots * row_byte, machine)
    again_byte = (kernel.passes - 1.0) * operator.rows * row_byte * far
    parts = {machine.memory.name: _memory_s(operator, again_byte, slots * row_byte, machine, reuse)}
    if machine.cache is not None:
        parts[machine.cache.name] = (operator.byte + again_byte) / cache_byte_per_s(machine)
    parts["latency"] = _latency_s(operator, kernel, row_byte, slots, machine)
    parts["vector"] = operator.vector_flop / machine.vector_flop_per_s(operator.arithmetic)
    moving_s = maximum(parts[machine.memory.name], parts[machine.cache.name]) if machine.cache else parts[machine.memory.name]
    parts["issue"] = operator.rows * _row_instructions(kernel) / (0.5 * machine.vector_flop_per_s(FP32))
    work_s = moving_s + maximum(parts["latency"], parts["issue"])  # a wave waits for latency where nothing moves, and for its bytes where memory is busy
    path = "softmax" if isinstance(operator, Softmax) else "layernorm"
    return timing.finish_s(maximum(work_s, parts["vector"]), path), parts


def resident_threads(machine: Machine) -> Real:
    """Threads on the chip at a time."""
    engine = machine.engine
    assert isinstance(engine, KernelEngine)
    return engine.multiprocessors * RESIDENT_THREADS.get(machine.chip.generation, 2048.0)


def _far_share(resident_byte: Real, machine: Machine) -> Real:
    """Share of later passes over a row that its multiprocessor's own cache no longer holds."""
    engine = machine.engine
    assert isinstance(engine, KernelEngine)
    c, near_byte = table("rows"), NEAR_BYTE.get(machine.chip.generation, USUAL_NEAR_BYTE)
    return miss_share(resident_byte / engine.multiprocessors, near_byte, c["near_share"], c["near_power"])


def _memory_s(operator: Operator, again_byte: Real, resident_byte: Real, machine: Machine, reuse: Reuse) -> Real:
    """Memory traffic: every operand once, and what later passes ask for and the cache could not keep."""
    first_byte = missed_byte(operator, machine, reuse)
    if machine.cache is None:
        return first_byte / sustained_byte_per_s(machine)
    c = table("rows")
    lost = miss_share(resident_byte, held_byte(machine), c["cache_share"], c["cache_power"])
    return (first_byte + lost * again_byte) / sustained_byte_per_s(machine)


def _row_instructions(kernel: RowKernel) -> Real:
    """Instructions of all threads that reduce one row: shuffles, sums and divisions of partial moments, few of which move data."""
    instructions: Real = kernel.threads / kernel.block_rows * kernel.reductions * table("rows")["reduction_instructions"]
    return instructions


def _latency_s(operator: Softmax | Normalization, kernel: RowKernel, row_byte: Real, slots: Real, machine: Machine) -> Real:
    """Waves of rows, each as long as its loads, stores and reductions take one after another."""
    load_byte = kernel.vector_byte or operator.element.byte
    loads = ceil(row_byte * kernel.block_rows / load_byte / kernel.threads)
    c = table("rows")
    rounds = maximum(1.0, loads / (c["loads_in_flight"] if kernel.unrolled else 1.0))
    row_s: Real = rounds * machine.memory.latency_s * (1.0 + kernel.passes * c["near_latency"]) + kernel.reductions * c["reduction_s"]
    return maximum(1.0, operator.rows / slots) * row_s
