"""Latent attention decodes with a kernel of its own on Hopper, as fast as its makers publish."""

from __future__ import annotations

import pytest

from hardware_specs.catalog import find_system
from simulator.engines import cost_law
from simulator.machine import machine_of
from simulator.reuse import Reuse
from workloads.operator import Attention


def rates(device: str, heads: float, head_dim: float = 576.0, library: str = "") -> tuple[float, float]:
    """Operations and bytes a second of 128 sequences of 8,192 tokens."""
    operator = Attention(
        name="attention", batch=128.0, heads=heads, kv_heads=1.0, q_len=1.0, kv_len=8192.0, head_dim=head_dim, value_dim=512.0, decoding=True
    )  # fmt: skip
    law = cost_law(machine_of(find_system(device)), "tile", "kernel", library or None, correction=False)
    cost = law.cost(operator, 1.0, Reuse(weight_byte=1e12, state_byte=1e12, activation_byte=1e12, busy_s=0.0))
    return float(operator.matrix_flop) / float(cost.time_s), float(operator.byte) / float(cost.time_s)


def test_arithmetic_and_memory_bind_where_they_are_published_to() -> None:
    flop_per_s, _ = rates("h800-sxm", 128.0)
    assert 580e12 < flop_per_s <= 660e12  # the README's figures before and after its kernels of April 2025
    _, byte_per_s = rates("h800-sxm", 16.0)
    assert 2.8e12 < byte_per_s <= 3.0e12


def test_a_kernel_that_is_named_is_the_one() -> None:
    assert rates("h800-sxm", 128.0, library="flashmla") == rates("h800-sxm", 128.0)
    assert rates("h800-sxm", 128.0, library="triton") < rates("h800-sxm", 128.0)


def test_heads_of_the_usual_width_and_other_generations_have_their_own_kernels() -> None:
    assert rates("h800-sxm", 128.0, head_dim=256.0) < rates("h800-sxm", 128.0)
    assert rates("a100-sxm-80gb", 128.0, library="flashmla") == pytest.approx(rates("a100-sxm-80gb", 128.0))
