"""Exchanges between chips: nothing for one, never less for more, and no gain at a hand-over between algorithms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware_specs.schema import System
from magnitudes.arrays import as_float
from simulator.engines import cost_law
from simulator.machine import machine_of
from simulator.network import levels, reduces
from simulator.reuse import Reuse
from tests.properties.strategies import COLLECTIVES, PATTERNS, machines
from workloads.operator import Collective

ALONE = Reuse(0.0, 0.0, 0.0)
MESSAGES = np.unique(np.concatenate([np.geomspace(1.0, 1e11, 800), np.arange(1, 65) * 2.0**20, 2.0 ** np.arange(34), 2.0 ** np.arange(34) + 1.0]))


def time_s(operator: Collective, system: System, fidelity: str = "tile") -> np.ndarray:
    return np.asarray(cost_law(machine_of(system), fidelity, "graph").cost(operator, 1.0, ALONE).time_s)


@pytest.mark.parametrize("pattern", PATTERNS)
@given(system=machines(64), byte=st.floats(1.0, 1e12), fidelity=st.sampled_from(["roofline", "tile"]))
def test_one_rank_costs_nothing(pattern: str, system: System, byte: float, fidelity: str) -> None:
    assert time_s(Collective(name="c", pattern=pattern, message_byte=byte, ranks=1.0), system, fidelity) == 0.0


@given(drawn=COLLECTIVES, system=machines(64), fidelity=st.sampled_from(["roofline", "tile"]))
def test_a_larger_message_is_never_faster(drawn: Collective, system: System, fidelity: str) -> None:
    times = np.broadcast_to(time_s(Collective(name="c", pattern=drawn.pattern, message_byte=MESSAGES, ranks=drawn.ranks), system, fidelity), MESSAGES.shape)
    assert np.all(np.diff(times) >= -1e-12 * times[1:])


@given(drawn=COLLECTIVES, system=machines(64), fidelity=st.sampled_from(["roofline", "tile"]))
def test_more_ranks_are_never_faster_within_one_algorithm(drawn: Collective, system: System, fidelity: str) -> None:
    """Inside a node: beyond it, less of the message passes each inner link.

    A switch that adds up what passes through is another algorithm than a ring: its sums are sent once, however many there are.
    """
    ranks = np.arange(1.0, min(system.fabric[0].chips, 64.0) + 1.0)
    operator = Collective(name="c", pattern=drawn.pattern, message_byte=drawn.message_byte, ranks=ranks)
    if any(reduces(operator, level) for level in levels(operator, system.fabric)):
        return
    times = np.broadcast_to(time_s(operator, system, fidelity), ranks.shape)
    assert np.all(np.diff(times) >= -1e-12 * times[1:])


@given(system=machines(64), byte=st.floats(1e3, 1e10), pattern=st.sampled_from(PATTERNS))
def test_what_crosses_a_node_costs_more_than_what_stays_inside(system: System, byte: float, pattern: str) -> None:
    inside, across = (Collective(name="c", pattern=pattern, message_byte=byte, ranks=2.0, span=span) for span in (2.0, 64.0))
    rates = [as_float(level.link.bandwidth_byte_per_s) for level in system.fabric]
    through_host = system.fabric[0].link.topology == "host"  # an adapter may reach a chip's memory where its neighbours cannot
    if len(rates) > 1 and rates[1] < rates[0] and system.fabric[0].chips < 64 and not through_host:
        assert time_s(across, system, "roofline") >= time_s(inside, system, "roofline")
        assert time_s(across, system) >= time_s(inside, system) * (1.0 - 1e-9)
