"""What an execution model offers to the spine: the cost of an operator, at a fidelity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from magnitudes.arrays import Real
from simulator.cost import Cost
from simulator.reuse import Reuse, reuse_in_model
from workloads.graph import Workload
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
    of_pass : callable, optional
        ``load -> costs``, where what an operator costs depends on its neighbours: sections of fused operators.
    """

    fidelity: str
    cost: Callable[[Operator, Real, Reuse], Cost]
    notes: tuple[str, ...] = ()
    of_pass: Callable[[Workload], tuple[Cost, ...]] | None = None

    def costs(self, load: Workload) -> tuple[Cost, ...]:
        """The costs of a pass, in the order of execution."""
        if self.of_pass is not None:
            return self.of_pass(load)
        reuse = reuse_in_model(load)
        return tuple(self.cost(node.operator, node.count, reuse) for node in load.nodes)
