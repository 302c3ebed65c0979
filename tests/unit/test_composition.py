"""Compositions of experts: passes, what lies where, copies, and machines on which they do not fit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import roofscape as rs
from explorers.question import Question
from hardware_specs.catalog import find_system
from hardware_specs.fields import with_values
from hardware_specs.loader import SpecError
from magnitudes.arrays import as_float
from magnitudes.names import NameMiss
from roofscape.cli import main
from simulator.result import Estimate
from workloads.catalog import find_model
from workloads.composition import Composition
from workloads.importers.huggingface import read_config
from workloads.model import ModelError
from workloads.scenario import Inference
from workloads.sharding import Parallelism

ASKED = Inference(batch=8.0, prompt=512.0, output=20.0)
EXPERT_BYTE = 2.0 * 6_738_415_616


def composition() -> Composition:
    model = find_model("samba-coe-150")
    assert isinstance(model, Composition)
    return model


def answer(model: Composition, on: str = "sn40l-node", scenario: Inference = ASKED) -> Estimate:
    return rs.estimate(model, on, scenario, tp=8)


def copied_s(e: Estimate) -> float:
    (switch,) = [p for p in e.passes if p.run.phase == "switch"]
    return as_float(switch.time_s)


def test_passes() -> None:
    e = answer(composition())
    assert [p.run.phase for p in e.passes] == ["route", "switch", "prefill", "decode", "decode", "decode"]
    by_phase = {phase: sum(as_float(p.run.repeats) for p in e.passes if p.run.phase == phase) for phase in ("route", "switch", "prefill", "decode")}
    assert by_phase == pytest.approx({"route": 1, "switch": 8, "prefill": 8, "decode": 8 * 19})
    alone = rs.estimate("llama-2-7b", "sn40l-node", replace(ASKED, batch=1.0), tp=8)
    routed = rs.estimate("llama-2-7b", "sn40l-node", rs.Prefill(batch=8, prompt=512), tp=8)
    assert as_float(e.time_s) == pytest.approx(8 * (as_float(alone.time_s) + copied_s(e)) + as_float(routed.time_s))


def test_a_router_may_answer_in_several_tokens() -> None:
    longer = answer(replace(composition(), router_output=20.0))
    assert [p.run.phase for p in longer.passes].count("route") == 4
    assert as_float(longer.time_s) > as_float(answer(composition()).time_s) + 0.019


def test_copies_by_hand() -> None:
    """Of 150 experts the cache misses those without room; copies go at what eight DDRs sustain."""
    model = composition()
    node = 8 * 200e9 * 0.625
    assert copied_s(answer(replace(model, choice="new"))) == pytest.approx(EXPERT_BYTE / node, rel=1e-3)
    e = answer(model)
    free = 8 * 64 * 2**30 - EXPERT_BYTE - 8 * as_float(e.memory.state_byte) - 8 * as_float(e.memory.activation_byte)
    resident = free // EXPERT_BYTE
    assert copied_s(e) == pytest.approx((1 - resident / 150) * EXPERT_BYTE / node, rel=1e-3)
    assert f"room for {resident:.0f} of 150 experts" in e.notes[-1]


def test_the_cache_fills_and_then_requests_wait() -> None:
    counts = np.array([10.0, 30.0, 38.0, 39.0, 60.0, 150.0])
    times = np.asarray(rs.estimate(replace(composition(), experts=counts), "sn40l-node", Inference(np.full(6, 8.0), 512.0, 20.0), tp=8).time_s)
    assert np.all(times[:2] == times[0]) and np.all(np.diff(times[3:]) > 0) and times[-1] > times[0]


def test_copies_ahead_hide_behind_the_request_before() -> None:
    model = replace(composition(), choice="new")
    plain, ahead = answer(model), answer(replace(model, prefetch=True))
    assert copied_s(ahead) == pytest.approx(copied_s(plain) / 8)  # a run is longer than a copy: all but the first are hidden
    assert as_float(ahead.time_s) == pytest.approx(as_float(plain.time_s) - 7 * copied_s(plain))


@pytest.mark.parametrize(("on", "rate", "most"), [("dgx-a100", 32e9, 148), ("dgx-h100", 64e9, 148)])
def test_a_node_of_gpus_copies_over_its_hosts_link_and_runs_out_of_memory(on: str, rate: float, most: int) -> None:
    model = replace(composition(), choice="new")
    assert copied_s(answer(model, on)) == pytest.approx(EXPERT_BYTE / rate, rel=1e-3)
    assert answer(replace(model, experts=float(most)), on).feasible and not answer(replace(model, experts=most + 1.0), on).feasible
    assert answer(replace(model, experts=850.0), "sn40l-node").feasible


def test_without_room_for_one_expert_it_does_not_run() -> None:
    small = with_values(find_system("sn40l-node"), {"hbm.capacity": 3e9})
    assert not rs.estimate(composition(), small, ASKED, tp=8).feasible


def test_columns_and_compiled() -> None:
    question = Question(composition(), find_system("sn40l-node"), ASKED, Parallelism(tp=8.0))
    columns = {"ddr.bandwidth": np.array([1e11, 2e11, 4e11]), "hbm.capacity": np.array([4e10, 6.9e10, 2e11]), "batch": np.array([1.0, 8.0, 8.0])}
    compiled = question.compiled(tuple(columns)).run(columns)
    for row in range(3):
        alone = question.estimate({k: float(v[row]) for k, v in columns.items()})
        assert alone.time_s == compiled["time_s"][row] and alone.feasible == compiled["feasible"][row]


def test_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", "samba-coe-150", "--on", "sn40l-node", "--batch", "8", "--output", "20", "--json", "--no-elasticities"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["feasible"] and {o["phase"] for o in said["operators"]} == {"route", "switch", "prefill", "decode"}
    assert main(["estimate", "samba-coe-150", "--on", "sn40l-node", "--phase", "decode"]) == 2


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"expert": "lama-2-7b"}, "did you mean llama-2-7b"),
        ({"choice": "unifrom"}, "uniform, new"),
        ({"router": 7}, "router is 7"),
        ({"experts": 0}, "experts"),
    ],
)
def test_a_configuration_that_is_none_is_refused(tmp_path: Path, changed: dict[str, object], says: str) -> None:
    tree = {"model_type": "composition_of_experts", "router": "llama-2-7b", "expert": "llama-2-7b", "experts": 4}
    file = tmp_path / "config.json"
    file.write_text(json.dumps(tree | changed))
    with pytest.raises(ModelError, match=says):
        read_config(file)


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(NameMiss, match="did you mean uniform"):
        replace(composition(), choice="unifrm")


def test_hosts_that_are_no_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "system"
    folder.mkdir()
    text = "name: my-node\nchip: h100-sxm\nchips: 2\nfabric: [{link: nvlink4, chips: 8}]\nshared: {kind: DDR5, capacity: 2 TB, bandwith: 64 GB/s}\n"
    (folder / "my-node.yaml").write_text(text)
    monkeypatch.setenv("ROOFSCAPE_SPECS", str(tmp_path))
    with pytest.raises(SpecError, match="did you mean bandwidth"):
        find_system("my-node")
