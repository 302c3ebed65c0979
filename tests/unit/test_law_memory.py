"""What fits, what spills, and how long it takes to bring the rest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hardware_specs.catalog import find_system
from hardware_specs.fields import with_values
from hardware_specs.schema import Tier
from magnitudes.arrays import as_float
from simulator.estimate import estimate
from simulator.machine import machine_of
from simulator.memory import RUNTIME_BYTE, MemoryUse, memory_use, misfit_reason, spill_s
from simulator.reuse import Reuse, reuse_in_model
from simulator.traffic import miss_share
from workloads.catalog import find_model
from workloads.graph import Workload
from workloads.operator import Operand, Residency
from workloads.scenario import Decode, Prefill

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
    reason = misfit_reason(MemoryUse(2e9, 1e9, 0.0, 0.0, 1e9))
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


def test_weights_spill_before_keys_and_values_and_fill_one_tier_after_the_other() -> None:
    chip = H100.chip
    disk = Tier("disk", "NAND", 1000 * GIB, 7e9, latency_s=1e-4)
    machine = replace(H100, system=replace(H100.system, chip=replace(chip, tiers=(*chip.tiers, disk))))
    use = memory_use((replace(LOAD, weight_byte=200 * GIB, state_byte=100 * GIB),), machine, spill=True)
    hbm, host, behind = use.tiers
    over = 301 * GIB + RUNTIME_BYTE - 80 * GIB
    assert (host.weight_byte, host.state_byte) == (128 * GIB, 0.0)  # weights first, into the nearest
    assert (behind.weight_byte, behind.state_byte) == (72 * GIB, over - 200 * GIB)
    assert hbm.weight_byte == 0.0 and hbm.total_byte == pytest.approx(80 * GIB)
    assert use.fits is True and use.spilled_byte == over
    assert spill_s(use, machine) == pytest.approx(1e-6 + (over - 128 * GIB) / 7e9)  # the disk is slower than the way that all of it takes


def test_what_is_fetched_hides_behind_the_operators() -> None:
    model = find_model("llama-3-8b")
    roomy, tight = find_system("h100-sxm"), with_values(find_system("h100-sxm"), {"hbm.capacity": 12 * GIB})
    alone = estimate(model, roomy, Prefill(prompt=8192.0)).time_s
    hidden = estimate(model, tight, Prefill(prompt=8192.0), spill=True)
    assert hidden.time_s == alone and hidden.fits and hidden.bound != "host"  # a long prompt leaves time enough
    waited = estimate(model, tight, Decode(), spill=True)
    assert waited.bound == "host" and waited.costs[-1].operator.name == "fetch_from_host"
    read_s = spill_s(waited.memory, machine_of(tight))
    assert read_s is not None and as_float(waited.time_s) == pytest.approx(as_float(read_s))


def test_two_memories_hold_what_runs_beside_them() -> None:
    """A processor beside the host's memory takes heads; a chip whose memory is too small says which."""
    system, cpu = find_system("h100-sxm"), find_system("xeon-platinum-8480").chip
    beside = replace(cpu.engine, name="cpu", beside=("host",), internal_byte_per_s=cpu.main_memory(cpu.engine).bandwidth_byte_per_s)
    both = replace(system, chip=replace(system.chip, engines=(*system.chip.engines, beside)))
    found = estimate(find_model("llama-3-8b"), both, Decode(batch=4.0, context=4096.0), fidelity="roofline")
    hbm, host = found.memory.tiers
    assert found.time_s < estimate(find_model("llama-3-8b"), system, Decode(batch=4.0, context=4096.0), fidelity="roofline").time_s
    assert (hbm.name, host.name) == ("hbm", "host") and 0.0 < as_float(host.state_byte) < as_float(hbm.state_byte)
    assert as_float(hbm.state_byte + host.state_byte) == pytest.approx(as_float(found.memory.state_byte)) and host.weight_byte == 0.0
    small = with_values(both, {"host.capacity": 1e6})
    told = estimate(find_model("llama-3-8b"), small, Decode(batch=4.0, context=4096.0), fidelity="roofline").to_dict()
    assert not told["fits"] and "host has 1 MB" in told["reason"]
