"""A race is fair and its figures are right: shares of the truth, designs needed, medians with intervals, ranks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from explorers.race import Entry, Race, Truth, entry_of, lottery, median_interval, needed, race, share, truth_of
from explorers.space.catalog import find_space
from explorers.study import explore
from roofscape.cli import main

SPACE = "h100-like-decode"


def test_the_share_is_the_optimum_over_the_best_found() -> None:
    space = find_space(SPACE)
    truth, reference = truth_of(space), space.reference_point
    study = explore(space, "random", 100, 5)
    found = study.scores.objectives[study.scores.feasible, 0].min()
    assert share(study, truth, 100, reference) == pytest.approx(truth.best / found)
    assert truth.proven == "exhaustive"
    enough = share(study, truth, 100, reference) - 1e-9
    first = int(needed(study, truth, reference, enough))
    assert share(study, truth, first, reference) >= enough > share(study, truth, first - 1, reference)
    assert needed(study, truth, reference, 1.1) == np.inf


def test_hypervolume_shares_are_those_of_the_true_front() -> None:
    space = find_space("pim-placement")
    truth, reference = truth_of(space), space.reference_point
    study = explore(space, "nsga2", 300, 0)
    assert 0.0 < share(study, truth, 50, reference) <= share(study, truth, 300, reference) <= 1.0
    every = explore(space, "exhaustive")
    assert share(every, truth, len(every.places), reference) == pytest.approx(1.0)


def test_two_processes_race_as_one() -> None:
    alone = race([SPACE], ["random", "genetic"], (20, 60), seeds=2)
    both = race([SPACE], ["random", "genetic"], (20, 60), seeds=2, workers=2)
    for one, other in zip(alone.entries, both.entries, strict=True):
        np.testing.assert_array_equal(one.shares[60], other.shares[60])
        np.testing.assert_array_equal(one.needed, other.needed)


def test_ranks_tell_the_better_from_the_worse() -> None:
    shares = {"good": 0.9, "bad": 0.5, "worst": 0.1}
    entries = [Entry("s", n, 20, {50: np.full(20, v) + np.arange(20) * 1e-3}, np.full(20, np.inf), 0.0) for n, v in shares.items()]
    ranks, critical = Race(tuple(entries), {"s": Truth(1.0, 1.0, "exact")}, (50,)).ranks(50)
    assert ranks == {"good": 1.0, "bad": 2.0, "worst": 3.0}
    assert critical == pytest.approx(2.343 * np.sqrt(3 * 4 / (6 * 20)), rel=1e-3)  # Demsar 2006, table 5: q of three at 5 %


def test_a_median_lies_in_its_interval() -> None:
    middle, low, high = median_interval(np.linspace(0.0, 1.0, 21))
    assert low < middle == 0.5 < high


def test_settings_alone_differ_in_the_lottery() -> None:
    found = lottery(SPACE, "genetic", (10, 40), settings_at_most=6)
    assert found[40].shape == (6,)
    assert (found[40] >= found[10]).all()


def test_an_entry_counts_distinct_designs() -> None:
    space = find_space(SPACE)
    studies = [explore(space, "random", 30, seed) for seed in range(3)]
    entry = entry_of(space, SPACE, "random", studies, truth_of(space), (10, 30))
    assert entry.seeds == 3
    assert entry.seconds_per_design > 0.0


def test_a_race_is_written_by_a_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "RACE.md"
    asked = ["explore", f"{SPACE},pim-placement", "--with", "random,genetic", "--seeds", "3", "--budget", "60", "--race", str(out)]
    assert main(asked) == 0
    text = out.read_text(encoding="utf-8")
    for said in (f"## {SPACE}", "## pim-placement", "## Ranks at 50 designs", "## Ranks at 60 designs", "known from trying all", "| genetic |"):
        assert said in text
    assert main([*asked[:3], "exact", *asked[4:]]) == 2
    assert "tells the truth of a race" in capsys.readouterr().err
