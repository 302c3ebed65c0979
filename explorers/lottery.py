"""The lottery of settings: how much depends on an explorer's hyperparameters, and how that shrinks with the budget.

ArchGym (Krishnan et al. 2023) concludes that every kind of explorer reaches the target under some settings, and that without knowing them what is
found differs widely. Here each explorer runs under every combination of the settings that it lists, over several seeds; the median over seeds is
what a combination is worth, so that luck of settings is told apart from luck of seeds.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from explorers.base import explorer_class
from explorers.race import Progress, all_runs, truth_of
from explorers.run import ENOUGH, Job
from explorers.space.catalog import find_space
from explorers.tabulated import tabulated
from magnitudes.arrays import Column

MOST_SETTINGS = 24  # combinations an explorer; of more, as many are drawn

Settings = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Draw:
    """What one explorer found on one space under each of its settings.

    Parameters
    ----------
    space, explorer : str
    settings : tuple
        Combinations, each (name, value) by name.
    shares : mapping of int to Column, shape (settings, seeds)
        Budget -> share of what can be won.
    """

    space: str
    explorer: str
    settings: tuple[Settings, ...]
    shares: Mapping[int, Column]

    def worth(self, budget: int) -> Column:
        """What each combination is worth: the median over seeds, shape (settings,)."""
        middle: Column = np.median(self.shares[budget], axis=1)
        return middle

    def spread(self, budget: int) -> float:
        """How far the best combination is above the worst."""
        return float(np.ptp(self.worth(budget)))

    def luck(self, budget: int) -> float:
        """How far a lucky seed is above an unlucky one, of the combination in the middle."""
        order = np.argsort(self.worth(budget), kind="stable")
        return float(np.ptp(self.shares[budget][order[len(order) // 2]]))

    def reached(self, budget: int, target: float = ENOUGH) -> float:
        """Share of the combinations that reach a target."""
        return float((self.worth(budget) >= target).mean())

    def best(self, budget: int) -> Mapping[str, Any]:
        """The settings that are worth most."""
        return dict(self.settings[int(self.worth(budget).argmax())])


def combinations(explorer: str, at_most: int = MOST_SETTINGS) -> list[Settings]:
    """Every combination of the settings that an explorer lists; of too many, a fixed draw."""
    tried = explorer_class(explorer).settings_tried
    every = [tuple(zip(tried, values, strict=True)) for values in product(*tried.values())]
    if len(every) > at_most:
        chosen = np.random.default_rng(0).choice(len(every), at_most, replace=False)
        every = [every[i] for i in sorted(chosen)]
    return every


def lottery(
    spaces: Sequence[str],
    explorers: Sequence[str],
    budgets: Sequence[int],
    seeds: int = 3,
    workers: int = 1,
    progress: Progress | None = None,
    folder: str | Path | None = None,
    seconds: float = float("inf"),
    at_most: int = MOST_SETTINGS,
) -> list[Draw]:
    """Run explorers under every combination of their settings; what a folder keeps is not run again.

    Parameters
    ----------
    spaces, explorers : sequence of str
    budgets : sequence of int
        Each a run of its own.
    seeds, workers : int
    progress : callable, optional
    folder : path, optional
        As of `race`.
    seconds : float
        No run begins later; an explorer that had not run under all settings at all budgets by then is not told of on that space.
    at_most : int
        Combinations an explorer.
    """
    grids = {e: combinations(e, at_most) for e in explorers if explorer_class(e).settings_tried}
    jobs = [Job(s, e, b, n, c) for s in spaces for e, grid in grids.items() for b in budgets for c in grid for n in range(seeds)]
    with TemporaryDirectory() as temporary:
        kept = Path(folder or temporary)
        known = {name: tabulated(find_space(name), kept) for name in spaces}
        made = dict(all_runs(jobs, known, kept, workers, progress, time.monotonic() + seconds))
    draws = []
    for space in spaces:
        truth, reference = truth_of(known[space], [r for j, r in made.items() if j.space == space]), known[space].reference_point
        for explorer, grid in grids.items():
            if any(Job(space, explorer, b, n, c) not in made for b in budgets for c in grid for n in range(seeds)):
                continue
            shares = {b: np.array([[made[Job(space, explorer, b, n, c)].share(truth, b, reference) for n in range(seeds)] for c in grid]) for b in budgets}
            draws.append(Draw(space, explorer, tuple(grid), shares))
    return draws
