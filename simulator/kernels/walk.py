"""Kernels that walk along rows element by element: the activation and rotary kernels of serving stacks, PyTorch's gather of rows.

They load one element a thread at a time, so that waves of blocks, each of some dependent loads, decide their time beside what memory
moves (`rows` has the kernels that also reduce a row).
"""

from __future__ import annotations

from dataclasses import dataclass

from hardware_specs.schema import KernelEngine
from magnitudes.arrays import Real, ceil, largest, maximum, minimum, where
from simulator.calibration import table
from simulator.kernels.elementwise import elementwise_parts, streaming_parts
from simulator.kernels.rows import resident_threads
from simulator.kernels.timing import Timing
from simulator.machine import Machine
from simulator.reuse import Reuse
from workloads.operator import Elementwise, Gather

WARP = 32.0
GATHER_BLOCKS, GATHER_THREADS = 8.0, 128.0  # PyTorch's index_select: blocks a multiprocessor at most, and threads of one
FEW_ROWS = 16.0  # up to here its kernel for few indices loops over them, one after another


@dataclass(frozen=True, slots=True)
class Walk:
    """How a kernel walks along a row (a library property): one block a row.

    Parameters
    ----------
    threads : float
        Of a block, at most.
    elements : float
        That a thread handles a step: a rotation turns two.
    ahead : float
        Loads that must arrive before the first step: the position of a token, then its angles.
    """

    threads: float
    elements: float = 1.0
    ahead: float = 0.0


WALKS = {
    "activation_kernels": Walk(threads=1024.0),  # vLLM csrc/activation_kernels.cu
    "pos_encoding_kernels": Walk(threads=512.0, elements=2.0, ahead=2.0),  # vLLM csrc/pos_encoding_kernels.cu
}


def walk_parts(operator: Elementwise, machine: Machine, timing: Timing, reuse: Reuse, library: str) -> tuple[Real, dict[str, Real]]:
    """Time of a serving stack's kernel over rows, and its parts [s]; of a vectorised kernel where rows or kernel are not known."""
    if library not in WALKS or operator.cols is None:
        return elementwise_parts(operator, machine, timing, reuse)
    c, walk = table("walk"), WALKS[library]
    lanes = operator.cols / walk.elements
    threads = minimum(maximum(lanes, WARP), walk.threads)
    waves = maximum(operator.elements / operator.cols * threads / resident_threads(machine), 1.0)
    steps = ceil(lanes / threads) + walk.ahead
    return _combined(waves * steps * c["step_latencies"] * machine.memory.latency_s, streaming_parts(operator, machine, reuse), timing)


def gather_parts(operator: Gather, machine: Machine, timing: Timing, reuse: Reuse) -> tuple[Real, dict[str, Real]]:
    """Time of a gather of rows by index, and its parts [s]: each element waits for its index, then for itself."""
    assert isinstance(machine.engine, KernelEngine)
    c, latency_s = table("walk"), machine.memory.latency_s
    threads = GATHER_BLOCKS * GATHER_THREADS * machine.engine.multiprocessors
    many_s = maximum(operator.rows * operator.width / threads, 1.0) * c["gather_latencies"] * latency_s
    few_s = operator.rows * c["few_latencies"] * latency_s
    return _combined(where(operator.rows <= FEW_ROWS, few_s, many_s), streaming_parts(operator, machine, reuse), timing)


def _combined(waiting_s: Real, parts: dict[str, Real], timing: Timing) -> tuple[Real, dict[str, Real]]:
    """A wave waits for latency where nothing moves, and for its bytes where memory is busy: the two add up."""
    return timing.finish_s(largest(parts.values()) + waiting_s, "tensor"), {**parts, "latency": waiting_s}
