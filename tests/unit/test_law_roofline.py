"""Each roof is one division."""

from __future__ import annotations

import pytest

from hardware_specs.catalog import find_system
from simulator.cost import Cost, fastest, largest_part
from simulator.machine import machine_of
from simulator.roofline import roofline_cost, roofs
from workloads.operator import Attention, Collective, Contraction, Elementwise, GroupedContraction

A100 = machine_of(find_system("a100-sxm-80gb"))
HBM, L2, BF16 = 2039e9, 5.4e12, 312e12


def test_a_product_is_bound_by_arithmetic_or_by_its_bytes() -> None:
    product = Contraction(name="p", m=4096.0, n=4096.0, k=4096.0)
    assert roofs(product, A100) == pytest.approx({"matrix": 2 * 4096**3 / BF16, "l2": 3 * 4096**2 * 2 / L2, "hbm": 3 * 4096**2 * 2 / HBM})
    assert roofline_cost(product, 1.0, A100).time_s == 2 * 4096**3 / BF16
    thin = Contraction(name="p", m=1.0, n=4096.0, k=4096.0)
    assert roofline_cost(thin, 1.0, A100).time_s == pytest.approx((4096**2 + 2 * 4096) * 2 / HBM)
    assert roofline_cost(thin, 1.0, A100).bound == "hbm"


def test_a_map_is_bound_by_its_vector_units_where_it_computes_much() -> None:
    light = Elementwise(name="e", elements=1e6, reads=2.0)
    assert roofs(light, A100)["hbm"] == pytest.approx(3 * 1e6 * 2 / HBM)
    heavy = Elementwise(name="e", elements=1e6, flop_per_element=1000.0)
    assert roofline_cost(heavy, 1.0, A100).time_s == 1e9 / 39e12


def test_attention_of_one_query_streams_keys_and_values() -> None:
    attention = Attention(name="a", batch=4.0, heads=32.0, kv_heads=8.0, q_len=1.0, kv_len=1000.0, head_dim=128.0, decoding=True)
    byte = 4 * (2 * 8 * 1000 * 128 + 2 * 32 * 128) * 2
    assert roofs(attention, A100) == pytest.approx(
        {"matrix": 4 * 4 * 32 * 1000 * 128 / BF16, "vector": 5 * 4 * 32 * 1000 / 39e12, "l2": byte / L2, "hbm": byte / HBM}
    )


def test_only_active_experts_are_read() -> None:
    experts = GroupedContraction(name="g", rows=8.0, groups=8.0, active=3.0, n=100.0, k=200.0)
    assert roofs(experts, A100)["hbm"] == pytest.approx((8 * 200 + 3 * 200 * 100 + 8 * 100) * 2 / HBM)


def test_an_all_reduce_is_bound_by_its_slowest_level() -> None:
    machine = machine_of(find_system("16xa100-sxm-80gb"))
    exchange = Collective(name="c", pattern="all_reduce", message_byte=1e9, ranks=16.0)
    assert roofs(exchange, machine) == pytest.approx({"nvlink3": 2 * 7 / 8 * 1e9 / 300e9, "infiniband-hdr": 2 * 1 / 2 * 1e9 / 8 / 25e9})


def test_the_fastest_of_several_ways_brings_its_own_parts() -> None:
    assert fastest([(3.0, {"a": 3.0}), (2.0, {"a": 1.0}), (2.5, {"a": 2.5})]) == (2.0, {"a": 1.0})
    assert largest_part({"a": 1.0, "b": 2.0}) == "b"
    assert Cost(Elementwise(name="e", elements=1.0), 3.0, 2.0, {"a": 2.0}).total_s == 6.0
