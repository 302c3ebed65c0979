"""Spaces at the edge: limits that are met and not kept, names in formulas, figures that are no number, designs that cannot be built, nothing feasible."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from explorers.base import EXPLORERS, SOLVERS, worth
from explorers.diagnosis import conflict
from explorers.search.optuna_samplers import BUILT, Tpe
from explorers.search.walking import relative
from explorers.space.catalog import find_space, read_space
from explorers.space.space import DesignSpace, Scores
from explorers.study import explore
from magnitudes.errors import InputError

AXES = """
  hbm.bandwidth: {log: [1 TB/s, 4 TB/s, 9]}
  batch: {grid: [1, 8, 64, 256]}
  dtype: {choice: [bf16, fp8]}
  kv: {of: kv_dtype, choice: [bf16, fp8], when: "dtype == 'fp8'", otherwise: bf16}
  context: {grid: [512, 1024, 4096], when: "batch >= 8 and dtype == 'fp8'", otherwise: 1024}
"""
NEEDS = {
    "torch": ("gp", "ippo", "mappo", "vdn", "marl"),
    "stable_baselines3": ("ppo", "ppo-bandit", "sac"),
    "pymoo": ("pymoo-nsga2",),
    "botorch": ("qlognehvi",),
}
ABSENT = {name for library, names in NEEDS.items() if importlib.util.find_spec(library) is None for name in names}
ALL = [pytest.param(name, marks=pytest.mark.skipif(name in ABSENT, reason="its library is not installed")) for name in (*SOLVERS, *EXPLORERS)]


def space_of(objectives: str, limits: str = "[]", axes: str = AXES, machine: str = "h100-sxm") -> DesignSpace:
    head = f"space: odd\nmodel: llama-3-8b\nmachine: {machine}\nscenario: {{phase: decode, context: 1024}}\nestimator: {{fidelity: roofline}}\n"
    return read_space(f"{head}axes:{axes}constraints: {limits}\nobjectives: {objectives}\n", "odd")


@pytest.mark.parametrize(
    ("limit", "left"),
    [
        ("batch < 64", {1, 8}),
        ("batch <= 64", {1, 8, 64}),
        ("batch > 8", {64, 256}),
        ("8 < batch < 256", {64}),
        ("0 < batch", {1, 8, 64, 256}),
        ("batch == 8", {8}),
    ],
)
def test_what_meets_a_limit_is_not_below_it(limit: str, left: set[float]) -> None:
    space = space_of("[minimise tpot_s]", f"['{limit}']")
    places = space.every()
    scores = space.score(places)
    assert set(space.values(places)["batch"][scores.feasible]) == left
    assert np.isfinite(scores.violations).all()


def test_two_figures_that_are_equal_are_not_apart() -> None:
    space = space_of("[minimise tpot_s]", "['batch / 8 < context / 512']")
    values, scores = space.values(space.every()), space.score(space.every())
    np.testing.assert_array_equal(scores.feasible, values["batch"] / 8 < values["context"] / 512)
    assert (values["batch"] / 8 == values["context"] / 512).any()


@pytest.mark.parametrize("limit", ["batch < 64", "batch > 1", "batch / 64 < context / 4096", "batch == 64 or batch < 8"])
def test_a_limit_without_equality_is_proved_as_it_is_tried(limit: str) -> None:
    tiers = "\n  hbm.bandwidth: {log: [1 TB/s, 4 TB/s, 150]}\n  l2.bandwidth: {log: [2 TB/s, 9 TB/s, 100]}"
    many = f"{tiers}\n  batch: {{grid: [1, 8, 64, 256]}}\n  context: {{grid: [512, 4096]}}\n"
    space = space_of("[maximise throughput_token_per_s]", f"['{limit}']", many)
    assert space.size > 100_000
    proved, tried = explore(space, "exact"), explore(space, "exhaustive")
    assert proved.best is not None and tried.best is not None and proved.gap is not None and proved.gap <= 1e-3
    assert proved.best["objective"] <= tried.best["objective"] <= proved.best["objective"] * (1 + proved.gap + 1e-12)


def test_a_proof_leaves_out_what_a_limit_on_one_axis_excludes() -> None:
    """The divisor is positive where the limit holds, so that there is a bound; without the limit there is none."""
    many = "\n  hbm.bandwidth: {log: [1 TB/s, 4 TB/s, 400]}\n  hbm.capacity: {log: [20 GB, 90 GB, 200]}\n"
    figure = "['minimise tpot_s / (1 + (hbm.bandwidth - 2.2e12) / 1e12)']"
    space = space_of(figure, "['hbm.bandwidth > 1.25e12']", many)
    proved, tried = explore(space, "exact"), explore(space, "exhaustive")
    assert proved.best is not None and tried.best is not None and proved.gap is not None
    assert proved.best["objective"] <= tried.best["objective"] * (1 + 1e-3) and proved.gap <= 1e-3


@pytest.mark.parametrize("limit", ["kv == 'bf16'", "dtype == 'fp8' or batch > 8", "kv == dtype"])
def test_limits_read_names_that_change_the_structure(limit: str) -> None:
    if limit == "kv == dtype":
        with pytest.raises(InputError, match="one of its names"):
            space_of("[minimise tpot_s]", f'["{limit}"]')
        return
    space = space_of("[minimise tpot_s]", f'["{limit}"]')
    places = space.every()
    kept = {(d["dtype"], d["kv"], d["batch"]) for d, f in zip(map(space.design, places), space.score(places).feasible, strict=True) if f}
    held = {"kv == 'bf16'": lambda d, k, b: k == "bf16", "dtype == 'fp8' or batch > 8": lambda d, k, b: d == "fp8" or b > 8}[limit]
    assert kept == {(d["dtype"], d["kv"], d["batch"]) for d in map(space.design, places) if held(d["dtype"], d["kv"], d["batch"])}


@pytest.mark.parametrize("name", ALL)
def test_nothing_feasible_is_said_by_every_explorer(name: str) -> None:
    study = explore(space_of("[minimise tpot_s]", "['tpot_s < 1e-9']"), name, **({} if name in SOLVERS else {"budget": 14}))
    assert study.best is None and study.gap is None and study.front_rows == [] and study.hypervolume == 0.0
    assert "'tpot_s < 1e-9' never holds among all 216 designs (the nearest is" in study.note
    assert study.to_dict()["best"] is None


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("figures", "limits"),
    [("[minimise tpot_s + log(batch - 8)]", "[]"), ("[minimise tpot_s]", "['log(batch - 8) <= 4']"), ("[minimise tpot_s]", "['1 / (batch - 8) <= 0.1']")],
    ids=["objective", "limit", "infinite"],
)
def test_what_is_no_number_stops_no_explorer(name: str, figures: str, limits: str) -> None:
    space = space_of(figures, limits)
    study = explore(space, name, **({} if name in SOLVERS else {"budget": 14, "seed": 1}))  # warnings of arithmetic are errors here
    assert study.evaluations >= 14
    assert np.isfinite(study.scores.objectives[study.scores.feasible]).all()
    figures_of = space.score(study.places).feasible
    np.testing.assert_array_equal(figures_of, study.scores.feasible)


def test_infeasible_designs_are_ordered_by_how_far_they_violate() -> None:
    violations = np.array([[-1.0, 0.0], [0.1, -1.0], [0.2, 0.0], [1e300, np.inf], [-0.1, -0.1], [np.nan, 0.0], [np.inf, np.inf]])
    feasible = np.array([True, False, False, False, False, False, False])
    scores = Scores(np.array([[1e20], [1.0], [1.0], [1.0], [np.nan], [1.0], [np.inf]]), violations, feasible, {})
    height = worth(scores)
    assert height[0] == 1e20
    assert height[0] < height[1] < height[2] < height[4] == height[5] < height[3] <= height[6] < np.inf  # what cannot be built is as far as a missed condition
    assert relative(height[2], height[1]) == pytest.approx(0.1 / 1.1)
    assert relative(height[0], height[1]) < 0.0 < relative(height[1], height[0])


def test_designs_that_cannot_be_built_are_told_to_optuna_as_a_limit() -> None:
    cut = "\n  tp: {grid: [1, 2, 4, 8]}\n  pp: {grid: [1, 2, 4, 8]}\n  batch: {grid: [1, 8, 64, 256]}\n"
    space = space_of("[minimise tpot_s]", "[tpot_s <= 0.02]", cut, "8xh100-sxm")
    explorer = Tpe(space, seed=0, budget=40)
    assert explorer.limits[-1] == BUILT and len(explorer.limits) == len(space.constraints) + 1
    for _ in range(40):
        places = explorer.ask(1)
        explorer.tell(places, space.score(places))
    told = np.array([[t.constraints[name] for name in explorer.limits] for t in explorer.study.trials])
    feasible = space.score(np.array([[t.params[n] for n in space.names] for t in explorer.study.trials])).feasible
    np.testing.assert_array_equal((told <= 0.0).all(axis=1), feasible)
    assert ((told[:, :-1] <= 0.0).all(axis=1) & ~feasible).any()  # the space's own limits would not have said so
    assert BUILT not in Tpe(find_space("h100-like-decode")).limits


def test_where_a_budget_missed_what_there_is_the_remedy_is_a_budget() -> None:
    space = space_of("[minimise tpot_s]", "[batch == 256, hbm.bandwidth >= 4e12]")
    assert conflict(space).startswith("6 of 216 designs are feasible: a larger budget")
    study = explore(space, "random", budget=2, seed=0)
    assert study.best is None and "a larger budget" in study.note


def test_how_near_a_limit_was_met_is_said_in_its_own_measure() -> None:
    assert "meets the limit, and should be beyond it" in conflict(space_of("[minimise tpot_s]", "['batch > 256']"))
    assert "misses by 20.0% of the limit" in conflict(space_of("[minimise tpot_s]", "['batch >= 320']"))
    assert "is 4 times the limit" not in conflict(space_of("[minimise tpot_s]", "['batch <= 0.25']"))
    assert "misses by 300.0% of the limit" in conflict(space_of("[minimise tpot_s]", "['batch <= 0.25']"))
    assert "is 100 times the limit" in conflict(space_of("[minimise tpot_s]", "['batch <= 0.01']"))
    assert "misses by 1 " not in conflict(space_of("[minimise tpot_s]", "['batch * 2 <= batch']"))
    assert "misses by 1)" in conflict(space_of("[minimise tpot_s]", "['batch * 2 <= batch']"))


def test_a_space_of_one_design_is_tried_whole() -> None:
    space = space_of("[minimise tpot_s]", axes="\n  batch: {grid: [8]}\n")
    for name in (*SOLVERS, *(n for n in EXPLORERS if n not in ABSENT)):
        study = explore(space, name)
        assert study.evaluations == 1 and study.gap == 0.0 and study.best is not None


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("exact", {"nope": 3}, "unknown setting of exact 'nope' .known: gap, seconds"),
        ("exact", {"seconds": "long"}, "seconds of exact is a number, 0 or more"),
        ("tpe", {"startup": "abc"}, "startup of tpe is a whole number"),
        ("tpe", {"multivariate": "maybe"}, "multivariate of tpe is true or false"),
        ("genetic", {"population": 0}, "population of genetic is a whole number, 1 or more"),
        ("annealing", {"reach": -0.5}, "reach of annealing is a number, 0 or more"),
        ("nsga2", {"population": 1}, "nsga2 cannot be set so .population=1."),
    ],
)
def test_settings_that_mean_nothing_are_refused(name: str, settings: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        explore(find_space("h100-like-decode"), name, budget=10, settings=settings)
