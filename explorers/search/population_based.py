"""Population-based training of an explorer's own settings (Jaderberg et al. 2017): members of one kind, each with settings of its own, share a budget.

Members take turns. After each round the worst of them take over from the best: all that these have learned, and their settings changed a little.
So good settings are found while the space is explored, and they may change on the way. A member that asks for nothing new in a whole turn has settled:
another one begins in its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from explorers.base import build, explorer_class, worth
from explorers.space.space import DesignSpace, Places, Scores
from magnitudes.errors import InputError
from magnitudes.names import NameMiss, nearest

KINDS = ("annealing", "ants", "descent", "genetic")  # those that read their settings whenever they ask, not only when they begin
REPLACED = 0.25  # share of the members that take over from others after a round (Jaderberg et al. 2017)
CHANGE = (0.8, 1.25)  # what a number is multiplied by when it is passed on (the same)


@dataclass
class PopulationBased:
    """Members of one kind of explorer, their settings drawn from those that it lists, bred by what they find."""

    about: ClassVar[str] = "population-based training of another explorer's settings (of=annealing, ants, descent or genetic)"
    settings_tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {"of": KINDS, "members": (4, 8), "turn": (10, 20, 40)}

    space: DesignSpace
    seed: int = 0
    budget: int = 200
    of: str = "ants"
    members: int = 4
    turn: int = 20  # designs that a member asks for in a round
    generator: np.random.Generator = field(init=False, repr=False)
    share: int = field(init=False, repr=False)  # of the budget, that a member may count on
    population: list[Any] = field(init=False, repr=False)
    heights: list[float] = field(init=False, repr=False)  # the best that each member or those before it found
    at: int = field(init=False, default=0, repr=False)  # whose turn it is
    taken: int = field(init=False, default=0, repr=False)  # designs of this turn so far
    fresh: int = field(init=False, default=0, repr=False)  # those of them that nobody had asked for
    seen: set[bytes] = field(init=False, default_factory=set, repr=False)

    def __post_init__(self) -> None:
        if self.of not in KINDS:
            raise NameMiss("kind of member", self.of, nearest(self.of, KINDS), f"(known: {', '.join(KINDS)}; settings of others cannot change while they run)")
        if self.members < 2:
            raise InputError(f"members={self.members}: at least two are needed, for one to take over from the other")
        self.generator = np.random.default_rng(self.seed)
        self.share = max(1, self.budget // self.members)
        self.population = [self._new() for _ in range(self.members)]
        self.heights = [np.inf] * self.members

    def _new(self) -> Any:
        """A member that knows nothing, with settings drawn from those that its kind lists."""
        return build(self.of, self.space, self._seed(), self.share, self._drawn())

    def _seed(self) -> int:
        return int(self.generator.integers(1 << 31))

    def _drawn(self) -> dict[str, Any]:
        """Settings drawn from those that the explorer lists."""
        tried = explorer_class(self.of).settings_tried
        return {name: values[int(self.generator.integers(len(values)))] for name, values in tried.items()}

    def ask(self, count: int) -> Places:
        asked: Places = self.population[self.at].ask(min(count, max(1, self.turn - self.taken)))
        return asked

    def tell(self, places: Places, scores: Scores) -> None:
        self.population[self.at].tell(places, scores)
        if len(places):
            self.heights[self.at] = min(self.heights[self.at], float(worth(scores).min()))
        known = len(self.seen)
        self.seen.update(row.tobytes() for row in np.ascontiguousarray(places))
        self.fresh += len(self.seen) - known
        self.taken += max(1, len(places))
        if self.taken < self.turn:
            return
        if self.fresh == 0:
            self.population[self.at], self.heights[self.at] = self._new(), np.inf
        self.at, self.taken, self.fresh = self.at + 1, 0, 0
        if self.at == self.members:
            self.at = 0
            self._round()

    def _round(self) -> None:
        """The worst take over from the best."""
        order = np.argsort(self.heights, kind="stable")
        count = max(1, int(REPLACED * self.members))
        for worse, better in zip(order[-count:], order[:count], strict=True):
            if self.heights[worse] > self.heights[better]:
                self.population[worse] = self._heir(self.population[better])
                self.heights[worse] = self.heights[better]

    def _heir(self, parent: Any) -> Any:
        """All that a member learned, with settings a little different and luck of its own."""
        heir = deepcopy(parent, {id(self.space): self.space})
        heir.generator = np.random.default_rng(self._seed())
        for name, tried in explorer_class(self.of).settings_tried.items():
            setattr(heir, name, changed(getattr(heir, name), tried, self.generator))
        return heir


def changed(value: Any, tried: tuple[Any, ...], generator: np.random.Generator) -> Any:
    """A setting a little different: a number by a fifth or so within the range that is tried, whole where it was whole; else any of those tried."""
    factor = CHANGE[int(generator.integers(2))]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return tried[int(generator.integers(len(tried)))]
    if isinstance(value, int):
        step = max(1, round(abs(value * (factor - 1.0))))
        return min(max(value + (step if factor > 1.0 else -step), min(tried)), max(tried))
    return float(min(max(value * factor, min(tried)), max(tried)))
