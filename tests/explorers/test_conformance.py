"""Every explorer keeps the rules: within its budget of distinct designs, the same for the same seed, inside the space, refusing wrong settings."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from explorers.base import EXPLORERS, SOLVERS, explorer_class, hyperparameters
from explorers.pareto import Front, hypervolume, not_dominated
from explorers.space.catalog import find_space, read_space
from explorers.space.space import DesignSpace
from explorers.study import explore
from magnitudes.errors import InputError
from magnitudes.names import NameMiss

NEEDS = {
    "gp": "torch",
    "pymoo-nsga2": "pymoo",
    "qlognehvi": "botorch",
    "ppo": "stable_baselines3",
    "ppo-bandit": "stable_baselines3",
    "sac": "stable_baselines3",
    "ippo": "torch",
    "mappo": "torch",
    "vdn": "torch",
    "marl": "torch",
}
SLOW = {"gp": 14, "qlognehvi": 14, "sac": 40}  # seconds a design
TINY = """
space: tiny
model: llama-3-8b
machine: h100-sxm
scenario: {phase: decode, context: 1024}
estimator: {fidelity: roofline}
axes:
  hbm.bandwidth: {log: [1 TB/s, 4 TB/s, 4]}
  batch: {grid: [1, 8, 64]}
  dtype: {choice: [bf16, fp8]}
  kv: {of: kv_dtype, choice: [bf16, fp8], when: "dtype == 'fp8'", otherwise: bf16}
constraints: [hbm.bandwidth <= 3e12]
objectives: [minimise tpot_s, maximise throughput_token_per_s]
"""


def one_objective() -> DesignSpace:
    return find_space("h100-like-decode")


@pytest.mark.parametrize("name", EXPLORERS)
def test_an_explorer_keeps_the_rules(name: str) -> None:
    if name in NEEDS and importlib.util.find_spec(NEEDS[name]) is None:
        pytest.skip(f"{NEEDS[name]} is not installed")
    space = one_objective()
    budget = SLOW.get(name, 40)
    first, again, other = (explore(space, name, budget=budget, seed=seed) for seed in (3, 3, 4))
    assert first.evaluations == budget
    assert len(np.unique(first.places, axis=0)) == budget
    space.check(first.places)
    np.testing.assert_array_equal(first.places, again.places)
    assert not np.array_equal(first.places, other.places)
    np.testing.assert_array_equal(first.scores.objectives, space.score(first.places).objectives)
    assert first.gap is None
    cls = explorer_class(name)
    assert cls.about
    assert set(cls.settings_tried) <= set(hyperparameters(cls))
    with pytest.raises(NameMiss, match="setting of"):
        explore(space, name, settings={"no_such_setting": 1})


@pytest.mark.parametrize("name", EXPLORERS)
def test_a_space_smaller_than_the_budget_is_tried_whole_or_given_up(name: str) -> None:
    if name in NEEDS and importlib.util.find_spec(NEEDS[name]) is None:
        pytest.skip(f"{NEEDS[name]} is not installed")
    space = read_space(TINY, "tiny")
    try:
        study = explore(space, name, budget=SLOW.get(name, 1000), seed=0)
    except InputError as error:
        assert "objective" in str(error)  # one that knows a single objective
        return
    assert study.evaluations <= space.size == 4 * 3 * 3
    assert study.front_rows
    if study.evaluations == space.size:
        assert study.gap == 0.0


@pytest.mark.parametrize("name", ["annealing", "genetic", "nsga2", "ants", "descent"])
def test_learning_beats_drawing(name: str) -> None:
    space = one_objective()
    drawn = np.median([explore(space, "random", 150, seed).so_far()[-1] for seed in range(8)])
    learned = np.median([explore(space, name, 150, seed).so_far()[-1] for seed in range(8)])
    assert learned < drawn


def test_exhaustive_is_the_truth() -> None:
    space = read_space(TINY, "tiny")
    study = explore(space, "exhaustive")
    every = space.canonical(space.places(np.arange(space.grid_size)))
    scores = space.score(every)
    figures = scores.objectives[scores.feasible]
    np.testing.assert_array_equal(np.unique(study.scores.objectives, axis=0), np.unique(figures[not_dominated(figures)], axis=0))
    assert study.evaluations == space.size


def test_unknown_explorers_are_refused() -> None:
    with pytest.raises(NameMiss, match="did you mean exact"):
        explore(one_objective(), "exat")
    with pytest.raises(InputError, match="at least one"):
        explore(one_objective(), "random", budget=0)
    assert set(SOLVERS) == {"exact", "exhaustive"}


def test_fronts_are_merged_in_any_order() -> None:
    generator = np.random.default_rng(0)
    figures = generator.random((500, 2))
    whole, parts = Front.empty(1, 2), Front.empty(1, 2)
    rows = np.arange(500)[:, None]
    whole.merge(rows, figures)
    for part in np.array_split(generator.permutation(500), 7):
        parts.merge(rows[part], figures[part])
    assert set(parts.places[:, 0]) == set(whole.places[:, 0])
    assert hypervolume(np.array([[0.0, 0.5], [0.5, 0.0]]), np.array([1.0, 1.0])) == pytest.approx(0.75)
