"""How much of the chips' peak a step of training uses: model and hardware FLOPs utilisation (Chowdhery et al., PaLM, 2022, appendix B)."""

from __future__ import annotations

from magnitudes.arrays import Real, total
from simulator.machine import Machine
from simulator.training.step import AGAIN
from workloads.backward import ATTENTION_PASSES
from workloads.graph import Workload
from workloads.operator import Attention, Contraction, Operator
from workloads.sharding import Parallelism


def utilisation(micro_batch: Workload, cut: Parallelism, step_s: Real, machine: Machine, *, again: bool) -> Real:
    """Share of the peak that a step of training uses.

    Parameters
    ----------
    micro_batch : Workload
        One micro-batch through all stages and back.
    cut : Parallelism
    step_s : Real
        Time of the step [s].
    machine : Machine
        Whose peak, in the format of the products.
    again : bool
        Whether what is computed a second time counts: layers, and the scores of attention.
    """
    product = next(n.operator for n in micro_batch.nodes if isinstance(n.operator, Contraction))
    flop = total(n.count * n.operator.matrix_flop * _share(n.operator, again) for n in micro_batch.nodes)
    return flop * cut.parts / cut.pp / (step_s * machine.matrix_flop_per_s(product.a))


def _share(operator: Operator, again: bool) -> float:
    """How much of an operator counts."""
    if again:
        return 1.0
    if operator.name.endswith(AGAIN):
        return 0.0
    return 2.0 / ATTENTION_PASSES if isinstance(operator, Attention) and operator.name.endswith("_gradient") else 1.0
