"""Linear layers, products of activations, experts and convolutions on an array."""

from __future__ import annotations

from magnitudes.arrays import Real, largest
from simulator.machine import Machine
from simulator.spatial.mapped import mapped_cost
from simulator.spatial.overlap import Parts, above_roofs, fill_s, product_parts
from simulator.spatial.product import product_of
from workloads.operator import Contraction, Convolution, GroupedContraction, Operator


def product_cost(operator: Operator, machine: Machine, library: str) -> tuple[Real, Parts]:
    """Time of an operator that is a product, and what each resource alone needs [s].

    What is fused behind it runs on the vector lanes meanwhile. A mapping that is given with it is followed.
    """
    assert isinstance(operator, Contraction | GroupedContraction | Convolution)
    if not isinstance(operator, GroupedContraction) and operator.tiling is not None:
        return mapped_cost(operator, machine)
    product = product_of(operator)
    parts = above_roofs(product_parts(product, machine), operator, machine)
    return largest(parts.values()) + fill_s(product, machine), parts
