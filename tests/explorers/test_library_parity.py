"""A library's sampler loses nothing through our interface: the same seed asks for the same designs as when the library is used directly."""

from __future__ import annotations

from typing import Any

import numpy as np
import optuna
import pytest

from explorers.base import explorer_class, worth
from explorers.space.catalog import find_space
from explorers.space.space import DesignSpace, Places
from explorers.study import explore


def directly(space: DesignSpace, sampler: Any, trials: int, *, constrained: bool = True) -> Places:
    """What `optuna.Study.optimize` evaluates, one trial after another."""
    asked: list[list[int]] = []

    def objective(trial: Any) -> tuple[float, ...]:
        row = [trial.suggest_categorical(a.name, list(range(a.size))) if a.labels else trial.suggest_int(a.name, 0, a.size - 1) for a in space.axes]
        asked.append([int(p) for p in row])
        scores = space.score(np.array([row], dtype=np.int64))
        if not constrained:
            return (float(worth(scores)[0]),)
        for i, constraint in enumerate(space.constraints):
            trial.set_constraint(f"{i}: {constraint.text}", float(scores.violations[0, i]))
        return tuple(scores.objectives[0].tolist())

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(directions=["minimize"] * len(space.objectives), sampler=sampler)
    study.optimize(objective, n_trials=trials)
    return np.array(asked, dtype=np.int64)


@pytest.mark.parametrize("space_name", ["h100-like-decode", "rdu-three-tier"])
@pytest.mark.parametrize("name", ["tpe", "nsga2", "nsga3"])
def test_the_same_designs_are_asked(name: str, space_name: str) -> None:
    space = find_space(space_name)
    explorer = explorer_class(name)(space, seed=11, budget=60)
    asked = directly(space, explorer.sampler(), 60)
    _, first = np.unique(asked, axis=0, return_index=True)
    distinct = asked[np.sort(first)]
    ours = explore(space, name, budget=len(distinct), seed=11)
    np.testing.assert_array_equal(ours.places[: len(distinct)], distinct)


@pytest.mark.parametrize(("name", "trials"), [("cmaes", 60), ("gp", 16)])
def test_the_same_designs_are_asked_of_one_objective(name: str, trials: int) -> None:
    if name == "gp":
        pytest.importorskip("torch", reason="torch is not installed (extra explore)")
    space = find_space("h100-like-decode")
    explorer = explorer_class(name)(space, seed=11, budget=trials)
    asked = directly(space, explorer.sampler(), trials, constrained=explorer.constrained)
    _, first = np.unique(asked, axis=0, return_index=True)
    distinct = asked[np.sort(first)]
    ours = explore(space, name, budget=len(distinct), seed=11)
    np.testing.assert_array_equal(ours.places[: len(distinct)], distinct)


@pytest.mark.parametrize("space_name", ["h100-like-decode", "rdu-three-tier"])
def test_pymoo_asks_for_the_same_designs(space_name: str) -> None:
    """`pymoo.optimize.minimize` with the same algorithm on the same problem, three generations of it."""
    pytest.importorskip("pymoo", reason="pymoo is not installed (extra explore)")
    from pymoo.core.problem import Problem
    from pymoo.optimize import minimize

    space, asked = find_space(space_name), []
    algorithm = explorer_class("pymoo-nsga2")(space, seed=11, budget=200).fresh()

    class Designs(Problem):
        def _evaluate(self, x: Any, out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
            places = np.round(np.asarray(x, dtype=np.float64)).astype(np.int64)
            asked.append(places)
            scores = space.score(places)
            out["F"], out["G"] = scores.objectives, scores.violations

    last = np.array(space.sizes) - 1
    limits = len(space.constraints)
    problem = Designs(n_var=len(last), n_obj=len(space.objectives), n_ieq_constr=limits, xl=np.zeros(len(last)), xu=last, vtype=int)
    minimize(problem, algorithm, ("n_gen", 3), seed=11, verbose=False)
    every = np.concatenate(asked)
    _, first = np.unique(every, axis=0, return_index=True)
    distinct = every[np.sort(first)]
    ours = explore(space, "pymoo-nsga2", budget=len(distinct), seed=11)
    np.testing.assert_array_equal(ours.places, distinct)
