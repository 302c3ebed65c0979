"""Library by library: the execution model of processors. An operator is one or several calls of a library; one table says which law costs it."""

from __future__ import annotations

from collections.abc import Callable

from magnitudes.arrays import Real
from simulator.cost import Cost
from simulator.host.attention import attention_cost
from simulator.host.convolution import convolution_cost
from simulator.host.library import Constants, library
from simulator.host.moves import move_cost
from simulator.host.passes import elementwise_cost
from simulator.host.products import contraction_cost, grouped_cost
from simulator.host.rows import row_cost
from simulator.kernels.exchange import exchange_parts
from simulator.kernels.timing import Timing
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

Law = Callable[[Operator, Machine, Constants, Real, Reuse], tuple[Real, dict[str, Real]]]

LAWS: dict[type[Operator], Law] = {
    Contraction: contraction_cost,
    GroupedContraction: grouped_cost,
    Attention: attention_cost,
    Convolution: convolution_cost,
    Normalization: row_cost,
    Softmax: row_cost,
    Elementwise: elementwise_cost,
    Gather: move_cost,
    Scan: move_cost,
    Routing: move_cost,
    Transfer: move_cost,
}


def host_law(machine: Machine, timing: Timing, name: str = "") -> CostLaw:
    """The tile law of a processor with a library (``numpy``, ``torch``; empty: the usual one).

    Called eagerly, each operator pays the library's path from Python to its loop; compiled into a graph, it does not.
    """
    constants = library(name, machine.chip.fits)
    call_s: float = constants["call_s"] if timing.context == "eager" else 0.0

    def cost(operator: Operator, count: Real, reuse: Reuse) -> Cost:
        if isinstance(operator, Collective):
            time_s, parts = exchange_parts(operator, machine, timing)
        else:
            time_s, parts = LAWS[type(operator)](operator, machine, constants, call_s, reuse)
        return Cost(operator, count, time_s, parts)

    return CostLaw("tile", cost)
