"""Whole models: what is claimed of operators holds for their sum, and what a graph looks like does not matter."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import roofscape as rs
from explorers.question import FACTOR, Question
from explorers.sensitivity import parameters
from hardware_specs.catalog import find_system
from hardware_specs.fields import field_values, scaled
from magnitudes.arrays import as_float, largest, total
from simulator.engines import cost_law
from simulator.estimate import estimate
from simulator.machine import machine_of
from simulator.memory import RUNTIME_BYTE
from simulator.reuse import reuse_in_model
from tests.properties.strategies import OPERATORS, machines
from workloads.catalog import find_model
from workloads.graph import Node, Workload, from_networkx, fused
from workloads.operator import Attention, Contraction, Elementwise, Normalization, Residency
from workloads.scenario import Decode, Images, Prefill, Scenario
from workloads.sharding import Parallelism, Precision

QUESTIONS = (
    ("llama-3-8b", "h100-sxm", Decode(32, 2048), 1.0),
    ("llama-3-70b", "8xa100-sxm-80gb", Prefill(1, 2048), 8.0),
    ("mixtral-8x7b", "8xh100-sxm", Decode(8, 1000), 2.0),
    ("resnet-50", "v100-sxm2", Images(16), 1.0),
    ("mistral-7b", "mi300x", Prefill(2, 6000), 1.0),
    ("llama-3-8b", "l40s", Decode(1, 500), 1.0),
)
LADDER = np.geomspace(0.25, 4.0, 33)
NEVER_FASTER = ("latency",)
TOGETHER = ("multiprocessors",)


def ask(model: str, system: str, scenario: Scenario, tp: float, fidelity: str = "tile", *, spill: bool = False) -> Question:
    return Question(find_model(model), find_system(system), scenario, Parallelism(tp=tp), fidelity=fidelity, spill=spill)


@pytest.mark.parametrize("asked", QUESTIONS, ids=str)
@pytest.mark.parametrize("fidelity", ["roofline", "tile"])
def test_a_model_is_never_slower_on_more_of_any_parameter(asked: tuple[str, str, Scenario, float], fidelity: str) -> None:
    question = ask(*asked, fidelity)
    paths = [p for p in parameters(question) if not p.endswith(TOGETHER)]
    columns = {p + FACTOR: np.ones(len(paths) * len(LADDER)) for p in paths}
    for place, path in enumerate(paths):
        columns[path + FACTOR][place * len(LADDER) : (place + 1) * len(LADDER)] = LADDER
    times = np.broadcast_to(question.estimate(columns).time_s, len(paths) * len(LADDER)).reshape(len(paths), -1)
    for path, row in zip(paths, times, strict=True):
        step = np.diff(row) / row[:-1] * (-1.0 if path.endswith(NEVER_FASTER) else 1.0)
        assert np.max(step) <= 1e-12, path


@pytest.mark.parametrize("asked", QUESTIONS, ids=str)
def test_a_chip_with_more_of_the_same_multiprocessors_and_cache_is_never_slower(asked: tuple[str, str, Scenario, float]) -> None:
    question = ask(*asked)
    engine = question.system.chip.engine
    paths = [f"{engine.name}.multiprocessors", f"{engine.name}.matrix", f"{engine.name}.vector", f"{engine.beside[-2]}.capacity"]
    times = np.asarray(question.estimate({p + FACTOR: LADDER for p in paths}).time_s)
    assert np.max(np.diff(times) / times[:-1]) <= 1e-12


@pytest.mark.parametrize("asked", QUESTIONS, ids=str)
def test_tile_is_never_faster_than_what_must_come_from_memory(asked: tuple[str, str, Scenario, float]) -> None:
    """Weights and cached keys come round once a pass, long after a cache has lost them; all operands pass the cache."""
    question = ask(*asked)
    machine = machine_of(question.system)
    assert machine.cache is not None
    for p in question.estimate({}).passes:
        kept = as_float(machine.cache.capacity_byte) / (as_float(p.load.weight_byte) + as_float(p.load.state_byte))
        for cost in p.costs:
            o = cost.operator
            if o.kind == "collective":
                continue
            must_byte = as_float(o.byte_of(Residency.WEIGHT)) + as_float(o.byte_of(Residency.STATE))
            memory_s = must_byte / as_float(machine.memory.bandwidth_byte_per_s) * max(0.0, 1.0 - kept)
            arithmetic = machine.matrix_flop_per_s(o.arithmetic)
            matrix_s = 0.0 if o.kind == "convolution" else as_float(o.matrix_flop) / as_float(arithmetic)
            roofs_s = [memory_s, as_float(o.byte) / as_float(machine.cache.bandwidth_byte_per_s), matrix_s]
            assert as_float(cost.time_s) >= max(roofs_s) * (1 - 1e-9), o.name


@given(factor=st.floats(0.1, 10.0), asked=st.sampled_from(QUESTIONS))
@settings(max_examples=20)
def test_scaling_every_rate_scales_the_time_of_a_roofline(factor: float, asked: tuple[str, str, Scenario, float]) -> None:
    question = ask(*asked, "roofline")
    engine = question.system.chip.engine
    rates = [p for p in field_values(question.system) if p.endswith("bandwidth")] + [f"{engine.name}.vector"]
    rates += [f"{engine.name}.matrix"] if engine.matrix_flop_per_s else []
    times = as_float(question.estimate({}).time_s), as_float(question.estimate({p + FACTOR: factor for p in rates}).time_s)
    assert times[1] * factor == pytest.approx(times[0], rel=1e-12)


@pytest.mark.parametrize(("name", "scenario"), [("llama-3-8b", Prefill(2, 100)), ("mixtral-8x7b", Decode(4, 100)), ("resnet-50", Images(2))])
@pytest.mark.parametrize("fidelity", ["roofline", "tile"])
def test_names_order_and_repeats_change_nothing(name: str, scenario: Scenario, fidelity: str) -> None:
    load = find_model(name).workload(scenario.passes()[0], Parallelism(), Precision())
    law, reuse = cost_law(machine_of(find_system("h100-sxm")), fidelity, "graph"), reuse_in_model(load)

    def time_s(nodes: tuple[Node, ...]) -> float:
        return as_float(total(law.cost(n.operator, n.count, reuse).total_s for n in nodes))

    expected = pytest.approx(time_s(load.nodes), rel=1e-12)
    graph = load.to_networkx()
    renamed = nx.relabel_nodes(graph, {n: f"x{hash(n) % 1000}_{n[::-1]}" for n in graph})
    assert time_s(from_networkx(renamed).nodes) == expected
    assert time_s(tuple(reversed(load.nodes))) == expected
    unrolled = [replace(n, count=1.0) for n in load.nodes for _ in range(int(as_float(n.count)))]
    assert sum(as_float(n.count) for n in load.nodes) == len(unrolled)
    assert time_s(tuple(unrolled)) == expected


@given(product=OPERATORS["linear"], system=machines(), reads=st.sampled_from([1.0, 2.0]), flop=st.sampled_from([1.0, 10.0, 100.0]))
def test_fusing_an_epilogue_never_makes_a_roofline_slower(product: Contraction, system: rs.System, reads: float, flop: float) -> None:
    product = replace(product, epilogue=())
    follower = Elementwise(name="f", elements=product.m * product.n, reads=reads, flop_per_element=flop, element=product.c, output=product.c, fuses="producer")
    assert_fused_is_no_slower((Node(product), Node(follower, after=(product.name,))), system)


@given(norm=OPERATORS["normalization"], system=machines())
def test_fusing_a_sum_into_a_norm_never_makes_a_roofline_slower(norm: Normalization, system: rs.System) -> None:
    norm = replace(norm, prologue=())
    summed = Elementwise(name="sum", elements=norm.rows * norm.cols, reads=2.0, element=norm.element, output=norm.element, fuses="consumer")
    assert_fused_is_no_slower((Node(summed), Node(norm, after=("sum",))), system)


def assert_fused_is_no_slower(nodes: tuple[Node, ...], system: rs.System) -> None:
    """Fewer kernels, no more time."""
    law = cost_law(machine_of(system), "roofline", "graph")
    together, reuse = fused(nodes), reuse_in_model(Workload(nodes))
    assert len(together) < len(nodes)

    def time_s(of: tuple[Node, ...]) -> float:
        return as_float(total(law.cost(n.operator, n.count, reuse).total_s for n in of))

    assert time_s(together) <= time_s(nodes) * (1 + 1e-12)


@given(batch=st.integers(1, 64), context=st.integers(1, 30000), tp=st.sampled_from([1, 2, 4, 8]))
def test_a_decode_step_reads_weights_once_and_keys_of_key_value_heads_once_a_token(batch: int, context: int, tp: int) -> None:
    e = rs.estimate("llama-3-8b", "8xh100-sxm", Decode(batch, context), tp=tp)
    load = e.passes[0].load
    layers, kv_heads, head_dim, hidden, vocabulary = 32, 8, 128, 4096, 128256
    keys = batch * (context + 1) * 2 * kv_heads / tp * head_dim * 2 * layers
    attention = total(c.count * c.operator.byte_of(Residency.STATE) for c in e.costs if isinstance(c.operator, Attention))
    written = batch * 2 * kv_heads / tp * head_dim * 2 * layers
    assert as_float(attention) == pytest.approx(keys)
    assert as_float(load.byte_of(Residency.STATE)) == pytest.approx(keys + written)
    products = total(c.count * c.operator.byte_of(Residency.WEIGHT) for c in e.costs if isinstance(c.operator, Contraction))
    norms = (2 * layers + 1) * hidden
    expected = (find_model("llama-3-8b").parameters - vocabulary * hidden - norms) * 2 / tp  # the embedding is looked up, not read
    assert as_float(products) == pytest.approx(expected)


@given(model=st.sampled_from(["llama-3-8b", "mistral-7b", "llama-2-7b"]), batch=st.integers(1, 256), context=st.integers(1, 32000))
def test_a_smaller_memory_never_looks_better(model: str, batch: int, context: int) -> None:
    factors = np.geomspace(0.02, 4.0, 60)
    for spill in (False, True):
        e = ask(model, "h100-sxm", Decode(batch, context), 1.0, spill=spill).estimate({"hbm.capacity" + FACTOR: factors})
        times, fits = np.broadcast_to(e.time_s, factors.shape), np.broadcast_to(e.fits, factors.shape)
        assert np.all(np.diff(times) <= 1e-12 * times[:-1])
        assert np.all(np.diff(fits.astype(int)) >= 0)
        need = np.broadcast_to(e.memory.total_byte, factors.shape)
        assert np.all(fits == (need <= e.memory.capacity_byte * (1 + 1e-12) + e.memory.spilled_byte))
        assert np.all(need >= RUNTIME_BYTE)


@given(batch=st.integers(1, 512), context=st.integers(1, 100000))
def test_spilling_is_never_faster_than_fitting_and_a_misfit_says_why(batch: int, context: int) -> None:
    system = find_system("a100-sxm-40gb")
    model = find_model("llama-3-8b")
    fitting = estimate(model, scaled(system, {"hbm.capacity": 1e3}), Decode(batch, context))
    spilled, refused = (estimate(model, system, Decode(batch, context), spill=s) for s in (True, False))
    assert as_float(spilled.time_s) >= as_float(fitting.time_s)
    design = refused.to_dict()
    assert design["feasible"] == (as_float(refused.memory.over_byte) == 0.0)
    assert design["feasible"] or "needs" in design["reason"]


@pytest.mark.parametrize(
    ("system", "scenario", "measured_ms"),
    [("h100-sxm", Decode(32, 2048), 9.6), ("a100-sxm-80gb", Prefill(1, 2048), 125.0), ("a100-sxm-80gb", Decode(1, 2048), 12.0)],
)
def test_compositions_of_measured_kernels_are_met_within_15_percent(system: str, scenario: Scenario, measured_ms: float) -> None:
    assert as_float(rs.estimate("llama-3-8b", system, scenario).time_s) * 1e3 == pytest.approx(measured_ms, rel=0.15)


@given(data=st.data(), fidelity=st.sampled_from(["roofline", "tile"]))
def test_more_work_is_never_faster(data: st.DataObject, fidelity: str) -> None:
    """Strict at roofline; at tile up to the quantisation of tiles and waves: doubling any size never saves more than a tenth."""
    base = {"batch": float(data.draw(st.integers(1, 128))), "context": float(data.draw(st.integers(1, 20000)))}
    question = ask("llama-3-8b", data.draw(st.sampled_from(["h100-sxm", "a100-sxm-80gb", "mi300x", "t4", "b200"])), Decode(), 1.0, fidelity)
    less = as_float(question.estimate(base).time_s)
    for name, value in base.items():
        more = as_float(question.estimate({**base, name: 2.0 * value}).time_s)
        assert more >= less * (1.0 - 1e-12 if fidelity == "roofline" else 0.9), name
    assert largest([less, 0.0]) > 0.0
