"""Three games. *Build*: a design is set axis by axis, and what is not set yet stands at its middle. *Walk*: a design is moved, a few places
of an axis at a time. *Bandit*: all axes are chosen at once, and the game is over.

In the first two each step brings what it adds to the design's worth, so that a whole game brings the worth of where it ended less that
of where it began.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from explorers.environments.game import Game, Observations, moved_by, nearest_place
from explorers.environments.pool import Pool
from explorers.space.space import Places
from magnitudes.arrays import Column
from magnitudes.names import check_known


@dataclass
class Build(Game):
    """A design is set axis by axis; what is not set stands at its middle.

    An action is one of as many choices as the longest axis has values; shorter axes share them out, so that every action is legal.
    """

    kind: ClassVar[str] = "build"

    @property
    def steps(self) -> int:
        return len(self.sizes)

    @property
    def choices(self) -> list[int]:
        return [0 if self.continuous else int(self.sizes.max())]

    def moved(self, actions: NDArray[Any]) -> Places:
        size = self.sizes[self.taken]
        chosen = np.asarray(actions).reshape(self.count)
        places = self.places.copy()
        places[:, self.taken] = nearest_place(chosen, size) if self.continuous else chosen * size // self.sizes.max()
        return places

    def extra(self) -> list[Column]:
        """Which axes are set, and which comes next."""
        axes = np.arange(len(self.sizes))
        return [np.tile(axes < self.taken, (self.count, 1)), np.tile(axes == self.taken, (self.count, 1))]

    def actions_to(self, places: Places) -> list[NDArray[np.int64]]:
        """For each step the choices that build some designs."""
        return [-(-places[:, i] * self.sizes.max() // self.sizes[i]) for i in range(len(self.sizes))]


@dataclass
class Walk(Game):
    """A design is moved: one axis a step up or down, or a quarter of its range; of continuous actions, all axes by up to a quarter.

    A name has no neighbours: its moves go round.
    """

    kind: ClassVar[str] = "walk"
    length: int = 16
    start: str = "random"  # or middle, or best: where the best designs so far are
    pool: Pool | None = field(init=False, default=None, repr=False)

    @property
    def steps(self) -> int:
        return self.length

    @property
    def choices(self) -> list[int]:
        return [0] * len(self.sizes) if self.continuous else [4 * len(self.sizes)]

    def begin(self) -> Places:
        if self.start == "middle":
            return super().begin()
        drawn = self.space.sample(self.count, self.generator)
        return drawn if self.pool is None else self.pool.starts(self.reward, self.weights, drawn, self.generator)

    def _at(self, places: Places) -> None:
        super()._at(places)
        if self.start == "best":
            self.pool = Pool.of(self.reward, self.places, self.scores, self.pool)

    def moved(self, actions: NDArray[Any]) -> Places:
        quarter = np.maximum(self.sizes // 4, 1)
        if self.continuous:
            return moved_by(self.space, self.places, np.rint(np.asarray(actions, dtype=np.float64) * quarter).astype(np.int64))
        chosen = np.asarray(actions, dtype=np.int64).reshape(self.count)
        axis, way = chosen // 4, chosen % 4
        moves = np.zeros_like(self.places)
        moves[np.arange(self.count), axis] = np.where(way % 2 == 0, -1, 1) * np.where(way < 2, 1, quarter[axis])
        return moved_by(self.space, self.places, moves)


@dataclass
class Bandit(Game):
    """All axes are chosen at once, and the game is over: a bandit, not a sequence of decisions. What is worth seeing beforehand is what matters.

    It brings the design's worth itself, and starts from no design, so that nothing is evaluated beforehand.
    """

    kind: ClassVar[str] = "bandit"

    @property
    def steps(self) -> int:
        return 1

    @property
    def choices(self) -> list[int]:
        return [0] * len(self.sizes) if self.continuous else [int(s) for s in self.sizes]

    def reset(self) -> Observations:
        objectives = len(self.space.objectives)
        self.weights = self.generator.dirichlet(np.ones(objectives), self.count) if self.several else np.ones((self.count, objectives))
        self.taken = 0
        self.worth = np.zeros(self.count)
        return self.observe()

    def moved(self, actions: NDArray[Any]) -> Places:
        chosen = np.asarray(actions).reshape(self.count, len(self.sizes))
        return nearest_place(chosen, self.sizes) if self.continuous else chosen.astype(np.int64)

    def observe(self) -> Observations:
        return self.weights.astype(np.float32)

    def actions_to(self, places: Places) -> list[NDArray[np.int64]]:
        """The one action that makes some designs."""
        return [places]


GAMES: dict[str, type[Game]] = {"build": Build, "walk": Walk, "bandit": Bandit}


def game_class(kind: str) -> type[Game]:
    """A game by name.

    Raises
    ------
    NameMiss
    """
    check_known("kind of environment", kind, GAMES)
    return GAMES[kind]
