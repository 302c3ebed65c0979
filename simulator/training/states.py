"""Model states of mixed-precision Adam, and what partitioning them over data-parallel ranks saves and sends.

A parameter is held as a 16-bit weight and a 16-bit gradient, and by the optimizer as a 32-bit weight, momentum and variance
(Micikevicius et al., Mixed Precision Training, ICLR 2018). ZeRO's stages partition the optimizer's part, then gradients, then weights over
the ranks (Rajbhandari et al., ZeRO, SC 2020, section 5): what is partitioned is gathered or reduced where it is used.
"""

from __future__ import annotations

from dataclasses import dataclass

from magnitudes.arrays import Real, where
from magnitudes.errors import InputError
from workloads.operator import Collective

WEIGHT_BYTE, GRADIENT_BYTE, OPTIMIZER_BYTE = 2.0, 2.0, 12.0
STAGES = (0, 1, 2, 3)


def state_byte(parameters: Real, ranks: Real, stage: int) -> Real:
    """Model states that one rank holds.

    Parameters
    ----------
    parameters : Real
        Of the model, or of the part that the ranks replicate.
    ranks : Real
        Data-parallel ranks.
    stage : int
        0 holds everything everywhere, 1 partitions the optimizer's states, 2 gradients as well, 3 weights as well.

    Raises
    ------
    InputError
        If there is no such stage.
    """
    _check(stage)
    kept = [WEIGHT_BYTE, GRADIENT_BYTE, OPTIMIZER_BYTE]
    partitioned = kept[len(kept) - stage :]
    return parameters * (sum(kept[: len(kept) - stage]) + sum(partitioned) / ranks)


@dataclass(frozen=True, slots=True)
class States:
    """What one rank holds of a model in training, beside activations [byte]."""

    weight_byte: Real
    gradient_byte: Real
    optimizer_byte: Real


def held_states(parameters: Real, ranks: Real, stage: Real, each: States) -> States:
    """As `state_byte`, by what it is; the stage may be a column.

    Parameters
    ----------
    each : States
        Of one parameter.
    """

    def part(first: float) -> Real:
        return where(stage >= first, 1.0 / ranks, 1.0)

    return States(parameters * each.weight_byte * part(3.0), parameters * each.gradient_byte * part(2.0), parameters * each.optimizer_byte * part(1.0))


def exchanges(parameters: Real, ranks: Real, stage: int) -> tuple[Collective, ...]:
    """What the ranks exchange in one step, in order: 16-bit weights and gradients.

    Whole gradients are reduced and spread; partitioned ones are reduced to their owner, who then spreads the weights that it
    has renewed; partitioned weights are gathered for the forward pass and once more for the backward pass.

    Raises
    ------
    InputError
        If there is no such stage.
    """
    _check(stage)
    weights = Collective(name="weights", pattern="all_gather", message_byte=parameters * WEIGHT_BYTE, ranks=ranks)
    gradients = Collective(name="gradients", pattern="reduce_scatter", message_byte=parameters * GRADIENT_BYTE, ranks=ranks)
    if stage == 0:
        return (Collective(name="gradients", pattern="all_reduce", message_byte=parameters * GRADIENT_BYTE, ranks=ranks),)
    return (weights, weights, gradients) if stage == 3 else (gradients, weights)


def _check(stage: int) -> None:
    if stage not in STAGES:
        raise InputError(f"stage {stage!r} of partitioning; there are {', '.join(map(str, STAGES))}")
