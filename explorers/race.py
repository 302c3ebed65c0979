"""Explorers compared: equal spaces, equal budgets of distinct designs, many seeds, and the truth known.

What is told of an explorer on a space is the share of what can be won: of one objective, how far the best design found is from the optimum;
of several, which share of the true front's hypervolume was found. Every budget is a run of its own, for some explorers plan by their budget.
Medians over seeds carry bootstrap intervals, and mean ranks over spaces a critical difference (Demšar, *Statistical comparisons of classifiers
over multiple data sets*, JMLR 2006).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from explorers.exactness import can_be_proved
from explorers.pareto import hypervolume, not_dominated
from explorers.run import ENOUGH, Job, Ledger, Run, Truth, best_found, run
from explorers.search.exact import GAP, SECONDS
from explorers.space.catalog import find_space
from explorers.space.space import DesignSpace
from explorers.space.statement import SpaceError
from explorers.study import explore
from explorers.tabulated import TabulatedSpace, fingerprint, tabulated
from magnitudes.arrays import Column
from magnitudes.files import write_whole

TRIED_WHOLE = 2_000_000  # designs up to which the truth comes from trying all, where no table is at hand
RESAMPLES = 2000
CONFIDENCE = 0.95
AHEAD = 2  # runs a process that wait for it

Progress = Callable[[int, int, str], None]


def truth_of(space: DesignSpace, runs: Sequence[Run] = (), seconds: float = SECONDS) -> Truth:
    """The optimum and the front's hypervolume: by trying all, by proof, or the best that any run found where neither is at hand in minutes."""
    if isinstance(space, TabulatedSpace) and space.table is not None:
        objectives = space.table.objectives[space.table.feasible]
        objectives = objectives[not_dominated(objectives)]
        return Truth(float(objectives[:, 0].min()) if len(objectives) else np.nan, hypervolume(objectives, space.reference_point), "exhaustive")
    if space.grid_size <= TRIED_WHOLE and not runs:
        study, how = explore(space, "exhaustive"), "exhaustive"
    elif can_be_proved(space) and (study := explore(space, "exact", settings={"seconds": seconds})).gap is not None and study.gap <= GAP:
        how = "exact"
    else:  # nothing is proven, or the time for it was up
        return best_found(list(runs), space.reference_point)
    row = study.best_row
    return Truth(np.nan if row is None else float(study.scores.objectives[row, 0]), study.hypervolume, how)


@dataclass(frozen=True)
class Entry:
    """How one explorer did on one space.

    Parameters
    ----------
    space, explorer : str
    seeds : int
        Runs at the smallest budget.
    shares : mapping of int to Column, shape (seeds,)
        Budget -> share of what can be won, a seed a row; budgets that were not run are not in it.
    needed : Column, shape (seeds,)
        Distinct designs until `ENOUGH`, in the runs of the largest budget.
    seconds_per_design : float
        A processor's time for the explorer, and for an evaluation where it is not looked up.
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

    def ranked(self, budget: int) -> tuple[list[str], list[str]]:
        """Explorers that ran on all spaces at a budget, and those that did not (they are not ranked)."""
        spaces = set(self.truths)
        names = list(dict.fromkeys(e.explorer for e in self.entries if budget in e.shares))
        whole = [n for n in names if {e.space for e in self.entries if e.explorer == n and budget in e.shares} == spaces]
        return whole, [n for n in dict.fromkeys(e.explorer for e in self.entries) if n not in whole]

    def ranks(self, budget: int) -> tuple[dict[str, float], float]:
        """Mean rank of each explorer over all spaces at a budget, and the difference that tells two apart (Nemenyi, 5 %).

        Ties share their ranks; 1 is best. Medians over seeds are ranked: seeds repeat a space, they are no spaces of their own, so that the critical
        difference counts spaces.
        """
        from scipy.stats import rankdata, studentized_range

        names = self.ranked(budget)[0]
        rows = []
        for space in self.truths:
            medians = [next(np.median(e.shares[budget]) for e in self.entries if (e.space, e.explorer) == (space, n)) for n in names]
            rows.append(rankdata(-np.round(medians, 9)))
        k = len(names)
        critical = float(studentized_range.ppf(CONFIDENCE, k, np.inf)) / np.sqrt(2) * np.sqrt(k * (k + 1) / (6 * len(rows))) if k > 1 else np.inf
        return dict(zip(names, np.mean(rows, axis=0).tolist(), strict=True)), float(critical)


def race(
    spaces: Sequence[str],
    explorers: Sequence[str],
    budgets: Sequence[int] = (50, 200, 1000),
    seeds: int = 20,
    workers: int = 1,
    progress: Progress | None = None,
    folder: str | Path | None = None,
    up_to: Mapping[str, int] | None = None,
    seconds: float = float("inf"),
) -> Race:
    """Run explorers on shipped spaces (or files), each seed and each budget alone.

    Parameters
    ----------
    spaces, explorers : sequence of str
    budgets : sequence of int
        Small ones are run first.
    seeds : int
    workers : int
        Processes.
    progress : callable, optional
        Told runs done, runs in all, and what was run.
    folder : path, optional
        Where runs and tables of spaces are kept: what is there is not run again. None: nowhere.
    up_to : mapping of str to int, optional
        The largest budget of some explorers.
    seconds : float
        No run begins later; what was run by then is told.
    """
    budgets, up_to = sorted(budgets), up_to or {}
    jobs = [Job(s, e, b, n) for b in budgets for e in explorers if b <= up_to.get(e, b) for s in spaces for n in range(seeds)]
    with TemporaryDirectory() as temporary:
        kept = Path(folder or temporary)
        known = {name: tabulated(find_space(name), kept) for name in spaces}
        made = dict(all_runs(jobs, known, kept, workers, progress, time.monotonic() + seconds))
        truths = {name: kept_truth(known[name], [r for j, r in made.items() if j.space == name], kept) for name in spaces}
    entries = []
    for name in spaces:
        for explorer in explorers:
            runs = {b: [made[j] for n in range(seeds) if (j := Job(name, explorer, b, n)) in made] for b in budgets}
            runs = {b: found for b, found in runs.items() if found}
            if runs:
                entries.append(entry_of(name, explorer, runs, truths[name], known[name].reference_point))
    return Race(tuple(entries), truths, tuple(budgets))


def kept_truth(space: DesignSpace, runs: Sequence[Run], folder: Path, seconds: float = SECONDS) -> Truth:
    """The truth of a space, from a folder where it was proved before."""
    file = folder / f"{space.name}-{fingerprint(space)}.json"
    if file.is_file():
        return Truth(**json.loads(file.read_text(encoding="utf-8")))
    found = truth_of(space, runs, seconds)
    if found.proven == "exact":
        write_whole(file, json.dumps(asdict(found)).encode())
    return found


def entry_of(space: str, explorer: str, runs: Mapping[int, Sequence[Run]], truth: Truth, reference: Column) -> Entry:
    """What some seeds of an explorer come to, by budget."""
    shares = {b: np.array([r.share(truth, b, reference) for r in found]) for b, found in runs.items()}
    reached = np.array([r.needed(truth, reference, ENOUGH) for r in runs[max(runs)]])
    every = [r for found in runs.values() for r in found]
    pace = sum(r.seconds for r in every) / max(1, sum(r.evaluations for r in every))
    return Entry(space, explorer, len(runs[min(runs)]), shares, reached, pace)


def all_runs(
    jobs: Sequence[Job],
    spaces: Mapping[str, DesignSpace],
    folder: Path,
    workers: int,
    progress: Progress | None,
    until: float,
    truths: Mapping[str, Truth] | None = None,
) -> Iterator[tuple[Job, Run]]:
    """Runs of all jobs, those that a folder keeps first; explorers are left out of spaces that they refuse, and runs end with a truth that is given."""
    ledger = Ledger(folder / "runs.jsonl")
    left = []
    for job in jobs:
        found = ledger.get(job, spaces[job.space])
        if found is None:
            left.append(job)
        else:
            yield job, found
    done = len(jobs) - len(left)
    for job, made in _made(left, spaces, folder, workers, until, truths or {}):
        done += 1
        if made is not None:
            ledger.add(job, spaces[job.space], made)
            yield job, made
        if progress is not None:
            progress(done, len(jobs), f"{job.space}: {job.explorer}")


def _made(
    jobs: Sequence[Job], spaces: Mapping[str, DesignSpace], folder: Path, workers: int, until: float, truths: Mapping[str, Truth]
) -> Iterator[tuple[Job, Run | None]]:
    """Runs as they end; none begins after a time."""
    if workers == 1:
        yield from ((job, _one(job, spaces[job.space], truths.get(job.space))) for job in jobs if time.monotonic() < until)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting: dict[Future[Run | None], Job] = {}
        queue = iter(jobs)
        while True:
            if time.monotonic() < until:
                waiting |= {pool.submit(_elsewhere, job, str(folder), truths.get(job.space)): job for job in islice(queue, AHEAD * workers - len(waiting))}
            if not waiting:
                return
            for ended in wait(waiting, return_when=FIRST_COMPLETED).done:
                yield waiting.pop(ended), ended.result()


def _one(job: Job, space: DesignSpace, truth: Truth | None) -> Run | None:
    try:
        return run(job, space, truth)
    except SpaceError:  # this explorer cannot take this space, such as one that knows a single objective
        return None


def _elsewhere(job: Job, folder: str, truth: Truth | None) -> Run | None:
    """A run in another process, which finds the space and its table itself."""
    return _one(job, _opened(job.space, folder), truth)


@lru_cache(maxsize=32)
def _opened(name: str, folder: str) -> DesignSpace:
    return tabulated(find_space(name), Path(folder), make=False)
