"""Files that a space names lie beside its own; every corner of a shipped space is a machine that can be written down and asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from explorers.evaluators.dram_controller import DramController
from explorers.evaluators.estimator import Estimator
from explorers.space.catalog import find_space, outlines, read_space
from explorers.space.spec import spec_of
from hardware_specs.catalog import find_system
from simulator.engines import cost_law
from simulator.machine import machine_of

TRACE = "0 0x0 READ\n120 0x4f00 READ\n130 0x8f00 WRITE\n"
OF_MACHINES = [s.name for s in outlines() if isinstance(s.evaluator, Estimator)]


def with_trace(folder: Path, name: str) -> Path:
    """A space of DRAM controllers in a folder, its trace called so."""
    folder.mkdir()
    text = (Path(find_space.__code__.co_filename).parent.parent / "spaces" / "dram-controller.yaml").read_text()
    file = folder / "space.yaml"
    file.write_text(text.replace("trace: cloud-1", f"trace: {name}"))
    return file


def test_a_trace_is_read_from_beside_the_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = with_trace(tmp_path / "study", "t.txt")
    (file.parent / "t.txt").write_text(TRACE)
    (tmp_path / "t.txt").write_text(TRACE + "140 0x0 READ\n")  # another of that name where the command runs
    monkeypatch.chdir(tmp_path)
    evaluator = find_space(file).evaluator
    assert isinstance(evaluator, DramController)
    assert len(evaluator.served_trace) == 3
    assert Path(evaluator.trace_name).is_absolute()  # so that what is kept of the space is found from anywhere


def test_a_trace_that_lies_only_where_the_command_runs_is_found_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = with_trace(tmp_path / "study", "t.txt")
    (tmp_path / "t.txt").write_text(TRACE)
    monkeypatch.chdir(tmp_path)
    evaluator = find_space(file).evaluator
    assert isinstance(evaluator, DramController)
    assert len(evaluator.served_trace) == 3


def test_a_machine_is_read_from_beside_the_space(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("name: mine\nlike: h100-sxm\nsources: {x: {kind: assumed, title: x}}\ntiers: {hbm: {bandwidth: 5 TB/s @x}}\n")
    text = "model: resnet-18\nmachine: mine.yaml\nscenario: {phase: images}\naxes: {batch: {grid: [1, 2]}}\nobjectives: [minimise time_s]\n"
    evaluator = read_space(text, "here", folder=tmp_path).evaluator
    assert isinstance(evaluator, Estimator)
    assert find_system(evaluator.machine).chip.tier("hbm").bandwidth_byte_per_s == 5e12


@pytest.mark.parametrize("name", OF_MACHINES)
def test_every_corner_of_a_shipped_space_can_be_written_as_a_spec_and_asked(name: str, tmp_path: Path) -> None:
    space = find_space(name)
    low, high = [0] * len(space.axes), [len(a.values) - 1 for a in space.axes]
    mixed = [[h if i == k else 0 for i, h in enumerate(high)] for k in range(len(high))]
    for number, places in enumerate([low, high, *mixed]):
        file = tmp_path / f"corner{number}.yaml"
        file.write_text(spec_of(space, np.array(places), file.stem))
        cost_law(machine_of(find_system(str(file))), "tile", "graph")
