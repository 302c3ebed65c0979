"""Laws of the streaming law: floors, more of anything, columns as their rows, and regions that hold their designs; and its pace."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import roofscape as rs
from explorers.question import Question
from explorers.stream import stream
from hardware_specs.catalog import chip_names, find_system
from hardware_specs.fields import scaled
from magnitudes.interval import Interval
from roofscape.cli import main
from simulator.estimate import estimate
from workloads.catalog import find_model
from workloads.scenario import Images, Scenario
from workloads.sharding import Parallelism

CHIPS = [name for name in chip_names() if find_system(name).chip.engine.execution == "streaming"]
QUESTIONS: list[tuple[str, Scenario]] = [
    ("llama-3.2-1b", rs.Decode(batch=4.0, context=1024.0)), ("llama-3.2-1b", rs.Prefill(batch=2.0, prompt=512.0)), ("gemma-3-1b", rs.Prefill(prompt=256.0)),
    ("qwen3-30b-a3b", rs.Decode(batch=8.0, context=512.0)), ("bert-base", rs.Prefill(batch=2.0, prompt=128.0)), ("mobilenet-v2", Images(batch=4.0)),
]  # fmt: skip
LADDER = np.geomspace(0.05, 20.0, 41)


def better(name: str) -> dict[str, list[str]]:
    """What more of is never slower: single numbers, and units together with the rates that they make."""
    chip = find_system(name).chip
    near, engine = chip.engine.beside[0], chip.engine.name
    rates = [f"{engine}.{r}" for r in ("matrix", "vector") if getattr(chip.engine, f"{r}_flop_per_s")]
    one = {f"{t.name}.bandwidth": [f"{t.name}.bandwidth"] for t in chip.tiers}
    one |= {f"{engine}.{u}": [f"{engine}.{u}"] for u in ("compute_units", "memory_units")}
    return one | {"on chip": [f"{near}.capacity", f"{engine}.memory_unit"]} | {"units": [f"{engine}.compute_units", *rates]} | {r: [r] for r in rates}


@pytest.mark.parametrize("name", CHIPS)
@pytest.mark.parametrize(("model", "scenario"), QUESTIONS, ids=[f"{m}-{s.phase}" for m, s in QUESTIONS])
def test_more_is_never_slower_and_nothing_is_under_the_floor(name: str, model: str, scenario: Scenario) -> None:
    system, found = find_system(name), find_model(model)
    for what, paths in better(name).items():
        changed = scaled(system, dict.fromkeys(paths, LADDER))
        times = np.broadcast_to(np.asarray(estimate(found, changed, scenario).time_s), LADDER.shape)
        floors = np.broadcast_to(np.asarray(estimate(found, changed, scenario, fidelity="roofline").time_s), LADDER.shape)
        assert np.all(np.diff(times) <= 1e-12 * times[:-1]), what
        assert np.all(times >= floors * (1.0 - 1e-12)), what


@pytest.mark.parametrize("path", ["rdu.launch", "rdu.hardware_launch", "hbm.latency", "pmu.latency", "sambanova-p2p.latency"])
def test_longer_latencies_are_never_faster(path: str) -> None:
    times = np.asarray(estimate(find_model("llama-2-7b"), scaled(find_system("sn40l-node"), {path: LADDER}), rs.Decode(), Parallelism(tp=8.0)).time_s)
    assert np.all(np.diff(np.broadcast_to(times, LADDER.shape)) >= 0.0)


QUESTION = Question(find_model("llama-3-8b"), find_system("sn40l-node"), rs.Decode(batch=8.0, context=2048.0), Parallelism(tp=8.0), ("bf16", "fp8"))
AXES = {
    "hbm.bandwidth": (1e12, 4e12), "pmu.capacity": (2e7, 6e8), "rdu.compute_units": (64.0, 2048.0), "rdu.hardware_launch": (1e-6, 1e-5),
    "rdu.matrix:factor": (0.5, 2.0), "pmu.bandwidth": (1e14, 4e14), "sambanova-p2p.bandwidth": (5e10, 4e11), "context": (512.0, 16384.0),
}  # fmt: skip


def designs(rows: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    columns = {path: rng.uniform(low, high, rows) for path, (low, high) in AXES.items()}
    return columns | {"batch": np.exp2(rng.integers(0, 8, rows)), "tp": np.exp2(rng.integers(0, 4, rows)), "dtype": rng.integers(0, 2, rows).astype(np.float64)}


def test_a_row_is_its_design() -> None:
    columns = designs(24)
    program = QUESTION.compiled(tuple(columns))
    compiled, direct = program.run(columns), QUESTION.estimate(columns)
    for row in range(24):
        alone = QUESTION.estimate({path: float(column[row]) for path, column in columns.items()})
        assert alone.time_s == compiled["time_s"][row] == np.asarray(direct.time_s)[row]
        assert alone.feasible == compiled["feasible"][row]


def test_a_region_holds_its_designs() -> None:
    rng = np.random.default_rng(6)
    whole = QUESTION.estimate({path: Interval(low, high) for path, (low, high) in AXES.items()}).time_s
    assert isinstance(whole, Interval)
    for _ in range(64):
        time_s = QUESTION.estimate({path: float(rng.uniform(low, high)) for path, (low, high) in AXES.items()}).time_s
        assert float(whole.low) <= float(time_s) <= float(whole.high)  # type: ignore[arg-type]
    small = QUESTION.estimate({path: Interval(low, low * 1.001) for path, (low, _) in AXES.items()}).time_s
    assert isinstance(small, Interval)
    assert float(small.high) <= 1.02 * float(small.low)


SPACE = """
space: rdu-like-decode
about: An SN40L-like socket under a budget of area
model: llama-3-8b
machine: sn40l-node
scenario: {phase: decode, batch: 8, context: 4096}
estimator: {fidelity: tile}
axes:
  rdu.compute_units: {range: [200, 2000, 200]}
  hbm.bandwidth: {log: [0.8 TB/s, 4 TB/s, 8]}
  pmu.capacity: {grid: [64 MB, 128 MB, 256 MB, 520 MB]}
  sambanova-p2p.bandwidth: {grid: [50 GB/s, 200 GB/s, 400 GB/s]}
let:
  area: 0.4 * rdu.compute_units / 1040 + 0.4 * pmu.capacity / 520e6 + 0.2 * hbm.bandwidth / 1.8e12
constraints: [area <= 0.8, fits]
objectives: [minimise tpot_s]
"""


def test_an_optimum_is_proved_on_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "space.yaml"
    file.write_text(SPACE)
    assert main(["explore", str(file), "--with", "exact,exhaustive", "--json"]) == 0
    proved, tried = json.loads(capsys.readouterr().out)
    assert proved["gap"] == 0.0 and proved["best"]["objective"] == tried["best"]["objective"]


def test_two_hundred_thousand_designs_a_second() -> None:
    """A decode step of Llama-3-70B with hardware, batch, context, format and cut all varying: half of it in a second of one core, whatever runs beside."""
    asked = replace(QUESTION, model=find_model("llama-3-70b"), system=find_system("sn40l-16"))
    columns = designs(2**17)
    program = asked.compiled(tuple(columns))
    rates = []
    for _ in range(4):
        start = time.process_time()
        min(stream(program, iter([columns] * 2), lambda _, outputs: float(np.min(outputs["time_s"])), 2))
        rates.append(2 * 2**17 / (time.process_time() - start))
    assert max(rates) >= 100_000
