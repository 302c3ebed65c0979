"""Energy adds over operators, is never under that of the bytes that must move, and less traffic never takes more."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware_specs.catalog import chip_names, find_system
from hardware_specs.fields import scaled
from hardware_specs.schema import System
from magnitudes.arrays import as_float
from roofscape import api
from simulator.actions import actions_of
from simulator.estimate import estimate
from simulator.machine import machine_of, machines_of
from simulator.prices import operator_energy, priced, tier_j_per_byte
from tests.properties.strategies import COLLECTIVES, OPERATORS, machines
from workloads.catalog import find_model
from workloads.operator import Operator
from workloads.scenario import Decode, Prefill
from workloads.shipped import model_names

ROUNDING = 1.0 - 1e-9
ANYTHING = st.sampled_from([n for n in chip_names() if find_system(n).chip.engine.execution in ("kernel", "spatial", "near_memory", "host", "streaming")])


def total_j(operator: Operator, system: System) -> float:
    return sum(as_float(j) for j in operator_energy(operator, machine_of(system)).values())


@pytest.mark.parametrize("kind", OPERATORS)
@settings(max_examples=25)
@given(data=st.data(), name=ANYTHING)
def test_energy_is_never_under_the_compulsory_traffic_s(kind: str, data: st.DataObject, name: str) -> None:
    operator = data.draw(OPERATORS[kind])
    machine = machine_of(find_system(name))
    parts = {n: as_float(j) for n, j in operator_energy(operator, machine).items()}
    assert all(j >= 0.0 for j in parts.values())
    least = as_float(operator.byte) * as_float(tier_j_per_byte(machine.memory, machine))
    assert parts[machine.memory.name] >= least * ROUNDING


@pytest.mark.parametrize("kind", OPERATORS)
@settings(max_examples=15)
@given(data=st.data(), name=ANYTHING)
def test_less_traffic_never_takes_more(kind: str, data: st.DataObject, name: str) -> None:
    machine = machine_of(find_system(name))
    actions = actions_of(data.draw(OPERATORS[kind]), machine)
    tier = data.draw(st.sampled_from(sorted(actions.tier_byte)))
    less = replace(actions, tier_byte={**actions.tier_byte, tier: actions.tier_byte[tier] * data.draw(st.floats(0.0, 1.0))})
    whole, part = (sum(as_float(j) for j in priced(a, machine).values()) for a in (actions, less))
    assert part <= whole / ROUNDING


@settings(max_examples=30)
@given(data=st.data(), name=st.sampled_from([n for n in chip_names() if find_system(n).chip.engine.execution == "spatial"]))
def test_a_larger_buffer_never_causes_more_traffic(data: st.DataObject, name: str) -> None:
    operator = data.draw(OPERATORS["linear" if "linear" in OPERATORS else next(iter(OPERATORS))])
    system = find_system(name)
    nearest = system.chip.engine.beside[0]
    larger = scaled(system, {f"{nearest}.capacity": 2.0})
    before, after = (actions_of(operator, machine_of(s)).tier_byte for s in (system, larger))
    for tier in list(before)[1:2]:
        assert as_float(after[tier]) <= as_float(before[tier]) / ROUNDING


@given(operator=COLLECTIVES, system=machines(8))
@settings(max_examples=20)
def test_an_exchange_takes_energy_on_its_wires(operator: Operator, system: System) -> None:
    links = {level.link.name for level in system.fabric}
    parts = operator_energy(operator, machine_of(system))
    assert any(as_float(j) > 0.0 for n, j in parts.items() if n in links) or as_float(operator.byte) == 0.0


@settings(max_examples=20)
@given(name=ANYTHING, batch=st.integers(1, 64))
def test_energy_adds_over_operators(name: str, batch: int) -> None:
    e = estimate(find_model("gpt2"), find_system(name), Decode(batch=float(batch), context=256.0))
    use = e.energy
    parts = sum(as_float(c.count) * sum(as_float(j) for j in own.values()) for c, own in zip(e.costs, use.operators, strict=True))
    assert as_float(use.energy_j) == pytest.approx(parts + as_float(use.parts["static"]), rel=1e-9)
    assert as_float(use.energy_j) > 0.0


@pytest.mark.parametrize("name", chip_names())
def test_every_chip_of_the_catalogue_has_energy_and_area(name: str) -> None:
    system = find_system(name)
    e = estimate(find_model("gpt2"), system, Prefill(prompt=128.0))
    assert 0.0 < as_float(e.energy_j) < 1e4 and 0.0 < as_float(e.area_m2) < 1.0
    assert all(as_float(tier_j_per_byte(t, m)) > 0.0 for m in machines_of(system) for t in m.tiers)


@pytest.mark.parametrize("name", ["h100-sxm", "tpu-v4", "attacc-bank"])
def test_every_model_of_the_catalogue_has_energy(name: str) -> None:
    system = find_system(name)
    for model in model_names():
        e = api.estimate(model, on=system)
        assert 0.0 < as_float(e.energy_j) < 1e9 and len(e.energy.operators) == len(e.costs), model
