"""Fronts: designs that no other beats in every objective, kept in bounded memory, and the volume that they dominate."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from explorers.space.space import Places, Scores
from magnitudes.arrays import Column, Mask

MOST_KEPT = 100_000  # designs of a front that are kept; a front in more than three objectives may hold nearly everything


def not_dominated(objectives: Column) -> Mask:
    """Which rows no other row beats, shape (designs,); of equal rows the first.

    Parameters
    ----------
    objectives : Column, shape (designs, objectives)
        Small is good.
    """
    if len(objectives) == 0:
        return np.zeros(0, dtype=bool)
    if objectives.shape[1] == 1:
        mask = np.zeros(len(objectives), dtype=bool)
        mask[np.argmin(objectives[:, 0])] = True
        return mask
    import moocore

    return np.asarray(moocore.is_nondominated(objectives, keep_weakly=False), dtype=bool)


def hypervolume(objectives: Column, reference: Column) -> float:
    """The volume between a front and a reference point, in units of the objectives.

    Parameters
    ----------
    objectives : Column, shape (designs, objectives)
        Small is good; rows beyond the reference count nothing.
    reference : Column, shape (objectives,)
    """
    inside = objectives[(objectives < reference).all(axis=1)]
    if len(inside) == 0:
        return 0.0
    if objectives.shape[1] == 1:
        return float(reference[0] - inside.min())
    import moocore

    return float(moocore.hypervolume(inside, ref=reference))


@dataclass
class Front:
    """The designs not dominated among all that were offered.

    Parameters
    ----------
    places : Places, shape (designs, axes)
    objectives : Column, shape (designs, objectives)
    dropped : int
        Designs of the front that were left out to bound memory; zero where the front is whole.
    """

    places: Places
    objectives: Column
    dropped: int = 0
    _limit: Column | None = field(default=None, repr=False)

    @classmethod
    def empty(cls, axes: int, objectives: int) -> Front:
        """A front of nothing."""
        return cls(np.zeros((0, axes), dtype=np.int64), np.zeros((0, objectives)))

    def offer(self, places: Places, scores: Scores) -> None:
        """Take in the feasible ones of some designs."""
        self.merge(places[scores.feasible], scores.objectives[scores.feasible])

    def merge(self, places: Places, objectives: Column) -> None:
        """Take in designs that are feasible."""
        if len(places) == 0:
            return
        kept = not_dominated(objectives)  # among themselves first: most go here, and the front stays out of it
        both_places, both_objectives = np.concatenate([self.places, places[kept]]), np.concatenate([self.objectives, objectives[kept]])
        kept = not_dominated(both_objectives)
        self.places, self.objectives = both_places[kept], both_objectives[kept]
        if len(self.places) > MOST_KEPT:
            spread = np.linspace(0, len(self.places) - 1, MOST_KEPT // 2).astype(int)
            order = np.lexsort(self.objectives.T[::-1])[spread]
            self.dropped += len(self.places) - len(order)
            self.places, self.objectives = self.places[order], self.objectives[order]
