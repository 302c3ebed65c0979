"""Kernel by kernel: the execution model of GPUs. Each operator is a kernel of its own; one visible table says which law costs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from magnitudes.arrays import Real, largest
from simulator.cost import Cost
from simulator.kernels.attention import attention_parts
from simulator.kernels.convolution import convolution_parts
from simulator.kernels.elementwise import elementwise_parts
from simulator.kernels.exchange import exchange_parts
from simulator.kernels.experts import grouped_parts
from simulator.kernels.matrix import matrix_parts
from simulator.kernels.routing import routing_parts
from simulator.kernels.rows import row_parts
from simulator.kernels.timing import Timing
from simulator.kernels.walk import gather_parts, walk_parts
from simulator.law import CostLaw
from simulator.machine import Machine
from simulator.reuse import Reuse
from workloads.operator import (
    Attention,
    Collective,
    Contraction,
    Convolution,
    Elementwise,
    Gather,
    GroupedContraction,
    Normalization,
    Operator,
    Routing,
    Scan,
    Softmax,
    Transfer,
)  # fmt: skip

Law = Callable[[Any, Machine, Timing, Reuse], tuple[Real, dict[str, Real]]]

LAWS: dict[type[Operator], Law] = {
    Contraction: matrix_parts,
    GroupedContraction: grouped_parts,
    Attention: attention_parts,
    Convolution: convolution_parts,
    Normalization: row_parts,
    Softmax: row_parts,
    Elementwise: elementwise_parts,
    Gather: gather_parts,
    Scan: elementwise_parts,
    Transfer: elementwise_parts,
    Routing: routing_parts,
}


# operators of which several implementations are at hand: laws that also take the name of one
LIBRARY_LAWS: dict[type[Operator], Callable[[Any, Machine, Timing, Reuse, str], tuple[Real, dict[str, Real]]]] = {
    Attention: attention_parts,
    Contraction: matrix_parts,
    GroupedContraction: grouped_parts,
    Elementwise: walk_parts,
    Softmax: row_parts,
}


def kernel_law(machine: Machine, timing: Timing, library: str = "") -> CostLaw:
    """The tile law of a chip in a timing context, with a named implementation where operators have several (empty: the usual one)."""
    timing = timing.on(machine.chip)

    def cost(operator: Operator, count: Real, reuse: Reuse) -> Cost:
        if isinstance(operator, Collective):
            time_s, parts = exchange_parts(operator, machine, timing, library)
        else:
            if library and type(operator) in LIBRARY_LAWS:
                time_s, parts = LIBRARY_LAWS[type(operator)](operator, machine, timing, reuse, library)
            else:
                time_s, parts = LAWS[type(operator)](operator, machine, timing, reuse)
            rest_s = time_s - largest(parts.values())
            parts = {**parts, "launch": rest_s} if "launch" not in parts else parts
        return Cost(operator, count, time_s, parts)

    return CostLaw("tile", cost)
