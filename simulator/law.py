"""What an execution model offers to the spine: the cost of an operator, at a fidelity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from magnitudes.arrays import Real
from simulator.cost import Cost
from simulator.reuse import Reuse
from workloads.operator import Operator


@dataclass(frozen=True, slots=True)
class CostLaw:
    """A way to cost operators.

    Parameters
    ----------
    fidelity : str
        ``roofline`` or ``tile``: what the law is, which may be less than what was asked.
    cost : callable
        ``(operator, count, reuse) -> Cost``.
    notes : tuple of str
        What a reader of the estimate should know of it.
    """

    fidelity: str
    cost: Callable[[Operator, Real, Reuse], Cost]
    notes: tuple[str, ...] = ()
