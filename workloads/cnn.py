"""Convolutional networks for images: the ResNet family."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from magnitudes.arrays import Real, maximum, total
from workloads.chain import Chain
from workloads.feature_maps import whole_images
from workloads.feed_forward import linear
from workloads.graph import Workload, fused
from workloads.model import DivisionRule
from workloads.operator import Convolution, Elementwise
from workloads.passes import Pass
from workloads.sharding import Parallelism, Precision


@dataclass(frozen=True, slots=True)
class Layer:
    """One convolution with its norm (folded into the weights for inference) and activation.

    Parameters
    ----------
    cin, cout, kernel, stride, size : float
        Channels in and out, side of the filter, stride, side of the square output.
    activated : bool
        Whether a ReLU follows.
    adds : bool
        Whether the block's input is added before the ReLU.
    """

    name: str
    cin: float
    cout: float
    kernel: float
    stride: float
    size: float
    count: float = 1.0
    activated: bool = True
    adds: bool = False

    @property
    def parameters(self) -> float:
        """Filter weights, and scale and shift of the norm."""
        return self.count * (self.cin * self.cout * self.kernel**2 + 2.0 * self.cout)


@dataclass(frozen=True, slots=True)
class ResNet:
    """A residual network as He et al. (2016) give it, with the stride on the 3x3 of a bottleneck (v1.5, as all libraries ship it).

    Parameters
    ----------
    blocks : tuple of float
        Blocks of the four stages.
    bottleneck : bool
        1x1, 3x3, 1x1 (four times wider at the end) instead of two 3x3.
    width : float
        Channels of the first stage.
    image, classes : float
        Side of the square input, and outputs.
    """

    name: str
    blocks: tuple[float, ...]
    bottleneck: bool = True
    width: float = 64.0
    image: float = 224.0
    classes: float = 1000.0

    phases = ("images",)

    @property
    def _features(self) -> float:
        return self.width * 2.0 ** (len(self.blocks) - 1) * (4.0 if self.bottleneck else 1.0)

    @property
    def parameters(self) -> float:
        """Weights in all, norms and classifier included."""
        return sum(layer.parameters for layer in self.layers()) + (self._features + 1.0) * self.classes

    def layers(self) -> Iterator[Layer]:
        """All convolutions in order; equal blocks of a stage are counted, not repeated."""
        yield Layer("stem", 3.0, self.width, 7.0, 2.0, self.image / 2.0)
        size, cin = self.image / 4.0, self.width
        for stage, count in enumerate(self.blocks):
            inner = self.width * 2.0**stage
            cout = inner * (4.0 if self.bottleneck else 1.0)
            stride = 1.0 if stage == 0 else 2.0
            size /= stride
            yield from self._block(f"stage{stage + 1}_first", cin, inner, cout, stride, size)
            if count > 1.0:
                yield from (replace(layer, count=count - 1.0) for layer in self._block(f"stage{stage + 1}", cout, inner, cout, 1.0, size))
            cin = cout

    def _block(self, name: str, cin: float, inner: float, cout: float, stride: float, size: float) -> Iterator[Layer]:
        if stride != 1.0 or cin != cout:
            yield Layer(f"{name}_shortcut", cin, cout, 1.0, stride, size, activated=False)
        if self.bottleneck:
            yield Layer(f"{name}_reduce", cin, inner, 1.0, 1.0, size * stride)
            yield Layer(f"{name}_3x3", inner, inner, 3.0, stride, size)
            yield Layer(f"{name}_expand", inner, cout, 1.0, 1.0, size, adds=True)
        else:
            yield Layer(f"{name}_3x3a", cin, inner, 3.0, stride, size)
            yield Layer(f"{name}_3x3b", inner, cout, 3.0, 1.0, size, adds=True)

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        """Whole images only: every degree but `dp` is one."""
        return whole_images(cut)

    def workload(self, run: Pass, cut: Parallelism, formats: Precision) -> Workload:
        """The operators of one batch of images on one chip."""
        batch = maximum(total(g.batch for g in run.groups) / cut.dp, 1.0)
        chain = Chain()
        for layer in self.layers():
            self._add_layer(chain, layer, batch, formats)
        chain.count = 1.0
        last = self.image / 32.0
        pool = batch * self._features
        chain.add(Elementwise(name="average_pool", elements=pool, reads=last**2, flop_per_element=last**2, element=formats.stream, output=formats.stream))
        chain.add(linear("classifier", batch, self.classes, self._features, formats))
        peak = batch * 3.0 * (self.image / 2.0) ** 2 * self.width * formats.stream.byte
        return Workload(
            nodes=fused(chain.nodes),
            weight_byte=self.parameters * formats.weight.byte,
            activation_byte=peak,
            tokens=total(g.batch for g in run.groups),
        )

    def _add_layer(self, chain: Chain, layer: Layer, batch: Real, formats: Precision) -> None:
        """Append a convolution and what is fused behind it."""
        chain.count = layer.count
        side = layer.size * layer.stride
        stream = formats.stream
        convolution = Convolution(
            name=layer.name, batch=batch, cin=layer.cin, cout=layer.cout, in_h=side, in_w=side, out_h=layer.size, out_w=layer.size,
            kernel_h=layer.kernel, kernel_w=layer.kernel, stride=layer.stride, a=formats.activation, b=formats.weight, c=stream,
        )  # fmt: skip
        chain.add(convolution)
        elements = batch * layer.cout * layer.size**2
        if layer.adds:
            chain.add(Elementwise(name=f"{layer.name}_residual", elements=elements, reads=2.0, element=stream, output=stream, fuses="producer"))
        if layer.activated:
            chain.add(Elementwise(name=f"{layer.name}_relu", elements=elements, element=stream, output=stream, fuses="producer"))
        if layer.name == "stem":
            pooled = elements / 4.0
            chain.add(Elementwise(name="max_pool", elements=pooled, reads=4.0, flop_per_element=9.0, element=stream, output=stream))
