"""One run of a race: which designs it found when, and where runs are kept so that a race goes on where it stopped."""

from __future__ import annotations

import hashlib
import inspect
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorers.base import explorer_class
from explorers.pareto import Front, hypervolume
from explorers.space.space import DesignSpace, Scores
from explorers.study import Study, explore
from explorers.tabulated import fingerprint
from magnitudes.arrays import Column

BEST_FOUND = "best found"  # of a truth that is none: something better may exist
WHOLE = 1e-9  # of a hypervolume, that sums in another order may leave
ENOUGH = 0.95  # share of what can be won that counts as having found it


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


@dataclass(frozen=True, slots=True)
class Job:
    """A run to be made: a space, an explorer with its settings (pairs), distinct designs at most, and a seed."""

    space: str
    explorer: str
    budget: int
    seed: int
    settings: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Run:
    """What a run found: the feasible designs that no earlier one of it beat, and after how many distinct designs.

    Parameters
    ----------
    evaluations : int
    seconds : float
        Of a processor.
    at : int array, shape (found,)
        Distinct designs evaluated when it was found, itself among them.
    objectives : Column, shape (found, objectives)
        Small is good.
    """

    evaluations: int
    seconds: float
    at: NDArray[np.int64]
    objectives: Column

    @classmethod
    def of(cls, study: Study) -> Run:
        """A study as a race needs it."""
        kept: list[int] = []
        front = np.zeros((0, study.scores.objectives.shape[1]))
        for row in np.flatnonzero(study.scores.feasible):
            new = study.scores.objectives[row]
            if not (front <= new).all(axis=1).any():
                front = np.concatenate([front[~(new <= front).all(axis=1)], new[None, :]])
                kept.append(int(row))
        return cls(study.evaluations, study.seconds, np.array(kept, dtype=np.int64) + 1, study.scores.objectives[kept])

    def share(self, truth: Truth, budget: int, reference: Column) -> float:
        """The share of what can be won that was found after so many distinct designs.

        Of one objective, the optimum over the best found (or the other way round, where large is good); of several, hypervolume.
        """
        found = self.objectives[self.at <= budget]
        if len(found) == 0:
            return 0.0
        if found.shape[1] > 1:
            return min(1.0, hypervolume(found, reference) / truth.hypervolume) if truth.hypervolume > 0 else 1.0
        best = float(found[:, 0].min())
        return truth.best / best if best > 0 else best / truth.best

    def needed(self, truth: Truth, reference: Column, enough: float = ENOUGH) -> float:
        """Distinct designs after which a run had enough; infinite where it never had."""
        low, high = 0, len(self.at) - 1
        if high < 0 or self.share(truth, int(self.at[-1]), reference) < enough:
            return float("inf")
        while low < high:  # what was found is never lost: the share grows with the budget
            middle = (low + high) // 2
            low, high = (low, middle) if self.share(truth, int(self.at[middle]), reference) >= enough else (middle + 1, high)
        return float(self.at[low])

    def to_dict(self) -> dict[str, Any]:
        """As a line of a ledger keeps it."""
        return {"evaluations": self.evaluations, "seconds": self.seconds, "at": self.at.tolist(), "objectives": self.objectives.tolist()}

    @classmethod
    def from_dict(cls, tree: Mapping[str, Any]) -> Run:
        """From a line of a ledger."""
        objectives = np.array(tree["objectives"] or np.zeros((0, 1)), dtype=np.float64)  # nothing may have been feasible
        return cls(int(tree["evaluations"]), float(tree["seconds"]), np.array(tree["at"], dtype=np.int64), objectives)


@dataclass
class AllWon:
    """Whether a run has found all that can be won, so that going on cannot better its figure: asked with each batch of new designs.

    Parameters
    ----------
    truth : Truth
    reference : Column, shape (objectives,)
    """

    truth: Truth
    reference: Column
    front: Front = field(init=False)

    def __post_init__(self) -> None:
        self.front = Front.empty(1, len(self.reference))

    def __call__(self, new: Scores) -> bool:
        found = new.objectives[new.feasible]
        if len(self.reference) == 1:
            return bool(len(found)) and float(found.min()) <= self.truth.best
        before = self.front.objectives
        self.front.merge(np.zeros((len(found), 1), dtype=np.int64), found)
        if self.front.objectives is before or np.array_equal(self.front.objectives, before):
            return False
        return hypervolume(self.front.objectives, self.reference) >= self.truth.hypervolume * (1.0 - WHOLE)


def run(job: Job, space: DesignSpace, truth: Truth | None = None) -> Run:
    """Make a run; its time is the processor's, which does not count what else the machine does.

    Where a truth is given the run ends when it has found it, before its budget is spent: `Run.share` and `Run.needed` are what they would
    have been.
    """
    start = time.process_time()
    enough = None if truth is None or truth.proven == BEST_FOUND else AllWon(truth, space.reference_point)
    study = explore(space, job.explorer, job.budget, job.seed, dict(job.settings), enough=enough)
    return replace(Run.of(study), seconds=time.process_time() - start)


def best_found(runs: list[Run], reference: Column) -> Truth:
    """What some runs found together, for the want of a truth."""
    front = Front.empty(1, len(reference))
    for one in runs:
        front.merge(np.zeros((len(one.at), 1), dtype=np.int64), one.objectives)
    found = front.objectives
    return Truth(float(found[:, 0].min()) if len(found) else np.nan, hypervolume(found, reference), BEST_FOUND)


@dataclass
class Ledger:
    """Runs that were made, a line a run, added to one file; a line that was cut off is made again.

    What is kept counts only while the space, the laws behind it and the explorer's own file stay as they were.

    Parameters
    ----------
    file : Path
    """

    file: Path
    runs: dict[str, Run] = field(default_factory=dict)
    _spaces: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        text = self.file.read_text(encoding="utf-8") if self.file.is_file() else ""
        for line in text.splitlines():
            try:
                tree = json.loads(line)
                self.runs[tree["key"]] = Run.from_dict(tree)
            except (ValueError, KeyError):
                continue  # cut off while it was written
        if text and not text.endswith("\n"):
            with self.file.open("a", encoding="utf-8") as lines:
                lines.write("\n")

    def key(self, job: Job, space: DesignSpace) -> str:
        """What a run is known by."""
        if job.space not in self._spaces:
            self._spaces[job.space] = fingerprint(space)
        source = inspect.getsource(inspect.getmodule(explorer_class(job.explorer)) or explorer_class(job.explorer))
        code = hashlib.sha256(source.encode()).hexdigest()[:8]
        return json.dumps([space.name, self._spaces[job.space], job.explorer, code, job.settings, job.budget, job.seed])

    def get(self, job: Job, space: DesignSpace) -> Run | None:
        """A run that was made; None if it was not."""
        return self.runs.get(self.key(job, space))

    def told(self, space: str) -> dict[tuple[str, int, int], Run]:
        """All runs on a space of that name by (explorer, budget, seed), whatever its laws were then; settings other than the defaults apart."""
        keys = {key: json.loads(key) for key in self.runs}
        return {(k[2], int(k[5]), int(k[6])): self.runs[key] for key, k in keys.items() if k[0] == space and not k[4]}

    def add(self, job: Job, space: DesignSpace, made: Run) -> None:
        """Keep a run."""
        key = self.key(job, space)
        self.runs[key] = made
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"key": key, **made.to_dict()}) + "\n")
