"""Networks over feature maps. Where Hugging Face has no configuration for one, ours has: its fields are those read here.

``alexnet``, ``inception_v3``, ``yolo_v3``, ``unet``: `image_size` and `num_classes` (or `num_labels`), all with defaults; ``vgg``:
`stage_depths`; ``resnext``: `depths`, `groups`, `width_per_group`; ``mobile_blocks``: `stem_size`, `blocks` (objects with the fields of
`workloads.mobile_cnn.Block`, and `repeats`), `widest_size`, `hidden_size`, `hidden_norm`, `hidden_act`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any

from workloads.classic_cnn import alexnet, inception_v3, resnext, vgg
from workloads.convnext import convnext
from workloads.detection_cnn import yolo_v3
from workloads.feature_maps import ACTIVATION_FLOP, FeatureMapNetwork
from workloads.importers.config import Config
from workloads.mobile_cnn import Block, Scaling, efficientnet, mobile, mobilenet_v1, mobilenet_v2
from workloads.model import Model, ModelError
from workloads.segmentation_cnn import u_net


def _image(c: Config, default: float = 224.0) -> float:
    return c.whole_or(default, "image_size")


def _classes(c: Config, default: float = 1000.0) -> float:
    return c.whole_or(default, "num_classes", "num_labels")


def _positive(c: Config, key: str) -> tuple[float, ...]:
    """A list of counts from 1."""
    counts = c.wholes(key)
    if min(counts) < 1.0:
        raise ModelError(f"{c.where}: {key} is {c.fields[key]!r}; its numbers should be positive")
    return counts


def _alexnet(c: Config, name: str) -> FeatureMapNetwork:
    return alexnet(name, _image(c), _classes(c))


def _vgg(c: Config, name: str) -> FeatureMapNetwork:
    return vgg(name, _positive(c, "stage_depths"), _image(c), _classes(c))


def _inception_v3(c: Config, name: str) -> FeatureMapNetwork:
    return inception_v3(name, _image(c, 299.0), _classes(c))


def _resnext(c: Config, name: str) -> FeatureMapNetwork:
    return resnext(name, _positive(c, "depths"), c.whole("groups"), c.whole("width_per_group"), _image(c), _classes(c))


def _mobilenet_v1(c: Config, name: str) -> FeatureMapNetwork:
    return mobilenet_v1(name, _image(c), c.number_or(1.0, "depth_multiplier"), _classes(c))


def _mobilenet_v2(c: Config, name: str) -> FeatureMapNetwork:
    return mobilenet_v2(name, _image(c), c.number_or(1.0, "depth_multiplier"), c.number_or(6.0, "expand_ratio"), _classes(c))


def _efficientnet(c: Config, name: str) -> FeatureMapNetwork:
    lists = [_positive(c, key) for key in ("kernel_sizes", "strides", "expand_ratios", "out_channels", "num_block_repeats")]
    if len({len(numbers) for numbers in lists}) > 1:
        raise ModelError(f"{c.where}: kernel_sizes, strides, expand_ratios, out_channels and num_block_repeats should have one number a stage each")
    scaling = Scaling(c.number_or(1.0, "width_coefficient"), c.number_or(1.0, "depth_coefficient"), c.whole_or(8.0, "depth_divisor"))
    stages = tuple((k, s, e, o, r) for k, s, e, o, r in zip(*lists, strict=True))
    return efficientnet(name, _image(c), scaling, stages, c.number_or(0.25, "squeeze_expansion_ratio"), _classes(c))


def _convnext(c: Config, name: str) -> FeatureMapNetwork:
    widths, depths = _positive(c, "hidden_sizes"), _positive(c, "depths")
    if len(widths) != len(depths):
        raise ModelError(f"{c.where}: hidden_sizes and depths should have one number a stage each")
    return convnext(name, widths, depths, _image(c), c.whole_or(4.0, "patch_size"), _classes(c))


def _yolo_v3(c: Config, name: str) -> FeatureMapNetwork:
    image = _image(c, 416.0)
    if image % 32.0:
        raise ModelError(f"{c.where}: image_size is {image:g}; it should be a multiple of 32, the coarsest stride")
    return yolo_v3(name, image, _classes(c, 80.0))


def _unet(c: Config, name: str) -> FeatureMapNetwork:
    image, depth = _image(c, 512.0), int(c.whole_or(4.0, "depth"))
    if image % 2.0**depth:
        raise ModelError(f"{c.where}: image_size is {image:g}; it should be a multiple of {2**depth}, so that maps of equal size meet")
    return u_net(name, image, c.whole_or(3.0, "num_channels"), _classes(c, 2.0), c.whole_or(64.0, "base_channels"), depth)


def _mobile_blocks(c: Config, name: str) -> FeatureMapNetwork:
    rows = c.fields.get("blocks")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise ModelError(f"{c.where}: blocks should be a list of objects, such as {{'middle': 3, 'stride': 2, 'expanded': 96, 'out': 24}}")
    blocks = tuple(block for place, row in enumerate(rows) for block in _blocks(Config(f"{c.where}: blocks[{place}]", row)))
    return mobile(
        name, _image(c), c.whole("stem_size"), blocks, act=_activation(c, "hidden_act"), widest=c.whole_or(0.0, "widest_size"),
        hidden=c.whole_or(0.0, "hidden_size"), normed=c.flag("hidden_norm"), classes=_classes(c),
    )  # fmt: skip


def _activation(c: Config, key: str) -> str:
    act = c.fields.get(key) or "relu"
    if act not in ACTIVATION_FLOP:
        raise ModelError(f"{c.where}: {key} is {act!r}; known: {', '.join(ACTIVATION_FLOP)}")
    return str(act)


def _blocks(c: Config) -> list[Block]:
    """So many equal blocks."""
    known = {f.name: f.default for f in fields(Block)}
    unknown = set(c.fields) - set(known) - {"repeats"}
    if unknown:
        raise ModelError(f"{c.where}: {', '.join(sorted(unknown))} is no field of a block; known: {', '.join([*known, 'repeats'])}")
    values: dict[str, Any] = {}
    for key, default in known.items():
        if key in ("act", "gate", "squeeze_act", "project_act"):
            if c.fields.get(key) is not None:
                values[key] = _activation(c, key)
        elif key == "residual":
            values[key] = c.flag(key, True)
        else:
            needed = key == "out"
            values[key] = c.whole(key) if needed else c.whole_or(1.0 if key == "stride" else 0.0 if default is MISSING else float(default), key)
    return [Block(**values)] * int(c.whole_or(1.0, "repeats"))


READERS: dict[str, Callable[[Config, str], Model]] = {
    "alexnet": _alexnet, "vgg": _vgg, "inception_v3": _inception_v3, "resnext": _resnext, "mobilenet_v1": _mobilenet_v1, "mobilenet_v2": _mobilenet_v2,
    "efficientnet": _efficientnet, "convnext": _convnext, "mobile_blocks": _mobile_blocks, "yolo_v3": _yolo_v3, "unet": _unet,
}  # fmt: skip
