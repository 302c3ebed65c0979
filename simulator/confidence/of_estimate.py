"""Intervals of an estimate: of one operator, of a pass, of a scenario."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from magnitudes.arrays import Real, maximum, total
from simulator.confidence.band import band
from simulator.confidence.spread import Spread, spread
from simulator.cost import Cost
from simulator.kernels.timing import Timing
from simulator.machine import Machine

NEVER = 1e-12  # repeats of a pass that a scenario does not run: its figure has an interval all the same


@dataclass(frozen=True, slots=True)
class Confidence:
    """What the bands of an estimate depend on besides its operators.

    Parameters
    ----------
    machine : Machine
    timing : Timing
    fidelity : str
        The law that was used.
    """

    machine: Machine
    timing: Timing
    fidelity: str

    def of_cost(self, cost: Cost) -> Spread:
        """The 90 % interval of one call of an operator."""
        own = band(cost.operator, cost.time_s, self.machine, self.timing, self.fidelity)
        return Spread(cost.time_s * own.fast, cost.time_s * own.slow, own.extrapolated)

    def of_costs(self, time_s: Real, costs: Sequence[tuple[Cost, Real]]) -> Spread:
        """The 90 % interval of a time that consists of operators.

        Parameters
        ----------
        time_s : Real
            The whole.
        costs : sequence of (Cost, Real)
            Operators, and what all calls of each take of the whole [s].
        """
        return spread(time_s, [(share_s, band(c.operator, c.time_s, self.machine, self.timing, self.fidelity)) for c, share_s in costs])


def time_shares(passes: Sequence[tuple[Real, Real, Sequence[Cost]]]) -> list[tuple[Cost, Real]]:
    """What each operator takes of several passes.

    Parameters
    ----------
    passes : sequence of (time, repeats, costs)
        Time of a pass, which may be longer or shorter than its operators one after another (pipelines).
    """
    found: list[tuple[Cost, Real]] = []
    for time_s, repeats, costs in passes:
        stretch = time_s / total(c.total_s for c in costs)
        found.extend((c, c.total_s * stretch * maximum(repeats, NEVER)) for c in costs)
    return found
