"""The optimum with a certificate: no design of the space is better by more than the gap.

A space is cut into regions where formulas have logarithms. Each is closed by outer approximation where its law is a generalised posynomial
(`explorers.proof.outer`: a budget is carried by the relaxation, so that 20 axes take no longer than 12), and by branch and bound where it
has steps (`explorers.proof.branch`). Stopped early, it tells how far at most the best design is from the optimum.
"""

from __future__ import annotations

import time

import numpy as np

from explorers.diagnosis import conflict
from explorers.exactness import can_be_proved
from explorers.proof import branch, outer
from explorers.proof.incumbent import DRAWN, Incumbent
from explorers.proof.region import Region, regions
from explorers.space.space import DesignSpace
from explorers.space.statement import SpaceError
from explorers.study import Progress, Study

GAP = 1e-3
BOUNDLESS = ArithmeticError  # a divisor that passes zero, a power of what may be negative
SECONDS = 600.0


def solve(space: DesignSpace, progress: Progress | None = None, gap: float = GAP, seconds: float = SECONDS) -> Study:
    """The best design, and how far at most any other may be better.

    Parameters
    ----------
    space : DesignSpace
        With one objective, positive everywhere.
    progress : callable, optional
        Told the number of designs scored.
    gap : float
        Relative distance at which to stop.
    seconds : float
        Time after which to stop with the gap reached.

    Raises
    ------
    SpaceError
        If nothing can be proved of such a space, with what can be done.
    """
    if not can_be_proved(space):
        reason = "has several objectives" if len(space.objectives) > 1 else "is evaluated by simulation, whose formulas cannot be bounded"
        raise SpaceError(f"exact: {space.name} {reason}; use exhaustive where it is small, or an explorer such as nsga2")
    start, until = time.perf_counter(), time.monotonic() + seconds
    incumbent = Incumbent(space)
    incumbent.search(np.random.default_rng(0))
    bound = np.inf
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # where a formula has no number, its designs are not feasible
        for region in [] if space.grid_size <= DRAWN else regions(space):  # few designs were all tried
            bound = min(bound, _region_bound(region, incumbent, gap, until))
            if progress is not None:
                progress(incumbent.evaluated)
    if incumbent.places is None:
        proven = "no design is feasible" if np.isinf(bound) else "no feasible design was found, and none is excluded"
        proven = f"{proven}: {incumbent.missing or conflict(space)}"
        empty = np.zeros((0, len(space.axes)), dtype=np.int64)
        return Study("exact", space, 0, {}, empty, space.score(empty), incumbent.evaluated, time.perf_counter() - start, None, proven)
    distance = float(max(0.0, -np.expm1(min(bound, incumbent.log) - incumbent.log)))
    if space.objectives[0].sign < 0:  # a larger figure is better: relative to the best one known
        distance = float(max(0.0, np.expm1(incumbent.log - min(bound, incumbent.log))))
    note = "; ".join(n for n in ("" if distance <= gap else f"stopped after {seconds:g} s", incumbent.missing) if n)
    places = incumbent.places[None, :]
    return Study("exact", space, 0, {}, places, space.score(places), incumbent.evaluated, time.perf_counter() - start, distance, note)


def _region_bound(region: Region, incumbent: Incumbent, gap: float, until: float) -> float:
    """The bound of one region: by outer approximation if that closes it, else by cutting it."""
    if not region.free:
        incumbent.offer(region.places(np.zeros((1, 0), dtype=np.int64)))
        return float("inf")
    try:
        found = outer.prove(outer.Relaxation(region), incumbent, gap, until)
    except BOUNDLESS:
        found = outer.Outcome(-np.inf, closed=False)
    if found.closed:
        return found.bound
    try:
        return max(found.bound, branch.prove(region, incumbent, gap, until))
    except BOUNDLESS as error:
        where = ", ".join(a.name for a in region.free)
        raise SpaceError(
            f"exact: a formula of {region.space.name} has no bound while {where} vary: {error}; "
            "keep what is divided by or raised to a power positive (max(..., 1e-9)), or use exhaustive"
        ) from None
