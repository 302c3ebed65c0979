"""Optuna's samplers: tree-structured Parzen estimators, NSGA-II and III, CMA-ES and Gaussian processes.

Constraints are given to the library as constraints, never as penalties; the samplers that know none (CMA-ES) say so and are given a
figure in which infeasible designs rank behind all feasible ones.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from explorers.base import worth
from explorers.kept_study import open_study
from explorers.space.feasibility import all_built
from explorers.space.space import DesignSpace, Places, Scores
from explorers.space.statement import SpaceError
from magnitudes.arrays import Column

BUILT = "can be built"  # a limit beside the space's own, where some designs cannot


@dataclass
class OptunaSearch:
    """A study of Optuna's, asked and told: the base of those below."""

    about: ClassVar[str] = ""
    settings_tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {}
    constrained: ClassVar[bool] = True
    several: ClassVar[bool] = True  # whether several objectives can be told

    space: DesignSpace
    seed: int = 0
    budget: int = 200
    kept: str = ""  # where the study is kept: a journal, or a database's URL
    study: Any = field(init=False, repr=False)
    asked: list[Any] = field(init=False, default_factory=list, repr=False)
    limits: tuple[str, ...] = field(init=False, default=(), repr=False)  # what the library is told to keep
    worst: Column | None = field(init=False, default=None, repr=False)  # of each objective, so far
    met: set[int] = field(init=False, default_factory=set, repr=False)  # numbers of the trials that were asked here, or taken over

    def __post_init__(self) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)  # NSGA-III and margins are named so for years
        if len(self.space.objectives) > 1 and not self.several:
            raise SpaceError(f"this sampler knows one objective, {self.space.name} has {len(self.space.objectives)}; use nsga2, tpe or gp")
        if self.constrained:
            self.limits = (*(f"{i}: {c.text}" for i, c in enumerate(self.space.constraints)), *([] if all_built(self.space) else [BUILT]))
        self.study = open_study(self.kept, self.space, type(self).__name__.lower(), self.seed, self.sampler())
        begun = len(self.study.get_trials(deepcopy=False)) if self.kept else 0
        if begun:  # who goes on, or joins, draws what nobody drew before
            self.study.sampler.reseed_rng()

    def sampler(self) -> Any:
        """The library's sampler, with the settings of this explorer."""
        raise NotImplementedError

    def batch(self) -> int:
        """Designs asked for together."""
        return 1

    def ask(self, count: int) -> Places:
        """Designs that are new, behind those that the kept study got from others since: these count as well."""
        others = self._others(count)
        self.asked = [None for _ in others]
        self.asked += [self.study.ask() for _ in range(min(count - len(others), self.batch()))]
        self.met.update(trial.number for trial in self.asked if trial is not None)
        own = [[self._suggest(trial, i) for i in range(len(self.space.axes))] for trial in self.asked if trial is not None]
        return np.array([*others, *own], dtype=np.int64)

    def _others(self, count: int) -> list[list[int]]:
        """Places of at most so many designs that a kept study holds and nobody has met here, oldest first."""
        if not self.kept:
            return []
        names = [axis.name for axis in self.space.axes]
        whole = [t for t in self.study.get_trials(deepcopy=False) if t.state.is_finished() and t.number not in self.met and len(t.params) == len(names)]
        self.met.update(t.number for t in whole[:count])
        return [[int(t.params[name]) for name in names] for t in whole[:count]]

    def _suggest(self, trial: Any, i: int) -> int:
        axis = self.space.axes[i]
        if axis.labels:
            return int(trial.suggest_categorical(axis.name, list(range(axis.size))))
        return int(trial.suggest_int(axis.name, 0, axis.size - 1))

    def tell(self, places: Places, scores: Scores) -> None:
        import optuna

        objectives = self._figures(scores) if self.constrained else worth(scores)[:, None]
        for trial, values, violations in zip(self.asked, objectives, self._violations(scores), strict=False):
            if trial is None:
                continue
            if not np.isfinite(values).all():
                self.study.tell(trial, state=optuna.trial.TrialState.FAIL)
                continue
            if self.constrained:
                for name, violation in zip(self.limits, violations, strict=True):
                    trial.set_constraint(name, float(violation))
            self.study.tell(trial, values.tolist())

    def _figures(self, scores: Scores) -> Column:
        """Objectives as the library takes them: what has no number is no better than the worst so far, and cannot be built, as `_violations` says."""
        known = np.isfinite(scores.objectives)
        met = np.where(known, scores.objectives, -np.inf).max(axis=0, initial=-np.inf)
        self.worst = met if self.worst is None else np.maximum(self.worst, met)
        return np.where(known, scores.objectives, self.worst) if BUILT in self.limits else scores.objectives

    def _violations(self, scores: Scores) -> Column:
        """How far each of `limits` is broken."""
        return np.column_stack([scores.missed, np.where(scores.built, -1.0, 1.0)])[:, : len(self.limits)]


@dataclass
class Tpe(OptunaSearch):
    """Tree-structured Parzen estimator over all axes together (Bergstra et al. 2011; Watanabe 2023)."""

    about: ClassVar[str] = "Optuna's TPE, multivariate"
    settings_tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {"startup": (5, 10, 20, 40), "candidates": (12, 24, 64), "multivariate": (True, False)}

    startup: int = 10
    candidates: int = 24
    multivariate: bool = True

    def sampler(self) -> Any:
        import optuna

        return optuna.samplers.TPESampler(
            n_startup_trials=self.startup, n_ei_candidates=self.candidates, multivariate=self.multivariate, seed=self.seed,
        )  # fmt: skip


@dataclass
class Nsga2(OptunaSearch):
    """Non-dominated sorting genetic algorithm II (Deb et al. 2002), constraints by domination."""

    about: ClassVar[str] = "Optuna's NSGA-II"
    settings_tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {"population": (10, 20, 50), "crossover": (0.7, 0.9), "swapping": (0.3, 0.5)}

    population: int = 20
    crossover: float = 0.9
    swapping: float = 0.5

    def sampler(self) -> Any:
        import optuna

        return optuna.samplers.NSGAIISampler(population_size=self.population, crossover_prob=self.crossover, swapping_prob=self.swapping, seed=self.seed)

    def batch(self) -> int:
        return self.population


@dataclass
class Nsga3(OptunaSearch):
    """NSGA-III: reference points keep the front spread (Deb and Jain 2014)."""

    about: ClassVar[str] = "Optuna's NSGA-III"
    settings_tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {"population": (10, 20, 50), "crossover": (0.7, 0.9)}

    population: int = 20
    crossover: float = 0.9

    def sampler(self) -> Any:
        import optuna

        return optuna.samplers.NSGAIIISampler(population_size=self.population, crossover_prob=self.crossover, seed=self.seed)

    def batch(self) -> int:
        return self.population


@dataclass
class CmaEs(OptunaSearch):
    """Covariance matrix adaptation with margins for whole numbers (Hamano et al. 2022)."""

    about: ClassVar[str] = "Optuna's CMA-ES with margin; infeasible designs rank last, for it knows no constraints"
    settings_tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {"population": (6, 10, 20), "margin": (True, False)}
    constrained: ClassVar[bool] = False
    several: ClassVar[bool] = False

    population: int = 10
    margin: bool = True

    def sampler(self) -> Any:
        import optuna

        return optuna.samplers.CmaEsSampler(popsize=self.population, with_margin=self.margin, warn_independent_sampling=False, seed=self.seed)


@dataclass
class Gp(OptunaSearch):
    """Gaussian process with expected (hypervolume) improvement under constraints."""

    about: ClassVar[str] = "Optuna's Gaussian process (extra explore)"
    settings_tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {"startup": (5, 10, 20)}

    startup: int = 10

    def sampler(self) -> Any:
        import optuna
        import torch  # the sampler's own; missing, it is named with its remedy

        torch.set_num_threads(1)  # its matrices are small: threads only wait for each other
        return optuna.samplers.GPSampler(n_startup_trials=self.startup, deterministic_objective=True, seed=self.seed, warn_independent_sampling=False)
