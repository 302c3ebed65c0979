"""What happens in an episode over a design space, for many environments at once and for none of the libraries in particular.

Three kinds: ``build`` sets the design axis by axis, ``walk`` moves it from where it starts, ``bandit`` names it whole in one step. Every step
evaluates the design as it stands (what is not set yet stands in the middle), so that a learner sees what partial choices come to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from explorers.space.space import DesignSpace, Places, Scores
from magnitudes.arrays import Column, Mask
from magnitudes.names import NameMiss, nearest

KINDS = ("build", "walk", "bandit")
STEPS = 16  # of a walk
Score = Callable[[Places], Scores]


def merit(scores: Scores) -> Column:
    """What a design is worth, large is good: minus the mean logarithm of its objectives; below all of these, by how far it violates."""
    objectives = np.nan_to_num(scores.objectives, nan=1e30, posinf=1e30, neginf=-1e30)
    logs = np.sign(objectives) * np.log(np.maximum(np.abs(objectives), 1e-30))
    worth = -np.where(objectives > 0, logs, -np.abs(logs)).mean(axis=1)
    amount = np.maximum(np.nan_to_num(scores.violations, nan=1e9), 0.0).sum(axis=1)
    worth[~scores.feasible] = INFEASIBLE - np.log1p(amount[~scores.feasible])
    bounded: Column = np.maximum(worth, LEAST)
    return bounded


INFEASIBLE, LEAST = -80.0, -160.0


def target_distance(target: float) -> Callable[[Scores], Column]:
    """ArchGym's reward of one figure: ``target / |figure - target|``, a pole at the target (Krishnan et al. 2023); for comparison only."""

    def reward(scores: Scores) -> Column:
        distance = np.maximum(np.abs(np.abs(scores.objectives[:, 0]) - target), 1e-12)
        return np.where(scores.feasible, target / distance, 0.0)

    return reward


def reciprocal(scores: Scores) -> Column:
    """One over the first objective, nothing where infeasible (as MAESTRO's in ArchGym)."""
    return np.where(scores.feasible, 1.0 / np.maximum(np.abs(scores.objectives[:, 0]), 1e-30), 0.0)


@dataclass
class Episodes:
    """Episodes of several environments side by side: one evaluation a step for all.

    Parameters
    ----------
    space : DesignSpace
    count : int
    kind : str
    reward : callable
        ``Scores -> Column``; a step earns its growth, so that an episode earns what its last design is worth beyond its first.
    score : callable
        Evaluates designs; of the space, if not said.
    steps : int
        Of a walk.
    seed : int
    """

    space: DesignSpace
    count: int = 1
    kind: str = "build"
    reward: Callable[[Scores], Column] = merit
    score: Score | None = None
    steps: int = STEPS
    seed: int = 0
    at: Places = field(init=False, repr=False)
    step_number: int = field(init=False, default=0)
    worth: Column = field(init=False, repr=False)
    feasible: Mask = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise NameMiss("kind of environment", self.kind, nearest(self.kind, KINDS), f"(kinds: {', '.join(KINDS)})")
        self.generator = np.random.default_rng(self.seed)
        self.sizes = np.array(self.space.sizes)
        self.axes = len(self.sizes)
        self._evaluate = self.score or self.space.score

    @property
    def length(self) -> int:
        """Steps of an episode."""
        return {"build": self.axes, "walk": self.steps, "bandit": 1}[self.kind]

    @property
    def action_size(self) -> int:
        """Numbers of an action, each in [-1, 1]: the value of the axis in turn, or a move (or a value) of each."""
        return 1 if self.kind == "build" else self.axes

    @property
    def observation_size(self) -> int:
        """Numbers of an observation: places and which are set, worth, feasibility and progress."""
        return 2 * self.axes + 3

    def begin(self) -> Column:
        """Start all episodes anew; returns observations, shape (environments, numbers)."""
        self.step_number = 0
        middle = np.repeat(((self.sizes - 1) // 2)[None, :], self.count, axis=0).astype(np.int64)
        start = self.space.sample(self.count, self.generator) if self.kind == "walk" else middle
        self.at = self.space.canonical(start)
        self._look()
        return self.observe()

    def act(self, actions: Column) -> tuple[Column, Column, bool]:
        """One step of all; returns observations, rewards and whether the episodes have ended."""
        before = self.worth
        self.at = self.space.canonical(self._moved(np.clip(np.asarray(actions, dtype=np.float64).reshape(self.count, -1), -1.0, 1.0)))
        self.step_number += 1
        self._look()
        return self.observe(), self.worth - before, self.step_number >= self.length

    def _moved(self, actions: Column) -> Places:
        result = self.at.copy()
        if self.kind == "build":
            axis = self.step_number
            result[:, axis] = _place(actions[:, 0], self.sizes[axis])
        elif self.kind == "bandit":
            result = _place(actions, self.sizes)
        else:
            ordered = np.array([a.ordered for a in self.space.axes])
            reach = np.maximum(self.sizes * 0.25, 1.0)
            moved = np.clip(result + np.rint(actions * reach).astype(np.int64), 0, self.sizes - 1)
            result = np.where(ordered, moved, np.where(np.abs(actions) > 0.5, _place(actions, self.sizes), result))
        return result.astype(np.int64)

    def _look(self) -> None:
        scores = self._evaluate(self.at)
        self.worth, self.feasible = self.reward(scores), scores.feasible

    def observe(self) -> Column:
        """Places as shares of their axes, which are set, what the design is worth, whether it is feasible, and how far the episode is."""
        share = self.at / np.maximum(self.sizes - 1, 1) * 2.0 - 1.0
        known = np.ones_like(share) if self.kind != "build" else np.repeat((np.arange(self.axes) < self.step_number)[None, :].astype(float), self.count, axis=0)
        rest = np.stack([np.tanh(self.worth / 20.0), self.feasible.astype(float), np.full(self.count, self.step_number / self.length)], axis=1)
        return np.concatenate([share, known, rest], axis=1).astype(np.float32)


def _place(actions: Column, sizes: np.ndarray) -> Places:
    places: Places = np.clip(np.floor((actions + 1.0) / 2.0 * sizes), 0, sizes - 1).astype(np.int64)
    return places
