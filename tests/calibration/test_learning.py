"""Learners: a fit finds a constant again, and the judgement knows what it has seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from roofscape.cli import main
from simulator.calibration import overlaid
from simulator.calibration.fitting import Fit, damped, errors, measured
from simulator.calibration.learning import corrected, learn
from simulator.calibration.residuals import Rows
from simulator.calibration.tasks import TASKS

SHARED = Path(__file__).parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no measurements at {SHARED}: they are shared beside the repository, not part of it")


def test_a_fit_finds_the_constants_behind_made_up_measurements() -> None:
    """Rows whose times are the law's own under other constants."""
    task = replace(TASKS["convolution"], constants={k: TASKS["convolution"].constants[k] for k in ("direct", "fill_steps")})
    rows = measured(SHARED, task, 60)
    true = {"direct": 0.55, "fill_steps": 14.0}
    with overlaid({"convolution": true}):
        made = [replace(m, log_us=m.log_us + m.residual()) for m in rows]
    fit = Fit(task, made)
    found = fit.values(fit.solve(steps=20))
    assert found["direct"] == pytest.approx(true["direct"], rel=0.05)
    assert found["fill_steps"] == pytest.approx(true["fill_steps"], rel=0.15)
    left = errors(made, dict(enumerate(_residuals(fit, found))))
    assert max(left.values()) < 0.02


def _residuals(fit: Fit, values: dict[str, float]) -> list[np.ndarray]:  # type: ignore[type-arg]
    with overlaid({fit.task.table: values}):
        return [m.residual() for m in fit.rows]


def test_damped_residuals_grow_as_their_size() -> None:
    assert damped(np.array([0.01]))[0] == pytest.approx(0.01, rel=1e-2)
    assert damped(np.array([4.0]))[0] ** 2 / damped(np.array([2.0]))[0] ** 2 == pytest.approx(2.0, rel=0.1)


def test_a_correction_learns_a_slope_and_keeps_its_bounds() -> None:
    x = np.linspace(-3.0, 3.0, 400)

    def rows(residual: np.ndarray) -> Rows:  # type: ignore[type-arg]
        return Rows("k", "f", "g", "bf16", "k", ("t", "s", "d"), residual, x, x, x, {"depth": x, "cache": x})

    falling = rows(0.1 - 0.08 * x)  # predicted too slow where x is small, too fast where it is large: the time must rise with x
    assert np.abs(corrected(falling, learn([falling]))).mean() < 0.3 * np.abs(falling.residual).mean()
    slopes = [s for curve in [learn([rows(0.3 * np.tanh(x))])["features"]["cache"]["slopes"]] for s in curve]
    assert min(slopes) >= 0.0  # a larger cache never makes a kernel slower, whatever the residuals say


def test_the_judgement_tells_seen_from_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "judged.md"
    assert main(["validate", str(SHARED / "neusight_conv.parquet"), "--judge", str(target), "--sample", "300"]) == 0
    assert "judged in 4 ways" in capsys.readouterr().out
    text = target.read_text(encoding="utf-8")
    cells = next(line for line in text.splitlines() if line.startswith("| convolution_fp32")).split("|")
    roofline, seen, left_out = (float(c) for c in cells[4:7])
    assert seen < left_out < roofline
    assert "chosen in sight of the devices" in text
