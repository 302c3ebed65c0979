"""Sanity of units near memory and of placement: more never hurts, regions hold their designs, a compiled program is the scalar call."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorers.question import Question
from hardware_specs.catalog import find_system
from hardware_specs.fields import field_values, scaled
from hardware_specs.schema import NearMemoryEngine, System
from magnitudes.arrays import as_float
from magnitudes.interval import Interval
from simulator.engines import cost_law
from simulator.estimate import estimate
from simulator.machine import machine_of
from simulator.reuse import Reuse
from workloads.catalog import find_model
from workloads.operator import Attention, Contraction, GroupedContraction, Operator
from workloads.scenario import Decode
from workloads.sharding import Parallelism

REUSE = Reuse(1e12, 1e12, 0.0)
CHIPS = ("pim-gpt", "aim-gddr6", "hbm-pim", "upmem", "attacc-bank", "attacc-bank-group", "attacc-buffer")
FASTER = ("activate", "precharge", "read_to_precharge", "column_to_column", "refresh")  # less of each
SIZES = st.integers(1, 40), st.integers(1, 9000), st.integers(1, 9000)


def near(name: str, **factors: float) -> System:
    """A chip with numbers of its units multiplied."""
    system = find_system(name)
    engine = system.chip.engine
    assert isinstance(engine, NearMemoryEngine)
    owned: dict[str, float] = {k: getattr(engine, k) * f for k, f in factors.items() if getattr(engine, k) is not None}
    return replace(system, chip=replace(system.chip, engines=(replace(engine, **owned),)))  # type: ignore[arg-type]


def time_s(operator: Operator, system: System) -> float:
    return as_float(cost_law(machine_of(system), "tile", "graph").cost(operator, 1.0, REUSE).time_s)


@st.composite
def operators(draw: st.DrawFn) -> Operator:
    rows, outputs, depth = (float(draw(s)) for s in SIZES)
    kind = draw(st.sampled_from(["product", "experts", "attention"]))
    if kind == "product":
        return Contraction(name="p", m=rows, n=outputs, k=depth)
    if kind == "experts":
        return GroupedContraction(name="g", rows=8.0 * rows, groups=8.0, active=8.0, n=outputs, k=depth)
    return Attention(name="a", batch=rows, heads=32.0, kv_heads=8.0, q_len=1.0, kv_len=outputs, head_dim=128.0, decoding=True)


@pytest.mark.parametrize("chip", CHIPS)
@settings(max_examples=30, deadline=None)
@given(operator=operators(), field=st.sampled_from(FASTER), share=st.floats(0.3, 1.0))
def test_shorter_timing_is_never_slower(chip: str, operator: Operator, field: str, share: float) -> None:
    usual, unit = find_system(chip), find_system(chip).chip.engine.name
    fields = [field] if field != "column_to_column" else [f for f in (field, field + "_short") if f"{unit}.{f}" in field_values(usual)]
    faster = scaled(usual, {f"{unit}.{f}": share for f in fields})
    assert time_s(operator, faster) <= time_s(operator, usual) * (1 + 1e-12)


@pytest.mark.parametrize("chip", CHIPS)
@settings(max_examples=30, deadline=None)
@given(operator=operators(), times=st.integers(2, 8))
def test_more_channels_with_their_banks_are_never_slower(chip: str, operator: Operator, times: int) -> None:
    """With their softmax units, too: the rate of vectors is the chip's, and each channel has its share of it."""
    more = near(chip, channels=times, units=times, bus_byte_per_s=times)
    more = scaled(more, {f"{more.chip.engine.name}.vector": times})
    memory = more.chip.main_memory(more.chip.engine)
    wide = replace(memory, bandwidth_byte_per_s=memory.bandwidth_byte_per_s * times)
    more = replace(more, chip=replace(more.chip, tiers=tuple(wide if t.name == memory.name else t for t in more.chip.tiers)))
    assert time_s(operator, more) <= time_s(operator, find_system(chip)) * (1 + 1e-12)


@settings(max_examples=15, deadline=None)
@given(batch=st.floats(1, 200), context=st.floats(64, 8000), wide=st.floats(1.0, 1.5))
def test_regions_hold_the_placed_designs_inside(batch: float, context: float, wide: float) -> None:
    """The bound over a region of bandwidths and batches is never above a design of it."""
    asked = Question(find_model("mixtral-8x7b"), find_system("4xduplex"), Decode(batch=64.0, context=2048.0), Parallelism(tp=4.0), ("fp16",), "roofline")
    base = as_float(asked.system.chip.tier("hbm").bandwidth_byte_per_s)
    region = asked.estimate({"hbm.bandwidth": Interval(base, base * 1.5), "batch": Interval(batch, 1.5 * batch), "context": context}).time_s
    assert isinstance(region, Interval)
    inside = as_float(asked.estimate({"hbm.bandwidth": base * wide, "batch": batch * wide, "context": context}).time_s)
    assert region.low <= inside * (1 + 1e-9) and inside <= region.high * (1 + 1e-9)


def test_a_compiled_placement_is_the_scalar_call() -> None:
    asked = Question(find_model("mixtral-8x7b"), find_system("4xduplex"), Decode(batch=64.0, context=2048.0), Parallelism(tp=4.0), ("fp16",))
    columns = {"batch": np.array([1.0, 24.0, 300.0]), "logic_pim.internal": np.array([4e12, 13.4e12, 20e12]), "context": np.array([100.0, 4096.0, 900.0])}
    found = asked.compiled(tuple(columns)).run(columns)["time_s"]
    for row in range(3):
        assert found[row] == asked.estimate({k: float(v[row]) for k, v in columns.items()}).time_s


def test_a_smaller_buffer_of_the_companion_is_never_faster() -> None:
    model = find_model("gpt2-xl")
    times = [as_float(estimate(model, near("pim-gpt", companion_byte=f), Decode(batch=4.0, context=2000.0)).time_s) for f in (0.01, 0.1, 1.0, 10.0)]
    assert times == sorted(times, reverse=True)
