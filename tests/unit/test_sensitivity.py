"""Elasticities: what a percent of each hardware parameter is worth."""

from __future__ import annotations

import pytest

import roofscape as rs
from explorers.sensitivity import elasticities, gains, parameters
from workloads.scenario import Decode, Prefill


def test_a_roofline_is_its_bound() -> None:
    """Decode at roofline on a machine whose memory binds every operator: time goes as one over its bandwidth."""
    asked = rs.question("llama-3-8b", on="h100-sxm", scenario=Decode(batch=1.0, context=2048.0), fidelity="roofline")
    found = elasticities(asked)
    assert found["hbm.bandwidth"] == pytest.approx(-1.0, abs=0.01)
    assert next(iter(found)) == "hbm.bandwidth"
    assert found["tdp"] == 0.0


def test_more_units_bring_their_rates() -> None:
    asked = rs.question("llama-3-8b", on="h100-sxm", scenario=Prefill(batch=4.0, prompt=4096.0), fidelity="roofline")
    found = elasticities(asked)
    assert found["sm.multiprocessors"] == pytest.approx(found["sm.matrix"] + found["sm.vector"], abs=1e-3)
    assert found["sm.multiprocessors"] < -0.8


@pytest.mark.parametrize("machine", ["h100-sxm", "a100-sxm-80gb", "mi300x", "l40s"])
@pytest.mark.parametrize("scenario", [Decode(batch=16.0, context=4096.0), Prefill(batch=1.0, prompt=1024.0)])
def test_more_is_not_slower_and_latency_is_not_faster(machine: str, scenario: Decode | Prefill) -> None:
    for path, gain in gains(rs.question("llama-3-8b", on=machine, scenario=scenario), 1.1).items():
        if path.endswith(".latency"):
            assert gain >= -1e-9, path
        elif not path.endswith("multiprocessors"):
            assert gain <= 1e-9, path
        else:
            assert gain <= 0.005, path  # a larger working set in the same cache may be read again


def test_parameters_are_those_of_the_engine_its_tiers_and_the_links_in_use() -> None:
    single = parameters(rs.question("llama-3-8b", on="h100-sxm", scenario=Decode(batch=1.0)))
    several = parameters(rs.question("llama-3-8b", on="8xh100-sxm", scenario=Decode(batch=1.0), tp=8))
    assert set(several) - set(single) == {"nvlink4.bandwidth", "nvlink4.latency", "infiniband-ndr.bandwidth", "infiniband-ndr.latency"}
    assert {"hbm.bandwidth", "l2.capacity", "sm.matrix", "sm.vector", "tdp"} <= set(single)
    assert not any(p.startswith("host.") for p in single)
