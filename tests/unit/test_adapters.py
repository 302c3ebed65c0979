"""Adapters of low rank beside a shared model: their bytes, their products, what of them a batch reads."""

from __future__ import annotations

import numpy as np
import pytest

import roofscape as rs
from magnitudes.arrays import as_float
from magnitudes.errors import InputError
from workloads.adapters import Adapted, Adapters
from workloads.catalog import find_model
from workloads.operator import Contraction
from workloads.scenario import Decode
from workloads.sharding import Parallelism, Precision

LLAMA = find_model("llama-3-8b")  # 32 layers of 4,096; queries, keys and values 6,144 wide; a network of 14,336
# rank 16: a shrinking part for each of q, k, v, out, gate, up (4,096 deep) and down (14,336 deep), expanding to all their columns
ADAPTER = 32 * 16 * ((3 * 4096 + 6144) + (4096 + 4096) + (2 * 4096 + 2 * 14336) + (14336 + 4096))


def test_bytes_of_adapters() -> None:
    plain = LLAMA.workload(Decode().passes()[0], Parallelism(), Precision())
    both = Adapted(LLAMA, Adapters(16, 8)).workload(Decode().passes()[0], Parallelism(), Precision())
    assert as_float(both.weight_byte - plain.weight_byte) == 8 * ADAPTER * 2
    both.to_networkx()


def test_products_beside_a_projection() -> None:
    load = Adapted(LLAMA, Adapters(16, 8, ("qkv",))).workload(Decode(batch=4).passes()[0], Parallelism(), Precision())
    shrink, expand = (n.operator for n in load.nodes if isinstance(n.operator, Contraction) and n.operator.name.startswith("qkv_"))
    assert as_float(shrink.batch) == pytest.approx(8 * (1 - (7 / 8) ** 4))  # adapters that four requests bring
    assert as_float(shrink.batch * shrink.m) == pytest.approx(4)
    assert (shrink.k, shrink.n, expand.k, expand.n) == (4096, 48, 16, 6144)


def test_more_or_higher_adapters_are_never_faster() -> None:
    for column in (Adapters(16, np.array([1, 8, 64, 512])), Adapters(np.array([8, 16, 64, 256]), 32)):  # type: ignore[arg-type]
        times = np.asarray(rs.estimate("llama-3-8b", "h100-sxm", Decode(batch=64), lora=column).time_s)
        assert np.all(np.diff(times) >= 0)
        assert times[0] > as_float(rs.estimate("llama-3-8b", "h100-sxm", Decode(batch=64)).time_s)


def test_adapters_behind_main_memory_are_brought_for_requests_that_arrive() -> None:
    """Eight of 64 held, eight requests: 64 (1 - (63/64)^8) adapters are asked for, seven eighths of them are copied over PCIe 5."""
    ask = {"of": "llama-3-8b", "on": "h100-sxm"}
    inside, outside = (rs.estimate(**ask, scenario=rs.Prefill(batch=8), lora=Adapters(16, 64, held=held)) for held in (None, 8))
    asked = 64 * (1 - (63 / 64) ** 8)
    copied = 1e-6 + asked * 7 / 8 * ADAPTER * 2 / 63e9
    assert as_float(outside.time_s) - as_float(inside.time_s) == pytest.approx(copied, rel=1e-6)
    assert as_float(inside.memory.weight_byte - outside.memory.weight_byte) == pytest.approx((64 - 8) * ADAPTER * 2)
    steps = [as_float(rs.estimate(**ask, scenario=Decode(batch=8), lora=Adapters(16, 64, held=held)).time_s) for held in (None, 8)]
    assert steps[0] == steps[1]  # what runs is in main memory
    times = np.asarray(rs.estimate(**ask, scenario=rs.Prefill(batch=8), lora=Adapters(16, 64, held=np.array([1, 8, 32, 64]))).time_s)  # type: ignore[arg-type]
    assert np.all(np.diff(times) < 0) and times[-1] == pytest.approx(as_float(inside.time_s), rel=1e-9)


def test_adapters_with_no_memory_behind() -> None:
    with pytest.raises(InputError, match="no memory behind"):
        rs.estimate("llama-3-8b", "jetson-orin", rs.Prefill(), fidelity="roofline", lora=Adapters(16, 64, held=8))


def test_adapters_that_make_no_sense() -> None:
    with pytest.raises(InputError, match="held of adapters is 0"):
        Adapters(held=0)
    with pytest.raises(InputError, match="rank of adapters is 0"):
        Adapters(0)
    with pytest.raises(InputError, match="no such projection; use qkv"):
        Adapters(on=("head",))
