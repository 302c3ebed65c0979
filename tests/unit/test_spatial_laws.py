"""Operators of every kind on every shipped array: never under the roofline, never slower on more, one row like the design alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import roofscape as rs
from hardware_specs.catalog import chip_names, find_system
from hardware_specs.fields import field_values, scaled
from hardware_specs.schema import SpatialEngine, System
from magnitudes.arrays import as_float
from simulator.engines import cost_law
from simulator.machine import machine_of
from simulator.reuse import Reuse
from simulator.roofline import roofline_cost
from simulator.spatial.attention import CHAINS
from simulator.spatial.tiles import TILED
from tests.properties.strategies import OPERATORS
from workloads.operator import Attention, Softmax

ARRAYS = tuple(n for n in chip_names() if isinstance(find_system(n).chip.engine, SpatialEngine))
NOTHING = Reuse(0.0, 0.0, 0.0)
LADDER = np.geomspace(0.1, 10.0, 41)


def arrays() -> st.SearchStrategy[System]:
    return st.sampled_from(ARRAYS).map(find_system)


def chains(kind: str) -> tuple[str, ...]:
    return ("", *CHAINS, *TILED) if "attention" in kind else ("",)


@pytest.mark.parametrize("kind", OPERATORS)
@settings(max_examples=25)
@given(data=st.data(), system=arrays())
def test_never_faster_than_the_roofline(kind: str, data: st.DataObject, system: System) -> None:
    operator, machine = data.draw(OPERATORS[kind]), machine_of(system)
    time_s = as_float(cost_law(machine, "tile", "graph", data.draw(st.sampled_from(chains(kind)))).cost(operator, 1.0, NOTHING).time_s)
    assert np.isfinite(time_s)
    assert time_s >= as_float(roofline_cost(operator, 1.0, machine).time_s) * (1.0 - 1e-12)


@pytest.mark.parametrize("kind", OPERATORS)
@settings(max_examples=15)
@given(data=st.data(), system=arrays())
def test_never_slower_on_more(kind: str, data: st.DataObject, system: System) -> None:
    """Bandwidth and capacity of each tier, the clock and the rates; a longer latency is never faster."""
    operator, chain = data.draw(OPERATORS[kind]), data.draw(st.sampled_from(chains(kind)))
    engine = system.chip.engine
    rates = [f"{engine.name}.{name}" for name in ("clock", "matrix", "vector")]
    for path in (*rates, *(p for p in field_values(system) if p.endswith((".capacity", ".bandwidth", ".latency")))):
        machine = machine_of(scaled(system, {path: LADDER}))
        time_s = np.broadcast_to(cost_law(machine, "tile", "graph", chain).cost(operator, 1.0, NOTHING).time_s, LADDER.shape)
        steps = np.diff(time_s) * (-1.0 if path.endswith(".latency") else 1.0)
        assert np.all(steps <= 1e-12 * time_s[1:]), path


@pytest.mark.parametrize("kind", OPERATORS)
@settings(max_examples=15)
@given(data=st.data(), system=arrays(), factors=st.lists(st.floats(0.25, 4.0), min_size=3, max_size=3))
def test_a_row_is_the_design_alone(kind: str, data: st.DataObject, system: System, factors: list[float]) -> None:
    operator, chain = data.draw(OPERATORS[kind]), data.draw(st.sampled_from(chains(kind)))
    paths = data.draw(st.lists(st.sampled_from(sorted(field_values(system))), min_size=1, max_size=4, unique=True))
    together = cost_law(machine_of(scaled(system, dict.fromkeys(paths, np.array(factors)))), "tile", "graph", chain).cost(operator, 1.0, NOTHING)
    for place, factor in enumerate(factors):
        alone = cost_law(machine_of(scaled(system, dict.fromkeys(paths, factor))), "tile", "graph", chain).cost(operator, 1.0, NOTHING)
        assert np.broadcast_to(together.time_s, 3)[place] == pytest.approx(alone.time_s, rel=1e-12)
        for name, part in alone.parts.items():
            assert np.broadcast_to(together.parts[name], 3)[place] == pytest.approx(part, rel=1e-12)


def attention(**sizes: float) -> Attention:
    given_sizes = {"batch": 64.0, "heads": 12.0, "kv_heads": 12.0, "q_len": 1024.0, "kv_len": 1024.0, "head_dim": 64.0, **sizes}
    return Attention(name="attention", causal=False, **given_sizes)  # type: ignore[arg-type]


def seconds(on: str, chain: str, operator: Attention) -> float:
    return as_float(cost_law(machine_of(find_system(on)), "tile", "graph", chain).cost(operator, 1.0, NOTHING).time_s)


def test_flat_is_bound_by_four_steps_of_a_lane_a_score() -> None:
    # 64 x 12 heads, 1024 x 1024 scores, 4 steps, 256 lanes at 0.94 GHz
    assert seconds("flat-cloud", "flat", attention()) == pytest.approx(64 * 12 * 1024**2 * 4 / 256 / 0.94e9, rel=1e-4)


def test_flat_spills_scores_that_its_buffer_cannot_hold() -> None:
    """256 rows of 131,072 scores are 64 MiB, twice the buffer: written and read twice, and keys and values come for every 1024 rows."""
    n = 131072.0
    scores, operands = n * n * 8.0, n * 64.0 * 2.0 * (2.0 + 2.0 * n / 1024.0)
    assert seconds("flat-cloud", "flat", attention(batch=1.0, heads=1.0, kv_heads=1.0, q_len=n, kv_len=n)) == pytest.approx(
        (scores + operands) / (400 * 2**30), rel=1e-3
    )


@pytest.mark.parametrize(
    ("on", "chain", "tile"),
    [
        ("flat-cloud", "cascade", 4 * 256 + 5 + 128 + 16),  # all of the softmax on the lanes: 4 a score, 5 and 2F + F/4 a tile
        ("fusemax-cloud", "arch", 65 + 256 + 1 + 8 + 128),  # scores and maximum, the way across, the running maximum, exponentials and sum, correction
        ("fusemax-cloud", "binding", 81 + 1 + 8 + 64),  # the correction's other half beside the next scores
        ("fusemax-cloud", "", 81 + 1 + 8 + 64),
    ],
)
def test_cycles_of_a_tile(on: str, chain: str, tile: float) -> None:
    assert seconds(on, chain, attention()) == pytest.approx(64 * 12 * 16 * tile / 0.94e9, rel=1e-3)


def test_heads_that_share_keys_are_rows_of_one_product() -> None:
    shared, own = attention(kv_heads=3.0), attention(heads=3.0, kv_heads=3.0, q_len=4096.0)
    assert seconds("fusemax-cloud", "binding", shared) == pytest.approx(seconds("fusemax-cloud", "binding", own), rel=1e-12)


def test_long_rows_of_a_softmax_are_read_again() -> None:
    def softmax_s(cols: float) -> float:
        law = cost_law(machine_of(find_system("flat-edge")), "tile", "graph")
        return as_float(law.cost(Softmax(name="softmax", rows=2.0**24 / cols, cols=cols), 1.0, NOTHING).parts["dram"])

    assert softmax_s(2.0**20) == pytest.approx(2.0 * softmax_s(2.0**10), rel=1e-12)  # read three times and written once


@pytest.mark.parametrize("on", ARRAYS)
def test_every_array_says_tile(on: str) -> None:
    assert rs.estimate("resnet-50", on, rs.Images(batch=4)).fidelity == "tile"


@pytest.mark.parametrize(("on", "least", "most"), [("tpu-v4", 0.6, 0.95), ("tpu-v5e", 0.6, 0.95), ("gaudi3", 0.5, 0.95), ("trainium1", 0.5, 0.95)])
def test_utilisation_of_a_long_prefill(on: str, least: float, most: float) -> None:
    """Of the peak that a mapping without stalls of its compiler reaches: under it, and the most of it."""
    found = rs.estimate("llama-3-8b", on, rs.Prefill(batch=1.0, prompt=2048.0))
    flop = sum(as_float(c.count * c.operator.matrix_flop) for c in found.costs)
    engine = find_system(on).chip.engine
    assert least < flop / as_float(found.time_s) / engine.matrix_flop_per_s["bf16"] < most
