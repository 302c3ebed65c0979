"""``roofscape demo``: its tables say what the estimator says, fit a terminal, and its page is written."""

from __future__ import annotations

from pathlib import Path

import pytest

import roofscape as rs
from explorers.sensitivity import gains
from magnitudes.units import show
from roofscape.cli import main
from roofscape.commands.demo import MACHINES, MODEL, SCENARIO, answer, bound_of, by_role


def test_the_demo_prints_tables_that_fit_and_writes_its_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "demo.html"
    assert main(["demo", "--html", str(file)]) == 0
    printed = capsys.readouterr().out
    assert max(len(line.rstrip()) for line in printed.splitlines() if not line.startswith(("note", "The same"))) <= 110
    assert str(file) in printed
    assert file.stat().st_size < 6e6
    for machine in MACHINES:
        alone = rs.estimate(MODEL, on=machine, scenario=SCENARIO)
        assert alone.tpot_s is not None
        row = next(line for line in printed.splitlines() if line.startswith(machine))
        assert show(alone.tpot_s, "s") in row  # type: ignore[arg-type]


def test_the_machines_fit_and_differ() -> None:
    answers = [answer(machine) for machine in MACHINES]
    assert all(a.design["fits"] for a in answers)
    assert len({bound_of(a.design, "prefill")[0] for a in answers} | {bound_of(a.design, "decode")[0] for a in answers}) >= 3
    for a in answers:
        assert a.gains["decode"]["main memory bandwidth"] < -0.02


def test_roles_are_shared_names_for_a_machines_own_parts() -> None:
    question = rs.question(MODEL, "h100-sxm", SCENARIO)
    values = gains(question, output="tpot_s")
    named = by_role(question, values)
    assert named["main memory bandwidth"] == values["hbm.bandwidth"]
    assert named["cache bandwidth"] == values["l2.bandwidth"]
    assert named["matrix rate"] == values["sm.matrix"]


def test_an_unwritable_page_is_refused_before_the_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--html", str(tmp_path / "none" / "demo.html")]) == 2
    assert "there is no folder" in capsys.readouterr().err
