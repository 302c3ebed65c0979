"""Is the law of processors one formula for floats and columns, monotone, and never faster than its roofs?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hardware_specs.catalog import find_system
from hardware_specs.schema import HostEngine, System
from magnitudes.arrays import Column
from magnitudes.datatypes import DATA_TYPES
from simulator.engines import cost_law
from simulator.engines.host import LAWS
from simulator.host.library import library
from simulator.machine import machine_of
from simulator.reuse import Reuse
from simulator.roofline import roofs
from workloads.operator import (
    Attention,
    Contraction,
    Convolution,
    Elementwise,
    Gather,
    GroupedContraction,
    Normalization,
    Operator,
    Residency,
    Routing,
    Scan,
    Softmax,
    Transfer,
)  # fmt: skip

FP32 = DATA_TYPES["fp32"]
COLD = Reuse(1e12, 1e12, 1e12)
SIDE = Residency.ACTIVATION
OPERATORS: dict[str, Callable[[Any], Operator]] = {
    "gemm": lambda x: Contraction(name="gemm", m=x, n=512.0, k=256.0, a=FP32, b=FP32, c=FP32),
    "bmm": lambda x: Contraction(name="bmm", batch=8.0, m=64.0, n=64.0, k=x, a=FP32, b=FP32, c=FP32, b_residency=SIDE),
    "bf16": lambda x: Contraction(name="linear", m=4.0, n=512.0, k=x),
    "experts": lambda x: GroupedContraction(name="experts", rows=4.0 * x, groups=8.0, active=4.0, n=64.0, k=64.0),
    "prefill": lambda x: Attention(name="a", batch=1.0, heads=8.0, kv_heads=2.0, q_len=x, kv_len=x, head_dim=64.0, element=FP32, state=FP32),
    "decode": lambda x: Attention(name="a", batch=x, heads=8.0, kv_heads=8.0, q_len=1.0, kv_len=512.0, head_dim=64.0, element=FP32, state=FP32),
    "convolution": lambda x: Convolution(
        name="c", batch=x, cin=16.0, cout=32.0, in_h=28.0, in_w=28.0, out_h=28.0, out_w=28.0, kernel_h=3.0, kernel_w=3.0, a=FP32, b=FP32, c=FP32
    ),
    "add": lambda x: Elementwise(name="add", elements=100.0 * x, reads=2.0, flop_per_element=2.0, element=FP32, output=FP32),
    "gelu": lambda x: Elementwise(name="gelu", elements=1000.0 * x, flop_per_element=50.0, element=FP32, output=FP32),
    "unknown": lambda x: Elementwise(name="residual_sum", elements=1000.0 * x, flop_per_element=2.0, element=FP32, output=FP32),
    "softmax": lambda x: Softmax(name="s", rows=x, cols=512.0, element=FP32),
    "layernorm": lambda x: Normalization(name="n", rows=64.0, cols=x, flavour="layer", element=FP32),
    "rmsnorm": lambda x: Normalization(name="n", rows=x, cols=768.0, element=FP32),
    "gather": lambda x: Gather(name="g", rows=x, width=768.0, table=FP32, output=FP32),
    "scan": lambda x: Scan(name="scan", batch=1.0, length=x, channels=64.0, state_dim=16.0, element=FP32),
    "routing": lambda x: Routing(name="r", tokens=x, experts=8.0, topk=2.0, width=64.0),
    "transfer": lambda x: Transfer(name="t", moved_byte=1e5 * x, source="ddr", target="llc"),
}
SIZES: Column = np.array([1.0, 2.0, 5.0, 16.0, 33.0, 100.0, 512.0, 3000.0])


def system(**faster: float) -> System:
    """A processor of many cores, some of its numbers multiplied."""
    base = find_system("xeon-platinum-8480")
    chip = base.chip
    assert isinstance(chip.engine, HostEngine)
    tiers = tuple(replace(t, bandwidth_byte_per_s=t.bandwidth_byte_per_s * faster.get(t.name, 1.0)) for t in chip.tiers)
    rates = {f: r * faster.get("rates", 1.0) for f, r in chip.engine.vector_flop_per_s.items()}
    matrix = {f: r * faster.get("rates", 1.0) for f, r in chip.engine.matrix_flop_per_s.items()}
    engine = replace(chip.engine, cores=chip.engine.cores * faster.get("cores", 1.0), vector_flop_per_s=rates, matrix_flop_per_s=matrix)
    return replace(base, chip=replace(chip, tiers=tiers, engines=(engine,)))


def time_s(name: str, sizes: Any, where: System, lib: str, timing: str = "eager", reuse: Reuse = COLD) -> Any:
    return cost_law(machine_of(where), "tile", timing, lib).cost(OPERATORS[name](sizes), 1.0, reuse).time_s


def test_every_operator_has_a_law() -> None:
    assert {type(make(1.0)) for make in OPERATORS.values()} == set(LAWS)


@pytest.mark.parametrize("lib", ["numpy", "torch"])
@pytest.mark.parametrize("name", OPERATORS)
def test_a_row_is_its_scalar_call(name: str, lib: str) -> None:
    column = time_s(name, SIZES, system(), lib)
    np.testing.assert_allclose(column, [time_s(name, float(x), system(), lib) for x in SIZES], rtol=1e-12)


@pytest.mark.parametrize("lib", ["numpy", "torch"])
@pytest.mark.parametrize("name", OPERATORS)
def test_faster_parts_never_take_longer_nor_does_less_work(name: str, lib: str) -> None:
    """Work on one core: a little more of it may bring in another core, and be done sooner."""
    warm = Reuse(3e5, 3e5, 3e5)
    for reuse in (COLD, warm):
        alone = time_s(name, SIZES, system(cores=1.0 / 56.0), lib, reuse=reuse)
        assert np.all(np.diff(alone) >= -1e-12 * alone[1:])
        base = time_s(name, SIZES, system(), lib, reuse=reuse)
        for part in ("llc", "ddr", "rates"):
            assert np.all(time_s(name, SIZES, system(**{part: 1.5}), lib, reuse=reuse) <= base * (1 + 1e-12)), part


@pytest.mark.parametrize("lib", ["numpy", "torch"])
@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("timing", ["kernel", "graph", "eager"])
def test_what_comes_from_memory_is_never_faster_than_the_roofline(name: str, timing: str, lib: str) -> None:
    machine = machine_of(system())
    floor = np.max([np.broadcast_to(np.asarray(part, dtype=np.float64), SIZES.shape) for part in roofs(OPERATORS[name](SIZES), machine).values()], axis=0)
    assert np.all(time_s(name, SIZES, system(), lib, timing) >= floor * (1 - 1e-9))


def test_a_call_costs_only_where_it_is_made() -> None:
    eager, graph = (time_s("add", 1.0, system(), "torch", timing) for timing in ("eager", "graph"))
    assert eager - graph == pytest.approx(library("torch")["call_s"] * library("torch")["functions"]["add"]["calls"])


def test_what_lies_in_cache_comes_faster() -> None:
    """Once all cores work, by as much as the cache is faster, less what arithmetic hides."""
    tiers = {t.name: t for t in system().chip.tiers}
    cold, warm = (time_s("add", 1e5, system(), "torch", "kernel", Reuse(d, d, d)) for d in (1e12, 1e6))
    faster = tiers["llc"].bandwidth_byte_per_s / tiers["ddr"].bandwidth_byte_per_s
    assert 0.5 * faster < cold / warm <= faster
    for lib in ("numpy", "torch"):
        assert np.all(time_s("add", SIZES, system(), lib) >= time_s("add", SIZES, system(), lib, reuse=Reuse(1e6, 1e6, 1e6)) * (1 - 1e-9))


def test_numpy_computes_gelu_on_one_core_in_nine_loops() -> None:
    assert time_s("gelu", 1000.0, system(), "numpy") > 5.0 * time_s("gelu", 1000.0, system(), "torch")


def test_another_library_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ValueError, match=r"known on processors: numpy, torch"):
        library("jax")
