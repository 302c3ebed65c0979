"""Energy, power and area: one line of arithmetic each, from the published values."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import roofscape as rs
from hardware_specs.catalog import find_system
from hardware_specs.citation import KINDS
from hardware_specs.fields import with_values
from magnitudes.datatypes import data_type
from roofscape.cli import main
from simulator.actions import actions_of
from simulator.area import area_parts, buffer_area_m2, chip_area_m2, multiply_add_m2, template_area_m2, vias_area_m2
from simulator.energy import static_w
from simulator.energy_tables import citations, components
from simulator.machine import machine_of, machines_of
from simulator.power import headroom, limit_note, within_limit
from simulator.prices import bus_j_per_byte, multiply_add_j, node_of, operator_energy, tier_j_per_byte, units_node, way_j_per_byte
from simulator.scaling import area_factor, energy_factor, sram_j_per_byte
from workloads.operator import Collective, Contraction, Elementwise, Fused

PJ_PER_BIT = 8e-12


def test_every_value_names_a_source_of_a_known_kind() -> None:
    cited = citations()
    assert len(cited) > 150
    assert all(c.kind in KINDS and len(c.source) > 20 for c in cited.values())


@pytest.mark.parametrize(("node_nm", "factor"), [(45.0, 1.0), (7.0, 0.0478155 / 0.69885), (16.0, 0.1202720 / 0.69885)])
def test_energy_scales_by_the_published_polynomials(node_nm: float, factor: float) -> None:
    """a v2 + b v + c at the node's supply, over the same at 45 nm and 0.9 V."""
    assert energy_factor(node_nm * 1e-9) == pytest.approx(factor, rel=2e-5)


def test_scaling_falls_with_the_node_beyond_the_table_too() -> None:
    nodes = np.array([3.0, 5.0, 7.0, 10.0, 16.0, 28.0, 45.0, 90.0]) * 1e-9
    assert np.all(np.diff(np.asarray(energy_factor(nodes))) > 0.0) and np.all(np.diff(np.asarray(area_factor(nodes))) > 0.0)
    assert area_factor(7e-9) == pytest.approx(0.059)


def test_sram_is_cacti_s_at_its_sizes_and_grows_as_the_root_above() -> None:
    assert sram_j_per_byte(8.0 * 2**20, 45e-9) == pytest.approx(2.81 * PJ_PER_BIT)
    assert sram_j_per_byte(32.0 * 2**20, 45e-9) == pytest.approx(2.0 * 2.81 * PJ_PER_BIT)


def test_a_multiply_add_at_7_nm_is_near_the_tpu_s() -> None:
    """bf16 on TPU v4i takes 0.084 pJ (Jouppi et al., ISCA 2021): not an input here."""
    machine = machine_of(find_system("tpu-v4i"))
    assert multiply_add_j(machine, data_type("bf16")) == pytest.approx(0.084e-12, rel=0.25)
    assert multiply_add_j(machine, data_type("bf16")) == pytest.approx((0.58 + 0.9) * 1e-12 * energy_factor(7e-9))


def test_the_chip_s_own_figure_comes_first() -> None:
    machine = machine_of(find_system("fusemax-cloud"))
    assert multiply_add_j(machine, data_type("bf16")) == pytest.approx(17.1645e-12)
    dearer = machine_of(with_values(find_system("fusemax-cloud"), {"dram.read_energy": 1e-10}))
    assert tier_j_per_byte(dearer.memory, dearer) == 1e-10


def test_a_byte_costs_more_the_further_it_comes_from_the_cell() -> None:
    places = [way_j_per_byte(place) for place in ("bank", "bank_group", "channel", "logic_die")]
    assert places == sorted(places) and places[0] == pytest.approx(0.55 * PJ_PER_BIT)
    sm, pim = machines_of(find_system("duplex"))
    assert tier_j_per_byte(pim.memory, pim) < tier_j_per_byte(sm.memory, sm)
    bank = machine_of(find_system("attacc-bank"))
    assert bus_j_per_byte(bank.memory, bank.engine) == pytest.approx((1.01 + 1.23 + 0.5 + 0.3) * PJ_PER_BIT * 4.05 / 3.92)  # type: ignore[arg-type]


def test_units_on_dram_dies_are_made_as_dram_is() -> None:
    """Beside a processor of 4 nm a multiply-add in a bank takes what it does at 20 nm; on the logic die what it does in the processor."""
    prices = {}
    for name in ("duplex", "duplex-bank-pim", "duplex-bank-group-pim"):
        sm, pim = machines_of(find_system(name))
        prices[name] = multiply_add_j(pim, data_type("fp16")) / multiply_add_j(sm, data_type("fp16"))
        assert units_node(sm) == node_of(sm.chip) == 4e-9
    assert prices["duplex"] == 1.0 and prices["duplex-bank-pim"] == prices["duplex-bank-group-pim"] == energy_factor(20e-9) / energy_factor(4e-9)
    alone = machine_of(find_system("attacc-bank"))
    assert units_node(alone) == node_of(alone.chip)


def test_areas_of_parts() -> None:
    assert multiply_add_m2("fp16", "fp16") == pytest.approx((1640 + 1360) * 1e-12)
    assert buffer_area_m2(1024.0, 45e-9) == pytest.approx(1024 * 8 * 0.692e-12)
    assert vias_area_m2(16384.0, 22e-6) == pytest.approx(7.93e-6, rel=1e-3)


def test_a_product_on_an_array_by_hand() -> None:
    """(256, 512) by (512, 256) on 256 x 256 elements: 2^25 multiply-adds; both operands cross the buffer once."""
    machine = machine_of(find_system("fusemax-cloud"))
    product = Contraction(name="p", m=256.0, n=256.0, k=512.0)
    parts = operator_energy(product, machine)
    assert parts["matrix"] == pytest.approx(2.0**25 * 17.1645e-12)
    byte = 2.0 * (2 * 256 * 512 + 256 * 256)
    assert parts["buffer"] == pytest.approx(byte * sram_j_per_byte(16.0 * 2**20, 45e-9))
    assert parts["dram"] == pytest.approx(byte * 3.92 * PJ_PER_BIT)


def test_operators_that_run_as_one_pay_memory_once_and_their_own_work_each() -> None:
    """Two products in a row on a dataflow chip: what passes between them stays in the units, which are priced at the size of one."""
    machine = machine_of(find_system("sn40l-node"))
    first, second = Contraction(name="a", m=512.0, n=4096.0, k=4096.0), Contraction(name="b", m=512.0, n=4096.0, k=4096.0)
    fused = Fused(name="a..b", operators=(first, second), shares=(1.0, 1.0))
    both, one = operator_energy(fused, machine), operator_energy(first, machine)
    assert both["matrix"] == pytest.approx(2.0 * one["matrix"])
    between = 512.0 * 4096.0 * 2.0
    memory = machine.memory
    assert both[memory.name] == pytest.approx(2.0 * one[memory.name] - 2.0 * between * tier_j_per_byte(memory, machine))  # type: ignore[operator]
    assert both[machine.nearest.name] == pytest.approx(2.0 * one[machine.nearest.name])
    unit = machine.nearest.capacity_byte / machine.engine.memory_units  # type: ignore[attr-defined]
    assert tier_j_per_byte(machine.nearest, machine) == pytest.approx(sram_j_per_byte(unit, machine.chip.node_m))  # type: ignore[arg-type]


def test_a_link_is_paid_by_the_byte() -> None:
    machine = machine_of(find_system("8xh100-sxm"))
    exchange = Collective(name="sum", pattern="all_reduce", message_byte=1e6, ranks=8.0)
    sent = actions_of(exchange, machine).link_byte["nvlink4"]
    assert operator_energy(exchange, machine)["nvlink4"] == pytest.approx(sent * 12.0 * PJ_PER_BIT)


def test_an_elementwise_operator_moves_and_computes() -> None:
    machine = machine_of(find_system("a100-sxm-80gb"))
    add = Elementwise(name="add", elements=1e6, reads=2.0, flop_per_element=1.0)
    parts = operator_energy(add, machine)
    assert parts["hbm"] == pytest.approx(6e6 * 3.92 * PJ_PER_BIT)
    assert parts["vector"] == pytest.approx(1e6 * (3.7 + 0.9) / 2.0 * 1e-12 * energy_factor(7e-9))


def test_energy_of_a_scenario_adds_over_passes_chips_and_time() -> None:
    e = rs.estimate("llama-3-8b", on="2xh100-sxm", scenario=rs.Inference(batch=4, prompt=512, output=16), tp=2)
    use = e.energy
    dynamic = 2.0 * sum(c.count * sum(own.values()) for c, own in zip(e.costs, use.operators, strict=True))  # type: ignore[misc]
    assert use.energy_j == pytest.approx(dynamic + 2.0 * 0.46 * 700.0 * e.time_s)
    assert use.parts["static"] == pytest.approx(2.0 * static_w(machine_of(find_system("h100-sxm"))) * e.time_s)
    assert e.energy_j == use.energy_j and e.power_w == pytest.approx(use.energy_j / e.time_s) and e.j_per_token == pytest.approx(use.energy_j / 64.0)


def test_stages_of_a_pipeline_do_each_their_own_work() -> None:
    """Two stages on two chips do what one chip does: only the exchange between them and the static draw of both come on top."""
    one = rs.estimate("llama-3-8b", on="2xh100-sxm", scenario=rs.Prefill(batch=1, prompt=512), pp=1).energy
    two = rs.estimate("llama-3-8b", on="2xh100-sxm", scenario=rs.Prefill(batch=1, prompt=512), pp=2).energy
    eight = rs.estimate("llama-3-8b", on="2xh100-sxm", scenario=rs.Prefill(batch=8, prompt=512), pp=2).energy
    assert eight.parts["matrix"] == pytest.approx(8.0 * two.parts["matrix"])
    assert two.parts["matrix"] == pytest.approx(one.parts["matrix"])
    assert two.parts["static"] > one.parts["static"]


def test_power_against_the_limit() -> None:
    use = rs.estimate("llama-3-8b", on="h100-sxm", scenario=rs.Decode(batch=32, context=2048)).energy
    assert within_limit(use) is True or bool(within_limit(use))
    assert headroom(use) == pytest.approx(1.0 - use.chip_power_w / 700.0)  # type: ignore[operator]
    hot = replace(use, parts={"matrix": 1e6})
    assert not within_limit(hot) and headroom(hot) < 0.0  # type: ignore[operator]
    assert "over its limit of 700 W" in limit_note(1e3, 700.0) and limit_note(600.0, 700.0) == "" and limit_note(1e3, None) == ""
    assert within_limit(replace(use, tdp_w=None)) is True and headroom(replace(use, tdp_w=None)) is None


def test_area_of_units_and_memories() -> None:
    chip = find_system("tpu-v4i").chip
    parts = area_parts(chip)
    assert parts["cmem"] == pytest.approx(128.0 * 2**20 * 8.0 * 6.92e-13 * area_factor(7e-9))
    assert template_area_m2(chip) < chip_area_m2(chip) == pytest.approx(400e-6)
    assert chip_area_m2(find_system("fusemax-cloud").chip) == template_area_m2(find_system("fusemax-cloud").chip)


def test_larger_buffers_take_more_area() -> None:
    sizes = np.array([8.0, 16.0, 32.0]) * 2**20
    areas = rs.estimate("bert-base", on="fusemax-cloud", scenario=rs.Prefill(prompt=1024), set={"buffer.capacity": sizes}).area_m2
    assert np.all(np.diff(np.asarray(areas)) > 0.0)


def test_the_command_line_tells_energy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", "bert-base", "--on", "fusemax", "--prompt", "1024", "--energy", "--json", "--no-elasticities"]) == 0
    design: dict[str, Any] = json.loads(capsys.readouterr().out)
    energy = design["energy"]
    assert energy["energy_j"] == pytest.approx(sum(energy["parts"].values())) and len(energy["operators"]) == len(design["operators"])
    assert energy["power_w"] == pytest.approx(energy["energy_j"] / design["time_s"])
    assert any("leakage is not counted" in note for note in energy["notes"])
    assert main(["estimate", "bert-base", "--on", "tpu-v4i", "--prompt", "512", "--energy", "--no-elasticities"]) == 0
    assert "Energy of the scenario" in capsys.readouterr().out
    assert main(["compare", "bert-base", "--on", "tpu-v4i,h100-sxm", "--prompt", "512", "--energy"]) == 0
    assert "J a token" in capsys.readouterr().out


def test_without_the_flag_nothing_is_computed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", "bert-base", "--on", "tpu-v4i", "--prompt", "512", "--json", "--no-elasticities"]) == 0
    assert "energy" not in json.loads(capsys.readouterr().out)


def test_a_question_answers_energy_over_columns() -> None:
    question = rs.question("llama-3-8b", "h100-sxm", rs.Decode(batch=32, context=2048))
    batches = np.array([1.0, 8.0, 64.0])
    answers = question.compiled(("batch",), ("energy_j", "power_w", "j_per_token", "within_tdp", "area_m2")).run({"batch": batches})
    for i, batch in enumerate(batches):
        alone = rs.estimate("llama-3-8b", on="h100-sxm", scenario=rs.Decode(batch=float(batch), context=2048))
        assert answers["energy_j"][i] == pytest.approx(alone.energy_j) and answers["power_w"][i] == pytest.approx(alone.power_w)
    assert np.all(np.diff(answers["j_per_token"]) < 0.0)


def test_tables_know_every_memory_of_the_catalogue() -> None:
    from hardware_specs.catalog import chip_names

    known = ("sram", *(name.lower() for name in components()["dram"]))
    used = {t.kind for name in chip_names() for t in find_system(name).chip.tiers}
    assert {kind for kind in used if not kind.lower().startswith(known)} == set()
