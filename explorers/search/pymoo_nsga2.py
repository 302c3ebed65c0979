"""pymoo's NSGA-II (Blank and Deb 2020), asked and told; constraints as constraints (extra explore)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from explorers.space.space import DesignSpace, Places, Scores
from magnitudes.arrays import Mask


@dataclass
class PymooNsga2:
    """Whole-number NSGA-II: simulated binary crossover and polynomial mutation, rounded."""

    about: ClassVar[str] = "pymoo's NSGA-II (extra explore)"
    settings_tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {"population": (10, 20, 40), "eta": (3.0, 15.0), "crossover": (0.7, 0.9)}

    space: DesignSpace
    seed: int = 0
    budget: int = 200
    population: int = 20
    crossover: float = 0.9
    eta: float = 3.0
    algorithm: Any = field(init=False, repr=False)
    waiting: Any = field(init=False, default=None, repr=False)
    settled: bool = field(init=False, default=False)
    generator: np.random.Generator = field(init=False, repr=False)

    def __post_init__(self) -> None:
        from pymoo.core.problem import Problem

        self.generator = np.random.default_rng(self.seed)
        last = np.array(self.space.sizes) - 1
        limits = len(self.space.constraints) + 1  # what the constraints say, and whether it can be built at all
        problem = Problem(n_var=len(last), n_obj=len(self.space.objectives), n_ieq_constr=limits, xl=np.zeros(len(last)), xu=last, vtype=int)
        self.algorithm = self.fresh()
        self.algorithm.setup(problem, termination=("n_gen", 1 << 30), seed=self.seed, verbose=False)

    def fresh(self) -> Any:
        """The library's algorithm, with the settings of this explorer."""
        from pymoo.algorithms.moo.nsga2 import NSGA2
        from pymoo.operators.crossover.sbx import SBX
        from pymoo.operators.mutation.pm import PM
        from pymoo.operators.repair.rounding import RoundingRepair
        from pymoo.operators.sampling.rnd import IntegerRandomSampling

        return NSGA2(
            pop_size=self.population, sampling=IntegerRandomSampling(), crossover=SBX(prob=self.crossover, eta=self.eta, vtype=float, repair=RoundingRepair()),
            mutation=PM(eta=self.eta, vtype=float, repair=RoundingRepair()), eliminate_duplicates=True,
        )  # fmt: skip

    def ask(self, count: int) -> Places:
        if self.settled:
            return self.space.sample(self.population, self.generator)
        self.waiting = self.algorithm.ask()
        if self.waiting is None or len(self.waiting) == 0:  # every child was there before: the population has settled
            self.waiting, self.settled = None, True
            return self.space.sample(self.population, self.generator)
        places: Places = np.round(self.waiting.get("X").astype(np.float64)).astype(np.int64)
        return places

    def tell(self, places: Places, scores: Scores) -> None:
        if self.waiting is None or len(places) < len(self.waiting):  # the budget ended within the generation
            return
        known: Mask = np.asarray(np.isfinite(scores.objectives).all(axis=1))
        built = np.where(known & scores.built, 0.0, 1.0)
        self.waiting.set("F", np.where(known[:, None], scores.objectives, 1e30))
        self.waiting.set("G", np.column_stack([scores.missed, built]))
        for individual in self.waiting:
            individual.evaluated.update({"F", "G"})
        self.algorithm.tell(infills=self.waiting)
