"""Explorers that walk: simulated annealing, and descent along one axis after another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from explorers.base import worth
from explorers.space.space import DesignSpace, Places, Scores


def neighbours(space: DesignSpace, places: Places, reach: float, generator: np.random.Generator) -> Places:
    """Each design with one axis moved: a number by up to `reach` of its range, a name to any other."""
    result = places.copy()
    rows = np.arange(len(places))
    several = np.flatnonzero(np.array(space.sizes) > 1)
    axes = generator.choice(several, len(places))
    sizes = np.array(space.sizes)[axes]
    ordered = np.array([a.ordered for a in space.axes])[axes]
    most = np.maximum(np.round(reach * sizes), 1).astype(np.int64)
    steps = generator.integers(1, most + 1) * generator.choice([-1, 1], len(places))
    moved = np.clip(result[rows, axes] + steps, 0, sizes - 1)
    anywhere = generator.integers(0, sizes)
    result[rows, axes] = np.where(ordered, moved, anywhere)
    return space.canonical(result)


@dataclass
class Annealing:
    """Simulated annealing (Kirkpatrick, Gelatt and Vecchi 1983): steps to a neighbour, worse ones less and less often."""

    about: ClassVar[str] = "simulated annealing, several walks"
    settings_tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {"start": (0.03, 0.1, 0.3), "end": (1e-4, 1e-3), "reach": (0.1, 0.25, 0.5), "walks": (1, 4, 8)}

    space: DesignSpace
    seed: int = 0
    budget: int = 200
    start: float = 0.1
    end: float = 1e-3
    reach: float = 0.25
    walks: int = 4
    generator: np.random.Generator = field(init=False, repr=False)
    at: Places | None = field(init=False, default=None, repr=False)
    height: Any = field(init=False, default=None, repr=False)
    seen: int = field(init=False, default=0, repr=False)

    def __post_init__(self) -> None:
        self.generator = np.random.default_rng(self.seed)

    def ask(self, count: int) -> Places:
        if self.at is None:
            return self.space.sample(self.walks, self.generator)
        return neighbours(self.space, self.at, self.reach, self.generator)

    def tell(self, places: Places, scores: Scores) -> None:
        height = worth(scores)
        if self.at is None or len(places) < len(self.at):
            self.at, self.height = places, height
            return
        self.seen += len(places)
        done = min(1.0, self.seen / max(self.budget, 1))
        temperature = self.start * (self.end / self.start) ** done
        rise = relative(height, self.height)
        taken = self.generator.random(len(places)) < np.exp(-np.maximum(rise, 0.0) / temperature)
        self.at = np.where(taken[:, None], places, self.at)
        self.height = np.where(taken, height, self.height)


def relative(new: Any, old: Any) -> Any:
    """How much worse figures became, relative to what they were; among infeasible designs by how far they violate."""
    return np.clip((new - old) / np.maximum(np.abs(old), 1e-300), -1e9, 1e9)


@dataclass
class Descent:
    """From the best of a few draws, along one axis after another to its best value, again until nothing changes, then from elsewhere."""

    about: ClassVar[str] = "descent along one axis after another, those that mattered most first"
    settings_tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {"drawn": (4, 16, 32), "tried": (2, 4, 8)}

    space: DesignSpace
    seed: int = 0
    budget: int = 200
    drawn: int = 8
    tried: int = 4
    generator: np.random.Generator = field(init=False, repr=False)
    at: Places | None = field(init=False, default=None, repr=False)
    height: float = field(init=False, default=np.inf, repr=False)
    gains: Any = field(init=False, repr=False)
    axis: int = field(init=False, default=-1, repr=False)
    waiting: list[int] = field(init=False, default_factory=list, repr=False)
    reach: float = field(init=False, default=1.0, repr=False)

    def __post_init__(self) -> None:
        self.generator = np.random.default_rng(self.seed)
        self.gains = np.full(len(self.space.axes), np.inf)

    def ask(self, count: int) -> Places:
        if self.at is None:
            self.axis, self.reach = -1, 1.0
            return self.space.sample(self.drawn, self.generator)
        if not self.waiting:
            self.waiting = [int(i) for i in np.argsort(self.gains) if self.space.sizes[i] > 1]  # the most promising is taken from the end
        self.axis = self.waiting.pop()
        return self.space.canonical(self._along(self.at, self.axis))

    def _along(self, places: Places, axis: int) -> Places:
        """A few values of one axis around where it stands, fewer steps apart as the descent goes on."""
        size, here = self.space.sizes[axis], int(places[axis])
        if self.space.axes[axis].ordered:
            width = max(1.0, self.reach * size / 2)
            offsets = np.round(np.linspace(-width, width, self.tried + 1)).astype(int)
            values = np.unique(np.clip(here + offsets, 0, size - 1))
        else:
            values = self.generator.permutation(size)[: self.tried]
        values = values[values != here] if (values != here).any() else values
        result = np.repeat(places[None, :], len(values), axis=0)
        result[:, axis] = values
        return result

    def tell(self, places: Places, scores: Scores) -> None:
        if len(places) == 0:
            return
        height = worth(scores)
        best = int(height.argmin())
        if self.at is None:
            self.at, self.height = places[best], float(height[best])
            self.gains[:] = np.inf
            return
        gain = max(0.0, float(relative(self.height, height[best]))) if height[best] < self.height else 0.0
        self.gains[self.axis] = gain
        if height[best] < self.height:
            self.at, self.height = places[best], float(height[best])
        if not self.waiting and not (self.gains > 0).any():
            self.reach /= 2
            self.gains[:] = np.inf
            if self.reach * max(self.space.sizes) < 1.0:
                self.at = None  # settled: start elsewhere
