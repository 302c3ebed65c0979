"""More of a resource is never slower, and less latency neither: every number of every shipped GPU, along a fine ladder of factors.

What is claimed of each number stands in `CLAIMS`, and a test holds the table complete. All claims are strict: no waves, splits, tile
choices or hand-overs are excused.

Multiprocessors are claimed together with all rates (a chip with more of the same multiprocessors: at a fixed rate of the chip each one
would become slower). For kernels over rows, whose resident rows grow with the multiprocessors, the cache grows too: a larger working set
in the same cache is read again more often, and that is what happens.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware_specs.catalog import find_system
from hardware_specs.fields import field_values, scaled
from hardware_specs.schema import System
from simulator.engines import cost_law
from simulator.machine import machine_of
from simulator.reuse import Reuse
from tests.properties.strategies import COLLECTIVES, OPERATORS, gpus, libraries, machines, surroundings
from workloads.operator import Operator

# What more of a number does, by the end of its path: -1 never slower, +1 never faster, 0 nothing.
TIER_CLAIMS = {"capacity": -1, "bandwidth": -1, "write_bandwidth": 0, "latency": +1, "read_energy": 0, "write_energy": 0}
ENGINE_CLAIMS = {
    "matrix": -1, "vector": -1, "clock": -1, "base_clock": 0, "shared": -1, "special_per_clock": -1, "register": -1, "shared_byte_per_clock": 0,
    "above_boost": -1,
}  # fmt: skip
LINK_CLAIMS = {"bandwidth": -1, "latency": +1, "j_per_byte": 0}
CHIP_CLAIMS = {"tdp": -1, "node": +1, "idle": 0, "area": +1, "price": 0, "rent": 0, "year": 0}
TOGETHER = "multiprocessors"  # with all rates
LADDER = np.concatenate([np.geomspace(0.1, 10.0, 41), np.geomspace(0.95, 1.05, 20)])
LADDER.sort()


def claims(system: System) -> dict[str, int]:
    """What is claimed of each number of a system."""
    chip = system.chip
    by_owner = {t.name: TIER_CLAIMS for t in chip.tiers} | {chip.engine.name: ENGINE_CLAIMS} | {level.link.name: LINK_CLAIMS for level in system.fabric}
    found = {}
    for path in field_values(system):
        owner, _, key = path.partition(".")
        if path != f"{chip.engine.name}.{TOGETHER}":
            found[path] = by_owner[owner][key.partition(".")[0]] if key else CHIP_CLAIMS[owner]
    return found


@pytest.mark.parametrize("gpu", gpus())
def test_every_number_of_a_chip_has_a_claim(gpu: str) -> None:
    system = find_system(gpu)
    assert set(claims(system)) == set(field_values(system)) - {f"{system.chip.engine.name}.{TOGETHER}"}


def variations(system: System, *, with_cache: bool) -> tuple[list[tuple[str, int]], System]:
    """All claims, and the system with columns: a block of rows a claim, along the ladder."""
    engine = system.chip.engine.name
    units = [f"{engine}.{TOGETHER}", f"{engine}.vector"] + ([f"{engine}.matrix"] if system.chip.engine.matrix_flop_per_s else [])
    cache = [f"{system.chip.engine.beside[-2]}.capacity"] if with_cache else []
    groups: list[tuple[str, int, list[str]]] = [(path, sign, [path]) for path, sign in claims(system).items()]
    groups += [(TOGETHER, -1, [*units, *cache]), *((g, -1, [f"{engine}.{g}"]) for g in ("matrix", "vector") if f"{engine}.{g}" in units)]
    size = len(LADDER)
    factors: dict[str, np.ndarray] = {}
    for place, (_, _, paths) in enumerate(groups):
        for path in paths:
            column = factors.setdefault(path, np.ones(len(groups) * size))
            column[place * size : (place + 1) * size] *= LADDER
    return [(name, sign) for name, sign, _ in groups], _scaled(system, factors)


def _scaled(system: System, factors: dict[str, np.ndarray]) -> System:
    """Groups of rates and single rates one after the other: `scaled` takes one factor for a number."""
    single = {p: f for p, f in factors.items() if p.count(".") < 2}
    return scaled(scaled(system, single), {p: f for p, f in factors.items() if p.count(".") == 2})


def slower(time_s: object, names: list[tuple[str, int]]) -> list[str]:
    """Claims that are broken, with the worst step."""
    times = np.broadcast_to(np.asarray(time_s, dtype=float), (len(names) * len(LADDER),)).reshape(len(names), -1)
    broken = []
    for (name, sign), row in zip(names, times, strict=True):
        step = np.diff(row) / np.maximum(row[:-1], 1e-300)
        worst = np.max(np.abs(step) if sign == 0 else -sign * step)
        if worst > 1e-12:
            at = int(np.argmax(np.abs(step) if sign == 0 else -sign * step))
            broken.append(f"{name}: x {LADDER[at]:.3f} -> x {LADDER[at + 1]:.3f} changes time by {step[at]:+.2e}")
    return broken


@pytest.mark.parametrize("kind", OPERATORS)
@settings(max_examples=15)
@given(data=st.data(), system=machines(), reuse=surroundings())
def test_operators_are_never_slower_on_more(kind: str, data: st.DataObject, system: System, reuse: Reuse) -> None:
    operator: Operator = data.draw(OPERATORS[kind])
    library = data.draw(st.sampled_from(libraries(kind)))
    timing = data.draw(st.sampled_from(["graph", "kernel", "eager"]))
    names, columns = variations(system, with_cache=kind in ("normalization", "softmax"))
    for fidelity in ("roofline", "tile"):
        law = cost_law(machine_of(columns), fidelity, timing, library)
        assert not slower(law.cost(operator, 1.0, reuse).time_s, names)


@given(operator=COLLECTIVES, system=machines(64))
def test_collectives_are_never_slower_on_more(operator: Operator, system: System) -> None:
    names, columns = variations(system, with_cache=False)
    for fidelity in ("roofline", "tile"):
        law = cost_law(machine_of(columns), fidelity, "graph")
        assert not slower(law.cost(operator, 1.0, Reuse(0.0, 0.0, 0.0)).time_s, names)
