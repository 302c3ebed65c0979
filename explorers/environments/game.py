"""Designing as a game, many designs beside each other: every step of all of them is one call of the space.

All games of a batch take equally many steps, so they begin and end together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from explorers.environments.reward import Reward
from explorers.space.space import DesignSpace, Places, Scores
from magnitudes.arrays import Column

Observations = NDArray[np.float32]
Score = Callable[[Places], Scores]
LIMIT = 20.0  # observations lie within plus and minus this


@dataclass
class Game:
    """Designs in the making: the base of the three games.

    Parameters
    ----------
    space : DesignSpace
    reward : Reward
    count : int
        Designs beside each other.
    score : callable
        What designs come to; the space's own, or one that counts.
    generator : numpy.random.Generator
        Draws where walks begin, and how much each objective matters in a game.
    continuous : bool
        Actions are numbers from -1 to 1, not choices.
    """

    kind: ClassVar[str] = ""

    space: DesignSpace
    reward: Reward
    count: int
    score: Score
    generator: np.random.Generator
    continuous: bool = False
    places: Places = field(init=False, repr=False)
    scores: Scores = field(init=False, repr=False)
    worth: Column = field(init=False, repr=False)
    weights: Column = field(init=False, repr=False)
    taken: int = field(init=False, default=0, repr=False)

    def __post_init__(self) -> None:
        self.sizes = np.array(self.space.sizes)
        self.several = len(self.space.objectives) > 1
        self.reset()

    @property
    def steps(self) -> int:
        """Steps of one game."""
        raise NotImplementedError

    @property
    def choices(self) -> list[int]:
        """How many actions there are, a number for each part of an action; of continuous ones a 0 for each number."""
        raise NotImplementedError

    def begin(self) -> Places:
        """Designs that games start from."""
        return np.tile(middle(self.space), (self.count, 1))

    def moved(self, actions: NDArray[Any]) -> Places:
        """The designs after an action each."""
        raise NotImplementedError

    def extra(self) -> list[Column]:
        """What a learner sees beside the design and what it comes to, each of shape (count, any)."""
        return [np.full((self.count, 1), 1.0 - 2.0 * self.taken / self.steps)]

    def reset(self) -> Observations:
        """All games begin anew."""
        objectives = len(self.space.objectives)
        self.weights = self.generator.dirichlet(np.ones(objectives), self.count) if self.several else np.ones((self.count, objectives))
        self.taken = 0
        self._at(self.begin())
        return self.observe()

    def step(self, actions: NDArray[Any]) -> tuple[Observations, Column, bool]:
        """An action in each game: what is seen then, what it brought, and whether the games are over."""
        before = self.worth
        places = self.moved(actions)
        self.taken += 1
        self._at(places)
        return self.observe(), self.worth - before, self.taken == self.steps

    def _at(self, places: Places) -> None:
        self.places = self.space.canonical(places)
        self.scores = self.score(self.places)
        self.worth = self.reward(self.scores, self.weights)

    def observe(self) -> Observations:
        """What a learner sees, shape (count, width): the design, what it comes to, what matters, and how far the game is."""
        seen = [2.0 * self.places / np.maximum(self.sizes - 1, 1) - 1.0, self.reward.gains(self.scores), squashed(self.scores.violations), *self.extra()]
        if self.several:
            seen.append(self.weights)
        result: Observations = np.clip(np.concatenate(seen, axis=1), -LIMIT, LIMIT).astype(np.float32)
        return result


def squashed(violations: Column) -> Column:
    """Violations between -1 (far from the limit) and 1 (far beyond it)."""
    clipped = np.clip(np.nan_to_num(violations, nan=1e9), -1e9, 1e9)
    return clipped / (1.0 + np.abs(clipped))


def middle(space: DesignSpace) -> Places:
    """The design with every axis at its middle value, shape (axes,)."""
    design: Places = space.canonical((np.array(space.sizes, dtype=np.int64)[None, :] - 1) // 2)[0]
    return design


def nearest_place(numbers: NDArray[Any], sizes: NDArray[Any]) -> Places:
    """Places that numbers from -1 to 1 name, each place an equal share."""
    places: Places = np.clip(np.floor((np.asarray(numbers, dtype=np.float64) + 1.0) / 2.0 * sizes), 0, sizes - 1).astype(np.int64)
    return places


def moved_by(space: DesignSpace, places: Places, moves: Places) -> Places:
    """Designs after moves by so many places on each axis: numbers stop at the end of their range, names go round."""
    sizes, ordered = np.array(space.sizes), np.array([a.ordered for a in space.axes])
    reached = places + moves
    result: Places = np.where(ordered, np.clip(reached, 0, sizes - 1), reached % sizes)
    return result
