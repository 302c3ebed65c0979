"""Scenarios: which passes they become, how often, and over which tokens."""

from __future__ import annotations

import numpy as np
import pytest

from hardware_specs.catalog import find_system
from simulator.estimate import estimate
from workloads.catalog import find_model
from workloads.passes import Sequences
from workloads.scenario import Decode, Images, Inference, MixedBatch, Prefill


def test_one_pass_each() -> None:
    assert [(p.phase, p.groups, p.repeats) for p in Prefill(batch=2, prompt=100).passes()] == [("prefill", (Sequences(2, 100, 100),), 1)]
    assert [(p.phase, p.groups, p.repeats) for p in Decode(batch=2, context=100).passes()] == [("decode", (Sequences(2, 1, 101, decoding=True),), 1)]
    assert [(p.phase, p.groups, p.repeats) for p in Images(batch=8).passes()] == [("images", (Sequences(8, 1, 1),), 1)]
    mixed = MixedBatch(chunk=64, chunk_context=32, batch=4, context=100).passes()
    assert [(p.phase, p.groups) for p in mixed] == [("mixed", (Sequences(1, 64, 96), Sequences(4, 1, 101, decoding=True)))]


@pytest.mark.parametrize("output", [1, 2, 3, 10, 512])
def test_inference_is_one_prefill_and_a_decode_for_each_further_token(output: int) -> None:
    prefill, *decodes = Inference(batch=3, prompt=100, output=output).passes()
    assert (prefill.phase, prefill.repeats, prefill.groups[0].new) == ("prefill", 1, 100)
    assert {p.phase for p in decodes} == {"decode"}
    assert sum(p.repeats for p in decodes) == pytest.approx(output - 1)


@pytest.mark.parametrize("power", [0, 1, 2])
@pytest.mark.parametrize("output", [2, 3, 17, 512])
def test_three_contexts_stand_for_all_decode_steps(power: int, output: int) -> None:
    """Step i reads the prompt and i tokens. Exact for what is linear in it, and within 1e-4 for squares."""
    decodes = Inference(batch=1, prompt=100, output=output).passes()[1:]
    stands = sum(p.repeats * p.groups[0].length ** power for p in decodes)
    steps = sum((100 + i) ** power for i in range(1, output))
    assert stands == pytest.approx(steps, rel=1e-12 if power < 2 else 1e-4)


def test_the_cache_must_hold_the_last_token() -> None:
    passes = Inference(batch=1, prompt=100, output=50).passes()
    assert max(p.groups[0].held for p in passes) == 149  # the last token is not read again
    whole = estimate(find_model("llama-2-7b"), find_system("h100-sxm"), Inference(batch=1, prompt=100, output=50))
    last = estimate(find_model("llama-2-7b"), find_system("h100-sxm"), Decode(batch=1, context=148))
    assert whole.memory.state_byte == last.memory.state_byte


def test_inference_takes_the_time_of_its_steps() -> None:
    """Three contexts give what the sum over each of the steps gives (the roofline is piecewise linear in the context)."""
    model, system = find_model("llama-3-8b"), find_system("h100-sxm")
    whole = estimate(model, system, Inference(batch=8, prompt=1000, output=64), fidelity="roofline")
    prefill = estimate(model, system, Prefill(batch=8, prompt=1000), fidelity="roofline")
    steps = estimate(model, system, Decode(batch=8, context=np.arange(1000, 1063)), fidelity="roofline")
    assert len(steps) == 63
    assert whole.time_s == pytest.approx(prefill.time_s + np.sum(steps.time_s), rel=1e-9)
    assert whole.ttft_s == prefill.time_s
    assert whole.tpot_s == pytest.approx(np.mean(steps.time_s), rel=1e-9)
    assert whole.throughput_token_per_s == pytest.approx(8 * 64 / whole.time_s)


def test_one_token_has_no_time_per_output_token() -> None:
    model, system = find_model("llama-3-8b"), find_system("h100-sxm")
    one = estimate(model, system, Inference(batch=1, prompt=10, output=1))
    assert one.tpot_s is None
    assert one.time_s == one.ttft_s
    some = estimate(model, system, Inference(batch=1, prompt=10, output=np.array([1, 2])))
    assert np.isnan(some.tpot_s[0])  # type: ignore[index]
    assert [some.to_dict(i)["tpot_s"] is None for i in (0, 1)] == [True, False]


def test_sizes_may_be_columns_or_whole_numbers() -> None:
    assert type(Prefill(batch=2).batch) is float
    assert Decode(context=[1, 2]).passes()[0].groups[0].length.tolist() == [2.0, 3.0]  # type: ignore[union-attr]
