"""What a space is can be told without asking its evaluator; what its law has to say of the answers is told however many processes ask."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from explorers.evaluators.dram_controller import DramController
from explorers.evaluators.estimator import Estimator
from explorers.exactness import can_be_proved
from explorers.space.catalog import find_space, outlines
from explorers.space.shipped import space_names
from explorers.space.space import DesignSpace
from roofscape.cli import main

INT8_ALONE = """
space: int8-alone
model: resnet-18
machine: h100-sxm
scenario: {phase: images}
axes:
  batch: {grid: [1, 2, 4, 8]}
  kind: {of: machine, choice: [h100-sxm, edge-tpu]}
objectives: [minimise time_s]
"""


def test_listing_asks_no_evaluator(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def asked(*_: object) -> None:
        raise AssertionError("a formula was tried")

    for evaluator in (Estimator, DramController):
        monkeypatch.setattr(evaluator, "problem", asked)
    assert main(["explore", "--list", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(outlines()) >= 15


@pytest.mark.parametrize("outline", outlines(), ids=lambda s: s.name)
def test_an_outline_says_what_the_space_says(outline: DesignSpace) -> None:
    space = find_space(outline.name)
    assert (outline.size, outline.names, outline.sizes) == (space.size, space.names, space.sizes)
    assert [o.text for o in outline.objectives] == [o.text for o in space.objectives]
    assert can_be_proved(outline) == (len(space.objectives) == 1 and hasattr(space.problem, "formula"))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_sweep_tells_what_the_law_says_however_many_processes_score_it(tmp_path: Path, capsys: pytest.CaptureFixture[str], workers: str) -> None:
    (tmp_path / "int8-alone.yaml").write_text(INT8_ALONE)
    command = ["sweep", str(tmp_path / "int8-alone.yaml"), "--out", str(tmp_path / "r"), "--part", "4", "--workers", workers]
    assert main([*command, "--json"]) == 0
    notes = json.loads(capsys.readouterr().out)["notes"]
    assert notes and all("int8 and not bf16" in note for note in notes)  # of its second combination of names
    assert main(command) == 0
    assert f"note: {notes[0]}" in capsys.readouterr().out
    assert main(["explore", command[1], "--with", "random", "--budget", "4"]) == 0
    assert notes[0][:60] in capsys.readouterr().out


@pytest.mark.parametrize("name", space_names())
def test_every_shipped_space_tells_its_notes(name: str) -> None:
    assert all(isinstance(note, str) and note for note in find_space(name).notes)
