"""How much of the chips' peak a step of training uses: model and hardware FLOPs utilisation (Chowdhery et al., PaLM, 2022, appendix B)."""

from __future__ import annotations

from magnitudes.arrays import Real, total
from magnitudes.datatypes import AnyDataType
from simulator.result import Estimate, PassEstimate
from simulator.training.step import AGAIN
from workloads.backward import ATTENTION_PASSES
from workloads.operator import Attention, Contraction, Operator


def utilisation(estimate: Estimate, *, again: bool) -> Real:
    """Share of the peak that a step of training uses.

    Parameters
    ----------
    estimate : Estimate
        Of a step of training.
    again : bool
        Whether what is computed a second time counts: layers, and the scores of attention.
    """
    step, cut = estimate.passes[0], estimate.cut
    assert estimate.confidence is not None
    peak_flop_per_s = estimate.confidence.machines[0].matrix_flop_per_s(_format(step))
    one = total(n.count * n.operator.matrix_flop * _share(n.operator, again) for n in step.load.nodes)
    return one * cut.parts / cut.pp / (estimate.time_s * peak_flop_per_s)


def _format(step: PassEstimate) -> AnyDataType:
    """The format in which products are computed."""
    return next(n.operator for n in step.load.nodes if isinstance(n.operator, Contraction)).a


def _share(operator: Operator, again: bool) -> float:
    """How much of an operator counts."""
    if again:
        return 1.0
    if operator.name.endswith(AGAIN):
        return 0.0
    return 2.0 / ATTENTION_PASSES if isinstance(operator, Attention) and operator.name.endswith("_gradient") else 1.0
