"""Gradient boosting whose learners are tables: what a figure is at each combination of the values of a few axes.

Axes of a space have few values, so that a learner needs no tree: it is a table over some axes, and each step adds a share of the mean of what is
left in each cell, shrunk towards nothing where few designs fell (Friedman, *Greedy function approximation*, Annals of Statistics 2001; tables
over few axes are the terms of a functional ANOVA, Hooker 2007). Tables over the same axes add up to one, so that a prediction is as many look-ups
as there are sets of axes, however many steps were taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from explorers.space.space import Places
from magnitudes.arrays import Column

LEVELS = 16  # values of an axis that are told apart; neighbours share one beyond
MOST_CELLS = 4096  # of a table
ROWS = 1 << 13  # predicted together: what stays in cache


@dataclass(frozen=True)
class Tables:
    """A sum of tables.

    Parameters
    ----------
    sizes : tuple of int
        Values of each axis.
    mean : float
    axes : tuple of tuple of int
        Axes of each table.
    cells : tuple of Column
        Of each table, the last of its axes fastest.
    """

    sizes: tuple[int, ...]
    mean: float
    axes: tuple[tuple[int, ...], ...]
    cells: tuple[Column, ...]

    def predict(self, places: Places) -> Column:
        """The figure of each design, shape (designs,)."""
        result = np.empty(len(places))
        for i in range(0, len(places), ROWS):
            levels = levels_of(places[i : i + ROWS], self.sizes)
            part = np.full(len(levels), self.mean)
            for axes, cells in zip(self.axes, self.cells, strict=True):
                part += cells[cell_of(levels, axes, self.sizes)]
            result[i : i + ROWS] = part
        return result


def levels_of(places: Places, sizes: Sequence[int]) -> Places:
    """Which level each place falls on."""
    wide = np.array(sizes)
    return np.where(wide > LEVELS, places * LEVELS // wide, places)


def cell_of(levels: Places, axes: Sequence[int], sizes: Sequence[int]) -> Places:
    """Which cell of a table over some axes each design falls into, shape (designs,)."""
    cell = levels[:, axes[0]]
    for axis in axes[1:]:
        cell = cell * min(sizes[axis], LEVELS) + levels[:, axis]
    return cell


def boost(
    places: Places, figures: Column, sizes: tuple[int, ...], *, order: int = 3, steps: int = 600, rate: float = 0.2, ridge: float = 2.0, tried: int = 24, seed: int = 0
) -> Tables:
    """Learn tables from evaluated designs.

    Parameters
    ----------
    places : Places, shape (designs, axes)
    figures : Column, shape (designs,)
    sizes : tuple of int
        Values of each axis.
    order : int
        Axes of a table at most: how many are allowed to act together.
    steps : int
    rate : float
        Share of what is left that a step takes.
    ridge : float
        Designs' worth of nothing that each cell holds.
    tried : int
        Tables that a step chooses from, drawn anew.
    seed : int
    """
    generator = np.random.default_rng(seed)
    levels = levels_of(places, sizes)
    several = [i for i, s in enumerate(sizes) if s > 1]
    sets = [axes for axes in combinations(several, min(order, len(several))) if np.prod([min(sizes[i], LEVELS) for i in axes]) <= MOST_CELLS]
    cells = [cell_of(levels, axes, sizes) for axes in sets]
    counts = [np.bincount(c, minlength=int(np.prod([min(sizes[i], LEVELS) for i in axes]))) for c, axes in zip(cells, sets, strict=True)]
    total = [np.zeros(len(n)) for n in counts]
    mean = float(figures.mean())
    left = figures - mean
    for _ in range(steps if sets else 0):
        drawn = generator.choice(len(sets), min(tried, len(sets)), replace=False)
        sums = [np.bincount(cells[k], left, minlength=len(counts[k])) for k in drawn]
        gains = [float((s**2 / (counts[k] + ridge)).sum()) for s, k in zip(sums, drawn, strict=True)]
        best = int(np.argmax(gains))
        k = int(drawn[best])
        step = rate * sums[best] / (counts[k] + ridge)
        total[k] += step
        left = left - step[cells[k]]
    used = [k for k in range(len(sets)) if total[k].any()]
    return Tables(sizes, mean, tuple(sets[k] for k in used), tuple(total[k] for k in used))
