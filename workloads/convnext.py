"""ConvNeXt: wide depthwise convolutions, and a network over the channels of each pixel (Liu et al., arXiv 2201.03545)."""

from __future__ import annotations

from workloads.feature_maps import FeatureMapNetwork, Shape, Sketch


def convnext(
    name: str, widths: tuple[float, ...], depths: tuple[float, ...], image: float = 224.0, patch: float = 4.0, classes: float = 1000.0
) -> FeatureMapNetwork:
    """A ConvNeXt with `depths` blocks of `widths` channels in its stages."""
    s = Sketch(Shape(3.0, image, image))
    s.conv("stem", widths[0], patch, stride=patch, act=None, bias=True, norm=False)
    s.norm("stem_norm")
    for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        if stage:
            s.norm(f"down{stage + 1}_norm")
            s.conv(f"down{stage + 1}", width, 2.0, stride=2.0, act=None, bias=True, norm=False)
        with s.block(f"stage{stage + 1}", depth):
            source = s.last
            s.depthwise("depthwise", 7.0, act=None, bias=True, norm=False)
            s.norm("norm")
            s.dense("expand", 4.0 * width, act="gelu")
            s.dense("project", width, extra=width)  # a learned scale a channel
            s.pointwise("sum", 2.0, *source, reads=2.0)
    s.average()
    s.norm("final_norm")
    s.dense("classifier", classes)
    return s.network(name)
