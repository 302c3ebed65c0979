"""One explorer on one space with one budget: what it asked, what that came to, and what is known of the best."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from functools import cached_property
from inspect import signature
from typing import Any

import numpy as np

from explorers.base import EXPLORERS, SOLVERS, build, check_settings, explorer_names, loaded
from explorers.diagnosis import conflict, missing_figures
from explorers.kept_study import kept_whole
from explorers.pareto import Front, hypervolume
from explorers.space.catalog import find_space
from explorers.space.space import DesignSpace, Places, Scores
from magnitudes.arrays import Column
from magnitudes.errors import InputError
from magnitudes.names import NameMiss, nearest

Progress = Callable[[int], None]
Enough = Callable[[Scores], bool]  # told what new designs come to: whether nothing is left to be won
STALLED_STEPS = 300  # steps of a learner without a new design, after which its policy has settled
STALLED = 60  # asks in a row without a design that is new, after which an explorer has nothing left to say


@dataclass(frozen=True)
class Study:
    """What came of exploring.

    Parameters
    ----------
    explorer : str
    space : DesignSpace
    seed : int
    settings : mapping
        Hyperparameters other than the defaults.
    places : Places, shape (evaluations, axes)
        Distinct designs in the order of evaluation; of explorers that stream, the front alone.
    scores : Scores
    evaluations : int
        Distinct designs evaluated.
    seconds : float
    gap : float or None
        How far at most any design may be better than the best, relative; None where nothing is proven.
    note : str
        What a reader should know.
    """

    explorer: str
    space: DesignSpace
    seed: int
    settings: Mapping[str, Any]
    places: Places
    scores: Scores
    evaluations: int
    seconds: float
    gap: float | None = None
    note: str = ""

    @property
    def best_row(self) -> int | None:
        """Row of the best feasible design by the first objective; None if none is feasible."""
        if not self.scores.feasible.any():
            return None
        return int(np.where(self.scores.feasible, self.scores.objectives[:, 0], np.inf).argmin())

    @property
    def best(self) -> dict[str, Any] | None:
        """The best design: its first objective, its figures and the value of each axis."""
        row = self.best_row
        return None if row is None else self.shown(row)

    def shown(self, row: int) -> dict[str, Any]:
        """One design as people read it."""
        first = self.space.objectives[0]
        figures = {name: float(column[row]) for name, column in self.scores.figures.items()}
        return {"objective": figures[first.name], "figures": figures, "design": self.space.design(self.places[row])}

    @cached_property
    def front_rows(self) -> list[int]:
        """Rows of the designs that no other feasible one beats, by the first objective."""
        rows = np.flatnonzero(self.scores.feasible)
        front = Front.empty(1, self.scores.objectives.shape[1])
        front.merge(rows[:, None], self.scores.objectives[rows])
        kept = front.places[:, 0]
        return [int(r) for r in kept[np.argsort(self.scores.objectives[kept, 0], kind="stable")]]

    @cached_property
    def hypervolume(self) -> float:
        """Volume between the front and the space's reference; for one objective, how far the best is below it."""
        return hypervolume(self.scores.objectives[self.front_rows], self.space.reference_point)

    def so_far(self) -> Column:
        """The best first objective after each evaluation (minimised; NaN before the first feasible design)."""
        figures = np.where(self.scores.feasible, self.scores.objectives[:, 0], np.inf)
        best = np.minimum.accumulate(figures)
        return np.where(np.isinf(best), np.nan, best)

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        settings = {k: v if isinstance(v, str | int | float) else str(v) for k, v in self.settings.items()}
        return {
            "explorer": self.explorer, "space": self.space.name, "seed": self.seed, "settings": settings, "evaluations": self.evaluations,
            "seconds": self.seconds, "best": self.best, "front": [self.shown(r) for r in self.front_rows], "hypervolume": self.hypervolume,
            "gap": self.gap, "note": self.note,
        }  # fmt: skip


@dataclass
class EvaluationLog:
    """All distinct designs of a run and what they come to; a design is evaluated once.

    Parameters
    ----------
    space : DesignSpace
    budget : int
        Distinct designs at most.
    enough : callable, optional
        Ends the run before its budget is spent.
    """

    space: DesignSpace
    budget: int
    enough: Enough | None = None
    won: bool = field(default=False, init=False)
    rows: dict[bytes, int] = field(default_factory=dict)
    _places: list[Places] = field(default_factory=list)
    _scores: list[Scores] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Distinct designs so far."""
        return len(self.rows)

    @property
    def over(self) -> bool:
        """Whether no further design may be evaluated, or none needs to be."""
        return self.won or self.count >= self.budget

    def score(self, asked: Places) -> tuple[Places, Scores, int]:
        """What some designs come to, as far as the budget goes, and how many of them are new."""
        places = np.ascontiguousarray(self.space.canonical(np.asarray(asked, dtype=np.int64)))
        kept, fresh = [], []
        for i, row in enumerate(places):
            key = row.tobytes()
            if key not in self.rows:
                if self.count == self.budget:
                    continue
                self.rows[key] = self.count
                fresh.append(i)
            kept.append(i)
        if fresh:
            self._places.append(places[fresh])
            self._scores.append(self.space.score(places[fresh]))
            self.won = self.won or (self.enough is not None and self.enough(self._scores[-1]))
        where = [self.rows[places[i].tobytes()] for i in kept]
        return places[kept], self.scores.rows(where), len(fresh)

    @property
    def places(self) -> Places:
        """Distinct designs in the order of evaluation."""
        self._gather()
        return self._places[0] if self._places else np.zeros((0, len(self.space.axes)), dtype=np.int64)

    @property
    def scores(self) -> Scores:
        """What they come to."""
        self._gather()
        return self._scores[0] if self._scores else self.space.score(self.places)

    def _gather(self) -> None:
        if len(self._places) > 1:
            self._places = [np.concatenate(self._places)]
            self._scores = [joined(self._scores)]


def joined(scores: list[Scores]) -> Scores:
    """Several scores as one."""
    return Scores(
        np.concatenate([s.objectives for s in scores]), np.concatenate([s.violations for s in scores]), np.concatenate([s.feasible for s in scores]),
        {name: np.concatenate([s.figures[name] for s in scores]) for name in scores[0].figures},
    )  # fmt: skip


class BudgetSpent(Exception):  # noqa: N818 - what it is
    """No more designs may be evaluated."""


def _asked(explorer: Any, log: EvaluationLog, progress: Progress | None) -> None:
    """Ask and tell until the budget is spent, or nothing new is asked for."""
    stalled = 0
    while not log.over and stalled < STALLED:
        places, scores, fresh = log.score(explorer.ask(log.budget - log.count))
        stalled = 0 if fresh else stalled + 1
        explorer.tell(places, scores)
        if progress is not None:
            progress(log.count)


def _driven(explorer: Any, log: EvaluationLog, progress: Progress | None) -> None:
    """Let an explorer that has a loop of its own run until the budget is spent, or nothing new is met for long."""
    stalled = 0

    def score(asked: Places) -> Scores:
        nonlocal stalled
        places, scores, fresh = log.score(asked)
        stalled = 0 if fresh else stalled + 1
        if progress is not None and fresh:
            progress(log.count)
        if len(places) < len(asked) or log.over or stalled >= STALLED_STEPS:
            raise BudgetSpent
        return scores

    with suppress(BudgetSpent):
        explorer.drive(score)


def explore(
    space: DesignSpace | str,
    with_: str = "random",
    budget: int = 200,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    kept: str = "",
    enough: Enough | None = None,
) -> Study:
    """Search a space.

    Parameters
    ----------
    space : DesignSpace or str
        A space, a shipped one's name, or the path of a file.
    with_ : str
        Explorer: see `explorers.base.EXPLORERS` and `SOLVERS`.
    budget : int
        Distinct designs that may be evaluated. Explorers that end with a proof have no such limit.
    seed : int
    settings : mapping, optional
        Hyperparameters.
    progress : callable, optional
        Told the number of designs evaluated so far.
    kept : str
        Where an explorer of Optuna's keeps its study: a journal's path, or a database's URL that many machines share. A study that is
        there goes on, and what is in it counts.
    enough : callable, optional
        Told what new designs come to, batch after batch; the run ends when it says so.

    Raises
    ------
    InputError
        If the explorer or a setting does not exist, the budget is no count, or the space is refused.
    """
    space = find_space(space) if isinstance(space, str) else space
    if with_ in SOLVERS:
        if kept:
            raise InputError(f"{with_} keeps no study: it ends with a proof; --study is for Optuna's samplers")
        solve = loaded(SOLVERS[with_])
        taken = {n: p.default for n, p in signature(solve).parameters.items() if n not in ("space", "progress")}
        check_settings(with_, settings or {}, taken)
        return solve(space, progress=progress, **(settings or {}))  # type: ignore[no-any-return]
    if with_ not in EXPLORERS:
        raise NameMiss("explorer", with_, nearest(with_, explorer_names()), f"(known: {', '.join(explorer_names())})")
    if budget < 1:
        raise InputError(f"a budget of {budget} designs; at least one has to be evaluated")
    start = time.perf_counter()
    explorer = build(with_, space, seed, budget, settings, kept)
    log = EvaluationLog(space, min(budget, space.size), enough)
    with kept_whole(kept) if kept else nullcontext():
        (_driven if hasattr(explorer, "drive") else _asked)(explorer, log, progress)
    seconds = time.perf_counter() - start
    note = (
        "" if log.count == log.budget else f"stopped after {log.count} distinct designs: {'nothing better exists' if log.won else 'nothing new was asked for'}"
    )
    said = str(getattr(explorer, "note", ""))  # such as evaluations that a budget does not count
    note = "; ".join(n for n in (said, note, missing_figures(space, log.places, log.scores), "" if log.scores.feasible.any() else conflict(space)) if n)
    if space.size <= log.count:
        note = "; ".join(["every design was evaluated", *([note] if note else [])])
        proven = 0.0 if log.scores.feasible.any() else None
        return Study(with_, space, seed, dict(settings or {}), log.places, log.scores, log.count, seconds, proven, note)
    return Study(with_, space, seed, dict(settings or {}), log.places, log.scores, log.count, seconds, None, note)
