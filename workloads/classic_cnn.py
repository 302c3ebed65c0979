"""Convolutional classifiers of the first years, as torchvision ships them: AlexNet, VGG, Inception v3, ResNeXt.

Krizhevsky, arXiv 1404.5997 (the one-tower AlexNet); Simonyan and Zisserman, arXiv 1409.1556; Szegedy et al., arXiv 1512.00567;
Xie et al., arXiv 1611.05431.
"""

from __future__ import annotations

from functools import partial

from workloads.feature_maps import FeatureMapNetwork, Shape, Sketch

Kernel = float | tuple[float, float]


def _classifier(s: Sketch, classes: float, *hidden: float) -> None:
    s.flatten()
    for place, columns in enumerate(hidden):
        s.dense(f"fc{place + 1}", columns, act="relu")
    s.dense("classifier", classes)


def alexnet(name: str, image: float = 224.0, classes: float = 1000.0) -> FeatureMapNetwork:
    """AlexNet with one tower."""
    s = Sketch(Shape(3.0, image + 4.0, image + 4.0))  # padded by two
    for place, (channels, kernel, stride) in enumerate(((64.0, 11.0, 4.0), (192.0, 5.0, 1.0), (384.0, 3.0, 1.0), (256.0, 3.0, 1.0), (256.0, 3.0, 1.0)), 1):
        s.conv(f"conv{place}", channels, kernel, stride=stride, bias=True, norm=False, padded=place > 1)
        if place in (1, 2, 5):
            s.pool(f"pool{place}", 3.0, 2.0)
    s.average(size=6.0)
    _classifier(s, classes, 4096.0, 4096.0)
    return s.network(name)


def vgg(name: str, stages: tuple[float, ...], image: float = 224.0, classes: float = 1000.0) -> FeatureMapNetwork:
    """VGG: `stages` says how many 3x3 convolutions each stage has, before the map is halved."""
    s = Sketch(Shape(3.0, image, image))
    for stage, count in enumerate(stages):
        channels = min(64.0 * 2.0**stage, 512.0)
        conv = partial(s.conv, "conv", channels, 3.0, bias=True, norm=False)
        s.repeat(f"stage{stage + 1}", count, conv, conv)
        s.pool(f"stage{stage + 1}_pool")
    s.average(size=7.0)
    _classifier(s, classes, 4096.0, 4096.0)
    return s.network(name)


def resnext(name: str, blocks: tuple[float, ...], groups: float, group_width: float, image: float = 224.0, classes: float = 1000.0) -> FeatureMapNetwork:
    """ResNet's bottlenecks with a grouped 3x3 convolution."""
    s = Sketch(Shape(3.0, image, image))
    s.conv("stem", 64.0, 7.0, stride=2.0)
    s.pool("max_pool", 3.0, 2.0, padded=True)
    for stage, count in enumerate(blocks):
        inner, out = groups * group_width * 2.0**stage, 256.0 * 2.0**stage

        def bottleneck(stride: float, inner: float = inner, out: float = out) -> None:
            source, shape = s.last, s.shape
            if shape.channels != out:
                s.conv("shortcut", out, stride=stride, act=None)
            shortcut, s.last, s.shape = s.last, source, shape
            s.conv("reduce", inner)
            s.conv("grouped", inner, 3.0, stride=stride, groups=groups)
            s.conv("expand", out, adds=shortcut)

        s.repeat(f"stage{stage + 1}", count, partial(bottleneck, 1.0 if stage == 0 else 2.0), partial(bottleneck, 1.0))
    s.average()
    s.dense("classifier", classes)
    return s.network(name)


def inception_v3(name: str, image: float = 299.0, classes: float = 1000.0) -> FeatureMapNetwork:
    """Inception v3 without its auxiliary classifier, which inference does not run."""
    s = Sketch(Shape(3.0, image, image))
    s.conv("stem1", 32.0, 3.0, stride=2.0, padded=False)
    s.conv("stem2", 32.0, 3.0, padded=False)
    s.conv("stem3", 64.0, 3.0)
    s.pool("stem_pool1", 3.0, 2.0)
    s.conv("stem4", 80.0)
    s.conv("stem5", 192.0, 3.0, padded=False)
    s.pool("stem_pool2", 3.0, 2.0)
    for place, pooled in enumerate((32.0, 64.0, 64.0)):
        with s.block(f"a{place}"):
            _block_a(s, pooled)
    with s.block("b"):
        s.branch(partial(_tower, s, "x", [(384.0, 3.0)], stride=2.0), partial(_tower, s, "y", [(64.0, 1.0), (96.0, 3.0), (96.0, 3.0)], stride=2.0),
                 partial(s.pool, "pool", 3.0, 2.0))  # fmt: skip
    for place, inner in enumerate((128.0, 160.0, 160.0, 192.0)):
        with s.block(f"c{place}"):
            _block_c(s, inner)
    with s.block("d"):
        long: list[tuple[float, Kernel]] = [(192.0, 1.0), (192.0, (1.0, 7.0)), (192.0, (7.0, 1.0)), (192.0, 3.0)]
        s.branch(
            partial(_tower, s, "x", [(192.0, 1.0), (320.0, 3.0)], stride=2.0), partial(_tower, s, "y", long, stride=2.0), partial(s.pool, "pool", 3.0, 2.0)
        )
    for place in range(2):
        with s.block(f"e{place}"):
            _block_e(s)
    s.average()
    s.dense("classifier", classes)
    return s.network(name)


def _tower(s: Sketch, name: str, convolutions: list[tuple[float, Kernel]], stride: float = 1.0) -> None:
    """Convolutions one after another; the last one with the stride, and then without padding."""
    for place, (channels, kernel) in enumerate(convolutions):
        last = stride if place == len(convolutions) - 1 else 1.0
        s.conv(f"{name}{place}", channels, kernel, stride=last, padded=last == 1.0)


def _pooled(s: Sketch, channels: float) -> None:
    s.pool("pool", 3.0, 1.0, padded=True)
    s.conv("pool_conv", channels)


def _block_a(s: Sketch, pooled: float) -> None:
    s.branch(
        partial(_tower, s, "w", [(64.0, 1.0)]), partial(_tower, s, "x", [(48.0, 1.0), (64.0, 5.0)]),
        partial(_tower, s, "y", [(64.0, 1.0), (96.0, 3.0), (96.0, 3.0)]), partial(_pooled, s, pooled),
    )  # fmt: skip


def _block_c(s: Sketch, inner: float) -> None:
    row, column = (1.0, 7.0), (7.0, 1.0)
    s.branch(
        partial(_tower, s, "w", [(192.0, 1.0)]), partial(_tower, s, "x", [(inner, 1.0), (inner, row), (192.0, column)]),
        partial(_tower, s, "y", [(inner, 1.0), (inner, column), (inner, row), (inner, column), (192.0, row)]), partial(_pooled, s, 192.0),
    )  # fmt: skip


def _block_e(s: Sketch) -> None:
    def split(name: str, before: list[tuple[float, Kernel]]) -> None:
        _tower(s, name, before)
        s.branch(partial(s.conv, f"{name}_row", 384.0, (1.0, 3.0)), partial(s.conv, f"{name}_column", 384.0, (3.0, 1.0)))

    s.branch(
        partial(_tower, s, "w", [(320.0, 1.0)]), partial(split, "x", [(384.0, 1.0)]), partial(split, "y", [(448.0, 1.0), (384.0, 3.0)]),
        partial(_pooled, s, 192.0),
    )  # fmt: skip
