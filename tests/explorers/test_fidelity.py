"""Rooflines guide: the processes are those of their formulas, picks add hypervolume, few evaluations suffice, and what is not counted is told."""

from __future__ import annotations

import numpy as np
import pytest

from explorers.race import truth_of
from explorers.run import Run
from explorers.search.fidelity import behind, lower_fidelity
from explorers.space.catalog import find_space
from explorers.study import explore
from explorers.surrogate.gaussian import fit, matern
from explorers.surrogate.picking import best_rows, chance
from explorers.surrogate.scale import Scale


def test_a_process_passes_through_what_it_learned_and_doubts_what_is_far() -> None:
    inputs = np.linspace(0.0, 0.6, 13)[:, None]
    model = fit(inputs, np.sin(6 * inputs[:, 0]))
    means, deviations = model.predict(np.array([[0.3], [0.325], [1.0]]))
    assert means[0] == pytest.approx(np.sin(1.8), abs=1e-2)
    assert means[1] == pytest.approx(np.sin(1.95), abs=2e-2)
    assert deviations[2] > 10 * deviations[1]
    flat = fit(inputs, np.full(13, 2.0)).predict(np.array([[0.9]]))
    assert flat[0][0] == 2.0
    assert flat[1][0] == 0.0
    distance = 0.5
    expected = (1 + np.sqrt(5) * distance + 5 * distance**2 / 3) * np.exp(-np.sqrt(5) * distance)
    assert matern(np.array([[0.0]]), np.array([[distance]]))[0, 0] == pytest.approx(expected)


def test_the_gradient_of_the_likelihood_is_that_of_differences() -> None:
    from explorers.surrogate.gaussian import _unlikely

    generator = np.random.default_rng(0)
    inputs = generator.random((12, 3))
    squares, left = (inputs[:, None, :] - inputs[None, :, :]) ** 2, generator.standard_normal(12)
    at = np.array([-0.3, 0.2, 0.5, -3.0])
    _, gradient = _unlikely(at, squares, left)
    for i in range(4):
        step = np.zeros(4)
        step[i] = 1e-5
        slope = (_unlikely(at + step, squares, left)[0] - _unlikely(at - step, squares, left)[0]) / 2e-5
        assert gradient[i] == pytest.approx(slope, rel=1e-4, abs=1e-8)


def test_what_adds_most_is_picked_first() -> None:
    figures = np.array([[0.5, 0.5], [0.1, 0.95], [0.9, 0.05], [0.6, 0.6], [0.2, 0.2]])
    sure = np.array([1.0, 1.0, 1.0, 1.0, 0.1])  # the last is best and will not be feasible
    assert best_rows(figures, sure, np.zeros((0, 2)), np.ones(2), 3)[0] == 0  # 0.25 against 0.045 and 0.095
    assert best_rows(figures, sure, np.array([[0.4, 0.4]]), np.ones(2), 3) == [2, 1]  # 0.1 * 0.55 and 0.3 * 0.05 are left of them
    assert chance(np.array([[-1.0, -2.0], [1.0, -2.0]]), np.full((2, 2), 1e-12)).round().tolist() == [1.0, 0.0]


def test_figures_come_back_from_their_logarithms() -> None:
    objectives = np.array([[1.0, -4.0, 0.0], [10.0, -2.0, -3.0]])
    scale = Scale.of(objectives)
    assert scale.signs == (1.0, -1.0, 0.0)
    np.testing.assert_allclose(scale.figures(scale.told(objectives)), objectives)
    assert (np.diff(scale.told(objectives), axis=0) > 0).tolist() == [[True, True, False]]


def test_what_is_behind_the_front() -> None:
    far = behind(np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 1.0], [1.0, 1.0]]))
    assert far.tolist() == [0.0, 0.0, 0.0, 0.0] or (far[:2] == 0.0).all()
    assert behind(np.array([[0.0, 0.0], [1.0, 0.5]]))[1] == pytest.approx(1.0)  # both steps are whole spreads


@pytest.mark.parametrize("name", ["pim-placement", "rdu-three-tier"])
def test_few_evaluations_find_nearly_all(name: str) -> None:
    space = find_space(name)
    truth, reference = truth_of(space), space.reference_point
    reached = [Run.of(explore(space, "fidelity", 20, seed)).needed(truth, reference) for seed in range(3)]
    drawn = Run.of(explore(space, "random", 20, 0)).needed(truth, reference)
    assert np.median(reached) <= 20 < drawn


def test_what_a_budget_does_not_count_is_told() -> None:
    space = find_space("pim-placement")
    assert explore(space, "fidelity", 8, 0).note == "3600 rooflines were computed beside the budget"
    assert lower_fidelity(find_space("h100-like-12-axes")) is None  # is asked at roofline fidelity already
    low = lower_fidelity(space)
    assert low is not None
    assert low.axes == space.axes


def test_a_space_without_a_lower_fidelity_is_learned_from_its_axes() -> None:
    space = find_space("h100-like-12-axes")
    study = explore(space, "fidelity", 30, 0)
    assert study.evaluations == 30
    assert "no lower fidelity" in study.note
