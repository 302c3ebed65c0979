"""A step of training: what each chip holds and exchanges, what is computed again, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import roofscape as rs
from explorers.question import Question
from hardware_specs.catalog import find_system
from magnitudes.errors import InputError
from roofscape.cli import main
from simulator.result import Estimate
from simulator.training.states import States, held_states, state_byte
from workloads.catalog import find_model
from workloads.kept import kept_byte
from workloads.operator import Collective
from workloads.passes import Pass
from workloads.scenario import Prefill, Train
from workloads.sharding import Parallelism, Precision
from workloads.unfused import Unfused

STEP = Train(batch=64.0, sequence=1024.0)
GPT = "gpt3-xl"  # 24 layers, width 2048, no gate, as many keys as queries


def step(model: Any = GPT, on: str = "8xh100-sxm", how: Train = STEP, **cut: Any) -> Estimate:
    return rs.estimate(model, on=on, scenario=how, **({"tp": 1.0, "dp": 8.0} | cut))


def kept_by_layers(model: str, tp: float) -> float:
    """Bytes that the layers keep of one sequence of 1024 tokens."""
    found = find_model(model)
    load = found.workload(Pass("prefill", Prefill(batch=1.0, prompt=1024.0).passes()[0].groups), Parallelism(tp=tp), Precision())
    return float(sum(n.count * kept_byte(n.operator) for n in load.nodes if n.count != 1.0))


@pytest.mark.parametrize(("tp", "byte"), [(1.0, 32.0), (2.0, 8.0 + 24.0 / 2.0), (8.0, 8.0 + 24.0 / 8.0)])
def test_a_layer_keeps_what_korthikanti_and_others_count(tp: float, byte: float) -> None:
    """34 bytes of a token and element of width, 10 + 24/t with tensor parallelism; 2 of them masks of dropout, and none of ours."""
    model = find_model(GPT)
    sums = 24 * 4.0 * 1024 * model.heads / tp  # type: ignore[attr-defined] # of the rows of attention, in fp32
    assert kept_by_layers(GPT, tp) == pytest.approx(24 * 1024 * model.hidden * byte + sums)  # type: ignore[attr-defined]


def test_sequence_parallelism_divides_all_that_is_kept() -> None:
    apart, shared = (step(how=replace(STEP, sequence_parallel=s), tp=8.0, dp=1.0).memory.activation_byte for s in (0.0, 1.0))
    assert shared < apart
    assert kept_by_layers(GPT, 1.0) / 8.0 < shared < kept_by_layers(GPT, 1.0) / 8.0 + 2e9  # the scores besides


@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_states_by_kind_add_up_to_zero_s_formula(stage: int) -> None:
    parts = held_states(7.5e9, 64.0, float(stage), States(2.0, 2.0, 12.0))
    assert parts.weight_byte + parts.gradient_byte + parts.optimizer_byte == pytest.approx(state_byte(7.5e9, 64.0, stage))
    columns = held_states(7.5e9, 64.0, np.array([float(stage), 0.0]), States(2.0, 2.0, 12.0))
    assert columns.optimizer_byte[0] == parts.optimizer_byte  # type: ignore[index]


def test_memory_is_states_and_what_is_kept() -> None:
    use, model = step().memory, find_model(GPT)
    assert (use.weight_byte, use.gradient_byte, use.optimizer_byte) == pytest.approx((2 * model.parameters, 2 * model.parameters, 12 * model.parameters))
    assert use.state_byte == 0.0
    assert use.activation_byte > kept_by_layers(GPT, 1.0)


MORE = {  # what holds less on a chip, in order
    "zero": [replace(STEP, zero=z) for z in (0.0, 1.0, 2.0, 3.0)],
    "recompute": [replace(STEP, recompute=r) for r in (0.0, 0.1, 0.5, 1.0)],
    "micro_batch": [replace(STEP, micro_batch=m) for m in (8.0, 4.0, 2.0, 1.0)],
    "optimizer_byte": [replace(STEP, optimizer_byte=b) for b in (12.0, 6.0, 0.0)],
    "sequence": [replace(STEP, sequence=s) for s in (4096.0, 2048.0, 1.0)],
}


@pytest.mark.parametrize("what", MORE)
@pytest.mark.parametrize("model", [GPT, "mixtral-8x7b", "mamba2-2.7b", "deepseek-v2-lite"])
def test_more_of_it_never_holds_more(model: str, what: str) -> None:
    held = [float(step(model, how=how).memory.total_byte) for how in MORE[what]]
    assert all(after <= before for before, after in pairwise(held)), held
    assert held[-1] < held[0]


@pytest.mark.parametrize("option", ["tp", "pp"])
def test_more_chips_of_a_replica_hold_less_each(option: str) -> None:
    held = [float(step(on="8xh100-sxm", dp=1.0, **{option: float(n)}).memory.total_byte) for n in (1, 2, 4, 8)]
    assert all(after < before for before, after in pairwise(held)), held


def test_computing_again_takes_a_forward_pass_of_the_layers() -> None:
    kept, half, again = (step(how=replace(STEP, recompute=r)) for r in (0.0, 0.5, 1.0))
    assert half.time_s == pytest.approx((kept.time_s + again.time_s) / 2.0)
    assert 1.25 < again.time_s / kept.time_s < 1.36  # a quarter of eight products against six, and more of what is not a product
    assert again.mfu < kept.mfu and again.hfu > again.mfu  # type: ignore[operator]


@pytest.mark.parametrize("stretches", [1.0, 2.0, 4.0])
def test_filling_and_draining_take_a_stage_s_time_over_its_stretches(stretches: float) -> None:
    """(p - 1) / v of a micro-batch on a stage besides its m (Narayanan et al. 2021)."""
    how = replace(STEP, batch=16.0, interleave=stretches)
    found = step(how=how, pp=8.0, dp=1.0).passes[0]
    chain = sum(float(c.count * c.time_s) for c in found.costs)
    assert found.time_s == pytest.approx(chain / 8.0 * (16.0 + 7.0 / stretches))


def exchanged(how: Train) -> dict[str, float]:
    """Bytes of all calls by collective, of a step of 8 micro-batches."""
    found = step(how=how)
    rounds = {"train": 8.0, "update": 1.0}
    calls = [(c.operator, rounds[p.run.phase] * float(c.count)) for p in found.passes for c in p.costs if isinstance(c.operator, Collective)]
    total: dict[str, float] = {}
    for o, count in calls:
        total[o.pattern] = total.get(o.pattern, 0.0) + count * float(o.message_byte)
    return total


def test_replicas_exchange_what_their_stage_says() -> None:
    two = 2.0 * find_model(GPT).parameters
    assert exchanged(STEP) == pytest.approx({"all_reduce": two})
    assert exchanged(replace(STEP, zero=1.0)) == pytest.approx({"reduce_scatter": two, "all_gather": two})
    assert exchanged(replace(STEP, zero=2.0)) == pytest.approx({"reduce_scatter": 8 * two, "all_gather": two})
    assert exchanged(replace(STEP, zero=3.0)) == pytest.approx({"reduce_scatter": 8 * two, "all_gather": 16 * two})
    alone = step(on="h100-sxm", dp=1.0)
    assert not [c for p in alone.passes for c in p.costs if isinstance(c.operator, Collective)]


@pytest.mark.parametrize("zero", [0.0, 1.0, 2.0, 3.0])
def test_exchanges_hide_as_far_as_computing_lasts(zero: float) -> None:
    """Of a step of 8 micro-batches: with each what its passes last, once what the last backward pass does."""
    times = [float(step("llama-3-8b", how=replace(STEP, zero=zero, hidden_exchange=h)).time_s) for h in (0.0, 0.5, 1.0)]
    assert times[2] < times[1] < times[0]
    shown, hidden = (step("llama-3-8b", how=replace(STEP, zero=zero, hidden_exchange=h)) for h in (0.0, 1.0))
    exchange = [sum(float(c.total_s) for c in p.costs if isinstance(c.operator, Collective)) for p in shown.passes]
    computed = [sum(float(c.total_s) for c in p.costs if not isinstance(c.operator, Collective)) for p in shown.passes]
    backward = sum(float(c.total_s) for c in shown.passes[0].costs if c.operator.name.endswith("_gradient"))
    summed = sum(float(c.total_s) for c in shown.passes[1].costs if "gradients" in c.operator.name and isinstance(c.operator, Collective))
    expected = [8.0 * (computed[0] + max(0.0, exchange[0] - computed[0])), computed[1] + exchange[1] - min(summed, backward)]
    assert [float(p.time_s) for p in hidden.passes] == pytest.approx(expected)


def test_experts_that_are_spread_over_replicas_are_neither_copied_nor_exchanged() -> None:
    whole = find_model("mixtral-8x7b").parameters
    held = float(step("mixtral-8x7b", on="64xh100-sxm", dp=8.0, how=STEP).memory.weight_byte) / 2.0
    experts = 32 * 8 * 3 * 4096 * 14336.0
    assert held == pytest.approx(whole - experts + experts / 8.0)
    sums = [c.operator for c in step("mixtral-8x7b").passes[1].costs if isinstance(c.operator, Collective)]
    assert [float(o.message_byte) for o in sums] == [pytest.approx(2.0 * (whole - experts))]


def test_utilisation_is_the_published_count_of_work_over_the_peak() -> None:
    """96 B s L h^2 (1 + s / 6h + V / 16Lh) with every layer computed again (Narayanan et al. 2021, equation 3); PaLM's appendix B divides by the peak."""
    model = find_model(GPT)
    h, layers, vocabulary = model.hidden, model.layers, model.vocabulary  # type: ignore[attr-defined]
    found = rs.estimate(Unfused(model), on="8xh100-sxm", scenario=replace(STEP, recompute=1.0), tp=1, dp=8)  # type: ignore[arg-type]
    flop = 96 * 64 * 1024 * layers * h**2 * (1 + 1024 / (6 * h) + vocabulary / (16 * layers * h))
    peak = 8 * 989.4e12
    assert found.hfu == pytest.approx(flop / (found.time_s * peak), rel=1e-9)
    assert found.throughput_token_per_s == pytest.approx(64 * 1024 / found.time_s)


def test_columns_and_programs_say_what_single_steps_say() -> None:
    zero, recompute, tp = np.array([0.0, 1.0, 2.0, 3.0, 3.0]), np.array([0.0, 0.5, 1.0, 0.0, 1.0]), np.array([1.0, 2.0, 4.0, 8.0, 1.0])
    table = rs.estimate(GPT, on="8xh100-sxm", scenario=replace(STEP, zero=zero, recompute=recompute), tp=tp, dp=8.0 / tp)
    asked = Question(find_model(GPT), find_system("8xh100-sxm"), STEP)
    program = asked.compiled(("zero", "recompute", "tp", "dp"), ("time_s", "memory_byte", "mfu"))
    ran = program.run({"zero": zero, "recompute": recompute, "tp": tp, "dp": 8.0 / tp})
    for i in range(5):
        one = step(how=replace(STEP, zero=zero[i], recompute=recompute[i]), tp=tp[i], dp=8.0 / tp[i])
        assert one.time_s == pytest.approx(table.time_s[i], rel=1e-9)  # type: ignore[index]
        assert (ran["time_s"][i], ran["memory_byte"][i], ran["mfu"][i]) == pytest.approx((one.time_s, one.memory.total_byte, one.mfu), rel=1e-9)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--batch", "20"], "--dp times --micro-batch 8 does not divide the 20 sequences of a step"),
        (["--zero", "4"], "zero is 4; it should be a finite number from 0 to 3"),
        (["--zero", "1.5"], "zero is 1.5; it should be a whole number"),
        (["--recompute", "2"], "recompute is 2"),
        (["--hidden-exchange", "-1"], "hidden_exchange is -1"),
        (["--spill"], "leave out --spill"),
        (["--prompt", "100"], "--prompt has no meaning in phase train, which takes --batch, --sequence, --micro-batch"),
        (["--lora", "rank=8,adapters=2"], "leave out --lora"),
    ],
)
def test_refusals_name_the_remedy(capsys: pytest.CaptureFixture[str], options: list[str], says: str) -> None:
    assert main(["estimate", GPT, "--on", "8xh100-sxm", "--phase", "train", "--dp", "8", *options]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("model", ["resnet-50", "dlrm-mlperf", "samba-coe-150", "t5-base", "llava-1.5-7b"])
def test_models_without_training_are_refused(model: str) -> None:
    with pytest.raises(InputError, match=r"no training here: only single stacks of layers"):
        step(model)


@pytest.mark.parametrize("machine", ["sn40l-node", "pim-gpt"])
def test_machines_without_training_are_refused(machine: str) -> None:
    with pytest.raises(InputError, match=r"training is described for chips that run kernel, spatial, host"):
        rs.estimate(GPT, on=machine, scenario=STEP)


@pytest.mark.parametrize("machine", ["8xmi300x", "tpu-v4-slice-64", "8xgaudi3", "xeon-platinum-8480", "8xrtx-4090"])
@pytest.mark.parametrize("fidelity", ["tile", "roofline"])
def test_other_machines_train(machine: str, fidelity: str) -> None:
    found = rs.estimate("llama-3.2-1b", on=machine, scenario=replace(STEP, recompute=0.5), fidelity=fidelity)
    assert 0.0 < found.mfu < found.hfu < 1.0  # type: ignore[operator]
    assert found.energy_j > 0.0
    assert sum(found.shares.values()) == pytest.approx(found.time_s, rel=0.5)


def test_what_does_not_fit_says_what_would_help() -> None:
    found = step("llama-3-70b", on="8xh100-sxm")
    assert not found.fits
    reason = found.to_dict()["reason"]
    assert "gradients 141 GB, optimizer 847 GB" in reason and "more --zero, --recompute" in reason and "keys" not in reason


def test_the_command_prints_a_memory_map_and_how_busy_the_chips_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", GPT, "--on", "8xh100-sxm", "--batch", "64", "--zero", "1", "--dp", "8", "--no-elasticities"]) == 0
    text = capsys.readouterr().out
    assert "train, batch 64, sequence 2048, micro-batch 1, zero 1" in text
    for word in ("MFU", "of the chips' peak", "gradients  ", "optimizer  ", "one step", "token/s"):
        assert word in text
    assert "keys and values" not in text
