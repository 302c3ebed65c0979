"""What replicas exchange while they compute: gradients as soon as a layer has them, weights ahead of their layer.

Stacks that part weights gather the next layer's while one computes, and sum gradients behind each (Zhao et al., PyTorch FSDP, VLDB 2023, section 3.3);
those that do not sum a layer's gradients while the last micro-batch goes on backward (Li et al., PyTorch Distributed, VLDB 2020, section 3.2). Computing
is taken as not slowed by what runs beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from magnitudes.arrays import Real, maximum, minimum, total
from simulator.cost import Cost
from simulator.schedule import SHORTEST_S, chain_s
from workloads.operator import Collective
from workloads.sharding import Parallelism

GATHERED, SUMMED = "weights_all_gather", ("gradients_all_reduce", "gradients_reduce_scatter")
EXCHANGES = (GATHERED, *SUMMED)


def beside(step: Sequence[Cost], update: Sequence[Cost], share: Real, cut: Parallelism) -> tuple[tuple[Cost, ...], tuple[Cost, ...]]:
    """The costs of a micro-batch and of the update where exchanges hide behind computing as far as it lasts: of each what is still waited for.

    Parameters
    ----------
    step, update : sequence of Cost
        Of one micro-batch through all stages and back, and of what is done once.
    share : Real
        Of the exchanges, that may hide.
    cut : Parallelism
    """
    computed_s = chain_s([c for c in step if not _is(c, EXCHANGES)])
    each_time = _shown(step, EXCHANGES, minimum(share * chain_s([c for c in step if _is(c, EXCHANGES)]), computed_s))
    backward_s = total(c.total_s for c in step if c.operator.name.endswith("_gradient")) / cut.pp
    once = _shown(update, SUMMED, minimum(share * chain_s([c for c in update if _is(c, SUMMED)]), backward_s))
    return each_time, once


def _is(cost: Cost, names: Sequence[str]) -> bool:
    return isinstance(cost.operator, Collective) and cost.operator.name in names


def _shown(costs: Sequence[Cost], names: Sequence[str], hidden_s: Real) -> tuple[Cost, ...]:
    """The costs with so much less of the named exchanges, each by its share of them."""
    whole_s = maximum(chain_s([c for c in costs if _is(c, names)]), SHORTEST_S)
    left = 1.0 - hidden_s / whole_s
    return tuple(replace(c, time_s=c.time_s * left) if _is(c, names) else c for c in costs)
