"""A space is what its file says: axes, sizes, conditions, formulas; wrong files are refused with all their mistakes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from explorers.diagnosis import conflict
from explorers.space.catalog import find_space, read_space
from explorers.space.file import space_tree
from explorers.space.shipped import space_names
from explorers.space.spec import spec_of
from explorers.space.statement import SpaceError
from explorers.study import explore
from hardware_specs.catalog import find_system
from magnitudes.errors import InputError
from magnitudes.names import NameMiss

SMALL = """
space: small
model: llama-3-8b
machine: h100-sxm
scenario: {phase: decode, batch: 8, context: 1024}
estimator: {fidelity: roofline}
axes:
  hbm.bandwidth: {log: [1 TB/s, 4 TB/s, 3]}
  batch: {range: [1, 9, 4]}
  dtype: {choice: [bf16, fp8]}
  kv: {of: kv_dtype, choice: [bf16, fp8], when: "dtype == 'fp8'", otherwise: bf16}
let: {per_s: 1 / tpot_s}
constraints: ["hbm.bandwidth <= 3e12", fits]
objectives: [minimise tpot_s, maximise throughput_token_per_s]
report: [memory_byte]
"""


def test_sizes_count_designs_once() -> None:
    space = read_space(SMALL, "small")
    assert space.grid_size == 3 * 3 * 2 * 2
    assert space.size == 3 * 3 * (1 + 2)  # where dtype is bf16 the cache's format does not count
    every = space.canonical(space.places(np.arange(space.grid_size)))
    assert len(np.unique(every, axis=0)) == space.size


def test_columns_equal_the_estimate_of_each_row() -> None:
    space = read_space(SMALL, "small")
    places = space.canonical(space.places(np.arange(space.grid_size)))
    scores = space.score(places)
    for row in range(0, len(places), 5):
        question, design = space.problem.question(places[row])  # type: ignore[attr-defined]
        result = question.estimate(design)
        assert scores.objectives[row, 0] == result.tpot_s
        assert scores.objectives[row, 1] == -result.throughput_token_per_s
        assert scores.figures["per_s"][row] == 1 / result.tpot_s
        assert scores.feasible[row] == (design["hbm.bandwidth"] <= 3e12 and bool(result.feasible))


def test_designs_go_to_places_and_back() -> None:
    space = read_space(SMALL, "small")
    for places in space.sample(20, np.random.default_rng(1)):
        assert (space.place(space.design(places)) == places).all()
    with pytest.raises(SpaceError, match="batch cannot be 2"):
        space.place(space.design(places) | {"batch": 2})


@pytest.mark.parametrize("name", space_names())
def test_files_go_there_and_back(name: str) -> None:
    space = find_space(name)
    again = read_space(yaml.safe_dump(space_tree(space), sort_keys=False), name)
    assert again.axes == space.axes
    places = space.sample(8, np.random.default_rng(0))
    np.testing.assert_array_equal(again.score(places).objectives, space.score(places).objectives)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("hbm.bandwidth: {log", "hbm.bandwith: {log", "did you mean hbm.bandwidth"),
        ("{log: [1 TB/s, 4 TB/s, 3]}", "{grid: []}", "empty axis"),
        ("{log: [1 TB/s, 4 TB/s, 3]}", "{log: [4 TB/s, 1 TB/s, 3]}", "below the high one"),
        ("range: [1, 9, 4]", "range: [1, 9, 0]", "more than zero"),
        ("batch: {range: [1, 9, 4]}", "kept: {of: kv_keep, grid: [0, 512]}", "axes.kept: kv_keep is 0; it should be a finite number from 1"),
        ("batch: {range: [1, 9, 4]}", "tp: {grid: [1, 1.5]}", "axes.tp: tp is 1.5; a degree of parallelism is a whole number"),
        ("{log: [1 TB/s, 4 TB/s, 3]}", "{grid: [1 TB/s, 0 TB/s]}", "axes.hbm.bandwidth: hbm.bandwidth is set to 0; it should be more than zero"),
        ("objectives: [minimise tpot_s", "objectives: [smaller tpot_s", "minimise FIGURE"),
        ("per_s: 1 / tpot_s", "per_s: 1 / tpots_s", "did you mean tpot_s"),
        ("per_s: 1 / tpot_s", "per_s: 1 / per_s", "circle"),
        ("dtype == 'fp8'", "batch_size == 4", "no axis named before"),
        ("model: llama-3-8b", "model: llama-3-9b", "llama-3-8b"),
        ("fits]", "__import__('os')]", "unknown function"),
        ("scenario:", "scenrio:", "did you mean scenario"),
    ],
)
def test_mistakes_are_named(old: str, new: str, message: str) -> None:
    assert old in SMALL
    with pytest.raises(InputError, match=message):
        read_space(SMALL.replace(old, new), "small")


def test_all_mistakes_at_once() -> None:
    with pytest.raises(SpaceError, match="2 mistakes"):
        read_space(SMALL.replace("1 TB/s, 4", "1 TW/s, 4").replace("minimise", "least"), "small")


def test_a_near_name_is_offered() -> None:
    with pytest.raises(NameMiss, match="h100-like-decode"):
        find_space("h100-like-decod")


def test_a_design_is_a_spec_that_answers_the_same(tmp_path: Path) -> None:
    space = read_space(SMALL.replace("hbm.bandwidth: {log", "tensor: {of: 'sm.matrix:factor', grid: [0.5, 2]}\n  hbm.bandwidth: {log"), "small")
    for number, places in enumerate(space.sample(6, np.random.default_rng(2))):
        file = tmp_path / f"found{number}.yaml"
        file.write_text(spec_of(space, places, file.stem), encoding="utf-8")
        chip = find_system(str(file))
        question, design = space.problem.question(places)  # type: ignore[attr-defined]
        outside = {k: v for k, v in design.items() if k in ("batch", "dtype")}
        from_file = replace(question, system=replace(question.system, chip=chip.chip)).estimate(outside)
        assert from_file.tpot_s == pytest.approx(question.estimate(design).tpot_s, rel=1e-12)


def test_what_leaves_nothing_is_named() -> None:
    never = read_space(SMALL.replace("hbm.bandwidth <= 3e12", "tpot_s <= 1e-6"), "small")
    assert conflict(never).startswith("'tpot_s <= 1e-06' never holds") or "'tpot_s <= 1e-6' never holds" in conflict(never)
    pair = read_space(SMALL.replace('"hbm.bandwidth <= 3e12"', '"hbm.bandwidth <= 1.5e12", "hbm.bandwidth >= 2.5e12"'), "small")
    assert "'hbm.bandwidth <= 1.5e12' and 'hbm.bandwidth >= 2.5e12' never hold together" in conflict(pair)
    study = explore(pair, "random", 20, 0)
    assert study.best is None
    assert "never hold together" in study.note


@pytest.mark.parametrize("explorer", ["random", "exhaustive"])
def test_a_figure_that_is_no_number_is_told_with_its_design(explorer: str) -> None:
    """At batch 5 the logarithm is infinite, at 9 it is none: neither is a design to be chosen, and no warning is printed on the way."""
    space = read_space(SMALL.replace("minimise tpot_s", "minimise tpot_s * log(5 - batch)"), "small")
    study = explore(space, explorer, 20, 0)
    assert "is no number for" in study.note
    assert "batch 9" in study.note or "batch 5" in study.note
    assert study.best is not None and study.best["design"]["batch"] == 1.0


def test_threads_ignore_what_their_caller_ignores() -> None:
    space = read_space(SMALL.replace("minimise tpot_s", "minimise tpot_s * log(5 - batch)"), "small")
    places = np.zeros((200_000, len(space.axes)), dtype=np.int64)
    places[:, 1] = 2
    assert not space.score(places).feasible.any()  # over blocks of several threads
