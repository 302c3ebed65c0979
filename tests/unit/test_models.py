"""The shipped models: are they as large, and do they compute as much, as published?"""

from __future__ import annotations

import math

import pytest

from magnitudes.arrays import as_float, total
from magnitudes.names import NameMiss
from workloads.catalog import entry, find_model
from workloads.cnn import ResNet
from workloads.model import ModelError
from workloads.operator import Contraction, Convolution
from workloads.scenario import Diffusion, Images
from workloads.sharding import Parallelism, Precision
from workloads.shipped import model_names

COUNTED = [n for n in model_names() if entry(n).published_macs]


def images_of(name: str, batch: float = 1.0):  # type: ignore[no-untyped-def]
    return find_model(name).workload(Images(batch=batch).passes()[0], Parallelism(), Precision())


def test_parameters_are_within_half_a_percent_of_the_published(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [(name, entry(name).model.parameters, entry(name).published_parameters) for name in model_names()]
    table = "\n".join(f"{name:30s} {ours:20,.0f} {published:20,.0f} {ours / published - 1:+8.3%}" for name, ours, published in rows)
    with capsys.disabled():
        print(f"\n{'model':30s} {'parameters':>20s} {'published':>20s} {'off':>8s}\n{table}")
    assert len(rows) >= 60
    assert [name for name, ours, published in rows if abs(ours / published - 1) > 0.005] == []


@pytest.mark.parametrize("name", model_names())
def test_the_count_is_right_to_every_digit_that_is_published(name: str) -> None:
    """Exact where the weights are public; where a paper rounds, half a unit of its last digit (GPT-3's paper rounds its sizes up: 0.5 %)."""
    e = entry(name)
    if e.digits is None:
        assert e.model.parameters == e.published_parameters
    elif name != "gpt3-175b":
        unit = 10.0 ** (math.floor(math.log10(e.published_parameters)) + 1 - e.digits)
        assert abs(e.model.parameters - e.published_parameters) <= 0.5 * unit


@pytest.mark.parametrize("name", model_names())
def test_a_model_names_its_source(name: str) -> None:
    assert len(entry(name).source) > 20
    assert entry(name).model.name == name


def macs_of(name: str) -> float:
    """Multiply-adds of one image, in one pass."""
    model = find_model(name)
    scenario = Images() if "images" in model.phases else Diffusion(steps=1)
    load = model.workload(scenario.passes()[0], Parallelism(), Precision())
    return as_float(total(n.count * n.operator.matrix_flop for n in load.nodes)) / 2


def test_multiply_adds_are_within_one_percent_of_the_published(capsys: pytest.CaptureFixture[str]) -> None:
    """Of one image at the size that the configuration has, where a count is published to three digits."""
    published = [(name, macs_of(name), entry(name).published_macs) for name in COUNTED]
    table = "\n".join(f"{name:30s} {ours:20,.0f} {known:20,.0f} {ours / known - 1:+8.3%}" for name, ours, known in published)
    with capsys.disabled():
        print(f"\n{'model':30s} {'multiply-adds':>20s} {'published':>20s} {'off':>8s}\n{table}")
    assert len(published) >= 20
    assert [name for name, ours, known in published if abs(ours / known - 1) > 0.01] == []
    assert all(len(entry(name).macs_source) > 20 for name, _, _ in published)


def test_resnet_50_layer_by_layer() -> None:
    """53 convolutions and a classifier; spatial sizes halve from stage to stage."""
    model = find_model("resnet-50")
    assert isinstance(model, ResNet)
    layers = list(model.layers())
    assert sum(layer.count for layer in layers) == 53
    assert sorted({layer.size for layer in layers}) == [7, 14, 28, 56, 112]
    convolutions = [n.operator for n in images_of("resnet-50").nodes if isinstance(n.operator, Convolution)]
    assert all(c.in_h == c.out_h * c.stride for c in convolutions)


def test_a_batch_reads_the_weights_once() -> None:
    one, many = images_of("resnet-50"), images_of("resnet-50", 32.0)
    weights = [
        sum(n.count * o.byte for n in load.nodes if isinstance(n.operator, Convolution | Contraction) for o in n.operator.operands if o.name == "b")
        for load in (one, many)
    ]
    model = find_model("resnet-50")
    assert isinstance(model, ResNet)
    norms_and_biases = sum(2 * layer.count * layer.cout for layer in model.layers()) + 1000
    assert weights[0] == weights[1] == 2 * (model.parameters - norms_and_biases)
    assert many.flop == pytest.approx(32 * one.flop)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Meta-Llama-3-8B", "llama-3-8b"), ("meta-llama/Meta-Llama-3-8B-Instruct", "llama-3-8b"), ("llama3 8b", "llama-3-8b"), ("LLAMA_3_70B", "llama-3-70b"),
        ("meta-llama/Llama-2-7b-hf", "llama-2-7b"), ("meta-llama/Llama-3.1-405B", "llama-3.1-405b"), ("mistralai/Mistral-7B-v0.1", "mistral-7b"),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "mixtral-8x7b"), ("Qwen/Qwen2.5-7B-Instruct", "qwen2.5-7b"),
        ("Qwen3-30B-A3B", "qwen3-30b-a3b"), ("resnet50", "resnet-50"),
        ("bert-base-uncased", "bert-base"), ("google-bert/bert-large-uncased", "bert-large"), ("openai-community/gpt2-xl", "gpt2-xl"),
        ("google/vit-base-patch16-224", "vit-base-patch16"), ("openai/whisper-large-v3", "whisper-large-v3"), ("deepseek-ai/DeepSeek-V3", "deepseek-v3"),
        ("deepseek-ai/DeepSeek-V2-Lite-Chat", "deepseek-v2-lite"), ("moonshotai/Kimi-K2-Instruct", "kimi-k2"), ("vgg16", "vgg-16"),
        ("microsoft/Phi-3-mini-4k-instruct", "phi-3-mini"), ("meta-llama/Llama-4-Scout-17B-16E-Instruct", "llama-4-scout"),
        ("nvidia/Llama-3_3-Nemotron-Super-49B-v1", "llama-3.3-nemotron-super-49b"), ("RWKV/rwkv-4-169m-pile", "rwkv-4-169m"),
        ("state-spaces/mamba-2.8b-hf", "mamba-2.8b"), ("efficientnet_b0", "efficientnet-b0"), ("resnext50_32x4d", "resnext-50-32x4d"),
        ("ResNet-152", "resnet-152"), ("llama-2-7b-chat-hf", "llama-2-7b"), ("nvidia/Llama-3_1-Nemotron-51B-Instruct", "llama-3.1-nemotron-51b"),
        ("Nemotron-51B", "llama-3.1-nemotron-51b"), ("meta-llama/Llama-3.1-8B-Instruct", "llama-3-8b"), ("Llama-3.3-70B-Instruct", "llama-3-70b"),
        ("Llama 1 7B", "llama-7b"), ("MiniMax", "minimax-text-01"), ("Jamba", "jamba-v0.1"), ("DLRM", "dlrm-mlperf"), ("FBNet", "fbnet-c"),
        ("YOLO", "yolo-v3"), ("Inception", "inception-v3"), ("Stable Diffusion U-Net", "stable-diffusion-v1-5-unet"), ("instant-ngp", "instant-ngp-nerf"),
        ("a neural-graphics MLP", "instant-ngp-nerf"), ("hash-grid encoding", "instant-ngp-nerf"), ("OPT-175B", "opt-175b"),
        ("GPT-3 13B", "gpt3-13b"), ("Qwen/Qwen2-7B-Instruct", "qwen2.5-7b"), ("ViT-B/16", "vit-base-patch16"), ("vit_l_16", "vit-large-patch16"),
        ("LLaVA 1.5", "llava-1.5-7b"), ("MiniMax-M1", "minimax-text-01"),
    ],
)  # fmt: skip
def test_names_in_the_spellings_that_people_use(typed: str, name: str) -> None:
    assert find_model(typed).name == name


@pytest.mark.parametrize(("typed", "members"), [
    ("Llama 1", {"llama-7b", "llama-13b", "llama-33b", "llama-65b"}), ("Gemma 2", {"gemma-2-9b", "gemma-2-27b"}), ("GPT-3", {"gpt3-xl", "gpt3-175b"}),
    ("Qwen 2", {"qwen2-57b-a14b"}), ("CLIP", {"clip-vit-base-patch32"}), ("Mamba-2", {"mamba2-2.7b"}), ("ViT", {"vit-base-patch16"}),
    ("MobileNet V4", {"mobilenet-v4-conv-small", "mobilenet-v4-conv-medium"}), ("Llama 3.3", {"llama-3.3-nemotron-super-49b", "llama-3.3-70b"}),
])  # fmt: skip
def test_the_name_of_a_family_gets_its_members_to_choose_from(typed: str, members: set[str]) -> None:
    """A size is never chosen for anybody."""
    with pytest.raises(NameMiss) as miss:
        find_model(typed)
    assert members <= set(miss.value.near)


def test_images_cannot_be_cut() -> None:
    for cut in (Parallelism(tp=2.0), Parallelism(pp=2.0), Parallelism(ep=2.0)):
        with pytest.raises(ModelError, match=r"--dp"):
            for rule in find_model("resnet-50").cut_rules(cut):
                rule.check()
