"""Does the comparison of learners with drawing tell what its runs say?"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from explorers.run import Run, Truth
from explorers.space.catalog import find_space

FILE = Path(__file__).parents[2] / "benchmarks" / "rl.py"


@pytest.fixture(scope="module")
def rl() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_rl", FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["benchmark_rl"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def ran(best: float, at: int) -> Run:
    return Run(100, 0.1, np.array([1, at]), np.array([[9.0], [best]]))


def test_a_space_counts_where_drawing_left_something(rl: ModuleType) -> None:
    space, truth = find_space("h100-like-decode"), Truth(1.0, 0.0, "exhaustive")
    drawn = [ran(2.0 + 0.1 * i, 50) for i in range(8)]
    first, later, near = ([ran(1.0, 10 + i) for i in range(8)], [ran(1.0, 60 + i) for i in range(8)], [ran(1.5 + 0.01 * i, 5) for i in range(8)])
    found = rl.Compared(space, truth, {"random": drawn, "ppo": first, "sac": near, rl.UNTRAINED: later})
    assert found.counts
    assert found.reached("ppo").all()
    assert not found.reached("sac").any()
    assert found.better("ppo", "random") < 0.001
    assert found.better("ppo", rl.UNTRAINED) > 0.5  # both are the optimum
    assert found.sooner("ppo", rl.UNTRAINED) < 0.001  # but one was there first
    assert found.sooner("sac", rl.UNTRAINED) > 0.99  # what is worse is worse, however soon
    page = rl.page([found], "python benchmarks/rl.py", 100, 8)
    assert "| h100-like-decode | ppo | 1 | 1 to 1 | 8 of 8 | 14 |" in page
    assert "| h100-like-decode | sac | 1.535 |" in page
    assert (
        "- `sac` beats random on 1 of 1 spaces that count, all of them together by Holm's correction. It is better or sooner than untrained walks on 0 of 1."
        in page
    )
    assert rl.hold_together([0.01, 0.04, 0.02])  # 0.03, 0.04 and 0.04
    assert not rl.hold_together([0.02, 0.03, 0.04])  # the least of three has to be below a third of the level
    easy = rl.Compared(space, truth, {"random": first, "ppo": first})
    assert not easy.counts
    assert "Random reached the optimum by then on h100-like-decode" in rl.page([easy], "x", 100, 8)


def test_what_is_kept_is_not_run_again(rl: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = rl.compared("pim-placement", ["random"], 60, 2, 1, tmp_path)
    lines = (tmp_path / "runs.jsonl").read_text(encoding="utf-8")
    assert len(lines.splitlines()) == 2
    monkeypatch.setattr("explorers.race.run", lambda *_: pytest.fail("it is kept"))
    again = rl.compared("pim-placement", ["random"], 60, 2, 1, tmp_path)
    np.testing.assert_array_equal(again.figures("random"), found.figures("random"))
    assert again.optimum <= again.figures("random").min() + 1e-9 * abs(again.optimum)  # minus the hypervolume of the whole front: nothing is beyond it
