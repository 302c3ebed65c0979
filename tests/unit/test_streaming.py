"""Sections by hand: pace, fills, buffers, what crosses a cut, who starts a section, and groups that cannot be one."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import roofscape as rs
from hardware_specs.catalog import find_system
from hardware_specs.fields import with_values
from hardware_specs.schema import StreamingEngine, System
from magnitudes.arrays import as_float
from magnitudes.errors import InputError
from roofscape.cli import main
from simulator.cost import NEVER_S
from simulator.engines import cost_law
from simulator.machine import MachineError, machine_of
from simulator.streaming.cuts import best_way, best_ways, readers_of, sections_on
from simulator.streaming.fabric import Fabric, fabric_of
from simulator.streaming.plan import SectionError, group_section, sections_of, segments
from simulator.streaming.section import Load, assigned, extended, needs, pace_s, section_parts
from simulator.streaming.stage import Stage, stages_of
from workloads.catalog import find_model
from workloads.graph import Node, Workload
from workloads.operator import Contraction, Elementwise
from workloads.scenario import Scenario
from workloads.sharding import Parallelism, Precision

FABRIC = Fabric(
    units=64.0, capacity_byte=1e6, on_chip_byte_per_s=1e15, memory_byte_per_s=1e9, stage_s=1e-9, memory_s=1e-7, start_s=1e-6, program_s=0.0,
    once_s=0.0, keeps=False, on_chip="sram", memory="dram",
)  # fmt: skip


def stage(name: str, *sources: str, work_s: float = 1e-4, weight: float = 1e3, moved: float = 1e4, rows: float = 1024.0) -> Stage:
    operator = Contraction(name=name, m=rows, n=1.0, k=1.0)
    return Stage(operator, 1.0, sources, work_s, weight, 0.0, moved, moved, rows=rows)


def chain(count: int, **sizes: float) -> tuple[Stage, ...]:
    return tuple(stage(f"s{i}", *([f"s{i - 1}"] if i else []), **sizes) for i in range(count))


def gathered(stages: tuple[Stage, ...]) -> Load:
    load = Load()
    for one in stages:
        load = extended(load, one)
    return load


def load_of(model: str, scenario: Scenario, tp: float = 1.0) -> Workload:
    return find_model(model).workload(scenario.passes()[0], Parallelism(tp=tp), Precision())


def test_the_host_loads_a_program_for_each_stage_and_a_sequencer_finds_them() -> None:
    """Fused or one by one, as many programs are loaded: what fusion saves of a start is the command."""
    three, one = gathered(chain(3)), gathered(chain(1))
    readers = readers_of(chain(3))
    loads = replace(FABRIC, program_s=1e-5)
    for load in (three, one):
        plain_s, programmed_s = (section_parts(load, readers, fabric)[1]["launch"] for fabric in (FABRIC, loads))
        assert programmed_s - plain_s == pytest.approx(len(load.stages) * 1e-5)
    system = find_system("sambanova-sn40l")
    engine = system.chip.engine
    assert isinstance(engine, StreamingEngine)
    for who, program_s in (("host", 2e-5), ("hardware", 0.0)):
        chip = replace(system.chip, engines=(replace(engine, orchestration=who, program_s=2e-5),))
        assert fabric_of(machine_of(replace(system, chip=chip))).program_s == program_s
    assert fabric_of(machine_of(find_system("alveo-u280"))).program_s == 0.0  # it switches without a launch


def test_pace_is_kept_by_whole_units() -> None:
    work = [5.0, 3.0, 1.0, 0.1]
    units = assigned(work, 64.0)
    assert sum(units) <= 64 and min(units) >= 1
    slowest = max(w * 64.0 / u for w, u in zip(work, units, strict=True))
    assert sum(work) <= slowest <= as_float(pace_s(sum(work), 4, 64.0)) == pytest.approx(9.1 * 64 / 61)


def test_more_stages_than_units_do_not_fit() -> None:
    assert pace_s(1.0, 5, 4.0) == NEVER_S and pace_s(1.0, 4, 4.0) == 4.0


def test_a_section_by_hand() -> None:
    """Rows in 512 pieces: pace (512 + 3 - 1) / 512; weights, the first input and the last result from memory; a start, three stages, one latency."""
    stages = chain(3)
    time_s, parts = section_parts(gathered(stages), readers_of(stages), FABRIC)
    pace = 3e-4 * 64 / 62
    assert parts["units"] == pytest.approx(pace * 514 / 512)
    assert parts["dram"] == pytest.approx((3e3 + 2e4) / 1e9)
    assert parts["launch"] == pytest.approx(1e-6 + 3e-9 + 1e-7)
    assert time_s == pytest.approx(pace * 514 / 512 + parts["launch"])


def test_a_queue_is_as_deep_as_its_farthest_reader_is_far() -> None:
    """A skip over two stages holds four pieces of its tensor where a neighbour holds two."""
    plain = chain(4)
    skipping = (*plain[:3], replace(plain[3], sources=("s2", "s0")))
    first, second = (list(needs(gathered(stages)))[1][1] for stages in (plain, skipping))
    assert as_float(second) - as_float(first) == pytest.approx(2 * 1e4 / 8)


def test_what_only_stages_inside_read_never_sees_memory() -> None:
    stages = chain(3)
    readers = readers_of(stages)
    assert gathered(stages[:2]).out_byte(readers) == 1e4  # s1, which s2 reads
    assert gathered(stages).out_byte(readers) == 1e4  # the last one's
    assert gathered(stages).in_byte == 1e4 and gathered(stages[1:]).in_byte == 1e4


def test_cuts_are_the_best_of_all() -> None:
    """Dynamic programming against every way to cut seven stages, on ten fabrics."""
    rng = np.random.default_rng(1)
    for _ in range(10):
        stages = tuple(
            replace(s, work_s=float(rng.uniform(1e-6, 1e-4)), weight_byte=float(rng.uniform(1e3, 4e5)), out_byte=float(rng.uniform(1e3, 1e5))) for s in chain(7)
        )
        readers = readers_of(stages)
        every = []
        for mask in range(2**6):
            places = [0, *(i + 1 for i in range(6) if mask >> i & 1), 7]
            every.append(sum(as_float(section_parts(gathered(stages[a:b]), readers, FABRIC)[0]) for a, b in pairwise(places)))
        assert as_float(best_way(stages, FABRIC).time_s) == pytest.approx(min(every))


def test_what_stays_on_chip_is_not_fetched_again() -> None:
    """On a fabric that keeps its memory between sections, stages run one by one without a round trip."""
    stages = chain(4, rows=1.0, work_s=1e-5)
    keeping = replace(FABRIC, keeps=True, start_s=0.0, stage_s=0.0, memory_s=0.0)
    way = best_way(stages, keeping)
    assert way.parts["dram"] == pytest.approx((4e3 + 2e4) / 1e9)
    assert way.parts["units"] == pytest.approx(4e-5)  # all units on each in turn: one row has no pipeline
    assert [kept for *_, kept in sections_on(best_ways(stages, keeping))] == [True, True, True, False]


def test_schedules() -> None:
    load, machine = load_of("llama-2-7b", rs.Decode(batch=1.0)), machine_of(find_system("sn40l"))
    count = {how: len(sections_of(load, machine, how)) for how in ("", "pipelined", "sequential")}
    assert count["sequential"] == len(load.nodes) + 2 > count[""] >= count["pipelined"]  # attention alone is three operators
    times = {how: sum(as_float(c.total_s) for c in cost_law(machine, "tile", "graph", how).costs(load)) for how in count}
    assert times[""] <= times["pipelined"] < times["sequential"]


def test_layers_of_two_kinds_are_one_chain() -> None:
    load = load_of("gemma-2-9b", rs.Decode(batch=1.0))
    assert [len(nodes) > 5 for nodes, _ in segments(load.nodes)].count(True) == 1


def test_who_starts_a_section() -> None:
    system = find_system("sn40l")
    engine = system.chip.engine
    assert isinstance(engine, StreamingEngine)

    def by(orchestration: str) -> System:
        return replace(system, chip=replace(system.chip, engines=(replace(engine, orchestration=orchestration),)))

    times = {who: as_float(rs.estimate("llama-2-7b", by(who), rs.Decode(batch=1)).time_s) for who in ("host", "hardware")}
    assert times["host"] - times["hardware"] == pytest.approx(34 * (20e-6 - 3e-6), rel=1e-6)  # a layer is one section, embedding and head are one each
    with pytest.raises(MachineError, match="did you mean hardware"):
        rs.estimate("llama-2-7b", by("hardwear"), rs.Decode(batch=1))


def test_a_group_that_cannot_fit_is_named_with_its_remedy() -> None:
    load = load_of("llama-2-7b", rs.Prefill(batch=1.0, prompt=2048.0))
    machine = machine_of(find_system("sn40l"))
    assert group_section(["gate_up", "activation", "down"], load, machine).on_chip_byte < 520e6
    names = ["qkv", "rotary_and_cache", "attention", "out", "norm_middle", "gate_up", "activation", "down"]
    small = machine_of(with_values(find_system("sn40l"), {"pmu.capacity": 1e8}))
    with pytest.raises(SectionError, match=r"qkv \+ .* need .* on chip as one section .*sambanova-sn40l has 100 MB: cut the group in two"):
        group_section(names, load, small)
    few = machine_of(with_values(find_system("sn40l"), {"rdu.compute_units": 3.0}))
    with pytest.raises(SectionError, match="8 stages take at least a compute unit each, rdu has 3"):
        group_section(names, load, few)


@pytest.mark.parametrize(
    ("names", "says"), [(["qkv", "down"], "do not follow each other"), (["qvk"], "did you mean qkv"), (["qkv", "nothing"], "no operator 'nothing'")]
)
def test_a_group_of_others_is_refused(names: list[str], says: str) -> None:
    with pytest.raises(SectionError, match=says):
        group_section(names, load_of("llama-2-7b", rs.Decode(batch=1.0)), machine_of(find_system("sn40l")))


def test_an_unknown_schedule_is_refused() -> None:
    law = cost_law(machine_of(find_system("sn40l")), "tile", "graph", "pipeline")
    with pytest.raises(MachineError, match="did you mean pipelined"):
        law.costs(load_of("gpt2", rs.Decode()))


def test_an_exchange_of_one_is_none() -> None:
    """With one chip in a column the exchange is there and weighs nothing."""
    model, system = find_model("llama-2-7b"), find_system("sn40l-node")
    many = [as_float(rs.estimate(model, system, rs.Prefill(), tp=tp).time_s) for tp in (1.0, 2.0, 8.0)]
    together = rs.estimate(model, system, rs.Prefill(batch=np.ones(3)), tp=np.array([1.0, 2.0, 8.0])).time_s
    assert np.array_equal(np.asarray(together), np.array(many))


def test_a_lone_operator_too_large_for_the_chip_is_taken_tile_by_tile() -> None:
    machine = machine_of(with_values(find_system("streaming-abstract"), {"sram.capacity": 1e5}))
    product = Contraction(name="p", m=4096.0, n=4096.0, k=4096.0)
    cost = cost_law(machine, "tile", "graph").costs(Workload((Node(product),)))[0]
    assert as_float(cost.parts["dram"]) > 3.0 * as_float(product.byte) / 85e9
    (one,) = stages_of((Node(Elementwise(name="e", elements=1e6)),), 1.0, machine)
    time_s, _ = section_parts(extended(Load(), one), readers_of((one,)), fabric_of(machine))
    assert as_float(time_s) >= 4e6 / 85e9


LAYER = ("qkv", "rotary_and_cache", "attention", "out", "norm_middle", "gate_up", "activation", "down")
PREFILL = rs.Prefill(batch=1.0, prompt=2048.0)


def test_groups_are_kept_together() -> None:
    """A layer that is cut in two where it is fastest is one section where that is asked, and no faster."""
    free, asked = rs.estimate("llama-2-7b", "sn40l", PREFILL), rs.estimate("llama-2-7b", "sn40l", PREFILL, fuse=[LAYER])
    assert as_float(asked.time_s) >= as_float(free.time_s)
    together = replace(load_of("llama-2-7b", PREFILL), groups=(LAYER,))
    names = [s.operators for s in sections_of(together, machine_of(find_system("sn40l")))]
    assert any(set(LAYER) <= set(operators) for operators in names)


def test_groups_in_columns_are_infeasible_where_they_do_not_fit() -> None:
    sizes = np.array([1e8, 2e8, 4e8, 6e8])
    e = rs.estimate("llama-2-7b", "sn40l", PREFILL, fuse=[LAYER], set={"pmu.capacity": sizes, "rdu.memory_unit": np.full(4, 1e6)})
    assert list(np.asarray(e.feasible)) == [False, False, True, True] and np.all(np.asarray(e.time_s)[:2] >= NEVER_S)
    assert "a fusion group does not fit" in e.to_dict(0)["reason"] and e.to_dict(3)["reason"] is None


def test_groups_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["estimate", "llama-2-7b", "--on", "sn40l", "--phase", "prefill", "--json", "--no-elasticities", "--fuse", "+".join(LAYER)]
    assert main(asked) == 0
    capsys.readouterr()
    assert main([*asked, "--set", "pmu.capacity=200MB"]) == 2
    assert "pmu of sambanova-sn40l has 200 MB: cut the group in two" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("model", "machine", "groups", "says"),
    [
        ("llama-2-7b", "h100-sxm", [("gate_up", "down")], "fusion groups are for streaming chips"), ("llama-2-7b", "sn40l", [("gate_up",)], "at least two"),
        ("llama-2-7b", "sn40l", [("qkv", "attention")], "do not follow each other"), ("samba-coe-150", "sn40l-node", [("qkv", "out")], "several models"),
        ("llama-2-7b", "sn40l", [("gate_up", "activation"), ("activation", "down")], "in a fusion group already"),
    ],
)  # fmt: skip
def test_groups_that_are_none_are_refused(model: str, machine: str, groups: list[tuple[str, ...]], says: str) -> None:
    with pytest.raises(InputError, match=says):
        rs.estimate(model, machine, fuse=groups)
