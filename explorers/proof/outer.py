"""Outer approximation: a convex problem over finite axes as a mixed-integer linear one, tightened where its answer lies.

Objective and limits are touched from below by affine functions of the logarithms (`magnitudes.log_affine`), which hold over the whole
region. A linear program over them bounds the continuous problem; one with a choice a value of each axis bounds the discrete one, and its
answer is a design. The formulas are touched there again, until the bound meets the best design (Duran and Grossmann, *An
outer-approximation algorithm for a class of mixed-integer nonlinear programs*, 1986).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import coo_array, csr_array, hstack, vstack

from explorers.proof.boxes import limit_bounds, objective_bound
from explorers.proof.incumbent import Incumbent
from explorers.proof.region import Region
from explorers.space.space import Places
from magnitudes.affine import Affine, Box
from magnitudes.arrays import Column
from magnitudes.log_affine import inputs_of
from magnitudes.replay import replay

SHIFT = 100.0  # added to the objective so that a relative gap of the solver is an absolute one of ours
NOTHING = float("inf")
CONTINUOUS_ROUNDS = 60
CONTINUOUS_GAIN = 1e-4


@dataclass
class Cuts:
    """Rows ``gradient @ x + offset <= bound``, with ``t`` as the objective's logarithm where `of_objective`."""

    gradients: list[Column] = field(default_factory=list)
    offsets: list[float] = field(default_factory=list)
    of_objective: list[bool] = field(default_factory=list)

    def add(self, affine: Affine, point: Column, *, objective: bool) -> None:
        """Take in affine functions, a point a row; those that are no numbers say nothing."""
        finite = np.isfinite(affine.value) & np.isfinite(affine.gradient).all(axis=1)
        for value, gradient, at in zip(affine.value[finite], affine.gradient[finite], point[finite], strict=True):
            self.gradients.append(gradient)
            self.offsets.append(float(value - gradient @ at))
            self.of_objective.append(objective)

    def matrix(self) -> tuple[Column, Column]:
        """Rows over ``(x, t)`` and their bounds: ``A @ (x, t) <= b``.

        Raises
        ------
        ArithmeticError
            If there are none.
        """
        if not self.gradients:
            raise ArithmeticError("it is no number at any of its designs that was touched")
        rows = np.column_stack([np.array(self.gradients), np.where(self.of_objective, -1.0, 0.0)])
        return rows, -np.array(self.offsets)


class Relaxation:
    """A region's outer approximation.

    Parameters
    ----------
    region : Region
    """

    def __init__(self, region: Region) -> None:
        self.region = region
        self.axes = region.free
        self.logs = [np.log(v) for v in region.columns]
        self.least, self.most = np.array([v[0] for v in region.columns]), np.array([v[-1] for v in region.columns])
        self.low, self.high = np.log(self.least), np.log(self.most)
        self.cuts = Cuts()
        self.impossible = False
        self.sign = region.space.objectives[0].sign

    def touch(self, points: Column) -> Column:
        """Add what the formulas are at some points; returns the objective's affine bound there."""
        formula, outputs = self.region.formula
        wanted = {"figure": outputs["figure:0"]}
        for i, (low, high) in enumerate(self.region.limits):
            wanted |= {f"low:{i}": low, f"high:{i}": high}
        box = Box(self.least, self.most, points)
        read = replay(formula, wanted, dict(zip((a.name for a in self.axes), inputs_of(box), strict=True)))
        objective, _ = objective_bound(read["figure"], box, self.sign)
        self.cuts.add(objective, points, objective=True)
        limits, impossible = limit_bounds(read, len(self.region.limits), box)
        self.impossible |= bool(impossible.any())
        for limit in limits:
            self.cuts.add(limit, points, objective=False)
        return objective.value

    def continuous(self) -> tuple[float, Column | None]:
        """Bound of the objective's logarithm, and where it lies, without regard to which values axes have."""
        rows, bounds = self.cuts.matrix()
        cost = np.zeros(len(self.axes) + 1)
        cost[-1] = 1.0
        limits = [*zip(self.low, self.high, strict=True), (-700.0, 700.0)]
        result = linprog(cost, A_ub=rows, b_ub=bounds, bounds=limits, method="highs")
        if result.status == 2 or result.x is None or result.fun is None:
            return (NOTHING if result.status == 2 else -NOTHING), None
        return float(result.fun), result.x[:-1]

    def discrete(self, gap: float, seconds: float) -> tuple[float, Places | None]:
        """Bound of the objective's logarithm over designs, and the design where it lies."""
        rows, bounds = self.cuts.matrix()
        sizes = [len(v) for v in self.logs]
        total = sum(sizes)
        owner = np.repeat(np.arange(len(sizes)), sizes)
        values = np.concatenate(self.logs)
        choose = coo_array((np.ones(total), (owner, np.arange(total))), shape=(len(sizes), total))
        expanded = csr_array(rows[:, :-1])[:, owner].multiply(values[None, :])
        matrix = vstack([hstack([expanded, csr_array(rows[:, -1:])]), hstack([choose, csr_array((len(sizes), 1))])], format="csr")
        constraint = LinearConstraint(matrix, np.concatenate([np.full(len(rows), -np.inf), np.ones(len(sizes))]), np.concatenate([bounds, np.ones(len(sizes))]))
        limits = Bounds(np.append(np.zeros(total), -700.0 + SHIFT), np.append(np.ones(total), 700.0 + SHIFT))
        constraint = LinearConstraint(matrix, constraint.lb, constraint.ub - np.append(rows[:, -1] * -SHIFT, np.zeros(len(sizes))))
        cost = np.append(np.zeros(total), 1.0)
        kinds = np.append(np.ones(total), 0.0)
        with quiet():
            result = milp(cost, integrality=kinds, bounds=limits, constraints=constraint, options={"mip_rel_gap": gap / SHIFT, "time_limit": max(seconds, 0.1)})
        if result.status == 2:
            return NOTHING, None
        bound = -700.0 if result.mip_dual_bound is None else float(result.mip_dual_bound) - SHIFT
        if result.x is None:
            return bound, None
        places = [int(np.argmax(part)) for part in np.split(result.x[:-1], np.cumsum(sizes)[:-1])]
        return bound, np.array(places, dtype=np.int64)

    def point(self, ranks: Places) -> Column:
        """Logarithms of the values at some ranks, shape (designs, axes)."""
        return np.stack([self.logs[i][ranks[:, i]] for i in range(len(self.axes))], axis=1)


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing on the process's standard output: the solver prints a line there now and then, which would break what is printed as JSON."""
    sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:  # no standard output at all
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known of a region: no design of it is better than `bound` (the objective's logarithm, minimised)."""

    bound: float
    closed: bool


def prove(relaxation: Relaxation, incumbent: Incumbent, gap: float, until: float) -> Outcome:
    """Tighten a relaxation until its bound meets the best design known.

    Parameters
    ----------
    relaxation : Relaxation
    incumbent : Incumbent
        Offered the designs at which the relaxation is least.
    gap : float
        Relative distance at which the bound has met the best.
    until : float
        `time.monotonic` at which to stop.
    """
    bound = _continuous(relaxation, incumbent, gap, until)
    asked: set[bytes] = set()
    while bound < incumbent.log - np.log1p(gap) and time.monotonic() < until:
        found, places = relaxation.discrete(gap / 4, until - time.monotonic())
        bound = max(bound, found)
        if places is None:
            break
        incumbent.offer(relaxation.region.places(places[None, :]))
        if places.tobytes() in asked:  # the formulas are not convex here: touching again adds nothing
            break
        asked.add(places.tobytes())
        relaxation.touch(relaxation.point(places[None, :]))
    return Outcome(bound, bound >= incumbent.log - np.log1p(gap))


def _continuous(relaxation: Relaxation, incumbent: Incumbent, gap: float, until: float) -> float:
    """The continuous bound, tightened while that pays."""
    centre = (relaxation.low + relaxation.high) / 2
    relaxation.touch(np.stack([centre, relaxation.low, relaxation.high]))
    bound, history = -NOTHING, []
    for _ in range(CONTINUOUS_ROUNDS):
        if relaxation.impossible:
            return NOTHING
        found, point = relaxation.continuous()
        bound = max(bound, found)
        if point is None or bound >= incumbent.log - np.log1p(gap) or time.monotonic() > until:
            break
        history.append(bound)
        if len(history) > 8 and history[-1] - history[-8] < CONTINUOUS_GAIN:
            break
        steps = np.array([0.0, 0.5, 0.9])[:, None]
        relaxation.touch(point + steps * (centre - point))
        centre = 0.7 * centre + 0.3 * point
    return bound
