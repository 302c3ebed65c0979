"""Every shipped model on one machine in all its phases, and every family cut, as columns, and refused what it cannot do."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

import roofscape as rs
from magnitudes.arrays import as_float
from magnitudes.errors import InputError
from magnitudes.interval import Interval
from roofscape.testing import SCENARIOS, check_laws
from simulator.estimate import estimate
from workloads.catalog import entry, find_model
from workloads.operator import Gather, Residency
from workloads.sharding import Parallelism, Precision
from workloads.shipped import SHIPPED, model_names


def smallest_of_each_family() -> list[str]:
    by_kind: dict[str, str] = {}
    for name in sorted(model_names(), key=lambda n: entry(n).published_parameters):
        by_kind.setdefault(json.loads((SHIPPED / f"{name}.json").read_text())["model_type"], name)
    return sorted(by_kind.values())


FAMILIES = smallest_of_each_family()


@pytest.mark.parametrize("name", model_names())
def test_every_model_answers_in_all_its_phases(name: str) -> None:
    """Whether it fits or not, and never faster than its roofline where all of it comes from memory."""
    for phase in find_model(name).phases:
        floor, tile = (rs.estimate(name, "h100-sxm", SCENARIOS[phase], fidelity=f) for f in ("roofline", "tile"))
        assert 0.0 < as_float(floor.time_s) < as_float(tile.time_s) < 1e4


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_obeys_the_laws(name: str) -> None:
    """More of a rate is never slower, and a row of a column is the scalar call; on one GPU and on one array."""
    for machine in ("a100-sxm-80gb", "tpu-v5e"):
        check_laws(rs.system(machine), name)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("degree", ["tp", "pp", "ep", "dp"])
def test_a_family_cut_in_two(name: str, degree: str) -> None:
    """Two chips hold all weights between them, and each is answered alone as in a column; what does not divide is refused with the remedy."""
    model, scenario = find_model(name), SCENARIOS[find_model(name).phases[0]]
    cut: dict[str, Any] = {degree: 2.0} if degree != "ep" else {"ep": 2.0, "tp": 2.0}
    if not all(rule.holds() for rule in model.cut_rules(Parallelism(**cut))):
        with pytest.raises(InputError, match=r"does not divide|--dp"):
            rs.estimate(name, "8xh100-sxm", scenario, **cut)
        return
    alone, whole = (rs.estimate(name, "8xh100-sxm", scenario, **c) for c in (cut, {"tp": 1.0}))
    assert as_float(alone.memory.weight_byte) * 2 >= as_float(whole.memory.weight_byte) * (1 - 1e-12)
    assert as_float(alone.memory.weight_byte) <= as_float(whole.memory.weight_byte)
    column = rs.estimate(name, "8xh100-sxm", scenario, **{d: np.array([1.0, v]) for d, v in cut.items()})
    times = np.broadcast_to(column.time_s, 2)
    assert times[1] == pytest.approx(as_float(alone.time_s), rel=1e-12)
    assert times[0] == pytest.approx(as_float(whole.time_s), rel=1e-12)
    chips = 2.0 if degree != "pp" else 1.0  # one pass through a pipeline visits all layers
    parts = model.workload(scenario.passes()[0], Parallelism(**cut), Precision()), model.workload(scenario.passes()[0], Parallelism(), Precision())
    assert as_float(parts[0].flop) * chips * (2.0 if degree == "pp" else 1.0) >= as_float(parts[1].flop) * 0.99


@pytest.mark.parametrize("name", FAMILIES)
def test_a_phase_that_a_family_has_not_is_refused(name: str) -> None:
    phases = find_model(name).phases
    for phase in set(SCENARIOS) - set(phases):
        with pytest.raises(InputError, match=f"has no phase {phase!r}; it can run {', '.join(phases)}"):
            rs.estimate(name, "h100-sxm", SCENARIOS[phase])


SIZES = {"prompt": (100.0, 9000.0), "context": (50.0, 9000.0), "output": (2.0, 60.0), "chunk": (16.0, 600.0), "steps": (1.0, 30.0), "batch": (1.0, 33.0)}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_compiled_is_the_family_asked(name: str) -> None:
    """A formula over all sizes and two formats gives what each design gives by itself."""
    for phase in find_model(name).phases:
        sizes = [f.name for f in fields(SCENARIOS[phase]) if f.name in SIZES]
        question = rs.question(name, "h100-sxm", SCENARIOS[phase], data_types=("bf16", "fp8"))
        columns = {size: np.array(SIZES[size]) for size in sizes} | {"dtype": np.array([0.0, 1.0])}
        found = rs.evaluate(question.compiled(tuple(columns)), columns)["time_s"]
        for place, dtype in enumerate(("bf16", "fp8")):
            alone = rs.estimate(name, "h100-sxm", type(SCENARIOS[phase])(**{size: SIZES[size][place] for size in sizes}), dtype=dtype)
            assert found[place] == pytest.approx(as_float(alone.time_s), rel=1e-12)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("fidelity", ["roofline", "tile"])
def test_a_family_s_region_holds_its_designs(name: str, fidelity: str) -> None:
    """An interval of batches bounds each batch in it, and its lower bound is no trivial one."""
    model, system = find_model(name), rs.system("h100-sxm")
    for phase in model.phases:
        kind = type(SCENARIOS[phase])
        region = estimate(model, system, kind(batch=Interval(1.0, 8.0)), fidelity=fidelity).time_s
        assert isinstance(region, Interval)
        for batch in (1.0, 3.0, 8.0):
            alone = as_float(estimate(model, system, kind(batch=batch), fidelity=fidelity).time_s)
            assert 0.0 < region.low <= alone * (1 + 1e-9) and alone <= region.high * (1 + 1e-9), (phase, batch)


@pytest.mark.parametrize("name", model_names())
def test_no_pass_reads_a_weight_twice(name: str) -> None:
    """The embedding is looked up; of all else a pass reads as much as there is at most, and of a dense model nearly all."""
    model = find_model(name)
    for phase in model.phases:
        for run in SCENARIOS[phase].passes():
            load = model.workload(run, Parallelism(), Precision())
            read = sum(as_float(n.count * n.operator.byte_of(Residency.WEIGHT)) for n in load.nodes if not isinstance(n.operator, Gather)) / 2.0
            assert read <= model.parameters
