"""Which designs to evaluate next, from what a model says of many."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from explorers.pareto import hypervolume, not_dominated
from magnitudes.arrays import Column

LIKELY = 0.5  # chance of being feasible that a candidate needs at least
TRIED = 128  # candidates whose gain in hypervolume is computed


def chance(means: Column, deviations: Column) -> Column:
    """Chance that all limits hold, taken as independent, shape (rows,)."""
    sure = np.maximum(deviations, 1e-9)
    result: Column = ndtr(-means / sure + 1e-6).prod(axis=1)
    return result


def best_rows(figures: Column, chances: Column, front: Column, reference: Column, count: int) -> list[int]:
    """Rows that together add most hypervolume to a front, each gain times its chance; the largest first.

    Parameters
    ----------
    figures : Column, shape (rows, objectives)
        What the model says, small is good.
    chances : Column, shape (rows,)
        Of being feasible.
    front : Column, shape (designs, objectives)
        What is known already.
    reference : Column, shape (objectives,)
    count : int
        At most so many; fewer where no other adds anything.
    """
    likely = np.flatnonzero((chances >= LIKELY) & (figures < reference).all(axis=1))
    if len(likely) == 0:
        return []
    rows = likely[not_dominated(figures[likely])]
    if len(rows) > TRIED:
        rows = rows[np.argsort(figures[rows, 0], kind="stable")[np.linspace(0, len(rows) - 1, TRIED).astype(int)]]
    known, taken = front, []
    for _ in range(min(count, len(rows))):
        before = hypervolume(known, reference)
        gains = np.array([hypervolume(np.concatenate([known, figures[r][None, :]]), reference) - before for r in rows]) * chances[rows]
        best = int(gains.argmax())
        if gains[best] <= 0.0:
            break
        taken.append(int(rows[best]))
        known = np.concatenate([known, figures[rows[best]][None, :]])
        rows = np.delete(rows, best)
    return taken
