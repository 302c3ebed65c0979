"""Intervals of an estimate: of one operator, of a pass, of a scenario."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from magnitudes.arrays import Real, choose, largest, maximum, smallest, total, where
from simulator.confidence.band import Band, band
from simulator.confidence.spread import Spread, spread
from simulator.cost import TOGETHER, Cost
from simulator.kernels.timing import Timing
from simulator.machine import Machine

NEVER = 1e-12  # repeats of a pass that a scenario does not run: its figure has an interval all the same


@dataclass(frozen=True, slots=True)
class Confidence:
    """What the bands of an estimate depend on besides its operators.

    Parameters
    ----------
    machines : tuple of Machine
        The engines of the chip, in order.
    timing : Timing
    fidelity : str
        The law that was used.
    """

    machines: tuple[Machine, ...]
    timing: Timing
    fidelity: str

    def of_cost(self, cost: Cost) -> Spread:
        """The 90 % interval of one call of an operator."""
        own = self._band(cost)
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
        return spread(time_s, [(share_s, self._band(c)) for c, share_s in costs])

    def _band(self, cost: Cost) -> Band:
        """The band around one call: that of the engine which runs it, or the widest of those that share it."""
        bands = [band(cost.operator, cost.time_s, machine, self.timing, self.fidelity) for machine in self.machines]
        if len(bands) == 1 or cost.placed is None:
            return bands[0]
        names = [m.engine.name for m in self.machines]
        each = [[bands[names.index(name)] for name in way.split(TOGETHER)] for way in cost.placed.ways]
        fast = choose(cost.placed.choice, [smallest(b.fast for b in own) for own in each])
        slow = choose(cost.placed.choice, [largest(b.slow for b in own) for own in each])
        strange = choose(cost.placed.choice, [largest(where(b.extrapolated, 1.0, 0.0) for b in own) for own in each])
        return Band(fast, slow, strange > 0.5, bands[0].kind)


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
