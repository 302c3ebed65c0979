"""Exchanges behind products, products by table, and parts of a whole: one line of arithmetic each."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest

from hardware_specs.catalog import find_system
from magnitudes.arrays import as_float
from simulator.amdahl import whole_gain
from simulator.cost import Cost
from simulator.estimate import estimate
from simulator.lookup import LookupArray, tensor_core_area_m2, tensor_core_energy_j
from simulator.scaling import area_factor
from simulator.schedule import chain_s, exposed
from workloads.catalog import find_model
from workloads.operator import Collective, Contraction, Normalization
from workloads.scenario import Decode, Prefill
from workloads.sharding import Parallelism

PRODUCT = Contraction(name="p", m=8.0, n=8.0, k=8.0)
SUMS = Collective(name="s", pattern="all_reduce", message_byte=1e6, ranks=8.0)


def cost(operator: object, time_s: float, count: float = 1.0) -> Cost:
    return Cost(operator, count, time_s, {})  # type: ignore[arg-type]


@pytest.mark.parametrize(("product_s", "sums_s", "together_s"), [(3.0, 2.0, 4.0), (1.0, 4.0, 4.0), (1.0, 2.0, 2.0)])
def test_half_of_an_all_reduce_hides_behind_a_product(product_s: float, sums_s: float, together_s: float) -> None:
    """max(product, sums / 2) + sums / 2: at most one and a half times as fast."""
    assert chain_s(exposed([cost(PRODUCT, product_s), cost(SUMS, sums_s)])) == together_s


def test_only_what_stands_behind_a_product_hides() -> None:
    norm = Normalization(name="n", rows=8.0, cols=8.0)
    gathered = Collective(name="g", pattern="all_gather", message_byte=1e6, ranks=8.0)
    for costs in ([cost(norm, 1.0), cost(SUMS, 2.0)], [cost(PRODUCT, 1.0), cost(gathered, 2.0)], [cost(SUMS, 2.0), cost(PRODUCT, 1.0)]):
        assert exposed(costs) == tuple(costs)


def test_counts_of_both_are_kept() -> None:
    """Two products of a second each, four exchanges of a second each: one second of these hides."""
    assert chain_s(exposed([cost(PRODUCT, 1.0, 2.0), cost(SUMS, 1.0, 4.0)])) == 4.0
    assert exposed([]) == ()


@pytest.mark.parametrize("scenario", [Prefill(batch=4.0, prompt=1024.0), Decode(batch=16.0, context=1024.0)])
def test_overlap_is_never_slower_and_at_most_half_faster(scenario: object) -> None:
    model, system = find_model("llama-2-7b"), find_system("8xt3-gpu")
    alone, over = (as_float(estimate(model, system, scenario, Parallelism(tp=8.0), overlap=o).time_s) for o in (False, True))  # type: ignore[arg-type]
    assert alone / 1.5 <= over < alone
    one = [as_float(estimate(model, find_system("t3-gpu"), scenario, overlap=o).time_s) for o in (False, True)]  # type: ignore[arg-type]
    assert one[0] == one[1]


def test_a_table_serves_its_columns() -> None:
    """8 tiles of 2 x 64 x 4: 4096 multiply-adds a clock; tables of 8 entries; weights of two bits take two passes."""
    array = LookupArray(8.0, 2.0, 64.0, 4.0)
    engine = find_system("a100-sxm-80gb").chip.engine
    assert array.multiply_adds == 4096.0 and array.entries == 8.0
    assert array.rate_flop_per_s(engine, 1.0) == pytest.approx(2.0 * 4096.0 * 108.0 * 1.41e9)  # type: ignore[arg-type]
    assert array.rate_flop_per_s(engine, 2.0) == pytest.approx(array.rate_flop_per_s(engine, 1.0) / 2.0)  # type: ignore[arg-type,operator]


def test_wider_tiles_share_their_tables() -> None:
    narrow, wide = LookupArray(64.0, 2.0, 8.0, 4.0), LookupArray(8.0, 2.0, 64.0, 4.0)
    assert narrow.multiply_adds == wide.multiply_adds
    tables = 2.0 * 8.0 * 8.0 * 5.98e-12 * area_factor(28e-9)
    assert narrow.area_m2(28e-9) - wide.area_m2(28e-9) == pytest.approx(56.0 * tables)  # type: ignore[operator]


def test_multiplying_takes_more_area_than_looking_up() -> None:
    assert tensor_core_area_m2(4096.0, 4.0, 28e-9) > 4.0 * LookupArray(8.0, 2.0, 64.0, 4.0).area_m2(28e-9)  # type: ignore[operator]


def test_what_is_not_sped_up_bounds_the_whole() -> None:
    assert whole_gain([(0.5, 2.0)]) == pytest.approx(1.0 / 0.75)
    assert whole_gain([(0.72, inf), (0.28, 9.94)]) == pytest.approx(9.94 / 0.28)
    assert whole_gain([]) == 1.0


def test_each_step_from_a_full_table_saves_area_and_power() -> None:
    """UNPU keeps all sums and makes them in the array; each step leaves something out, none takes anything but time elsewhere."""
    whole = LookupArray(1.0, 2.0, 64.0, 4.0, halved=False, prepared=False, sums_held=False)
    steps = [whole, replace(whole, halved=True, flipped=False), replace(whole, halved=True), replace(whole, halved=True, prepared=True)]
    assert [a.entries for a in steps] == [16.0, 8.0, 8.0, 8.0]
    for of in (lambda a: as_float(a.area_m2(28e-9)), lambda a: as_float(a.power_w(28e-9, 1e9))):
        values = [of(a) for a in steps]
        assert values == sorted(values, reverse=True) and len(set(values)) == len(values)


def test_power_of_an_array_by_hand() -> None:
    """128 lookups a clock: an adder of 32 bits, a sign of 8, and 7 words of 8 bits and a shifter of 3 x 16 as gates; 256 bits of weights."""
    array = LookupArray(1.0, 2.0, 64.0, 4.0, sums_held=False)
    gates = (7 * 8 + 3 * 16) * 0.86 * 0.03 / 36.0  # um2, pJ and um2 of an adder of 8 bits
    pj = 128 * (0.1 + 0.03 + gates) + 256 * 0.009
    assert as_float(array.power_w(45e-9, 1e9)) == pytest.approx(pj * 1e-3)
    held = as_float(replace(array, sums_held=True).power_w(45e-9, 1e9))
    assert held - pj * 1e-3 == pytest.approx(128 * 32 * 0.009e-3)


def test_energy_of_a_tensor_core_by_hand() -> None:
    """A multiplier in fp16, an integer adder, half of what a floating-point adder has beyond it, and a quarter of the other half and of a register."""
    assert tensor_core_energy_j(4.0, 45e-9) == pytest.approx((1.1 + 0.1 + 0.17 + (0.17 + 32 * 0.009) / 4) * 1e-12)
