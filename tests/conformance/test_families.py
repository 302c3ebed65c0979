"""Every shipped model on one machine in all its phases, and every family cut, as columns, and refused what it cannot do."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import roofscape as rs
from magnitudes.arrays import as_float
from magnitudes.errors import InputError
from roofscape.testing import SCENARIOS, check_laws
from workloads.catalog import SHIPPED, entry, find_model, model_names
from workloads.sharding import Parallelism, Precision


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
        check_laws(rs.api.system(machine), name)


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
