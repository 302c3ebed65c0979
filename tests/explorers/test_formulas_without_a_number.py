"""Figures that are no number somewhere, bounds that do not exist, and first designs that cannot be: told, never a crash."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from explorers.search.exact import solve
from explorers.search.exhaustive import solve as try_all
from explorers.space.catalog import read_space
from explorers.space.space import DesignSpace
from explorers.space.statement import SpaceError
from roofscape.cli import main

FEW = "{hbm.bandwidth: {log: [1 TB/s, 4 TB/s, 4]}, batch: {grid: [1, 2, 4]}}"
MANY = "{hbm.bandwidth: {log: [1 TB/s, 4 TB/s, 400]}, hbm.capacity: {log: [20 GB, 90 GB, 200]}, batch: {grid: [1, 2, 4]}}"

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # a root of what is negative is what is asked


def space_of(figure: str, axes: str = FEW, limits: str = "[]") -> DesignSpace:
    return read_space(
        f"space: rough\nmodel: llama-3-8b\nmachine: h100-sxm\nscenario: {{phase: decode, batch: 4}}\nestimator: {{fidelity: roofline}}\naxes: {axes}\n"
        f"let: {{x: '{figure}'}}\nconstraints: {limits}\nobjectives: [minimise x]\n",
        "rough",
    )


@pytest.mark.parametrize("axes", [FEW, MANY], ids=["few", "many"])
def test_where_an_objective_is_no_number_is_said_and_the_rest_is_proved(axes: str) -> None:
    space = space_of("sqrt(2e12 - hbm.bandwidth) * tpot_s", axes)
    proved, tried = solve(space, seconds=30.0), try_all(space)
    assert "x is no number for" in proved.note and "hbm.bandwidth" in proved.note
    assert "x is no number for" in tried.note
    assert proved.gap is not None and proved.best is not None and tried.best is not None
    assert tried.best["objective"] <= proved.best["objective"] <= tried.best["objective"] * (1 + proved.gap + 1e-12)


@pytest.mark.parametrize("figure", ["tpot_s * (1 + 1e-3 * context ** -0.5)", "tpot_s + 0 * exp(1e4 * tpot_s * context)"], ids=["zero", "overflow"])
def test_where_a_formula_is_infinite_the_proof_goes_on_without_a_warning(figure: str) -> None:
    space = space_of(figure, MANY.replace("}}", "}, context: {grid: [0, 512, 4096]}}"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        proved = solve(space, seconds=30.0)
    tried = try_all(space)
    assert proved.gap is not None and proved.best is not None and tried.best is not None
    assert tried.best["objective"] <= proved.best["objective"] <= tried.best["objective"] * (1 + proved.gap + 1e-12)


@pytest.mark.parametrize(
    "figure",
    ["tpot_s / (1 + (hbm.bandwidth - 2.2e12) / 1e12)", "1e-9 + tpot_s * (hbm.bandwidth / 1e12 - 2) ** 2"],
    ids=["divisor", "power"],
)
def test_a_formula_without_a_bound_is_named_with_its_remedy(figure: str) -> None:
    limits = "['hbm.bandwidth >= 1.25e12 + 0 * batch']"  # of the axis alone, it would leave the values without a bound out
    few = solve(space_of(figure, limits=limits))  # few designs need no bound
    assert few.gap == 0.0 and few.evaluations == 12
    with pytest.raises(SpaceError, match=r"a formula of rough has no bound while .*hbm.bandwidth.* or use exhaustive"):
        solve(space_of(figure, MANY, limits))


def test_of_few_designs_all_are_tried_and_none_twice() -> None:
    found = solve(space_of("tpot_s", limits="['hbm.bandwidth <= 2e12', 'hbm.bandwidth >= 3e12']"))
    assert found.evaluations == 12 and found.best is None
    assert "no design is feasible: 'hbm.bandwidth <= 2e12' and 'hbm.bandwidth >= 3e12' never hold together among all 12 designs" in found.note


def test_a_space_whose_first_design_cannot_be_is_explored_and_swept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explore", "pim-placement", "--with", "random", "--budget", "4"]) == 0
    assert main(["sweep", "pim-placement", "--sample", "8", "--out", str(tmp_path / "r")]) == 0
    assert "8 designs of pim-placement" in capsys.readouterr().out
