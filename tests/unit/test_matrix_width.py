"""Matrix units narrower than their generation's, and cards that run above the clock that they print."""

from __future__ import annotations

import pytest

from hardware_specs.catalog import find_system
from hardware_specs.fields import with_values
from magnitudes.datatypes import data_type
from simulator.engines.__init__ import cost_law
from simulator.kernels.matrix_width import WHOLE_FROM, issued, whole_flop_per_clock, width
from simulator.machine import machine_of
from workloads.graph import Node, Workload
from workloads.operator import Contraction

LARGE = Contraction(name="p", m=8192.0, n=8192.0, k=8192.0)


def flop_per_s(name: str, **values: float) -> float:
    machine = machine_of(with_values(find_system(name), {path.replace("__", "."): value for path, value in values.items()}))
    cost = cost_law(machine, "tile", "graph", correction=False).costs(Workload((Node(LARGE),)))[0]
    return 2.0 * 8192.0**3 / float(cost.total_s)


@pytest.mark.parametrize(
    ("name", "served", "share"),
    [
        ("l40s", "bf16", 1.0),
        ("l40", "bf16", 0.5),
        ("rtx-4090", "fp16", 0.5),
        ("rtx-4090", "int8", 1.0),
        ("h20", "bf16", 0.25),
        ("l4", "bf16", 0.8),
        ("b200", "fp4", 1.0),
    ],
)
def test_units_are_as_wide_as_their_rate_says_and_a_lower_clock_does_not_narrow_them(name: str, served: str, share: float) -> None:
    machine = machine_of(find_system(name))
    assert width(machine, data_type(served)) == pytest.approx(min(1.0, share / WHOLE_FROM), rel=0.06)


def test_vector_units_and_unknown_generations_are_whole() -> None:
    assert width(machine_of(find_system("p100-sxm2")), data_type("fp32")) == 1.0
    mi300x = machine_of(find_system("mi300x"))
    assert width(mi300x, data_type("bf16")) == 1.0
    assert float(whole_flop_per_clock(mi300x, data_type("bf16"))) == pytest.approx(float(mi300x.matrix_flop_per_s(data_type("bf16"))) / 2.1e9)


def test_what_waits_beside_a_product_is_less_of_a_longer_one() -> None:
    assert issued(0.9, 1.0) == pytest.approx(0.9)
    assert 0.9 < float(issued(0.9, 0.5)) < float(issued(0.9, 0.25)) < 1.0


def test_half_the_units_under_the_same_power_limit_are_more_than_half_as_fast() -> None:
    whole, half = flop_per_s("l40s"), flop_per_s("l40", tdp=350.0)
    assert 0.5 * whole < half < whole


def test_a_card_runs_at_the_clock_that_it_reaches_as_far_as_its_power_goes() -> None:
    printed = find_system("rtx-4090").chip.engine
    runs = machine_of(find_system("rtx-4090")).engine
    assert float(runs.clock_hz) / float(printed.clock_hz) == pytest.approx(1.083)
    assert float(runs.matrix_flop_per_s["bf16"]) / float(printed.matrix_flop_per_s["bf16"]) == pytest.approx(1.083)
    assert flop_per_s("rtx-4090", sm__above_boost=1.2) > flop_per_s("rtx-4090", sm__above_boost=1.0)
    assert flop_per_s("rtx-4090", sm__above_boost=1.2, tdp=200.0) == pytest.approx(flop_per_s("rtx-4090", sm__above_boost=1.0, tdp=200.0), rel=0.02)
