"""Storage and offload by hand: pages of flash, layers from behind, contexts that take turns, and training beyond a device's memory."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

import roofscape as rs
from explorers.sensitivity import elasticities
from hardware_specs.catalog import find_system
from hardware_specs.fields import scaled
from magnitudes.errors import InputError
from simulator.engines import cost_law
from simulator.estimate import estimate
from simulator.machine import machine_of
from simulator.memory import misfit_reason
from simulator.offload.block import Layer, layer_parts, layer_s, step_s
from simulator.offload.choice import Offload
from simulator.offload.swapping import contexts, swap_s, turns_s
from simulator.reuse import Reuse
from simulator.storage.flash import dense_byte, page_tokens, sparse_share, touched_share
from simulator.training.efficiency import checkpoint_intensity, efficiency, needed_byte_per_s, optimizer_intensity, weight_intensity
from simulator.training.offload import CROSSING_BYTE, DEVICE_BYTE, HOST_BYTE, Layers, fits, largest_offloaded, largest_parameters, offloaded_step
from workloads.catalog import find_model
from workloads.operator import Attention
from workloads.scenario import Decode

GIB = 2.0**30
SHAPE = Layers(hidden=4096.0, heads=32.0, sequence=1024.0, batch=1.0)


def head(kv_len: Any = 1536.0, batch: Any = 64.0) -> Attention:
    return Attention(name="a", batch=batch, heads=40.0, kv_heads=40.0, q_len=1.0, kv_len=kv_len, head_dim=128.0, decoding=True)


def drive_s(operator: Attention, **factors: float) -> Any:
    system = scaled(find_system("a6000-csd"), {f"csd.{k}": v for k, v in factors.items()})
    machine = machine_of(system, system.chip.engines[-1])
    return cost_law(machine, "tile", "graph").cost(operator, 1.0, Reuse(1e9, 1e9, 0.0)).time_s


def test_a_page_holds_16_tokens_of_a_head_of_128() -> None:
    assert page_tokens(128.0, 2.0, 4096.0) == 16.0
    assert dense_byte(head(kv_len=1536.0), 4096.0) == 2 * 64 * 40 * 96 * 4096
    assert dense_byte(head(kv_len=1537.0), 4096.0) == 2 * 64 * 40 * 97 * 4096  # one more token opens one more page


def test_attention_on_a_drive_reads_its_pages_at_the_channels_rate() -> None:
    assert drive_s(head()) == pytest.approx(2 * 64 * 40 * (96 * 4096 + 128 * 2) / 11.2e9)  # the query and the result too
    assert drive_s(head(), internal=2.0) == pytest.approx(2 * 64 * 40 * 1536 * (128 + 128) / 13e9)  # then the engine binds: 13 GFLOP/s
    assert drive_s(head(), internal=2.0, matrix=2.0) == pytest.approx(drive_s(head()) / 2)
    assert drive_s(head(kv_len=1537.0)) == pytest.approx(2 * 64 * 40 * 97 * 4096 / 11.2e9)  # a page more hides both


def test_sparse_attention_reads_every_page_that_has_a_kept_token() -> None:
    assert touched_share(1 / 8, 16.0) == pytest.approx(1 - (7 / 8) ** 16)  # 88 %: scattered tokens spare few pages
    assert touched_share(1 / 8, 16.0, clustering=1.0) == pytest.approx(1 / 8)
    assert sparse_share(1 / 8, 16.0, clustering=1.0) == pytest.approx(3 / 16)
    assert touched_share(1 / 8, 1.0) == pytest.approx(1 / 8)


def test_a_layer_takes_its_longest_way_or_the_sum() -> None:
    layer = Layer(compute_s=1.0, weight_byte=4.0, load_byte=3.0, store_byte=1.0)
    parts = layer_parts(layer, read_byte_per_s=2.0, write_byte_per_s=0.5, batches=2.0)
    assert parts == {"compute": 2.0, "load": 5.0, "store": 4.0}  # two batches share one load of the weights
    assert layer_s(parts, overlap=True) == 5.0 and layer_s(parts, overlap=False) == 11.0
    assert step_s(10.0, layer, 2.0, 0.5, 2.0) == 50.0


@pytest.mark.parametrize("overlap", [True, False])
def test_a_faster_drive_is_never_slower(overlap: bool) -> None:
    rates = np.geomspace(1e8, 1e12, 200)
    layer = Layer(compute_s=1e-3, weight_byte=6e8, load_byte=2e9, store_byte=1e6, software_s=1e-4)
    times: Any = step_s(40.0, layer, rates, rates, 4.0, overlap=overlap)
    assert np.all(np.diff(times) <= 0.0) and np.all(times >= 40 * 4e-3)
    assert np.array_equal(times, [step_s(40.0, layer, r, r, 4.0, overlap=overlap) for r in rates.tolist()])


def test_contexts_take_turns() -> None:
    assert contexts(80 * GIB, 68.8e9, 12.3e9) == 1.0 and contexts(80 * GIB, 90e9, 12.3e9) == 0.0
    assert swap_s(12.3e9, 20e9) == pytest.approx(1.23) and swap_s(12.3e9, 20e9, duplex=True) == pytest.approx(0.615)
    assert turns_s(4.0, 4.0, 1e9, 1e9) == 0.0 and turns_s(5.0, 4.0, 1e9, 1e9) == pytest.approx(10.0)


def test_efficiency_is_the_share_of_time_that_is_not_waited() -> None:
    assert weight_intensity(1024.0) == 1024.0 and optimizer_intensity(1024.0) == 256.0 and checkpoint_intensity(2048.0) == 24 * 2048
    assert efficiency(1024.0, 70e9, 70e12) == pytest.approx(71.68 / 141.68)
    assert efficiency(1024.0, needed_byte_per_s(0.9, 1024.0, 70e12), 70e12) == pytest.approx(0.9)
    with pytest.raises(InputError, match="between 0 and 1"):
        needed_byte_per_s(1.0, 1024.0, 70e12)


def test_the_optimizer_on_the_host_leaves_two_bytes_on_the_device() -> None:
    assert (DEVICE_BYTE, HOST_BYTE, CROSSING_BYTE) == (2.0, 14.0, 4.0)
    working, kept = 1024 * (34 * 4096 + 5 * 32 * 1024), 2 * 1024 / (12 * 4096)
    assert largest_parameters(32 * GIB, 2.0, SHAPE, 1e9) == pytest.approx((32 * GIB - 1e9 - working) / (2 + kept))
    assert largest_parameters(1e8, 2.0, SHAPE, 1e9) == 0.0
    assert largest_offloaded(32 * GIB, 16.0, 1.4e12, SHAPE, 1e9) == pytest.approx(1e11)  # the host binds
    assert fits(13e9, 32 * GIB, 1.4e12, SHAPE) and not fits(13e9, 32 * GIB, 14 * 12e9, SHAPE) and not fits(20e9, 32 * GIB, 1.4e12, SHAPE)


def test_a_step_with_the_optimizer_on_the_host() -> None:
    step = offloaded_step(1e10, 1000.0, 80e12, 16e9, 280e9)
    assert (step.forward_s, step.backward_s) == pytest.approx((0.25, 0.75))  # 8 x 1e13 operations at 80 TFLOP/s
    assert (step.out_s, step.update_s, step.back_s) == pytest.approx((1.25, 1.0, 1.25))
    assert step.time_s == pytest.approx(0.25 + 1.25 + 1.25)


def test_more_memory_on_the_host_is_never_less_feasible() -> None:
    hosts = np.linspace(1e9, 1e12, 100)
    found = np.asarray(fits(13e9, 32 * GIB, hosts, SHAPE), dtype=float)
    assert np.all(np.diff(found) >= 0.0) and found[0] == 0.0 and found[-1] == 1.0


@pytest.mark.parametrize("name", ["a6000-ssd", "a100-ssd", "h100-ssd", "v100-nvme"])
def test_what_does_not_fit_goes_to_memory_then_to_the_drive(name: str) -> None:
    found = estimate(find_model("bloom-176b"), find_system(name), Decode(batch=1.0, context=1024.0), spill=True)
    assert found.memory.fits
    _, host, drive = found.memory.tiers
    assert host.total_byte == host.capacity_byte and drive.total_byte > 0.0
    assert found.time_s >= drive.total_byte / find_system(name).chip.tiers[-1].bandwidth_byte_per_s


def offloaded(text: str, name: str = "a6000-ssd", **factors: float) -> Any:
    system = scaled(find_system(name), {k.replace("_", "."): v for k, v in factors.items()})
    return estimate(find_model("opt-13b"), system, Decode(batch=64.0, context=1536.0), offload=Offload.read(text))


def test_what_is_asked_to_lie_behind_lies_there() -> None:
    found = offloaded("weights=host:0.5,kv=SSD")
    main, host, drive = found.memory.tiers
    assert host.weight_byte == main.weight_byte == pytest.approx(found.memory.weight_byte / 2)
    assert drive.state_byte == found.memory.state_byte and main.state_byte == 0.0
    computed_s = sum(c.total_s for c in found.passes[0].costs[:-1])
    assert found.time_s == pytest.approx(max(computed_s, 1e-6 + found.memory.state_byte / 7e9))  # host's share comes meanwhile
    assert found.bound == "ssd" and found.feasible
    assert offloaded("weights=host:0.5,kv=ssd", ssd_bandwidth=2.0).time_s < found.time_s


def test_where_a_tier_is_too_small_the_design_is_infeasible() -> None:
    small = offloaded("kv=host", host_capacity=0.5)
    assert not small.feasible and "host has 68.7 GB" in misfit_reason(small.memory)
    assert offloaded("kv=host").feasible
    assert not offloaded("weights=host").feasible  # keys and values alone are more than main memory
    rows: Any = estimate(
        find_model("opt-13b"), find_system("a6000-ssd"), Decode(batch=np.array([1.0, 64.0, 256.0]), context=1536.0), offload=Offload.read("kv=host")
    ).feasible
    assert rows.tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kv=sdd", "did you mean ssd?"), ("kvv=ssd", "did you mean kv?"), ("weights", "such as weights=TIER"), ("kv=gddr", "there are host, ssd"),
        ("kv=ssd:2", "from 0 to 1"), ("kv=ssd,kv=host", "twice"),
    ],
)  # fmt: skip
def test_wrong_offload_is_named(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words.replace("?", "[?]")):
        offloaded(text)


def test_a_drive_whose_engine_holds_the_cache_takes_no_weights() -> None:
    with pytest.raises(InputError, match="no tier 'flash' free"):
        offloaded("weights=flash", "a6000-csd")


def test_columns_are_fast() -> None:
    """200,000 designs a second on two cores: half of it in a second of one core, whatever else runs beside."""
    rows, best = 100_000, 1e9
    batch, rate = np.linspace(1.0, 512.0, rows), np.geomspace(1e9, 1e11, rows)
    layer = Layer(1e-3 * batch, weight_byte=6e8, load_byte=2e6 * batch, store_byte=1e4 * batch)
    system = find_system("a6000-csd")
    law = cost_law(machine_of(system, system.chip.engines[-1]), "tile", "graph")
    for _ in range(5):
        start = time.process_time()
        law.cost(head(kv_len=np.linspace(16.0, 1e5, rows), batch=batch), 1.0, Reuse(1e9, 1e9, 0.0))
        step_s(40.0, layer, rate, rate)
        offloaded_step(1e7 * batch, 4096.0, 70e12, rate, 2.0 * rate)
        largest_offloaded(rate, 16.0, rate, SHAPE)
        efficiency(batch, rate, 70e12)
        best = min(best, time.process_time() - start)
    print(f"{rows / best:,.0f} designs/s through all five laws")
    assert rows / best > 100_000


def test_attention_on_the_host_reads_its_memory_not_the_way_to_it() -> None:
    found = estimate(find_model("opt-13b"), find_system("a6000-xeon"), Decode(batch=64.0, context=1536.0))
    attention = next(c for c in found.passes[0].costs if isinstance(c.operator, Attention))
    assert attention.placed is not None and attention.placed.way == "cores"
    assert attention.time_s >= attention.operator.byte / 128e9 and found.feasible
    assert found.time_s < offloaded("kv=host").time_s  # 31.5 GB/s to the GPU
    assert {t.name: t.state_byte > 1e9 for t in found.memory.tiers} == {"gddr": False, "ddr": True}


def test_elasticities_name_the_drive_that_binds() -> None:
    question = rs.question("opt-13b", on="a6000-ssd", scenario=Decode(batch=64.0, context=1536.0), offload="kv=ssd")
    assert elasticities(question)["ssd.bandwidth"] == pytest.approx(-1.0, abs=0.02)
