"""A proxy predicts what it never saw, its intervals hold as often as they say, and its numpy network is the library's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from explorers.predicted import predicted
from explorers.proxy import learn, logged
from explorers.space.catalog import find_space
from explorers.study import Study, explore
from explorers.sweep import sweep
from magnitudes.errors import InputError
from magnitudes.names import NameMiss

SPACE = "pim-placement"


@pytest.fixture(scope="module")
def study() -> Study:
    return explore(SPACE, "random", 1500, 0)


@pytest.mark.parametrize("learner", ["boosting", "network"])
def test_designs_held_out_are_predicted(study: Study, learner: str) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed (extra proxy)")
    proxy = learn(study, learner)
    space = find_space(SPACE)
    unseen = space.sample(400, np.random.default_rng(9))
    truth = space.score(unseen).figures
    for name, said in proxy.predict(unseen).items():
        miss = np.sqrt(np.mean((said - truth[name]) ** 2)) / np.ptp(truth[name])
        assert miss < 0.05
        low, high = proxy.interval(unseen)[name]
        assert 0.8 < np.mean((truth[name] >= low) & (truth[name] <= high)) <= 1.0
    assert proxy.quality.held_out == len(study.places) - int(0.9 * len(study.places))
    assert max(proxy.quality.error.values()) < 0.05
    assert proxy.quality.speed_up == proxy.quality.evaluator_s / proxy.quality.proxy_s


def test_a_network_reads_a_row_a_value() -> None:
    from explorers.proxy import Network

    weights = (np.array([[1.0], [2.0], [-5.0], [0.5]], dtype=np.float32), np.array([[3.0]], dtype=np.float32))
    network = Network(np.array([0, 2]), weights, (np.array([0.5]), np.array([1.0])), np.array([10.0]), np.array([2.0]))
    # axis 0 at place 1 gives 2, axis 1 at place 1 gives 0.5, shifted 3; three times and one more is 10; 10 + 2 * 10
    assert network.predict(np.array([[1, 1]])).tolist() == [[30.0]]
    assert network.predict(np.array([[0, 0]])).tolist() == [[12.0]]  # 1 - 5 + 0.5 is cut to nothing


def test_a_sweep_is_a_log(tmp_path: Path) -> None:
    space = find_space(SPACE)
    sweep(space, tmp_path / "out", sample=300, seed=1)
    _, places, figures = logged(tmp_path / "out")
    scores = space.score(places)
    np.testing.assert_allclose(figures, np.stack([scores.figures[o.name] for o in space.objectives], axis=1))
    assert len(np.unique(places, axis=0)) == len(places)


def test_what_cannot_be_learned_is_refused(study: Study) -> None:
    with pytest.raises(NameMiss, match="did you mean boosting"):
        learn(study, "bosting")
    with pytest.raises(InputError, match="too few"):
        learn(explore(SPACE, "random", 20, 0))


def test_a_proxy_of_a_log_is_the_fidelity_below(study: Study, tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed (extra proxy)")
    space = find_space(SPACE)
    below = predicted(space, study, "network")
    places = space.sample(300, np.random.default_rng(3))
    truth = space.score(places).objectives
    assert np.all(np.sqrt(((below.score(places).objectives - truth) ** 2).mean(axis=0)) < 0.05 * np.ptp(truth, axis=0))
    found = explore(space, "fidelity", 24, 0, {"log": study})
    assert found.evaluations == 24
    assert "times faster; " in found.note and f"{space.size} designs were predicted" in found.note
    drawn = [explore(space, "random", 24, seed).hypervolume for seed in range(3)]
    assert found.hypervolume > max(drawn)  # 1,500 logged designs guide better than none
    with pytest.raises(InputError, match="the log is of pim-placement"):
        explore("rdu-three-tier", "fidelity", 12, 0, {"log": study})


def test_an_explorer_without_a_study_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="fidelity keeps no study"):
        explore(SPACE, "fidelity", 12, kept=str(tmp_path / "kept.journal"))
