"""A race is fair and its figures are right: shares of the truth, designs needed, medians with intervals, ranks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from explorers.lottery import Draw, combinations, lottery
from explorers.pareto import hypervolume
from explorers.race import Entry, Race, entry_of, median_interval, race, truth_of
from explorers.run import Job, Ledger, Run, Truth, best_found, run
from explorers.space.catalog import find_space
from explorers.study import explore
from explorers.tabulated import TabulatedSpace, fingerprint, tabulated
from roofscape.cli import main
from roofscape.report.lottery import lottery_text

SPACE = "h100-like-decode"


def test_the_share_is_the_optimum_over_the_best_found() -> None:
    space = find_space(SPACE)
    truth, reference = truth_of(space), space.reference_point
    study = explore(space, "random", 100, 5)
    made = Run.of(study)
    found = study.scores.objectives[study.scores.feasible, 0].min()
    assert made.share(truth, 100, reference) == pytest.approx(truth.best / found)
    enough = made.share(truth, 100, reference) - 1e-9
    first = int(made.needed(truth, reference, enough))
    assert made.share(truth, first, reference) >= enough > made.share(truth, first - 1, reference)
    assert made.needed(truth, reference, 1.1) == np.inf


def test_hypervolume_shares_are_those_of_the_true_front() -> None:
    space = find_space("pim-placement")
    truth, reference = truth_of(space), space.reference_point
    assert truth.proven == "exhaustive"
    study = explore(space, "nsga2", 300, 0)
    made = Run.of(study)
    for budget in (1, 7, 50, 300):  # what a run keeps says the same as all that it saw
        rows = np.flatnonzero(study.scores.feasible[:budget])
        assert made.share(truth, budget, reference) == pytest.approx(hypervolume(study.scores.objectives[rows], reference) / truth.hypervolume)
    every = Run.of(explore(space, "exhaustive"))
    assert every.share(truth, space.size, reference) == pytest.approx(1.0)
    assert best_found([made], reference).hypervolume == pytest.approx(study.hypervolume)


@pytest.mark.parametrize("name", ["h100-like-decode", "pim-placement"])
def test_a_run_that_has_found_all_that_can_be_won_ends(name: str, tmp_path: Path) -> None:
    space = tabulated(find_space(name), tmp_path)
    truth, reference = truth_of(space), space.reference_point
    jobs = (Job(name, "pbt", 3000, seed) for seed in range(8))  # which of them find it changes with the laws
    job, whole = next((job, whole) for job in jobs if (whole := run(job, space)).share(truth, 3000, reference) == pytest.approx(1.0))
    ended = run(job, space, truth)
    assert ended.share(truth, 3000, reference) == pytest.approx(1.0)
    assert ended.evaluations < whole.evaluations
    assert ended.at[-1] <= ended.evaluations
    assert ended.needed(truth, reference, 0.99) == whole.needed(truth, reference, 0.99)
    guess = replace(truth, proven="best found")  # better may exist: the run goes on
    assert run(job, space, guess).evaluations == whole.evaluations


def test_what_was_not_proved_in_time_is_no_truth() -> None:
    space = find_space("h100-like-12-axes")
    made = [run(Job(space.name, "random", 100, 0), space)]
    truth = truth_of(space, made, seconds=0.0)
    assert truth.proven == "best found"
    assert truth.best == made[0].objectives[-1, 0]


def test_a_table_says_what_the_space_says(tmp_path: Path) -> None:
    space = find_space("pim-placement")
    made = tabulated(space, tmp_path)
    assert isinstance(made, TabulatedSpace)
    places = space.sample(50, np.random.default_rng(3))
    for held in (made, tabulated(space, tmp_path, make=False)):  # as it was made, and as it was kept
        assert isinstance(held, TabulatedSpace)
        ours, theirs = held.score(places), space.score(places)
        np.testing.assert_array_equal(ours.objectives, theirs.objectives)
        np.testing.assert_array_equal(ours.violations, theirs.violations)
        np.testing.assert_array_equal(ours.feasible, theirs.feasible)
        assert set(ours.figures) == set(theirs.figures)
    other = replace(made, constraints=())
    assert isinstance(other, TabulatedSpace)
    assert other.table is None  # another space has another table
    assert fingerprint(other) != fingerprint(space) == fingerprint(made)
    assert truth_of(made).hypervolume == pytest.approx(truth_of(space).hypervolume)


def test_a_race_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = race([SPACE], ["random", "genetic"], (20, 60), seeds=3)
    stopped = race([SPACE], ["random", "genetic"], (20, 60), seeds=3, folder=tmp_path, seconds=0.0)
    assert stopped.entries == ()
    race([SPACE], ["genetic"], (20,), seeds=2, folder=tmp_path)
    kept = tmp_path / "runs.jsonl"
    lines = kept.read_text(encoding="utf-8").splitlines()
    kept.write_text(lines[0] + "\n" + lines[1][:40], encoding="utf-8")  # killed while it wrote the second
    made: list[Job] = []
    monkeypatch.setattr("explorers.race.run", lambda job, space, truth: (made.append(job), run(job, space, truth))[1])
    resumed = race([SPACE], ["random", "genetic"], (20, 60), seeds=3, folder=tmp_path)
    assert len(made) == 2 * 2 * 3 - 1
    for one, other in zip(whole.entries, resumed.entries, strict=True):
        for budget in (20, 60):
            np.testing.assert_array_equal(one.shares[budget], other.shares[budget])
    made.clear()
    race([SPACE], ["random", "genetic"], (20, 60), seeds=3, folder=tmp_path)
    assert made == []


def test_what_is_kept_of_other_laws_does_not_count(tmp_path: Path) -> None:
    space = find_space(SPACE)
    ledger, job = Ledger(tmp_path / "runs.jsonl"), Job(SPACE, "random", 10, 0)
    ledger.add(job, space, run(job, space))
    assert Ledger(tmp_path / "runs.jsonl").get(job, space) is not None
    stricter = replace(space, constraints=space.constraints[:1])
    again = Ledger(tmp_path / "runs.jsonl")
    assert again.get(job, stricter) is None
    tuned = Job(SPACE, "genetic", 10, 0, (("population", 10),))
    again.add(tuned, space, run(tuned, space))
    assert list(again.told(SPACE)) == [("random", 10, 0)]
    assert again.told("pim-placement") == {}


def test_a_run_that_found_nothing_is_kept_and_counts_as_nothing(tmp_path: Path) -> None:
    space = find_space(SPACE)
    truth, reference = truth_of(space), space.reference_point
    seed = next(s for s in range(200) if not explore(space, "random", 3, s).scores.feasible.any())
    ledger, job = Ledger(tmp_path / "runs.jsonl"), Job(SPACE, "random", 3, seed)
    ledger.add(job, space, run(job, space))
    kept = Ledger(tmp_path / "runs.jsonl").get(job, space)
    assert kept is not None
    assert kept.share(truth, 3, reference) == 0.0
    assert kept.needed(truth, reference) == np.inf
    assert best_found([kept, run(Job(SPACE, "random", 50, 0), space)], reference).best > 0


def test_slow_explorers_stop_earlier_and_misfits_stay_out() -> None:
    found = race([SPACE, "pim-placement"], ["random", "genetic", "cmaes"], (10, 30), seeds=2, up_to={"genetic": 10})
    by_name = {(e.space, e.explorer): e for e in found.entries}
    assert set(by_name[SPACE, "genetic"].shares) == {10}
    assert (SPACE, "cmaes") in by_name
    assert ("pim-placement", "cmaes") not in by_name  # it knows a single objective
    assert found.ranked(10) == (["random", "genetic"], ["cmaes"])
    assert found.ranked(30) == (["random"], ["genetic", "cmaes"])


def test_two_processes_race_as_one() -> None:
    alone = race([SPACE], ["random", "genetic"], (20, 60), seeds=2)
    both = race([SPACE], ["random", "genetic"], (20, 60), seeds=2, workers=2)
    for one, other in zip(alone.entries, both.entries, strict=True):
        np.testing.assert_array_equal(one.shares[60], other.shares[60])
        np.testing.assert_array_equal(one.needed, other.needed)


def test_ranks_tell_the_better_from_the_worse() -> None:
    shares, spaces = {"good": 0.9, "bad": 0.5, "worst": 0.1}, ["a", "b", "c", "d"]
    entries = [Entry(s, n, 20, {50: np.full(20, v) + np.arange(20) * 1e-3}, np.full(20, np.inf), 0.0) for s in spaces for n, v in shares.items()]
    ranks, critical = Race(tuple(entries), dict.fromkeys(spaces, Truth(1.0, 1.0, "exact")), (50,)).ranks(50)
    assert ranks == {"good": 1.0, "bad": 2.0, "worst": 3.0}
    assert critical == pytest.approx(2.343 * np.sqrt(3 * 4 / (6 * 4)), rel=1e-3)  # Demsar 2006, table 5: q of three at 5 %; spaces are counted, not seeds


def test_a_median_lies_in_its_interval() -> None:
    middle, low, high = median_interval(np.linspace(0.0, 1.0, 21))
    assert low < middle == 0.5 < high


def test_settings_are_told_apart_from_seeds_in_the_lottery(tmp_path: Path) -> None:
    found = lottery([SPACE], ["genetic", "random"], (10, 120), seeds=3, folder=tmp_path, at_most=6)
    assert [d.explorer for d in found] == ["genetic"]  # drawing has no settings
    draw = found[0]
    assert draw.shares[120].shape == (6, 3)
    assert draw.settings == tuple(combinations("genetic", 6))
    np.testing.assert_array_equal(draw.worth(120), np.median(draw.shares[120], axis=1))
    assert draw.worth(120).max() > draw.worth(10).max()
    row = draw.settings.index(tuple(draw.best(120).items()))
    assert explore(SPACE, "genetic", 120, 1, draw.best(120)).so_far()[-1] == pytest.approx(truth_of(find_space(SPACE)).best / draw.shares[120][row, 1])


def test_the_published_conclusion_is_told_in_figures() -> None:
    settings = ((("a", 1),), (("a", 2),), (("a", 3),))
    wide, narrow = np.array([[0.2, 0.2], [0.6, 0.6], [0.96, 0.96]]), np.array([[0.95, 0.95], [0.97, 0.99], [0.99, 0.99]])
    draw = Draw("s", "e", settings, {50: wide, 1000: narrow})
    assert (draw.spread(50), draw.spread(1000)) == (pytest.approx(0.76), pytest.approx(0.04))
    assert (draw.reached(50), draw.reached(1000)) == (pytest.approx(1 / 3), 1.0)
    assert draw.best(50) == {"a": 3}
    assert draw.luck(1000) == pytest.approx(0.02)
    text = lottery_text([draw], "roofscape explore")
    assert "| 50 | 1 of 1 | 0 of 1 | 0 of 1 | 76.0% | 0.0% |" in text
    assert "| 1,000 | 1 of 1 | 1 of 1 | 1 of 1 | 4.0% | 2.0% |" in text
    assert "| s | e | a=3 | 99.0% |" in text


def test_tuned_explorers_reach_what_untuned_ones_miss(tmp_path: Path) -> None:
    """ArchGym's conclusion at a small scale; it can fail where settings do not matter, or where no setting helps."""
    draws = lottery(["pim-placement", SPACE], ["genetic", "ants"], (40, 400), seeds=2, folder=tmp_path, at_most=6)
    assert len(draws) == 4
    for draw in draws:
        assert draw.worth(400).max() >= 0.95
    assert np.median([d.spread(400) for d in draws]) < np.median([d.spread(40) for d in draws])
    assert min(d.worth(40).min() for d in draws) < 0.9


def test_an_entry_counts_distinct_designs() -> None:
    space = find_space(SPACE)
    runs = {b: [run(Job(SPACE, "random", b, seed), space) for seed in range(3)] for b in (10, 30)}
    entry = entry_of(SPACE, "random", runs, truth_of(space), space.reference_point)
    assert entry.seeds == 3
    assert all(r.evaluations == b for b, made in runs.items() for r in made)
    assert entry.seconds_per_design > 0.0


def test_a_race_is_written_by_a_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "RACE.md"
    asked = ["explore", f"{SPACE},pim-placement", "--with", "random,genetic", "--seeds", "3", "--budget", "60", "--race", str(out)]
    assert main(asked) == 0
    text = out.read_text(encoding="utf-8")
    for said in (f"## {SPACE}", "## pim-placement", "## Ranks at 50 designs", "## Ranks at 60 designs", "known from trying all", "| genetic |"):
        assert said in text
    assert "| random |" in text.split("## In short")[1]
    kept = tmp_path / "kept"
    assert main([*asked, "--runs", str(kept), "--up-to", "genetic=50"]) == 0
    text = out.read_text(encoding="utf-8")
    assert " – |" in text
    assert "--up-to genetic=50" in text
    assert len((kept / "runs.jsonl").read_text(encoding="utf-8").splitlines()) == 2 * 3 * (2 + 1)
    assert main([*asked[:3], "exact", *asked[4:]]) == 2
    assert "tells the truth of a race" in capsys.readouterr().err
    assert main([*asked, "--up-to", "tpe=50"]) == 2
    assert "does not run" in capsys.readouterr().err
    assert main([*asked, "--up-to", "genetic=few"]) == 2
    assert "give a number of designs" in capsys.readouterr().err


def test_a_lottery_is_written_by_a_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "LOTTERY.md"
    asked = ["explore", "pim-placement", "--with", "genetic", "--seeds", "1", "--budget", "20", "--lottery", str(out), "--runs", str(tmp_path)]
    assert main(asked) == 0
    text = out.read_text(encoding="utf-8")
    for said in ("# The lottery of settings", "## What is reached", "| pim-placement | genetic | 24 |", "population="):
        assert said in text
    assert main(["explore", "pim-placement", "--with", "random", "--budget", "20", "--lottery", str(out)]) == 2
    assert "no explorer with settings" in capsys.readouterr().err
