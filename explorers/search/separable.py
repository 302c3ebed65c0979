"""Integer programming over a space: what each value of each axis adds is learned, and HiGHS finds the best choice of one a value an axis.

Where figures are sums or products over axes (which block a layer takes, which machine serves), the tables are exact as soon as the budget has shown every
value, and the program's answer is the optimum. Elsewhere they are what is separable around the best design so far, and are learned anew as answers come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from explorers.proof.outer import quiet
from explorers.space.space import DesignSpace, Places, Scores
from explorers.study import joined
from magnitudes.arrays import Column

RIDGE = 1e-7  # holds what no design has shown at the mean
SMOOTH = 1e-5  # holds neighbours on an ordered axis on a line
SLACK = 100.0  # price of a broken limit, in spreads of the objective a spread of the limit
FLAT = 1e-12  # a figure that varies by no more, relative, does not vary
LEAST = 1e-3  # a limit kept by more than a factor of a thousand is kept
GAP, NODES = 1e-4, 10  # at which a program ends: by nodes and not by time, so that a seed gives the same again


@dataclass(frozen=True)
class Table:
    """What each value of each axis adds to a figure.

    Parameters
    ----------
    adds : Column, shape (values of all axes,)
    mean, bound : float
        What the sums begin at, and for limits what they may come to.
    """

    adds: Column
    mean: float
    bound: float = 0.0


@dataclass
class IntegerProgram:
    """The best choice of one value an axis, by what the values are known to add."""

    about: ClassVar[str] = "HiGHS over what each value of each axis adds: exact where figures are sums or products over axes"
    settings_tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {"startup": (0.3, 0.6), "batch": (1, 4), "near": (0.0, 0.5)}

    space: DesignSpace
    seed: int = 0
    budget: int = 200
    startup: float = 0.6
    batch: int = 2
    near: float = 0.5
    generator: np.random.Generator = field(init=False, repr=False)
    places: Places = field(init=False, repr=False)
    scores: Scores | None = field(init=False, default=None, repr=False)
    asked: set[bytes] = field(init=False, default_factory=set, repr=False)

    def __post_init__(self) -> None:
        self.generator = np.random.default_rng(self.seed)
        self.places = np.zeros((0, len(self.space.axes)), dtype=np.int64)

    def ask(self, count: int) -> Places:
        unknown = sum(self.space.sizes) - len(self.space.sizes) + 1
        first = max(4, min(unknown, int(self.startup * self.budget)))
        if len(self.places) < first or self.scores is None:
            return self._evenly(min(count, first - len(self.places)))
        objectives, limits = self._tables()
        if not objectives:
            return self.space.sample(min(count, self.batch), self.generator)
        chosen: list[Places] = []
        for _ in range(min(count, max(self.batch, len(self.places) // 16))):
            weights = self.generator.dirichlet(np.ones(len(objectives)))
            found = self._solved(sum(w * t.adds for w, t in zip(weights, objectives, strict=True)), limits)
            if found is None:
                break
            chosen.append(found)
            self.asked |= {found.tobytes()}
        return self.space.canonical(np.stack(chosen)) if chosen else self.space.sample(min(count, self.batch), self.generator)

    def tell(self, places: Places, scores: Scores) -> None:
        known = {row.tobytes() for row in self.places}
        fresh = [i for i, row in enumerate(np.ascontiguousarray(places)) if row.tobytes() not in known]
        if fresh:
            self.places = np.concatenate([self.places, places[fresh]])
            new = scores.rows(fresh)
            self.scores = new if self.scores is None else joined([self.scores, new])
            self.asked |= {row.tobytes() for row in np.ascontiguousarray(places)}

    def _evenly(self, count: int) -> Places:
        """Designs in which each axis shows its values equally often."""
        columns = [self.generator.permutation(np.resize(self.generator.permutation(size), count)) for size in self.space.sizes]
        return self.space.canonical(np.stack(columns, axis=1).astype(np.int64))

    def _tables(self) -> tuple[list[Table], list[Table]]:
        """Tables of the objectives, a spread each, and of the limits."""
        from explorers.base import worth

        assert self.scores is not None
        rows = np.flatnonzero(np.isfinite(self.scores.objectives).all(axis=1))
        if len(rows) < 2:
            return [], []
        scores, shown = self.scores.rows(rows), one_hot(self.places[rows], self.space.sizes)
        best = self.places[rows][int(worth(scores).argmin())]
        weights = np.exp(-self.near * (self.places[rows] != best).sum(axis=1))
        hold = penalty(self.space)
        objectives = [learned(shown, weights, hold, readings(column)) for column in scores.objectives.T]
        limits = [learned(shown, weights, hold, limit_readings(column)) for column in scores.missed.T if np.ptp(column) > 0.0]
        if not scores.built.all():
            limits.append(learned(shown, weights, hold, [((~scores.built).astype(np.float64), 0.5)]))
        return objectives, limits

    def _solved(self, cost: Column, limits: list[Table]) -> Places | None:
        """The choice of least cost that was not asked for yet; limits may be broken at a price."""
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import csr_array, hstack, vstack

        sizes, count = np.array(self.space.sizes), len(cost)
        starts, axes = np.concatenate([[0], np.cumsum(sizes)[:-1]]), len(sizes)
        choose = csr_array((np.ones(count), (np.repeat(np.arange(axes), sizes), np.arange(count))), shape=(axes, count))
        before = np.array([np.frombuffer(row, dtype=np.int64) for row in sorted(self.asked)]) + starts
        seen = csr_array((np.ones(before.size), (np.repeat(np.arange(len(before)), axes), before.ravel())), shape=(len(before), count))
        sums = csr_array(np.array([t.adds for t in limits]).reshape(len(limits), count))
        slack = vstack([csr_array((axes + len(before), len(limits))), csr_array(-np.eye(len(limits)))]) if limits else csr_array((axes + len(before), 0))
        matrix = hstack([vstack([choose, seen, sums]), slack], format="csr")
        low = np.concatenate([np.ones(axes), np.full(len(before) + len(limits), -np.inf)])
        high = np.concatenate([np.ones(axes), np.full(len(before), axes - 1.0), [t.bound - t.mean for t in limits]])
        bounds = Bounds(0.0, np.concatenate([np.ones(count), np.full(len(limits), np.inf)]))
        whole = np.concatenate([np.ones(count), np.zeros(len(limits))])
        prices, rows = np.concatenate([cost, np.full(len(limits), SLACK)]), LinearConstraint(matrix, low, high)
        with quiet():
            result = milp(prices, integrality=whole, bounds=bounds, constraints=rows, options={"mip_rel_gap": GAP, "node_limit": NODES})
        if result.x is None:
            return None
        return np.array([int(np.argmax(part)) for part in np.split(result.x[:count], starts[1:])], dtype=np.int64)


def one_hot(places: Places, sizes: tuple[int, ...]) -> Column:
    """A column a value of each axis, one where a design has it."""
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    result = np.zeros((len(places), int(sum(sizes))))
    result[np.arange(len(places))[:, None], places + starts] = 1.0
    return result


def penalty(space: DesignSpace) -> Column:
    """What holds values that few designs have shown: neighbours on a line, everything near the mean."""
    result = RIDGE * np.eye(sum(space.sizes))
    start = 0
    for axis in space.axes:
        if axis.ordered and axis.size > 2:
            bend = np.diff(np.eye(axis.size), n=2, axis=0)
            result[start : start + axis.size, start : start + axis.size] += SMOOTH * bend.T @ bend
        start += axis.size
    return result


def readings(column: Column) -> list[tuple[Column, float]]:
    """An objective as it is, and in logarithms where it has one sign: sums add up in the first, products in the second."""
    sign = 1.0 if (column > 0.0).all() else -1.0
    one_sign = bool((sign * column > 0.0).all())
    return [(column, 0.0)] + ([(sign * np.log(sign * column), 0.0)] if one_sign else [])


def limit_readings(column: Column) -> list[tuple[Column, float]]:
    """A limit as a share of what is allowed, as it is and in logarithms, and what it may come to."""
    if np.isin(column, (0.0, 1.0)).all():
        return [(column, 0.5)]
    return [(column, 0.0), (np.log(np.maximum(1.0 + column, LEAST)), 0.0)]


def learned(shown: Column, weights: Column, hold: Column, ways: list[tuple[Column, float]]) -> Table:
    """The table of a figure, in that of its readings which adds up best, in spreads of it."""
    tables = []
    for figure, bound in ways:
        mean, spread = float(np.average(figure, weights=weights)), max(float(figure.std()), FLAT * float(np.abs(figure).max()), 1e-300)
        told = (figure - mean) / spread
        adds = np.linalg.solve(shown.T @ (weights[:, None] * shown) + weights.sum() * hold, shown.T @ (weights * told))
        missed = float((weights * (shown @ adds - told) ** 2).sum() + weights.sum() * adds @ hold @ adds)
        tables.append((missed, Table(adds, mean / spread, bound / spread)))
    return min(tables, key=lambda t: t[0])[1]
