"""Fold by fold: the execution model of spatial arrays. One visible table says which law costs an operator; the laws are in `simulator.spatial`.

Everything is read from main memory and written back, tile by tile, while the array computes: no cache keeps what an operator before left.
"""

from __future__ import annotations

from collections.abc import Callable

from magnitudes.arrays import Real
from simulator.cost import Cost
from simulator.kernels.exchange import exchange_parts
from simulator.kernels.timing import Timing
from simulator.law import CostLaw
from simulator.machine import Machine
from simulator.reuse import Reuse
from simulator.spatial.attention import attention_cost
from simulator.spatial.lanes import lanes_cost
from simulator.spatial.products import product_cost
from simulator.unserved import by_units
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

Law = Callable[[Operator, Machine, str], tuple[Real, dict[str, Real]]]

LAWS: dict[type[Operator], Law] = {
    Contraction: product_cost,
    GroupedContraction: product_cost,
    Convolution: product_cost,
    Attention: attention_cost,
    Normalization: lanes_cost,
    Softmax: lanes_cost,
    Elementwise: lanes_cost,
    Gather: lanes_cost,
    Scan: lanes_cost,
    Routing: lanes_cost,
    Transfer: lanes_cost,
}


def spatial_law(machine: Machine, timing: Timing, library: str = "") -> CostLaw:
    """The tile law of an array, with a named chain for attention (empty: the best that the machine can)."""

    def cost(operator: Operator, count: Real, reuse: Reuse) -> Cost:
        if isinstance(operator, Collective):
            time_s, parts = exchange_parts(operator, machine, timing)
        else:
            time_s, parts = LAWS[type(operator)](operator, machine, library)
            parts = by_units(parts, operator, machine)
        return Cost(operator, count, time_s, parts)

    return CostLaw("tile", cost)
