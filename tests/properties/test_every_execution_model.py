"""Sanity of every execution model alike: never under the roofs, never slower on more of what it has, never faster at more work."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorers.question import Question
from hardware_specs.catalog import chip_names, find_system
from hardware_specs.fields import field_values, scaled
from hardware_specs.schema import Engine, NearMemoryEngine, System
from magnitudes.arrays import as_float
from magnitudes.datatypes import DATA_TYPES
from simulator.engines import cost_law
from simulator.estimate import estimate
from simulator.machine import machine_of, machines_of
from simulator.reuse import Reuse
from simulator.roofline import roofs
from simulator.spatial.hierarchy import Hierarchy as Array
from simulator.spatial.hierarchy import Loops, Store, weight_stationary
from simulator.spatial.search import search
from workloads.catalog import find_model
from workloads.operator import Attention, Contraction, Convolution, Elementwise, GroupedContraction, Normalization, Operator, Residency
from workloads.scenario import Decode, Inference
from workloads.sharding import Parallelism

COLD = Reuse(1e12, 1e12, 0.0)
ROUNDING = 1.0 + 1e-9
HOSTS = ("epyc-9654", "xeon-gold-6148", "grace")
CHIPS = [n for n in chip_names() if find_system(n).chip.engine.execution in ("spatial", "near_memory", "streaming") or n in HOSTS]
SEVERAL = [n for n in chip_names() if len(find_system(n).chip.engines) > 1 and not find_system(n).chip.engine.serves]  # whose first runs all
MORE = ("bandwidth", "internal", "bus", "matrix", "vector", "vector_lanes", "clock")  # of which a chip never gets slower, each alone
FASTER_CLOCK = ("kernel", "host", "spatial")  # whose clock is the pace of more than rates


def formats(engine: Engine) -> dict[str, Any]:
    """Operands in a format that the engine's matrix units multiply."""
    name = next((f for f in ("bf16", "fp16", "int8") if f in engine.matrix_flop_per_s), "fp32")
    return dict.fromkeys("abc", DATA_TYPES[name])


@st.composite
def works(draw: st.DrawFn, system: System) -> Operator:
    """An operator of any kind that the first engine of a chip may run."""
    own, rows, wide, deep = formats(system.chip.engine), *(float(draw(st.integers(1, n))) for n in (64, 3000, 3000))
    kind = draw(st.sampled_from(["product", "experts", "attention", "decode", "convolution", "depthwise", "map", "norm"]))
    if kind == "product":
        return Contraction(name="p", m=rows, n=wide, k=deep, **own)
    if kind == "experts":
        return GroupedContraction(name="g", rows=8.0 * rows, groups=8.0, active=min(8.0, 8.0 * rows), n=wide, k=deep, **own)
    if kind in ("attention", "decode"):
        length = float(draw(st.integers(1, 2000)))
        return Attention(
            name="a", batch=rows, heads=16.0, kv_heads=4.0, q_len=1.0 if kind == "decode" else length, kv_len=length, head_dim=64.0,
            decoding=kind == "decode", element=own["a"],
        )  # fmt: skip
    if kind in ("convolution", "depthwise"):
        channels, side = float(draw(st.integers(1, 128))), float(draw(st.integers(3, 56)))
        groups = channels if kind == "depthwise" else 1.0
        return Convolution(
            name="c", batch=1.0, cin=channels, cout=channels, in_h=side, in_w=side, out_h=side, out_w=side, kernel_h=3.0, kernel_w=3.0, groups=groups, **own
        )
    if kind == "map":
        return Elementwise(name="m", elements=rows * wide, reads=2.0, flop_per_element=4.0)
    return Normalization(name="n", rows=rows, cols=wide)


def time_s(operator: Operator, system: System) -> float:
    return as_float(cost_law(machine_of(system), "tile", "graph", correction=False).cost(operator, 1.0, COLD).time_s)


@pytest.mark.parametrize("chip", CHIPS)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_no_operator_is_under_its_roofs(chip: str, data: st.DataObject) -> None:
    """Arithmetic at its peak, and every byte over main memory once; near a memory the cache is that memory, on a processor what it keeps."""
    system = find_system(chip)
    operator = data.draw(works(system))
    machine = machine_of(system)
    floor = roofs(operator, machine)
    if machine.engine.execution == "host":  # whose cache may hold what an operator before it left
        floor.pop(machine.memory.name)
    if machine.engine.execution == "streaming":  # whose operands may pass from stage to stage
        floor = {name: s for name, s in floor.items() if name in ("matrix", "vector")}
    assert time_s(operator, system) * ROUNDING >= max((as_float(s) for s in floor.values()), default=0.0)


@pytest.mark.parametrize("chip", CHIPS)
@settings(max_examples=15, deadline=None)
@given(data=st.data(), factor=st.floats(1.0, 16.0))
def test_no_operator_is_slower_on_more(chip: str, data: st.DataObject, factor: float) -> None:
    system = find_system(chip)
    operator = data.draw(works(system))
    groups = sorted({".".join(path.split(".")[:2]) for path in field_values(system)})
    paths = [p for p in groups if p.split(".")[-1] in MORE and not (p.endswith("clock") and system.chip.engine.execution not in FASTER_CLOCK)]
    path = data.draw(st.sampled_from(paths))
    if path.endswith("clock"):  # with the rates that it makes
        owner = path.removesuffix("clock")
        more = scaled(system, {path: factor, **{p: factor for p in groups if p in (f"{owner}matrix", f"{owner}vector")}})
    else:
        more = scaled(system, {path: factor})
    assert time_s(operator, more) <= time_s(operator, system) * ROUNDING, path


@pytest.mark.parametrize("chip", [n for n in CHIPS if n not in HOSTS])  # whose libraries have kernels of their own for a row, or an image
@settings(max_examples=10, deadline=None)
@given(data=st.data(), grown=st.integers(2, 5))
def test_more_rows_are_never_faster(chip: str, data: st.DataObject, grown: int) -> None:
    system = find_system(chip)
    operator = data.draw(works(system))
    field = {Contraction: "m", GroupedContraction: "rows", Attention: "batch", Convolution: "batch", Elementwise: "elements", Normalization: "rows"}[
        type(operator)
    ]
    more = replace(operator, **{field: getattr(operator, field) * grown})
    assert time_s(operator, system) <= time_s(more, system) * ROUNDING


NEAR = [n for n in CHIPS if find_system(n).chip.engine.execution == "near_memory"]


def units(chip: str, **changes: Any) -> System:
    system = find_system(chip)
    engine = next(e for e in system.chip.engines if isinstance(e, NearMemoryEngine))
    return replace(system, chip=replace(system.chip, engines=(replace(engine, **{k: v(engine) for k, v in changes.items()}),)))


@pytest.mark.parametrize("chip", [*NEAR, "duplex", "duplex-bank-pim", "duplex-bank-group-pim"])
@settings(max_examples=20, deadline=None)
@given(data=st.data(), times=st.sampled_from([2.0, 4.0, 8.0]))
def test_more_vectors_a_column_are_never_slower(chip: str, data: st.DataObject, times: float) -> None:
    """Taken at once, with the arithmetic for them, or held for one turn after the other. Of attention only held ones: queries at once may lack a partner."""
    operator = data.draw(works(find_system(chip)).filter(lambda o: isinstance(o, Contraction | GroupedContraction | Attention)))
    once = units(chip, held_vectors=lambda e: None)
    name = once.chip.engine.name
    at_once = scaled(units(chip, held_vectors=lambda e: None, vectors=lambda e: e.vectors * times), {f"{name}.matrix": times})
    held = units(chip, held_vectors=lambda e: e.vectors * times)
    for more in (held,) if isinstance(operator, Attention) else (at_once, held):
        assert time_s(operator, more) <= time_s(operator, once) * ROUNDING


@pytest.mark.parametrize("chip", ["pim-gpt", "aim-gddr6", "hbm-pim", "attacc-bank"])
@settings(max_examples=20, deadline=None)
@given(rows=st.integers(1, 20), outputs=st.integers(1, 8000), depth=st.integers(1, 8000), times=st.sampled_from([2.0, 4.0]))
def test_more_banks_with_their_units_are_never_slower(chip: str, rows: int, outputs: int, depth: int, times: float) -> None:
    """In each channel, and the memory's inner bandwidth with them; the bus stays as it is."""
    product = Contraction(name="p", m=float(rows), n=float(outputs), k=float(depth))
    usual = find_system(chip)
    more = units(chip, banks=lambda e: e.banks * times, units=lambda e: e.units * times)
    name, memory = more.chip.engine.name, more.chip.main_memory(more.chip.engine).name
    more = scaled(more, {f"{name}.matrix": times, f"{memory}.bandwidth": times})
    assert time_s(product, more) <= time_s(product, usual) * ROUNDING


@pytest.mark.parametrize("chip", SEVERAL)
@settings(max_examples=8, deadline=None)
@given(batch=st.integers(1, 64), context=st.integers(16, 8192))
def test_several_engines_are_never_slower_than_one(chip: str, batch: int, context: int) -> None:
    """Each operator goes where the pass finishes first: a chip without its other engines has no way that this one lacks."""
    system, scenario = find_system(chip), Decode(batch=float(batch), context=float(context))
    first = replace(system, chip=replace(system.chip, engines=system.chip.engines[:1]))
    both, one = (as_float(estimate(find_model("llama-3.2-1b"), s, scenario, correction=False).time_s) for s in (system, first))
    assert both <= one * ROUNDING


@pytest.mark.parametrize("machine", ["a6000-csd", "a6000-2csd"])
@settings(max_examples=10, deadline=None)
@given(context=st.integers(64, 4096), drives=st.sampled_from([2.0, 4.0]))
def test_attention_beside_flash_reads_each_page_and_gains_by_drives(machine: str, context: int, drives: float) -> None:
    system = find_system(machine)
    drive = machines_of(system)[-1]
    attention = Attention(name="a", batch=8.0, heads=40.0, kv_heads=40.0, q_len=1.0, kv_len=float(context), head_dim=128.0, decoding=True)
    law = cost_law(drive, "tile", "graph")
    alone = as_float(law.cost(attention, 1.0, COLD).time_s)
    assert alone * ROUNDING >= as_float(attention.byte_of(Residency.STATE)) / as_float(drive.memory.bandwidth_byte_per_s)
    more = scaled(system, {f"{drive.engine.name}.{what}": drives for what in ("internal", "bus", "matrix", "vector", "channels", "units")})
    assert as_float(cost_law(machines_of(more)[-1], "tile", "graph").cost(attention, 1.0, COLD).time_s) <= alone * ROUNDING


@settings(max_examples=8, deadline=None)
@given(room=st.floats(1.0, 30.0), rate=st.floats(1.0, 8.0))
def test_more_room_or_a_faster_memory_behind_never_slows_a_composition(room: float, rate: float) -> None:
    model, scenario = find_model("samba-coe-150"), Inference(4.0, 512.0, 20.0)
    usual = find_system("sn40l-node")
    slow = as_float(estimate(model, usual, scenario, Parallelism(tp=8.0)).time_s)
    for changes in ({"hbm.capacity": room}, {"ddr.bandwidth": rate}, {"hbm.capacity": room, "ddr.bandwidth": rate}):
        assert as_float(estimate(model, scaled(usual, changes), scenario, Parallelism(tp=8.0)).time_s) <= slow * ROUNDING


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 999))
def test_a_mapping_found_is_never_worse_on_more_and_never_under_its_floor(seed: int) -> None:
    """Of any product: larger buffers and wider ports, for time; energies of all at least those of the compulsory bytes."""
    rng = np.random.default_rng(seed)
    k, c, x = (float(n) for n in rng.integers(1, 300, 3))
    layer = Loops(k, c, x=x, in_x=x, in_y=1.0)
    size, wide = float(rng.uniform(2e3, 2e5)), float(rng.uniform(1.0, 64.0))

    def array(more_room: float, more_width: float) -> Array:
        return Array(
            weight_stationary(16.0, 16.0), 1e-12, Store(1e-12, 1e-12, 64.0 * more_width, capacity_byte=size * more_room),
            Store(1e-10, 1e-10, wide * more_width),
            {"weight": Store(1e-14, 1e-14, capacity_byte=2.0)}, cross_clock=30.0,
        )  # fmt: skip

    base = search(layer, array(1.0, 1.0), "time").clock[0]
    assert search(layer, array(4.0, 1.0), "time").clock[0] <= base * ROUNDING
    assert search(layer, array(1.0, 4.0), "time").clock[0] <= base * ROUNDING
    found = search(layer, array(1.0, 1.0), "energy")
    assert found.energy_j[0] * ROUNDING >= (k * c + c * x + k * x) * 1e-10 and found.at_most[0] * ROUNDING >= 1.0


@pytest.mark.parametrize(("machine", "model"), [("pim-gpt", "gpt3-xl"), ("duplex", "llama-3.2-1b")])
def test_two_hundred_thousand_memories_a_second(machine: str, model: str) -> None:
    """Of one core's own time: timings, bus and batch vary, over units alone and units beside a processor."""
    own = Question(find_model(model), find_system(machine), Decode(batch=1.0, context=2048.0), correction=False)
    unit = next(e.name for e in own.system.chip.engines if isinstance(e, NearMemoryEngine))
    rng, rows = np.random.default_rng(0), 16384
    base = field_values(own.system)
    designs = {p: as_float(base[p]) * 2.0 ** rng.uniform(-1.0, 1.0, rows) for p in (f"{unit}.column_to_column", f"{unit}.activate", f"{unit}.bus")}
    designs["batch"] = np.exp2(rng.integers(0, 5, rows)).astype(np.float64)
    program, seconds = own.compiled(tuple(designs)), []
    for _ in range(4):
        start = time.process_time()
        program.run(designs)
        seconds.append(time.process_time() - start)
    assert rows / min(seconds) >= 200_000
