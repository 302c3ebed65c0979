"""The best designs so far, from which walks may begin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from explorers.environments.reward import Reward
from explorers.pareto import not_dominated
from explorers.space.space import Places, Scores
from explorers.study import joined
from magnitudes.arrays import Column

KEPT = 16  # designs that are kept of one objective


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
