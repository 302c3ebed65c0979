"""Sending tokens to experts: the scores' best, the sort of tokens by expert, and their copies."""

from __future__ import annotations

from magnitudes.arrays import Real, largest
from simulator.kernels.elementwise import streaming_parts
from simulator.kernels.timing import Timing
from simulator.machine import Machine
from simulator.reuse import Reuse
from workloads.operator import Routing

KERNELS = 3.0  # a serving stack's chain: top-k softmax, alignment of groups to tiles, permutation


def routing_parts(operator: Routing, machine: Machine, timing: Timing, reuse: Reuse) -> tuple[Real, dict[str, Real]]:
    """Time of the chain of small kernels, and what each resource alone needs [s]."""
    parts = streaming_parts(operator, machine, reuse)
    work_s = largest(parts.values())
    return timing.finish_s(work_s, "function") + (KERNELS - 1.0) * timing.finish_s(0.0, "function"), parts
