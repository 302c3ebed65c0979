"""An explorer that learns a model of the evaluator, and asks for the designs of which the model expects most.

Each objective and each limit has a Gaussian process of its own over all axes together. Candidates are the whole grid where it is small, else a
draw and the neighbours of the front. Those that together add most hypervolume to the front known so far are asked for, each gain times the
chance that the design is feasible; half of them by what the model is sure of, half by what it holds for possible.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from explorers.pareto import not_dominated
from explorers.search.walking import neighbours
from explorers.space.space import DesignSpace, Places, Scores
from explorers.study import joined
from explorers.surrogate.gaussian import Gaussian, fit
from explorers.surrogate.picking import best_rows, chance
from explorers.surrogate.scale import Scale, inputs_of, limits_of
from magnitudes.arrays import Column, Mask

LEARNED_FROM = 160  # designs that a process learns from at most: the best and a draw of the others
CLOSE = 0.75  # share of these that are the best


@dataclass
class ModelGuided:
    """Evaluations guided by Gaussian processes; the base of those that know more than the axes."""

    about: ClassVar[str] = "Gaussian processes of objectives and limits over the whole grid or a pool"
    settings_tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {"startup": (8, 12, 20), "batch": (1, 4), "candidates": (2000, 8000), "optimism": (0.5, 1.0, 2.0)}

    space: DesignSpace
    seed: int = 0
    budget: int = 200
    startup: int = 12
    batch: int = 2
    candidates: int = 8000
    optimism: float = 1.0
    generator: np.random.Generator = field(init=False, repr=False)
    places: Places = field(init=False, repr=False)
    scores: Scores | None = field(init=False, default=None, repr=False)
    seen: set[bytes] = field(init=False, default_factory=set, repr=False)

    def __post_init__(self) -> None:
        self.generator = np.random.default_rng(self.seed)
        self.places = np.zeros((0, len(self.space.axes)), dtype=np.int64)

    # what the model is told: overridden where more is known than the axes

    def told(self, places: Places, scores: Scores, scale: Scale) -> Column:
        """What is learned of evaluated designs, shape (designs, objectives and limits)."""
        return np.column_stack([scale.told(scores.objectives), limits_of(scores)])

    def base(self, places: Places, scale: Scale) -> Column | float:
        """What is known of a design without the model, of the shape of `told`."""
        return 0.0

    def inputs(self, places: Places) -> Column:
        """The model's inputs."""
        return inputs_of(self.space, places)

    def scale(self) -> Scale:
        """How objectives are read."""
        assert self.scores is not None
        finite = np.isfinite(self.scores.objectives).all(axis=1)
        return Scale.of(self.scores.objectives[finite])

    def pool(self) -> Places:
        """Designs that may be asked for next."""
        if self.space.grid_size <= self.candidates:
            return self._unseen(self.space.every())
        drawn = self.space.sample(self.candidates // 2, self.generator)
        around = np.repeat(self.places[self._front_rows()], 64, axis=0)
        near = self.generator.permutation(around)[: self.candidates // 2]
        once = neighbours(self.space, near, 0.2, self.generator) if len(near) else near
        twice = neighbours(self.space, once, 0.2, self.generator) if len(near) else near
        return self._unseen(np.unique(np.concatenate([drawn, once, twice]), axis=0))

    def first(self, count: int) -> Places:
        """Designs to begin with."""
        return self.space.sample(count, self.generator)

    def reference(self) -> Column:
        """Where hypervolume is measured from: as the space says, or the worst of each objective so far."""
        assert self.scores is not None
        found = self.scores.objectives[self.scores.feasible]
        worst = found.max(axis=0) if len(found) else np.full(len(self.space.objectives), np.inf)
        return told_reference(self.space, worst)

    # asked and told

    def ask(self, count: int) -> Places:
        if len(self.seen) < self.startup or self.scores is None or not np.isfinite(self.scores.objectives).all(axis=1).any():
            return self.first(min(count, max(1, self.startup - len(self.seen))))
        pool = self.pool()
        if len(pool) == 0:
            return self.space.sample(min(count, self.startup), self.generator)
        return self.chosen(pool, min(self.wanted(count), len(pool)))

    def wanted(self, count: int) -> int:
        """How many designs are asked for together, of those that a budget leaves."""
        return min(count, max(self.batch, len(self.seen) // 8))

    def chosen(self, pool: Places, count: int) -> Places:
        """The designs of a pool that are asked for."""
        return pool[self._choose(pool, count)]

    def tell(self, places: Places, scores: Scores) -> None:
        fresh = []
        for i, row in enumerate(np.ascontiguousarray(places)):
            if row.tobytes() not in self.seen:
                self.seen.add(row.tobytes())
                fresh.append(i)
        if fresh:
            self.places = np.concatenate([self.places, places[fresh]])
            new = scores.rows(fresh)
            self.scores = new if self.scores is None else joined([self.scores, new])

    def _choose(self, pool: Places, count: int) -> list[int]:
        """Rows of the pool: by what is expected, by what is possible, and where these add nothing at random."""
        assert self.scores is not None
        scale = self.scale()
        means, deviations = self.predict(pool, scale)
        wanted = len(self.space.objectives)
        front = self.scores.objectives[self._front_rows()]
        chances = chance(means[:, wanted:], deviations[:, wanted:])
        possible = scale.figures(means[:, :wanted] - self.optimism * deviations[:, :wanted])
        expected = scale.figures(means[:, :wanted])
        rows = best_rows(expected, chances, front, self.reference(), (count + 1) // 2)
        rows += [r for r in best_rows(possible, chances, front, self.reference(), count) if r not in rows][: count - len(rows)]
        if not rows or len(rows) < count:
            left = np.setdiff1d(np.arange(len(pool)), rows)
            weight = chances[left] + 1e-6
            drawn = self.generator.choice(left, min(count - len(rows), len(left)), replace=False, p=weight / weight.sum())
            rows += [int(r) for r in drawn]
        return rows

    def predict(self, places: Places, scale: Scale) -> tuple[Column, Column]:
        """Means and deviations of objectives (as the model reads them) and limits, each of shape (designs, objectives and limits)."""
        assert self.scores is not None
        rows = self._learned_from()
        told = self.told(self.places[rows], self.scores.rows(rows), scale) - self.base(self.places[rows], scale)
        inputs, asked = self.inputs(self.places[rows]), self.inputs(places)
        models: list[Gaussian] = [fit(inputs, column) for column in told.T]
        said = [model.predict(asked) for model in models]
        return np.stack([s[0] for s in said], axis=1) + self.base(places, scale), np.stack([s[1] for s in said], axis=1)

    def _learned_from(self) -> Any:
        assert self.scores is not None
        rows = np.flatnonzero(np.isfinite(self.scores.objectives).all(axis=1))
        if len(rows) <= LEARNED_FROM:
            return rows
        from explorers.base import worth

        order = rows[np.argsort(worth(self.scores.rows(rows)), kind="stable")]
        close = int(CLOSE * LEARNED_FROM)
        return np.concatenate([order[:close], self.generator.choice(order[close:], LEARNED_FROM - close, replace=False)])

    def _front_rows(self) -> Any:
        assert self.scores is not None
        rows = np.flatnonzero(self.scores.feasible)
        return rows[not_dominated(self.scores.objectives[rows])]

    def _unseen(self, places: Places) -> Places:
        kept: Mask = np.array([row.tobytes() not in self.seen for row in np.ascontiguousarray(places)], dtype=bool)
        return places[kept]


def told_reference(space: DesignSpace, worst: Column) -> Column:
    """The space's own reference where it says one, else a little beyond the worst."""
    margin = np.where(np.isfinite(worst), worst + 0.01 * np.abs(worst), 1e300)
    given = [space.reference.get(o.name) for o in space.objectives]
    return np.array([m if g is None else float(g) * o.sign for m, g, o in zip(margin, given, space.objectives, strict=True)])
