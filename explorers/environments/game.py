"""Designing as a game, many designs beside each other: every step of all of them is one call of the space.

Three games. *Build*: a design is set axis by axis, and what is not set yet stands at its middle. *Walk*: a design is moved, a few places
of an axis at a time. *Bandit*: all axes are chosen at once, and the game is over. In the first two each step brings what it adds to the
design's worth, so that a whole game brings the worth of where it ended less that of where it began.

All games of a batch take equally many steps, so they begin and end together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from explorers.environments.reward import Reward
from explorers.pareto import not_dominated
from explorers.space.space import DesignSpace, Places, Scores
from explorers.study import joined
from magnitudes.arrays import Column
from magnitudes.names import NameMiss, nearest

Observations = NDArray[np.float32]
Score = Callable[[Places], Scores]
KEPT = 16  # designs from which walks begin at the best
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


def moved_by(space: DesignSpace, places: Places, moves: Places) -> Places:
    """Designs after moves by so many places on each axis: numbers stop at the end of their range, names go round."""
    sizes, ordered = np.array(space.sizes), np.array([a.ordered for a in space.axes])
    reached = places + moves
    result: Places = np.where(ordered, np.clip(reached, 0, sizes - 1), reached % sizes)
    return result


@dataclass(frozen=True)
class Pool:
    """The best designs so far, from which walks may begin.

    Parameters
    ----------
    places : Places
    scores : Scores
    """

    places: Places
    scores: Scores

    @classmethod
    def of(cls, reward: Reward, places: Places, scores: Scores, before: Pool | None) -> Pool:
        """The best of those before and new ones: the `KEPT` best of one objective; of several, all that no other beats, and those best for some weights."""
        if before is not None:
            places, scores = np.concatenate([before.places, places]), joined([before.scores, scores])
        places, first = np.unique(places, axis=0, return_index=True)
        scores = scores.rows(first)
        objectives = scores.objectives.shape[1]
        if objectives == 1:
            kept = np.argsort(-reward(scores, np.ones((len(places), 1))), kind="stable")[:KEPT]
        else:
            weights = np.random.default_rng(0).dirichlet(np.ones(objectives), KEPT)
            feasible = np.flatnonzero(scores.feasible)
            front = feasible[not_dominated(scores.objectives[feasible])]
            kept = np.unique(np.concatenate([best_by(reward, scores, weights), front]))
        return cls(places[kept], scores.rows(kept))

    def starts(self, reward: Reward, weights: Column, drawn: Places, generator: np.random.Generator) -> Places:
        """A design for each game: in turn the best, the next best, ...; of several objectives in turn the best by the game's weights, and any of the pool.

        No weights make the best of a design in a hollow of the front: it is found beside others of the front.

        The last game begins at what was drawn, so that the pool never closes.
        """
        result = drawn.copy()
        begun = len(drawn) - 1
        if weights.shape[1] == 1:
            result[:begun] = self.places[np.arange(begun) % len(self.places)]
        else:
            result[:begun] = self.places[best_by(reward, self.scores, weights[:begun])]
            result[1:begun:2] = self.places[generator.integers(0, len(self.places), len(result[1:begun:2]))]
        return result


def best_by(reward: Reward, scores: Scores, weights: Column) -> NDArray[np.int64]:
    """For each row of weights the design that is worth most by them, shape (rows of weights,)."""
    designs, rows = len(scores), len(weights)
    worth = reward(scores.rows(np.tile(np.arange(designs), rows)), np.repeat(weights, designs, axis=0))
    best: NDArray[np.int64] = worth.reshape(rows, designs).argmax(axis=1)
    return best


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
    if kind not in GAMES:
        raise NameMiss("kind of environment", kind, nearest(kind, GAMES), f"(known: {', '.join(GAMES)})")
    return GAMES[kind]
