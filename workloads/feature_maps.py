"""Networks over feature maps, written down layer by layer: what a family's configuration unrolls to, and what turns it into operators.

A `Sketch` follows the shape of the feature map (channels, height, width) from layer to layer. Norms with fixed statistics are folded into
the convolution before them, as all inference libraries do; their weights are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from magnitudes.arrays import Real, maximum, total
from workloads.graph import Node, Workload, fused
from workloads.model import DivisionRule
from workloads.operator import Attention, Contraction, Convolution, Elementwise, Normalization, Operator
from workloads.passes import Pass
from workloads.sharding import Parallelism, Precision

ACTIVATION_FLOP = {"relu": 1.0, "relu6": 2.0, "leaky": 2.0, "hard_swish": 4.0, "sigmoid": 4.0, "silu": 5.0, "gelu": 10.0}


@dataclass(frozen=True, slots=True)
class Shape:
    """Channels, height and width of a feature map."""

    channels: float
    height: float
    width: float

    @property
    def elements(self) -> float:
        return self.channels * self.height * self.width


@dataclass(frozen=True, slots=True)
class Layer:
    """One operator of a network over feature maps, for a batch that is not yet known.

    Parameters
    ----------
    make : callable
        ``(batch, formats) -> Operator``.
    parameters : float
        Weights of one such layer.
    alive : float
        Elements alive while it runs: its input and output.
    """

    name: str
    make: Callable[[Real, Precision], Operator]
    parameters: float = 0.0
    alive: float = 0.0
    count: float = 1.0
    after: tuple[str, ...] = ()


@dataclass
class Sketch:
    """A network in the making."""

    shape: Shape
    layers: list[Layer] = field(default_factory=list)
    last: tuple[str, ...] = ()
    count: float = 1.0
    prefix: str = ""

    @contextmanager
    def block(self, name: str, count: float = 1.0) -> Iterator[None]:
        """Layers added inside are named after a block, and stand for `count` equal ones."""
        before = self.prefix, self.count
        self.prefix, self.count = f"{self.prefix}{name}_", self.count * count
        yield
        self.prefix, self.count = before

    def beside(self, shape: Shape, work: Callable[[], object], last: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Work on another map (a text, a moment in time), and come back; what made the result."""
        before = self.last, self.shape
        self.last, self.shape = last, shape
        work()
        made = self.last
        self.last, self.shape = before
        return made

    def repeat(self, name: str, count: float, first: Callable[[], object], other: Callable[[], object]) -> None:
        """A stage: its first block, and the others, which are equal."""
        with self.block(f"{name}_first"):
            first()
        if count > 1.0:
            with self.block(name, count - 1.0):
                other()

    def add(self, name: str, make: Callable[[Real, Precision], Operator], shape: Shape, parameters: float = 0.0, *extra: str) -> str:
        """Append a layer whose output has that shape."""
        name = self.prefix + name
        after = tuple(dict.fromkeys((*self.last, *extra)))
        alive = self.shape.elements + shape.elements
        self.layers.append(Layer(name, lambda b, f: replace(make(b, f), name=name), parameters, alive, self.count, after))
        self.last, self.shape = (name,), shape
        return name

    def conv(
        self, name: str, channels: float, kernel: float | tuple[float, float] = 1.0, *, stride: float = 1.0, groups: float = 1.0,
        act: str | None = "relu", bias: bool = False, norm: bool = True, padded: bool = True, adds: tuple[str, ...] = (),
    ) -> str:  # fmt: skip
        """A convolution with its norm and activation; `adds` names the layer whose output is summed before the activation."""
        source, (kernel_h, kernel_w) = self.shape, kernel if isinstance(kernel, tuple) else (kernel, kernel)
        lost_h, lost_w = (0.0, 0.0) if padded else (kernel_h - 1.0, kernel_w - 1.0)
        target = Shape(channels, -(-(source.height - lost_h) // stride), -(-(source.width - lost_w) // stride))

        def make(batch: Real, formats: Precision) -> Operator:
            return Convolution(
                name=name, batch=batch, cin=source.channels, cout=channels, in_h=source.height, in_w=source.width, out_h=target.height,
                out_w=target.width, kernel_h=kernel_h, kernel_w=kernel_w, stride=stride, groups=groups, a=formats.activation, b=formats.weight,
                c=formats.stream,
            )  # fmt: skip

        weights = channels * source.channels / groups * kernel_h * kernel_w
        made = self.add(name, make, target, weights + channels * ((2.0 if norm else 0.0) + (1.0 if bias else 0.0)))
        if adds:
            made = self.pointwise(f"{name}_sum", 1.0, *adds, reads=2.0)
        return self.activate(f"{name}_{act}", act) if act else made

    def transposed(self, name: str, channels: float, factor: float = 2.0) -> str:
        """A transposed convolution whose windows do not overlap: each pixel becomes a square, by one product."""
        source = self.shape

        def make(batch: Real, formats: Precision) -> Operator:
            rows = batch * source.height * source.width
            return Contraction(
                name=name, m=rows, n=channels * factor**2, k=source.channels, a=formats.activation, b=formats.weight, c=formats.stream
            )  # fmt: skip

        target = Shape(channels, source.height * factor, source.width * factor)
        return self.add(name, make, target, channels * (source.channels * factor**2 + 1.0))

    def depthwise(self, name: str, kernel: float, *, stride: float = 1.0, act: str | None = "relu", bias: bool = False, norm: bool = True) -> str:
        """A convolution of each channel by itself."""
        return self.conv(name, self.shape.channels, kernel, stride=stride, groups=self.shape.channels, act=act, bias=bias, norm=norm)

    def activate(self, name: str, act: str) -> str:
        """An activation, in the epilogue of what is before it."""
        return self.pointwise(name, ACTIVATION_FLOP[act])

    def pointwise(self, name: str, flop: float, *extra: str, reads: float = 1.0, fuses: str = "producer") -> str:
        """Arithmetic element by element."""
        shape = self.shape

        def make(batch: Real, formats: Precision) -> Operator:
            stream = formats.stream
            return Elementwise(
                name=name, elements=batch * shape.elements, reads=reads, flop_per_element=flop, element=stream, output=stream, fuses=fuses
            )  # fmt: skip

        return self.add(name, make, shape, 0.0, *extra)

    def pool(self, name: str, kernel: float = 2.0, stride: float | None = None, *, padded: bool = False) -> str:
        """The maximum or mean of each window."""
        source, stride = self.shape, stride or kernel
        lost = 0.0 if padded else kernel - 1.0
        return self._resampled(name, Shape(source.channels, -(-(source.height - lost) // stride), -(-(source.width - lost) // stride)), kernel**2)

    def average(self, name: str = "average_pool", size: float = 1.0) -> str:
        """The mean of the whole map, or of as many parts as make a map of that side."""
        source = self.shape
        return self._resampled(name, Shape(source.channels, size, size), source.height * source.width / size**2)

    def upsample(self, name: str, factor: float = 2.0) -> str:
        """Each pixel several times."""
        source = self.shape
        return self._resampled(name, Shape(source.channels, source.height * factor, source.width * factor), 0.0)

    def _resampled(self, name: str, target: Shape, flop: float) -> str:
        reads = self.shape.elements / target.elements

        def make(batch: Real, formats: Precision) -> Operator:
            stream = formats.stream
            return Elementwise(name=name, elements=batch * target.elements, reads=reads, flop_per_element=flop, element=stream, output=stream)

        return self.add(name, make, target)

    def norm(self, name: str, flavour: str = "layer", *, weights: float = 2.0) -> str:
        """A norm that looks at its input, so that nothing folds it away: over the channels of a pixel, or over groups of channels."""
        shape = self.shape

        def make(batch: Real, formats: Precision) -> Operator:
            return Normalization(name=name, rows=batch * shape.height * shape.width, cols=shape.channels, flavour=flavour, element=formats.stream)

        return self.add(name, make, shape, weights * shape.channels)

    def dense(self, name: str, columns: float, *after: str, bias: bool = True, act: str | None = None, extra: float = 0.0) -> str:
        """A linear layer over the channels of each pixel; over the whole map, once it is flattened."""
        source = self.shape

        def make(batch: Real, formats: Precision) -> Operator:
            rows = batch * source.height * source.width
            return Contraction(name=name, m=rows, n=columns, k=source.channels, a=formats.activation, b=formats.weight, c=formats.stream)

        parameters = source.channels * columns + (columns if bias else 0.0) + extra
        made = self.add(name, make, Shape(columns, source.height, source.width), parameters, *after)
        return self.activate(f"{name}_{act}", act) if act else made

    def halve(self, name: str, flop: float) -> str:
        """One half of the channels gates the other."""
        source = self.shape
        target = Shape(source.channels / 2.0, source.height, source.width)

        def make(batch: Real, formats: Precision) -> Operator:
            stream = formats.stream
            return Elementwise(name=name, elements=batch * target.elements, reads=2.0, flop_per_element=flop, element=stream, output=formats.activation)

        return self.add(name, make, target)

    def flatten(self) -> None:
        """The map as one vector; nothing moves."""
        self.shape = Shape(self.shape.elements, 1.0, 1.0)

    def squeeze(self, name: str, inner: float, act: str = "relu", gate: str = "sigmoid", *, bias: bool = True) -> str:
        """Squeeze and excite: a gate a channel from the mean of the map (Hu et al. 2018)."""
        shape, source = self.shape, self.last
        self.average(f"{name}_pool")
        self.conv(f"{name}_reduce", inner, act=act, bias=bias, norm=False)
        self.conv(f"{name}_expand", shape.channels, act=gate, bias=bias, norm=False)
        gates, self.shape, self.last = self.last, shape, source
        return self.pointwise(f"{name}_scale", 1.0, *gates, reads=1.0 + 1.0 / (shape.height * shape.width), fuses="")

    def attend(self, name: str, heads: float, head_dim: float, kv_heads: float | None = None, *, keys: float | None = None, after: tuple[str, ...] = ()) -> str:
        """Attention among the pixels of a map (or to `keys` others), whose queries (and their own keys and values) the map holds."""
        shape = self.shape
        queries = shape.height * shape.width

        def make(batch: Real, formats: Precision) -> Operator:
            return Attention(
                name=name, batch=batch, heads=heads, kv_heads=kv_heads or heads, q_len=queries, kv_len=queries if keys is None else keys,
                head_dim=head_dim, causal=False, element=formats.stream, state=formats.stream,
            )  # fmt: skip

        return self.add(name, make, Shape(heads * head_dim, shape.height, shape.width), 0.0, *after)

    def branch(self, *ways: Callable[[], object]) -> None:
        """Several ways from one map, whose outputs are put side by side; writing them there costs nothing of its own."""
        source, shape, channels = self.last, self.shape, 0.0
        ends: list[str] = []
        for way in ways:
            self.last, self.shape = source, shape
            way()
            ends += self.last
            channels += self.shape.channels
        self.last, self.shape = tuple(ends), Shape(channels, self.shape.height, self.shape.width)

    def join(self, other: tuple[str, ...], channels: float) -> None:
        """Put the output of an earlier layer beside the last."""
        self.last, self.shape = (*self.last, *other), Shape(self.shape.channels + channels, self.shape.height, self.shape.width)

    def network(self, name: str, *, extra_parameters: float = 0.0, phases: tuple[str, ...] = ("images",)) -> FeatureMapNetwork:
        """The network that was written down."""
        return FeatureMapNetwork(name, tuple(self.layers), extra_parameters, phases)


@dataclass(frozen=True, slots=True)
class FeatureMapNetwork:
    """A network over feature maps.

    Parameters
    ----------
    layers : tuple of Layer
        In an order in which each comes after what it reads.
    extra_parameters : float
        Weights that do no work in a pass.
    phases : tuple of str
    """

    name: str
    layers: tuple[Layer, ...]
    extra_parameters: float = 0.0
    phases: tuple[str, ...] = ("images",)

    @property
    def parameters(self) -> float:
        """Weights in all, norms included."""
        return sum(layer.count * layer.parameters for layer in self.layers) + self.extra_parameters

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        """Whole images only: every degree but `dp` is one."""
        return whole_images(cut)

    def workload(self, run: Pass, cut: Parallelism, formats: Precision) -> Workload:
        """The operators of one batch of images on one chip."""
        batch = maximum(total(g.batch for g in run.groups) / cut.dp, 1.0)
        nodes = [Node(layer.make(batch, formats), layer.count, layer.after) for layer in self.layers]
        return Workload(
            nodes=fused(nodes),
            weight_byte=self.parameters * formats.weight.byte,
            activation_byte=batch * max(layer.alive for layer in self.layers) * formats.stream.byte,
            tokens=total(g.batch for g in run.groups),
        )


def whole_images(cut: Parallelism) -> tuple[DivisionRule, ...]:
    """Rules of a model that is not cut: every degree but `dp` is one."""
    what = "part that an image can be cut into (spread whole images with --dp)"
    return tuple(DivisionRule(what, 1.0, degree, option) for option, degree in (("--tp", cut.tp), ("--pp", cut.pp), ("--ep", cut.ep)))
