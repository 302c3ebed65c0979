"""Commands beside memory by hand: columns, row switches, refresh, the bus, and where data lies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hardware_specs.catalog import find_system
from hardware_specs.fields import scaled, with_values
from hardware_specs.schema import NearMemoryEngine, System
from magnitudes.arrays import as_float
from simulator.engines import cost_law
from simulator.machine import Machine, MachineError, machine_of
from simulator.near_memory.layout import head_share, matrix_share, ports, turns_and_reads, unit_banks, width_units
from simulator.near_memory.timeline import exposed_s, interval_s, openings, refreshing_s, switch_s
from simulator.prices import operator_energy
from simulator.reuse import Reuse
from workloads.operator import Attention, Contraction, Convolution, Elementwise, Gather, GroupedContraction, Operator

REUSE = Reuse(1e9, 1e9, 0.0)
NS = 1e-9
CHIPS = ["attacc-bank", "attacc-bank-group", "attacc-buffer", "pim-gpt", "aim-gddr6", "hbm-pim", "upmem"]
OPERATORS: dict[str, Operator] = {
    "product": Contraction(name="p", m=3.0, n=4100.0, k=1030.0),
    "short": Contraction(name="s", m=1.0, n=7.0, k=8192.0),
    "experts": GroupedContraction(name="g", rows=24.0, groups=16.0, active=9.0, n=1408.0, k=2048.0),
    "decode": Attention(name="d", batch=5.0, heads=32.0, kv_heads=8.0, q_len=1.0, kv_len=777.0, head_dim=128.0, decoding=True),
    "prefill": Attention(name="f", batch=1.0, heads=12.0, kv_heads=12.0, q_len=96.0, kv_len=96.0, head_dim=64.0),
    "window": Convolution(name="c", batch=2.0, cin=64.0, cout=96.0, in_h=14.0, in_w=14.0, out_h=14.0, out_w=14.0, kernel_h=3.0, kernel_w=3.0),
    "map": Elementwise(name="e", elements=4096.0, reads=2.0, flop_per_element=8.0),
    "rows": Gather(name="r", rows=4.0, width=1024.0),
}  # fmt: skip


def engine(name: str, **changes: Any) -> NearMemoryEngine:
    chip = find_system(name).chip
    found = next(e for e in chip.engines if isinstance(e, NearMemoryEngine))
    assert isinstance(found, NearMemoryEngine)
    return replace(found, **changes)


def system_with(name: str, **changes: Any) -> System:
    system = find_system(name)
    return replace(system, chip=replace(system.chip, engines=(engine(name, **changes),)))


def time_s(operator: Operator, machine: Machine, timing: str = "graph", fidelity: str = "tile") -> Any:
    return cost_law(machine, fidelity, timing).cost(operator, 1.0, REUSE).time_s


def test_a_bank_that_has_its_own_unit_stands_still_while_it_changes_rows() -> None:
    bank = engine("attacc-bank")
    assert interval_s(bank) == pytest.approx(4.614 * NS)  # the power limit, over tCCD_L
    assert switch_s(bank) == pytest.approx((6.152 + 14.611 + 14.611) * NS)
    assert exposed_s(bank) == pytest.approx((35.374 - 4.614) * NS)


def test_units_with_several_banks_open_one_while_they_read_another() -> None:
    group, buffer = engine("attacc-bank-group"), engine("attacc-buffer")
    assert (unit_banks(group), unit_banks(buffer)) == (4.0, 32.0)
    assert exposed_s(group) == exposed_s(buffer) == 0.0
    assert interval_s(buffer) == pytest.approx(1.538 * NS)


def test_activations_that_do_not_go_together_wait_for_their_window() -> None:
    one_by_one = engine("attacc-bank", banks_at_once=1.0)
    count, spacing_s = openings(one_by_one)
    assert count == 16.0 and spacing_s == pytest.approx(29.991 / 4 * NS)
    assert switch_s(one_by_one) == pytest.approx((6.152 + 14.611 + 14.611 + 15 * 29.991 / 4) * NS)
    by_four = engine("attacc-bank", banks_at_once=4.0)
    assert openings(by_four) == (4.0, pytest.approx(29.991 * NS))


def test_refresh_takes_whole_refreshes_of_a_kernel_alone_and_a_share_of_a_long_run() -> None:
    bank = engine("attacc-bank", precharge_s=10 * NS, activate_s=20 * NS, refresh_s=270 * NS, refresh_interval_s=1000 * NS)
    assert refreshing_s(700 * NS, bank, alone=False) == pytest.approx(300 * NS)
    for busy, refreshes in ((999.0, 0), (1001.0, 1), (1699.0, 1), (1701.0, 2)):
        assert refreshing_s(busy * NS, bank, alone=True) == pytest.approx(refreshes * 300 * NS), busy
    assert refreshing_s(1.0, replace(bank, refresh_interval_s=None), alone=True) == 0.0


def test_a_head_lies_in_the_banks_of_a_group_by_width_and_above_them_by_position() -> None:
    bank = engine("attacc-bank")
    assert (width_units(bank), ports(bank)) == (4.0, 8.0)
    share = head_share(2050.0, 160.0, 2.0, bank)
    assert (share.slices, share.positions, share.rows) == (3.0, 129.0, 13.0)  # 160 / (16 x 4), 2050 / 16, 387 / 32, rounded up
    assert head_share(2050.0, 160.0, 2.0, engine("attacc-buffer")).positions == 1025.0


def test_a_matrix_is_dealt_over_units_with_ragged_edges() -> None:
    gpt = engine("pim-gpt")
    assert matrix_share(129.0, 1030.0, 2.0, 1.0, gpt).columns == 2 * 65  # 129 outputs on 128 units; 1030 elements in columns of 16
    assert matrix_share(64.0, 1024.0, 2.0, 2.0, gpt).columns == 32  # cut in two along the depth


def test_a_product_streams_its_columns_between_broadcast_and_read_out() -> None:
    machine = machine_of(system_with("pim-gpt", refresh_interval_s=None))
    cost = cost_law(machine, "tile", "graph").cost(Contraction(name="p", m=1.0, n=1280.0, k=1024.0), 1.0, REUSE)
    bank_s, activate_s = 10 * 64 * NS, 10 * (2 + 12 + 12 - 1) * NS
    bus_s = (8 * 1024 * 2 + 1280 * 2) / 256e9
    assert cost.parts["bank"] == pytest.approx(bank_s, rel=2e-3) and cost.parts["activate"] == pytest.approx(activate_s)
    assert cost.time_s == pytest.approx(bank_s + activate_s + bus_s)
    assert cost.bound == "bank"


def test_two_heads_of_a_channel_hide_each_other_and_one_alone_waits() -> None:
    machine = machine_of(system_with("attacc-bank", refresh_interval_s=None, unpaired="once"))
    whole = 2 * 2 * 16 * 4.614 + 2 * (35.374 - 4.614)  # 256 positions: 32 columns of scores and of values, a row each
    pair = Attention(name="a", batch=1.0, heads=32.0, kv_heads=32.0, q_len=1.0, kv_len=256.0, head_dim=128.0, decoding=True)
    assert time_s(pair, machine) == pytest.approx(2 * whole * NS)
    alone = replace(pair, heads=16.0, kv_heads=16.0)
    assert whole * NS < time_s(alone, machine) < 2 * whole * NS


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("kind", OPERATORS)
def test_never_faster_than_the_roofline(chip: str, kind: str) -> None:
    machine, operator = machine_of(find_system(chip)), OPERATORS[kind]
    for timing in ("graph", "kernel"):
        assert time_s(operator, machine, timing) >= time_s(operator, machine, fidelity="roofline") * (1 - 1e-12)


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("kind", OPERATORS)
def test_slower_commands_and_a_slower_bus_never_help(chip: str, kind: str) -> None:
    system, operator = find_system(chip), OPERATORS[kind]
    name = system.chip.engine.name
    ladder = np.linspace(0.5, 1.5, 21)
    times = ("column_to_column", "mac_to_mac", "activate", "precharge", "read_to_precharge", "four_activate", "refresh", "start")
    for field in times:
        if getattr(engine(chip), f"{field}_s"):
            slower = scaled(system, {f"{name}.{field}": ladder * 2.0})  # from its own upwards: tCCD_L stays over tCCD_S
            column = np.broadcast_to(time_s(operator, machine_of(slower)), ladder.shape)
            assert np.all(np.diff(column) >= -1e-12 * column[1:]), field
    for field in ("bus", "refresh_interval", "vector"):
        if field == "vector" or getattr(engine(chip), {"bus": "bus_byte_per_s"}.get(field, f"{field}_s")):
            faster = np.broadcast_to(time_s(operator, machine_of(scaled(system, {f"{name}.{field}": ladder}))), ladder.shape)
            assert np.all(np.diff(faster) <= 1e-12 * faster[1:]), field


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("kind", OPERATORS)
def test_more_of_the_same_memory_is_never_slower(chip: str, kind: str) -> None:
    """Twice the channels, ranks or bank groups, each with its banks and units (and the bus, for channels)."""
    operator = OPERATORS[kind]
    base = time_s(operator, machine_of(find_system(chip)))
    for level in ("channels", "ranks", "bank_groups"):
        own = engine(chip)
        more: dict[str, Any] = {level: 2.0 * as_float(getattr(own, level)), "units": 2.0 * as_float(own.units)}
        if level == "channels":
            more["bus_byte_per_s"] = None if own.bus_byte_per_s is None else 2.0 * as_float(own.bus_byte_per_s)
        else:
            more["banks"] = 2.0 * as_float(own.banks)
        assert time_s(operator, machine_of(system_with(chip, **more))) <= base * (1 + 1e-12), level


@pytest.mark.parametrize("kind", OPERATORS)
def test_a_row_of_columns_is_the_design_alone(kind: str) -> None:
    system, operator = find_system("attacc-bank"), OPERATORS[kind]
    columns = {
        "units.activate": np.array([10e-9, 14e-9, 30e-9]),
        "units.channels": np.array([8.0, 16.0, 16.0]),
        "units.units": np.array([512.0, 1024.0, 512.0]),
    }
    together = np.broadcast_to(time_s(operator, machine_of(with_values(system, columns))), (3,))
    for row in range(3):
        alone = time_s(operator, machine_of(with_values(system, {path: float(c[row]) for path, c in columns.items()})))
        assert together[row] == pytest.approx(alone, rel=1e-12)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"at": "bnak"}, "did you mean bank"),
        ({"unpaired": "twice"}, "known: once, chunks"),
        ({"column_to_column_short_s": 9e-9}, "tCCD_S.*over.*tCCD_L"),
        ({"refresh_interval_s": 300e-9}, "raise that"),
        ({"activate_to_activate_s": 60e-9}, "tRRD.*over.*tFAW"),
        ({"column_byte": 4096.0}, "a column has more bytes than a row"),
    ],
)
def test_an_engine_that_contradicts_itself_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(MachineError, match=says):
        cost_law(machine_of(system_with("attacc-bank", **changes)), "tile", "graph")


def test_the_second_engine_of_a_chip_sees_more_than_the_pins() -> None:
    system = find_system("duplex")
    processor, logic = system.chip.engines
    assert processor.execution == "kernel" and logic.execution == "near_memory"
    near, far = machine_of(system, logic), machine_of(system, processor)
    assert as_float(near.memory.bandwidth_byte_per_s) == pytest.approx(4 * as_float(far.memory.bandwidth_byte_per_s))
    decode = replace(OPERATORS["decode"], kv_len=8192.0, batch=64.0)  # type: ignore[call-arg]
    assert time_s(decode, near) < time_s(decode, far) / 2


def test_activations_that_the_companion_holds_do_not_cross_the_bus() -> None:
    machine = machine_of(find_system("pim-gpt"))
    small, large = (cost_law(machine, "tile", "graph").cost(Elementwise(name="e", elements=n), 1.0, REUSE).parts["bus"] for n in (1000.0, 1e6))
    assert small == 0.0 and large == pytest.approx(4e6 / 256e9)


def test_a_column_that_is_held_is_read_once_for_several_turns() -> None:
    again, held = engine("duplex-bank-pim", vectors=2.0, held_vectors=None), engine("duplex-bank-pim", vectors=2.0, held_vectors=8.0)
    assert turns_and_reads(16.0, again) == (8.0, 8.0)
    assert turns_and_reads(16.0, held) == (8.0, 2.0)
    assert turns_and_reads(1.0, held) == (1.0, 1.0)


def test_groups_by_chance_are_what_a_draw_gives_on_average() -> None:
    eight = engine("duplex-bank-pim", vectors=8.0, held_vectors=None)
    drawn = np.random.default_rng(1).binomial(512, 1.0 / 64.0, 200_000)  # 512 tokens over 64 experts, 8 each on average
    assert turns_and_reads(8.0, eight, drawn=True)[0] == pytest.approx(np.ceil(drawn[drawn > 0] / 8.0).mean(), rel=0.03)
    assert turns_and_reads(8.0, eight)[0] == 1.0


def test_held_columns_open_fewer_rows_and_cost_less_energy() -> None:
    product = Contraction(name="p", m=16.0, n=8192.0, k=4096.0)
    held, again = (machine_of(system_with_unit(vectors=1.0, held_vectors=h)) for h in (16.0, None))
    (fast, slow) = (cost_law(m, "tile", "graph").cost(product, 1.0, REUSE) for m in (held, again))
    assert fast.counts["rows"] == pytest.approx(slow.counts["rows"] / 16.0)
    assert fast.parts["bank"] == pytest.approx(slow.parts["bank"])
    assert as_float(fast.time_s) < as_float(slow.time_s)
    assert operator_energy(product, held)["hbm"] == pytest.approx(operator_energy(product, again)["hbm"] / 16.0, rel=0.01)  # and vectors


def system_with_unit(**changes: Any) -> System:
    """Bank-PIM without the processor beside it."""
    system = find_system("duplex-bank-pim")
    unit = system.chip.engines[1]
    assert isinstance(unit, NearMemoryEngine)
    return replace(system, chip=replace(system.chip, engines=(replace(unit, **changes),)))
