"""Networks for phones: blocks of depthwise and pointwise convolutions. MobileNet V1 to V4, EfficientNet, FBNet.

Howard et al., arXiv 1704.04861; Sandler et al., arXiv 1801.04381; Howard et al., arXiv 1905.02244; Qin et al., arXiv 2404.10518 (the
universal inverted bottleneck covers the blocks of them all); Tan and Le, arXiv 1905.11946; Wu et al., arXiv 1812.03443.
"""

from __future__ import annotations

from dataclasses import dataclass

from workloads.feature_maps import FeatureMapNetwork, Shape, Sketch


@dataclass(frozen=True, slots=True)
class Block:
    """A universal inverted bottleneck: each part may be missing (0).

    Parameters
    ----------
    start, middle : float
        Kernels of the depthwise convolutions before and after the expansion.
    stride, expanded, out : float
        Of the block (on its last depthwise convolution), channels between and after; 0 expanded: no expansion.
    squeezed : float
        Channels between squeeze and excite.
    act, gate : str
        Activations, of the block and of the gate.
    full : float
        Kernel of an ordinary convolution in place of depthwise and expansion; with 0 expanded, of the whole block.
    squeeze_act, project_act : str
        Activations between squeeze and excite, and behind the block's last convolution (none, if not said).
    residual : bool
        Whether the input is added where the block changes no shape.
    """

    start: float
    middle: float
    stride: float
    expanded: float
    out: float
    squeezed: float = 0.0
    act: str = "relu"
    gate: str = "sigmoid"
    full: float = 0.0
    squeeze_act: str = "relu"
    project_act: str | None = None
    residual: bool = True


def divisible(channels: float, divisor: float = 8.0, least: float | None = None) -> float:
    """Channels as a multiple, rounded to the nearest, and down by no more than a tenth."""
    rounded = max(least or divisor, float(int(channels + divisor / 2.0) // int(divisor) * int(divisor)))
    return rounded + divisor if rounded < 0.9 * channels else rounded


def mobile(
    name: str, image: float, stem: float, blocks: tuple[Block, ...], *, act: str = "relu", widest: float = 0.0, hidden: float = 0.0, normed: bool = False,
    classes: float = 1000.0,
) -> FeatureMapNetwork:  # fmt: skip
    """A stem, blocks, a pointwise convolution to `widest` channels, the mean, perhaps a `hidden` layer (`normed` or biased), and a classifier."""
    s = Sketch(Shape(3.0, image, image))
    s.conv("stem", stem, 3.0, stride=2.0, act=act)
    place = 0
    while place < len(blocks):
        block = blocks[place]
        count = 1
        if block.stride == 1.0 and s.shape.channels == block.out:  # equal blocks that change no shape are counted
            count = next((n for n, other in enumerate(blocks[place:]) if other != block), len(blocks) - place)
        with s.block(f"block{place}", float(count)):
            add_block(s, block)
        place += count
    if widest:
        s.conv("widest", widest, act=act)
    s.average()
    if hidden:
        s.conv("hidden", hidden, act=act, norm=normed, bias=not normed)
    s.dense("classifier", classes)
    return s.network(name)


def add_block(s: Sketch, block: Block) -> None:
    """Append one block, with a residual sum where it changes no shape."""
    source, steady = s.last, block.stride == 1.0 and s.shape.channels == block.out
    if block.full:
        s.conv("full", block.expanded or block.out, block.full, stride=block.stride, act=block.act)
    if block.start:
        s.depthwise("start", block.start, stride=1.0 if block.middle else block.stride, act=None)
    if block.expanded and not block.full:
        s.conv("expand", block.expanded, act=block.act)
    if block.middle:
        s.depthwise("middle", block.middle, stride=block.stride, act=block.act)
    if block.squeezed:
        s.squeeze("squeeze", block.squeezed, block.squeeze_act, block.gate)
    if not block.full or block.expanded:
        s.conv("project", block.out, act=block.project_act)
    if steady and block.residual:
        s.pointwise("sum", 1.0, *source, reads=2.0)


def mobilenet_v1(name: str, image: float, multiplier: float = 1.0, classes: float = 1000.0) -> FeatureMapNetwork:
    """MobileNet V1: a depthwise and a pointwise convolution, thirteen times."""
    plan = ((64.0, 1.0), (128.0, 2.0), (128.0, 1.0), (256.0, 2.0), (256.0, 1.0), (512.0, 2.0), *(((512.0, 1.0),) * 5), (1024.0, 2.0), (1024.0, 1.0))

    def width(channels: float) -> float:
        return max(8.0, float(int(channels * multiplier)))

    blocks = tuple(Block(0.0, 3.0, stride, 0.0, width(channels), project_act="relu", residual=False) for channels, stride in plan)
    return mobile(name, image, width(32.0), blocks, classes=classes)


def mobilenet_v2(name: str, image: float, multiplier: float = 1.0, expand: float = 6.0, classes: float = 1000.0) -> FeatureMapNetwork:
    """MobileNet V2: inverted residuals."""
    stages = ((24.0, 2, 2.0), (32.0, 3, 2.0), (64.0, 4, 2.0), (96.0, 3, 1.0), (160.0, 3, 2.0), (320.0, 1, 1.0))
    stem, channels = divisible(32.0 * multiplier), divisible(16.0 * multiplier)
    blocks = [Block(0.0, 3.0, 1.0, 0.0, channels, act="relu6")]
    for width, count, stride in stages:
        for place in range(count):
            out = divisible(width * multiplier)
            blocks.append(Block(0.0, 3.0, stride if place == 0 else 1.0, channels * expand, out, act="relu6"))
            channels = out
    return mobile(name, image, stem, tuple(blocks), act="relu6", widest=max(1280.0, divisible(1280.0 * multiplier)), classes=classes)


@dataclass(frozen=True, slots=True)
class Scaling:
    """EfficientNet's compound scaling: factors on widths and depths, and the multiple that widths are rounded to."""

    width: float = 1.0
    depth: float = 1.0
    divisor: float = 8.0

    def channels(self, base: float) -> float:
        """A width."""
        return divisible(base * self.width, self.divisor)

    def repeats(self, base: float) -> int:
        """A depth."""
        return -int(-(base * self.depth) // 1)


def efficientnet(
    name: str, image: float, scaling: Scaling, stages: tuple[tuple[float, float, float, float, float], ...], squeeze: float = 0.25, classes: float = 1000.0
) -> FeatureMapNetwork:
    """EfficientNet: inverted residuals with squeeze and excite.

    Parameters
    ----------
    stages : tuple of (kernel, stride, expansion, channels, repeats)
    squeeze : float
        Channels between squeeze and excite, as a share of the block's input.
    """
    channels = stem = scaling.channels(32.0)
    blocks: list[Block] = []
    for kernel, stride, expansion, width, repeats in stages:
        out = scaling.channels(width)
        for place in range(scaling.repeats(repeats)):
            expanded = channels * expansion if expansion > 1.0 else 0.0
            squeezed = max(1.0, float(int(channels * squeeze)))
            blocks.append(Block(0.0, kernel, stride if place == 0 else 1.0, expanded, out, squeezed, act="silu", squeeze_act="silu"))
            channels = out
    return mobile(name, image, stem, tuple(blocks), act="silu", widest=scaling.channels(1280.0), classes=classes)
