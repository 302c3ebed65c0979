"""Networks over feature maps: shapes from layer to layer, depthwise and grouped convolution, gates, branches, and every mistake named."""

from __future__ import annotations

import json
from typing import Any

import pytest

import roofscape as rs
from magnitudes.arrays import as_float
from workloads.catalog import find_model
from workloads.feature_maps import FeatureMapNetwork, Shape, Sketch
from workloads.graph import Workload
from workloads.importers.huggingface import model_of
from workloads.model import ModelError
from workloads.operator import Contraction, Convolution, Elementwise, Residency
from workloads.scenario import Images
from workloads.sharding import Parallelism, Precision
from workloads.shipped import SHIPPED

NETWORKS = [
    "alexnet", "vgg-11", "inception-v3", "resnext-50-32x4d", "mobilenet-v1", "mobilenet-v2", "mobilenet-v3-small", "mobilenet-v4-conv-small", "fbnet-c",
    "efficientnet-b0", "convnext-tiny", "yolo-v3", "u-net",
]  # fmt: skip


def load_of(name: str, batch: float = 1.0) -> Workload:
    return find_model(name).workload(Images(batch=batch).passes()[0], Parallelism(), Precision())


def convolutions(name: str) -> dict[str, Convolution]:
    return {n.operator.name: n.operator for n in load_of(name).nodes if isinstance(n.operator, Convolution)}


def config(name: str, **changes: Any) -> Any:
    return model_of(json.loads((SHIPPED / f"{name}.json").read_text()) | changes, "mine", "config.json")


@pytest.mark.parametrize("name", NETWORKS)
def test_every_convolution_reads_what_the_one_before_wrote(name: str) -> None:
    """Each operand of a convolution is as large as the map that its sources wrote (joins add up), so that no layer is out of step."""
    model = find_model(name)
    assert isinstance(model, FeatureMapNetwork)
    written = {layer.name: layer.make(1.0, Precision()) for layer in model.layers}
    for layer in model.layers:
        operator = written[layer.name]
        if not isinstance(operator, Convolution) or layer.name in ("stem", "conv1") or not layer.after:
            continue
        read = as_float(operator.operands[0].byte)
        produced = sum(as_float(written[source].byte_of(Residency.OUTPUT)) for source in layer.after)
        assert read == produced, layer.name


def test_a_batch_of_images_reads_the_weights_once() -> None:
    for name in NETWORKS:
        one, many = load_of(name), load_of(name, 32.0)
        assert many.byte_of(Residency.WEIGHT) == one.byte_of(Residency.WEIGHT)
        assert as_float(many.flop) == pytest.approx(32 * as_float(one.flop))


def test_depthwise_convolutions_have_a_filter_a_channel() -> None:
    """MobileNet V2's widest: 960 channels of 7 x 7, nine multiply-adds an output and nine weights a channel."""
    widest = convolutions("mobilenet-v2")["block14_middle"]
    assert (widest.cin, widest.cout, widest.groups, widest.out_h) == (960, 960, 960, 7)
    assert widest.matrix_flop == 2 * 960 * 49 * 9
    assert widest.operands[1].byte == 960 * 9 * 2


def test_grouped_convolutions() -> None:
    """ResNeXt-50 32x4d: 32 groups of four channels in the first stage, so a 32nd of a full convolution's weights."""
    grouped = convolutions("resnext-50-32x4d")["stage1_grouped"]
    assert (grouped.cin, grouped.cout, grouped.groups) == (128, 128, 32)
    assert grouped.operands[1].byte == 128 * 4 * 9 * 2


def test_a_gate_reads_the_mean_and_scales_the_map() -> None:
    s = Sketch(Shape(32.0, 8.0, 8.0))
    s.conv("conv", 64.0, 3.0)
    s.squeeze("squeeze", 16.0)
    made = s.network("mine")
    assert made.parameters == 64 * 32 * 9 + 2 * 64 + (64 * 16 + 16) + (16 * 64 + 64)
    load = made.workload(Images(batch=2.0).passes()[0], Parallelism(), Precision())
    scale = next(n for n in load.nodes if n.operator.name == "squeeze_scale")
    assert set(scale.after) == {"conv", "squeeze_expand"}
    assert isinstance(scale.operator, Elementwise)
    assert scale.operator.operands[0].byte == 2 * (64 * 64 + 64) * 2


def test_branches_stand_side_by_side() -> None:
    """Inception's maps: 288 channels of 35, 768 of 17, 2048 of 8."""
    named = convolutions("inception-v3")
    assert (named["c0_w0"].cin, named["c0_w0"].out_h) == (768, 17)
    assert (named["e1_w0"].cin, named["e1_w0"].out_h) == (2048, 8)
    classifier = load_of("inception-v3").nodes[-1].operator
    assert isinstance(classifier, Contraction) and (classifier.k, classifier.n) == (2048, 1000)


def test_u_net_meets_its_own_maps_on_the_way_up() -> None:
    named = convolutions("u-net")
    assert [named[f"up{level}_conv1"].cin for level in range(4)] == [128, 256, 512, 1024]
    assert [named[f"up{level}_conv1"].out_h for level in range(4)] == [512, 256, 128, 64]


def test_yolo_detects_at_three_scales() -> None:
    named = convolutions("yolo-v3")
    assert [(named[f"scale{i}_detect"].out_h, named[f"scale{i}_detect"].cout) for i in range(3)] == [(13, 255), (26, 255), (52, 255)]


def test_scaling_grows_efficientnet_as_published() -> None:
    b0, b7 = convolutions("efficientnet-b0"), convolutions("efficientnet-b7")
    assert (b0["stem"].cout, b7["stem"].cout, b7["stem"].in_h) == (32, 64, 600)
    assert (b0["widest"].cout, b7["widest"].cout) == (1280, 2560)


def test_depthwise_convolutions_are_not_tiled_by_channel() -> None:
    """A depthwise layer is bound by what it moves or by vector arithmetic, not by tiles of one channel each."""
    for machine in ("h100-sxm", "v100-sxm2", "p100-pcie"):
        e = rs.estimate("convnext-tiny", machine, Images(batch=64.0), correction=False)
        deep = next(c for c in e.costs if c.operator.name == "stage1_depthwise")
        floor = rs.estimate("convnext-tiny", machine, Images(batch=64.0), fidelity="roofline")
        roof = next(c for c in floor.costs if c.operator.name == "stage1_depthwise")
        assert as_float(roof.time_s) <= as_float(deep.time_s) <= 12 * as_float(roof.time_s)


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        ("vgg-16", {"stage_depths": [2, 0, 3]}, "should be positive"), ("vgg-16", {"stage_depths": "22333"}, "list of whole numbers"),
        ("efficientnet-b0", {"strides": [1, 2]}, "one number a stage each"), ("convnext-tiny", {"depths": [3, 3]}, "one number a stage each"),
        ("yolo-v3", {"image_size": 400}, "multiple of 32"), ("u-net", {"image_size": 500}, "multiple of 16"),
        ("fbnet-c", {"blocks": [{"out": 16, "kernel": 3}]}, "kernel is no field of a block; known: start, middle"),
        ("fbnet-c", {"blocks": []}, "list of objects"), ("fbnet-c", {"blocks": [{"middle": 3}]}, "out is missing"),
        ("fbnet-c", {"hidden_act": "mish"}, "hidden_act is 'mish'; known: relu"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(name: str, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        config(name, **changes)
