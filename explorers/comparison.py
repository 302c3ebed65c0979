"""Explorers of one space beside each other: what each won over its seeds, how soon, and what a design costs beside its evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explorers.base import SOLVERS
from explorers.race import median_interval
from explorers.run import Run, best_found
from explorers.study import Study


@dataclass(frozen=True, slots=True)
class Compared:
    """One explorer over its seeds.

    Parameters
    ----------
    explorer : str
    seeds : int
    share, low, high : float
        Median share of what all explorers won together, and its 95 % bootstrap interval: the best over its best where there is one
        objective, hypervolume over that of the front of all where there are several.
    needed : float
        Median number of distinct designs to 95 % of that; infinite where most seeds never had it, NaN of those that end with a proof.
    design_s : float
        Time a distinct design, evaluation and all.
    """

    explorer: str
    seeds: int
    share: float
    low: float
    high: float
    needed: float
    design_s: float


def compared(studies: Sequence[Study]) -> list[Compared]:
    """Explorers by the share that they won, the best first.

    Parameters
    ----------
    studies : sequence of Study
        Of one space, at least one.
    """
    reference = studies[0].space.reference_point
    runs = [Run.of(study) for study in studies]
    truth = best_found(runs, reference)
    found = []
    for name in dict.fromkeys(study.explorer for study in studies):
        own = [(s, r) for s, r in zip(studies, runs, strict=True) if s.explorer == name]
        shares = np.array([r.share(truth, s.evaluations, reference) for s, r in own])
        needed = np.nan if name in SOLVERS else float(np.median([r.needed(truth, reference) for _, r in own]))
        design_s = sum(s.seconds for s, _ in own) / max(1, sum(s.evaluations for s, _ in own))
        found.append(Compared(name, len(own), *median_interval(shares), needed, design_s))
    return sorted(found, key=lambda c: -c.share)
