"""Nothing is faster than physics: the datasheet roofline at ``roofline``, the roof of the tier that the data is read from at ``tile``."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware_specs.fields import scaled
from hardware_specs.schema import System
from magnitudes.arrays import as_float
from simulator.engines import cost_law
from simulator.machine import Machine, machine_of
from simulator.reuse import Reuse
from simulator.roofline import roofs
from tests.properties.strategies import COLLECTIVES, OPERATORS, libraries, machines, surroundings
from workloads.operator import Convolution, Operator

ROUNDING = 1.0 - 1e-9
WINOGRAD = 4.0  # F(4x4, 3x3) does 36 products where direct convolution does 144 (Lavin and Gray 2016)


def floors(operator: Operator, machine: Machine, *, from_memory: bool) -> dict[str, float]:
    """Roofs that hold where the data comes from main memory, or from the cache in front of it."""
    own = {name: as_float(time_s) for name, time_s in roofs(operator, machine).items()}
    if not from_memory and machine.cache is not None:
        own.pop(machine.memory.name)
    if isinstance(operator, Convolution) and (operator.kernel_h, operator.kernel_w, operator.stride) == (3.0, 3.0, 1.0):
        own["matrix"] /= WINOGRAD
    return own


@pytest.mark.parametrize("kind", OPERATORS)
@settings(max_examples=30)
@given(data=st.data(), system=machines(), reuse=surroundings())
def test_tile_is_never_faster_than_the_roof_of_the_nearest_tier_that_may_hold_the_data(kind: str, data: st.DataObject, system: System, reuse: Reuse) -> None:
    operator = data.draw(OPERATORS[kind])
    machine = machine_of(system)
    law = cost_law(machine, "tile", data.draw(st.sampled_from(["graph", "kernel", "eager"])), data.draw(st.sampled_from(libraries(kind))))
    time_s = as_float(law.cost(operator, 1.0, reuse).time_s)
    for name, floor_s in floors(operator, machine, from_memory=False).items():
        assert time_s >= floor_s * ROUNDING, name


@pytest.mark.parametrize("kind", OPERATORS)
@settings(max_examples=30)
@given(data=st.data(), system=machines())
def test_tile_is_never_faster_than_main_memory_where_no_cache_keeps_anything(kind: str, data: st.DataObject, system: System) -> None:
    operator = data.draw(OPERATORS[kind])
    reuse = Reuse(weight_byte=1e15, state_byte=1e15, activation_byte=1e15)
    machine = machine_of(scaled(system, {f"{name}.capacity": 1e-6 for name in system.chip.engine.beside[:-1]}))
    law = cost_law(machine, "tile", "kernel", data.draw(st.sampled_from(libraries(kind))))
    time_s = as_float(law.cost(operator, 1.0, reuse).time_s)
    for name, floor_s in floors(operator, machine, from_memory=True).items():
        assert time_s >= floor_s * (1.0 - 1e-6), name


@pytest.mark.parametrize("kind", OPERATORS)
@settings(max_examples=10)
@given(data=st.data(), system=machines(), reuse=surroundings())
def test_roofline_is_the_slowest_of_its_roofs(kind: str, data: st.DataObject, system: System, reuse: Reuse) -> None:
    operator = data.draw(OPERATORS[kind])
    machine = machine_of(system)
    engine = machine.engine
    byte, flop = as_float(operator.byte), as_float(operator.matrix_flop)
    time_s = as_float(cost_law(machine, "roofline", "graph").cost(operator, 1.0, reuse).time_s)
    fastest_s = flop / max(as_float(r) for r in [*engine.matrix_flop_per_s.values(), *engine.vector_flop_per_s.values()])
    assert time_s == max(floors(replace_kernel(operator), machine, from_memory=True).values())
    assert time_s >= byte / as_float(machine.memory.bandwidth_byte_per_s) * ROUNDING
    assert time_s >= fastest_s * ROUNDING


def replace_kernel(operator: Operator) -> Operator:
    """A convolution under another filter's name, so that no fast algorithm is allowed for: the same work."""
    if isinstance(operator, Convolution):
        return replace(operator, kernel_h=operator.kernel_h * operator.kernel_w, kernel_w=1.0)
    return operator


@given(operator=COLLECTIVES, system=machines(64))
def test_no_collective_is_faster_than_its_wires(operator: Operator, system: System) -> None:
    machine = machine_of(system)
    time_s = as_float(cost_law(machine, "tile", "graph").cost(operator, 1.0, Reuse(0.0, 0.0, 0.0)).time_s)
    assert time_s >= max(as_float(s) for s in roofs(operator, machine).values()) * ROUNDING
