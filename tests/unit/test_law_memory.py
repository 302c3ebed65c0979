"""What fits, what spills, and how long it takes to bring the rest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hardware_specs.catalog import find_system
from simulator.machine import machine_of
from simulator.memory import RUNTIME_BYTE, MemoryUse, memory_use, misfit_reason, spill_s
from simulator.reuse import Reuse, reuse_in_model
from simulator.traffic import miss_share
from workloads.graph import Workload
from workloads.operator import Operand, Residency

H100 = machine_of(find_system("h100-sxm"))
GIB = 2.0**30
LOAD = Workload(nodes=(), weight_byte=70 * GIB, state_byte=20 * GIB, activation_byte=GIB)


def test_what_does_not_fit_spills_to_the_tier_behind() -> None:
    use = memory_use((LOAD,), H100, spill=False)
    assert use.total_byte == 91 * GIB + RUNTIME_BYTE
    assert use.over_byte == 11 * GIB + RUNTIME_BYTE
    assert use.fits is False
    assert spill_s(use, H100) is None
    spilled = memory_use((LOAD,), H100, spill=True)
    assert spilled.spilled_byte == use.over_byte
    assert spilled.fits is True
    assert spill_s(spilled, H100) == pytest.approx(1e-6 + (11 * GIB + RUNTIME_BYTE) / 63e9)


def test_what_has_no_place_behind_either_does_not_fit_and_is_still_counted() -> None:
    huge = replace(LOAD, weight_byte=1000 * GIB)
    use = memory_use((huge,), H100, spill=True)
    assert use.spilled_byte == 128 * GIB
    assert use.fits is False
    assert spill_s(use, H100) == pytest.approx(1e-6 + (941 * GIB + RUNTIME_BYTE) / 63e9)


def test_the_most_of_any_pass_counts() -> None:
    longer = replace(LOAD, state_byte=30 * GIB, activation_byte=0.5 * GIB)
    use = memory_use((LOAD, longer), H100, spill=False)
    assert (use.state_byte, use.activation_byte) == (30 * GIB, GIB)


def test_a_misfit_says_what_is_needed_and_what_would_help() -> None:
    reason = misfit_reason(MemoryUse(2e9, 1e9, 0.0, 0.0, 1e9), "main memory")
    assert "needs" in reason
    assert "--tp" in reason


def test_inside_a_model_weights_come_round_once_a_pass() -> None:
    reuse = reuse_in_model(LOAD)
    assert reuse.distance_byte(Operand("b", 1.0, Residency.WEIGHT)) == 90 * GIB
    assert reuse.distance_byte(Operand("k", 1.0, Residency.STATE)) == 90 * GIB
    assert reuse.distance_byte(Operand("a", 5.0, Residency.ACTIVATION)) == 5.0
    assert Reuse(1.0, 2.0, 3.0).distance_byte(Operand("o", 5.0, Residency.OUTPUT)) == 8.0


def test_half_is_missed_where_the_reuse_distance_is_the_share_that_stays() -> None:
    assert miss_share(0.8, 1.0, 0.8, 4.0) == 0.5
    assert miss_share(1.6, 1.0, 0.8, 4.0) == pytest.approx(16 / 17)
    assert miss_share(0.0, 1.0, 0.8, 4.0) == 0.0
