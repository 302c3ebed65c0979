"""U-Net: down by halves and up again, with each map of the way down put beside its equal on the way up (Ronneberger et al., arXiv 1505.04597)."""

from __future__ import annotations

from workloads.feature_maps import FeatureMapNetwork, Shape, Sketch


def u_net(name: str, image: float = 512.0, channels: float = 3.0, classes: float = 2.0, width: float = 64.0, depth: int = 4) -> FeatureMapNetwork:
    """U-Net with padded convolutions and batch norms, whose maps keep their size; transposed convolutions on the way up."""
    s = Sketch(Shape(channels, image, image))
    kept: list[tuple[tuple[str, ...], float]] = []

    def double(level: int) -> None:
        s.conv("conv1", width * 2.0**level, 3.0)
        s.conv("conv2", width * 2.0**level, 3.0)

    for level in range(depth + 1):
        with s.block(f"down{level}"):
            if level:
                s.pool("pool")
            double(level)
        kept.append((s.last, s.shape.channels))
    for level in reversed(range(depth)):
        with s.block(f"up{level}"):
            s.transposed("up", width * 2.0**level)
            s.join(*kept[level])
            double(level)
    s.conv("classifier", classes, act=None, bias=True, norm=False)
    return s.network(name)
