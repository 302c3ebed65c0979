"""Explorers compared: equal spaces, equal budgets of distinct designs, many seeds, and the truth known.

What is told of an explorer on a space is the share of what can be won: of one objective, how far the best design found is from the optimum;
of several, which share of the true front's hypervolume was found. Medians over seeds carry bootstrap intervals, and mean ranks over all
spaces and seeds a critical difference (Demšar, *Statistical comparisons of classifiers over multiple data sets*, JMLR 2006).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import numpy as np

from explorers.exactness import can_be_proved
from explorers.pareto import hypervolume
from explorers.space.catalog import find_space
from explorers.space.space import DesignSpace
from explorers.study import Study, explore
from magnitudes.arrays import Column

TRIED_WHOLE = 20_000_000  # designs up to which the truth comes from trying all
ENOUGH = 0.95  # share of what can be won that counts as having found it
RESAMPLES = 2000
CONFIDENCE = 0.95
CURVE = 60  # budgets at which the share is followed


@dataclass(frozen=True)
class Truth:
    """What can be won of a space.

    Parameters
    ----------
    best : float
        The least first objective (minimised).
    hypervolume : float
        Of the true front.
    proven : str
        How it is known: ``exhaustive``, ``exact``, or ``best found`` where it is not.
    """

    best: float
    hypervolume: float
    proven: str


def truth_of(space: DesignSpace, studies: Sequence[Study] = ()) -> Truth:
    """The optimum and the front's hypervolume, by trying all, by proof, or as the best that any study found."""
    if space.grid_size <= TRIED_WHOLE:
        study, how = explore(space, "exhaustive"), "exhaustive"
    elif can_be_proved(space):
        study, how = explore(space, "exact"), "exact"
    else:
        fronts = [s.scores.objectives[s.front_rows] for s in studies if s.front_rows]
        joined = np.concatenate(fronts) if fronts else np.full((1, len(space.objectives)), np.nan)
        return Truth(float(joined[:, 0].min()), hypervolume(joined, space.reference_point), "best found")
    row = study.best_row
    return Truth(np.nan if row is None else float(study.scores.objectives[row, 0]), study.hypervolume, how)


def share(study: Study, truth: Truth, budget: int, reference: Column) -> float:
    """The share of what can be won that a study had after so many distinct designs.

    Of one objective, the optimum over the best found (or the other way round, where large is good); of several, hypervolume.
    """
    rows = np.flatnonzero(study.scores.feasible[:budget])
    if len(rows) == 0:
        return 0.0
    found = study.scores.objectives[rows]
    if found.shape[1] > 1:
        return min(1.0, hypervolume(found, reference) / truth.hypervolume) if truth.hypervolume > 0 else 1.0
    best = float(found[:, 0].min())
    return truth.best / best if best > 0 else best / truth.best


def needed(study: Study, truth: Truth, reference: Column, enough: float = ENOUGH) -> float:
    """Distinct designs after which a study had enough; infinite where it never had."""
    low, high = 1, len(study.places)
    if share(study, truth, high, reference) < enough:
        return float("inf")
    while low < high:  # what was found is never lost: the share grows with the budget
        middle = (low + high) // 2
        low, high = (low, middle) if share(study, truth, middle, reference) >= enough else (middle + 1, high)
    return float(low)


@dataclass(frozen=True)
class Entry:
    """How one explorer did on one space.

    Parameters
    ----------
    space, explorer : str
    seeds : int
    shares : mapping of int to Column, shape (seeds,)
        Budget -> share of what can be won, a seed a row.
    needed : Column, shape (seeds,)
        Distinct designs until `ENOUGH`.
    seconds_per_design : float
        Time of the explorer and the evaluation together.
    """

    space: str
    explorer: str
    seeds: int
    shares: Mapping[int, Column]
    needed: Column
    seconds_per_design: float

    def median(self, budget: int) -> tuple[float, float, float]:
        """The median share at a budget, and its bootstrap interval."""
        return median_interval(self.shares[budget])


def median_interval(values: Column) -> tuple[float, float, float]:
    """A median and its bootstrap interval (percentiles)."""
    generator = np.random.default_rng(0)
    drawn = np.median(values[generator.integers(0, len(values), (RESAMPLES, len(values)))], axis=1)
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(np.median(values)), float(low), float(high)


@dataclass(frozen=True)
class Race:
    """All entries, with what is true of the spaces.

    Parameters
    ----------
    entries : tuple of Entry
    truths : mapping of str to Truth
    budgets : tuple of int
    """

    entries: tuple[Entry, ...]
    truths: Mapping[str, Truth]
    budgets: tuple[int, ...]

    def ranks(self, budget: int) -> tuple[dict[str, float], float]:
        """Mean rank of each explorer over all spaces and seeds at a budget, and the difference that tells two apart (Nemenyi, 5 %).

        Ties share their ranks; 1 is best.
        """
        from scipy.stats import rankdata, studentized_range

        names = list(dict.fromkeys(e.explorer for e in self.entries))
        blocks = []
        for space in dict.fromkeys(e.space for e in self.entries):
            of_space = {e.explorer: e for e in self.entries if e.space == space}
            if set(of_space) != set(names):
                continue
            table = np.stack([of_space[n].shares[budget] for n in names], axis=1)
            blocks.append(rankdata(-np.round(table, 9), axis=1))
        rows = np.concatenate(blocks)
        k = len(names)
        critical = float(studentized_range.ppf(CONFIDENCE, k, np.inf)) / np.sqrt(2) * np.sqrt(k * (k + 1) / (6 * len(rows)))
        return dict(zip(names, rows.mean(axis=0).tolist(), strict=True)), float(critical)


def race(
    spaces: Sequence[str],
    explorers: Sequence[str],
    budgets: Sequence[int] = (50, 200, 1000),
    seeds: int = 20,
    workers: int = 1,
    progress: Callable[[int, int, str], None] | None = None,
) -> Race:
    """Run explorers on shipped spaces (or files), each seed alone.

    Parameters
    ----------
    spaces, explorers : sequence of str
    budgets : sequence of int
        Of which the largest is run; what was found before is read off.
    seeds : int
    workers : int
        Processes.
    progress : callable, optional
        Told runs done, runs in all, and what was run.
    """
    jobs = [(space, explorer, max(budgets), seed) for space in spaces for explorer in explorers for seed in range(seeds)]
    by_entry: dict[tuple[str, str], list[Study]] = {}
    for done, (job, study) in enumerate(_all(jobs, workers), start=1):
        by_entry.setdefault((job[0], job[1]), []).append(study)
        if progress is not None:
            progress(done, len(jobs), f"{job[0]}: {job[1]}")
    truths, entries = {}, []
    for name in spaces:
        space = find_space(name)
        of_space = {e: s for (n, e), s in by_entry.items() if n == name}
        truths[name] = truth_of(space, [s for studies in of_space.values() for s in studies])
        entries += [entry_of(space, name, e, studies, truths[name], budgets) for e, studies in of_space.items()]
    return Race(tuple(entries), truths, tuple(budgets))


def entry_of(space: DesignSpace, name: str, explorer: str, studies: Sequence[Study], truth: Truth, budgets: Sequence[int]) -> Entry:
    """What some seeds of an explorer come to."""
    reference = space.reference_point
    shares = {b: np.array([share(s, truth, b, reference) for s in studies]) for b in budgets}
    reached = np.array([needed(s, truth, reference) for s in studies])
    pace = sum(s.seconds for s in studies) / max(1, sum(s.evaluations for s in studies))
    return Entry(name, explorer, len(studies), shares, reached, pace)


Job = tuple[str, str, int, int]


def _all(jobs: Sequence[Job], workers: int) -> Iterator[tuple[Job, Study]]:
    if workers == 1:
        yield from ((job, run(job)) for job in jobs)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for job, (places, seconds) in zip(jobs, pool.map(_places, jobs, chunksize=1), strict=True):
            space = find_space(job[0])
            yield job, Study(job[1], space, job[3], {}, places, space.score(places), len(places), seconds)


def run(job: Job, settings: Mapping[str, Any] | None = None) -> Study:
    """One run: space, explorer, budget and seed."""
    name, explorer, budget, seed = job
    return explore(find_space(name), explorer, budget, seed, settings)


def _places(job: Job) -> tuple[Any, float]:
    """A run as what another process needs of it: the designs are scored again there, for that costs nothing."""
    study = run(job)
    return study.places, study.seconds


def lottery(space: str, explorer: str, budgets: Sequence[int], seed: int = 0, settings_at_most: int = 48) -> dict[int, Column]:
    """What an explorer finds by its settings: a run a combination of `settings_tried`, one seed, so that settings alone differ.

    Returns
    -------
    dict of int to Column, shape (settings,)
        Budget -> share of what can be won.
    """
    from itertools import product

    from explorers.base import explorer_class

    tried = explorer_class(explorer).settings_tried
    combinations = [dict(zip(tried, values, strict=True)) for values in product(*tried.values())]
    if len(combinations) > settings_at_most:
        chosen = np.random.default_rng(0).choice(len(combinations), settings_at_most, replace=False)
        combinations = [combinations[i] for i in sorted(chosen)]
    found = find_space(space)
    truth, reference = truth_of(found), found.reference_point
    studies = [run((space, explorer, max(budgets), seed), settings) for settings in combinations]
    return {b: np.array([share(s, truth, b, reference) for s in studies]) for b in budgets}
