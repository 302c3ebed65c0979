"""Explorers of one space beside each other: shares of what all of them won, with the truth where one of them knows it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from explorers.comparison import compared
from explorers.space.catalog import find_space
from explorers.study import explore
from roofscape.cli import main


def test_with_a_proof_among_them_shares_are_of_the_truth() -> None:
    space = find_space("h100-like-decode")
    studies = [explore(space, "exhaustive"), *(explore(space, name, 40, seed) for name in ("random", "genetic") for seed in range(5))]
    best, *others = compared(studies)
    assert (best.explorer, best.seeds, best.share, best.low, best.high) == ("exhaustive", 1, 1.0, 1.0, 1.0)
    assert math.isnan(best.needed)
    truth = studies[0].best
    assert truth is not None
    for found in others:
        own = sorted(truth["objective"] / s.best["objective"] for s in studies if s.explorer == found.explorer and s.best)
        assert found.seeds == 5 and found.share == pytest.approx(own[2]) and own[0] - 1e-12 <= found.low <= found.share <= found.high <= own[-1] + 1e-12
        spent = [s for s in studies if s.explorer == found.explorer]
        assert found.design_s == pytest.approx(sum(s.seconds for s in spent) / 200)


def test_of_several_objectives_it_is_hypervolume() -> None:
    space = find_space("rdu-three-tier")
    studies = [explore(space, name, 30, seed) for name in ("random", "nsga2") for seed in range(3)]
    found = compared(studies)
    assert [c.share for c in found] == sorted((c.share for c in found), reverse=True)
    volumes = {c.explorer: sorted(s.hypervolume for s in studies if s.explorer == c.explorer)[1] for c in found}
    assert volumes[found[0].explorer] / volumes[found[1].explorer] == pytest.approx(found[0].share / found[1].share)
    assert all(0.0 < c.share < 1.0 or math.isclose(c.share, 1.0) for c in found)


def test_where_nothing_is_feasible_nobody_won(tmp_path: Path) -> None:
    tree = "model: llama-3-8b\nmachine: h100-sxm\nscenario: {phase: decode}\nestimator: {fidelity: roofline}\naxes: {batch: {grid: [1, 2]}}\n"
    file = tmp_path / "none.yaml"
    file.write_text(f"{tree}constraints: [batch > 4]\nobjectives: [minimise tpot_s]\n")
    assert main(["explore", str(file), "--with", "random,genetic", "--html", str(tmp_path / "p.html")]) == 2
    assert "0.0%" in (tmp_path / "p.html").read_text()


def test_they_are_printed_and_on_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explore", "h100-like-decode", "--with", "random,genetic", "--budget", "20", "--seeds", "2", "--html", str(tmp_path / "p.html")]) == 0
    assert "explorers beside each other" in capsys.readouterr().out
    page = (tmp_path / "p.html").read_text()
    assert "Explorers beside each other" in page and "ms a design" in page
