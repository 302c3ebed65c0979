"""Models of several parts: what an encoder does once, what a decoder attends to, what an image adds to a prompt, what a step costs."""

from __future__ import annotations

import json
from typing import Any

import pytest

import roofscape as rs
from magnitudes.arrays import as_float, total
from workloads.catalog import find_model
from workloads.graph import Workload
from workloads.importers.huggingface import model_of
from workloads.model import ModelError
from workloads.operator import Attention, Gather, Residency
from workloads.scenario import Decode, Diffusion, Images, Inference, Prefill, Scenario
from workloads.sharding import Parallelism, Precision
from workloads.shipped import SHIPPED


def loads_of(name: str, scenario: Scenario, cut: Parallelism | None = None) -> list[Workload]:
    return [find_model(name).workload(run, cut or Parallelism(), Precision()) for run in scenario.passes()]


def attentions(load: Workload) -> dict[str, Attention]:
    return {n.operator.name: n.operator for n in load.nodes if isinstance(n.operator, Attention)}


def names(load: Workload) -> set[str]:
    return {n.operator.name for n in load.nodes}


def test_t5_reads_its_prompt_once() -> None:
    prefill, first, *_ = loads_of("t5-base", Inference(batch=2, prompt=100, output=50))
    assert "qkv_encoder" in names(prefill) and "cross_kv_decoder" in names(prefill)
    assert not any("encoder" in n or n.startswith("cross_kv") for n in names(first))
    seen = attentions(prefill)
    assert (seen["attention_encoder"].q_len, seen["attention_encoder"].kv_len, seen["attention_encoder"].causal) == (100, 100, False)
    assert (seen["attention_decoder"].q_len, seen["attention_decoder"].kv_len) == (1, 1)
    assert (seen["cross_attention_decoder"].q_len, seen["cross_attention_decoder"].kv_len) == (1, 100)


def test_t5_attends_to_the_prompt_and_to_what_it_said() -> None:
    _, first, middle, last = loads_of("t5-base", Inference(batch=2, prompt=100, output=50))
    assert {attentions(load)["cross_attention_decoder"].kv_len for load in (first, middle, last)} == {100}
    assert attentions(middle)["attention_decoder"].kv_len == pytest.approx(1.5 + 0.5 * 49)
    a_token = 12 * 2 * 768 * 2
    assert last.state_byte == pytest.approx(2 * a_token * (100 + 50))


def test_t5_has_no_lone_step_of_decoding() -> None:
    with pytest.raises(ModelError, match="t5-base has no phase 'decode'; it can run prefill, inference"):
        rs.estimate("t5-base", "h100-sxm", Decode())


def test_whisper_hears_thirty_seconds_whatever_is_said() -> None:
    for prompt in (4, 200):
        load = loads_of("whisper-large-v3", Prefill(batch=3, prompt=prompt))[0]
        assert attentions(load)["attention_encoder"].kv_len == 1500
        assert attentions(load)["cross_attention_decoder"].kv_len == 1500
        assert attentions(load)["attention_decoder"].q_len == prompt
    step = loads_of("whisper-large-v3", Decode(batch=3, context=99))[0]
    assert step.state_byte == 3 * 32 * 2 * 1280 * 2 * (100 + 1500)
    assert attentions(step)["cross_attention_decoder"].byte_of(Residency.STATE) == 3 * 1500 * 2 * 1280 * 2


def test_vision_transformer_sees_patches_and_one_more() -> None:
    load = loads_of("vit-base-patch16", Images(batch=2))[0]
    assert attentions(load)["attention"].kv_len == 197
    patches = load.nodes[0].operator
    assert patches.matrix_flop == 2 * 2 * 196 * 768 * 3 * 256


def test_two_towers_see_and_read() -> None:
    load = loads_of("clip-vit-large-patch14", Images(batch=2))[0]
    assert attentions(load)["attention"].kv_len == 257
    assert attentions(load)["attention_text"].kv_len == 77


def test_an_image_is_seen_once_a_prompt() -> None:
    prefill, step, *_ = loads_of("llava-1.5-7b", Inference(batch=2, prompt=700, output=50))
    assert attentions(prefill)["attention_image"].kv_len == 577
    assert next(n.operator for n in prefill.nodes if n.operator.name == "projector_out").m == 2 * 576  # type: ignore[attr-defined]
    assert not any("image" in n or "projector" in n for n in names(step))


@pytest.mark.parametrize("name", ["t5-base", "whisper-small", "clip-vit-base-patch32", "llava-1.5-7b", "vit-base-patch16"])
def test_towers_are_cut_by_heads_and_not_into_stages(name: str) -> None:
    model = find_model(name)
    scenario: Scenario = Images() if "images" in model.phases else Prefill(prompt=600)
    one, two = (loads_of(name, scenario, Parallelism(tp=tp))[0] for tp in (1.0, 2.0))
    assert as_float(one.weight_byte) / 2 < as_float(two.weight_byte) < as_float(one.weight_byte) * 0.56
    assert as_float(two.flop) == pytest.approx(as_float(one.flop) / 2, rel=0.1)
    if name == "vit-base-patch16":
        return
    with pytest.raises(ModelError, match=r"--pp 2 does not divide the 1 "):
        rs.estimate(name, "8xh100-sxm", scenario, pp=2)


@pytest.mark.parametrize("name", ["t5-base", "whisper-small", "clip-vit-base-patch32", "vit-base-patch16", "dit-xl-2", "stable-diffusion-v1-5-unet"])
def test_a_pass_reads_no_weight_twice(name: str) -> None:
    model = find_model(name)
    scenario = {"images": Images(), "diffusion": Diffusion()}.get(model.phases[0], Prefill(prompt=64))
    load = model.workload(scenario.passes()[0], Parallelism(), Precision())
    read = sum(as_float(n.count * n.operator.byte_of(Residency.WEIGHT)) for n in load.nodes if not isinstance(n.operator, Gather)) / 2
    assert 0.9 * model.parameters - 60e6 < read <= model.parameters


def test_diffusion_takes_its_steps_one_after_another() -> None:
    one, fifty = (rs.estimate("dit-xl-2", "h100-sxm", Diffusion(batch=2, steps=steps)) for steps in (1, 50))
    assert as_float(fifty.time_s) == pytest.approx(50 * as_float(one.time_s))
    assert as_float(fifty.throughput_token_per_s) == pytest.approx(2 / as_float(fifty.time_s))
    assert total(c.count for c in fifty.costs) == 50 * total(c.count for c in one.costs)  # type: ignore[comparison-overlap]
    assert fifty.to_dict()["steps"] == 50


def test_text_is_attended_to_on_all_levels_but_the_coarsest() -> None:
    load = loads_of("stable-diffusion-v1-5-unet", Diffusion(batch=2))[0]
    text = [op for name, op in attentions(load).items() if name.endswith("text_attention")]
    assert len(text) == 16
    assert {op.kv_len for op in text} == {77}
    assert sorted({op.q_len for op in text}) == [64, 256, 1024, 4096]


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        ("whisper-tiny", {"decoder_attention_heads": 7}, "384 is not a multiple of the 7 heads"),
        ("vit-base-patch16", {"patch_size": 300}, "larger than image_size"),
        ("clip-vit-base-patch32", {"text_config": None}, "text_config is None; it should be an object"),
        ("stable-diffusion-v1-5-unet", {"sample_size": 60}, "multiple of 8"), ("stable-diffusion-v1-5-unet", {"down_block_types": ["x"]}, "down_block_types"),
        ("stable-diffusion-v1-5-unet", {"block_out_channels": [321]}, "multiple of the 8 heads"), ("dit-xl-2", {"num_attention_heads": 7}, "multiple of the 7"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(name: str, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        model_of(json.loads((SHIPPED / f"{name}.json").read_text()) | changes, "mine", "config.json")
