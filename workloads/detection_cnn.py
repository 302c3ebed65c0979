"""YOLOv3: Darknet-53, and three scales of detections with what is known at coarser ones (Redmon and Farhadi, arXiv 1804.02767)."""

from __future__ import annotations

from functools import partial

from workloads.feature_maps import FeatureMapNetwork, Shape, Sketch


def yolo_v3(name: str, image: float = 416.0, classes: float = 80.0, anchors: float = 3.0) -> FeatureMapNetwork:
    """YOLOv3 for so many classes; the side of the image is a multiple of 32."""
    s = Sketch(Shape(3.0, image, image))
    conv = partial(s.conv, act="leaky")
    conv("stem", 32.0, 3.0)
    kept: list[tuple[tuple[str, ...], float]] = []
    for stage, (channels, depth) in enumerate(((64.0, 1.0), (128.0, 2.0), (256.0, 8.0), (512.0, 8.0), (1024.0, 4.0))):
        conv(f"stage{stage}_down", channels, 3.0, stride=2.0)
        with s.block(f"stage{stage}", depth):
            source = s.last
            conv("reduce", channels / 2.0)
            conv("expand", channels, 3.0)
            s.pointwise("sum", 1.0, *source, reads=2.0)
        kept.append((s.last, channels))
    for scale, channels in enumerate((512.0, 256.0, 128.0)):
        with s.block(f"scale{scale}"):
            if scale:
                conv("narrow", channels)
                s.upsample("upsample")
                s.join(*kept[-1 - scale])
            for place in range(2):
                conv(f"reduce{place}", channels)
                conv(f"expand{place}", 2.0 * channels, 3.0)
            conv("reduce2", channels)
            source, shape = s.last, s.shape
            conv("expand2", 2.0 * channels, 3.0)
            s.conv("detect", anchors * (5.0 + classes), act=None, bias=True, norm=False)
            s.last, s.shape = source, shape
    return s.network(name)
