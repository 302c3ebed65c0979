"""What sparse matrix units leave out where two of four weights are zero: half of the products (Mishra et al., arXiv 2104.08378)."""

from __future__ import annotations

from magnitudes.arrays import Real
from magnitudes.datatypes import by_format
from simulator.machine import Machine, matrix_format
from workloads.operator import Contraction, GroupedContraction, Operator

# Generations with sparse tensor cores: NVIDIA's whitepapers from GA100 on; AMD CDNA 3 ISA guide (V_SMFMAC).
GENERATIONS = ("ampere_ga100", "ampere_ga10x", "ampere_ga10b", "ada", "hopper", "blackwell", "blackwell_gb20x", "cdna3", "cdna4")


def structured_gain(operator: Operator, machine: Machine) -> Real:
    """How many times faster the matrix units are for that operator: 2 where its weights are two of four and the units leave out zeros, else 1."""
    if not isinstance(operator, Contraction | GroupedContraction) or machine.chip.generation not in GENERATIONS:
        return 1.0
    served = by_format(operator.a, lambda o: 0.0 if matrix_format(machine.engine, o) in (None, "fp32", "fp64") else 1.0)
    return 1.0 + served * by_format(operator.b, lambda o: 1.0 if o.structured else 0.0)
