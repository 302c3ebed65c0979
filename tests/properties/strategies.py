"""What the property tests draw: shipped GPUs, operators of every kind, models, and what surrounds a kernel."""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from hardware_specs.catalog import chip_names, find_system
from hardware_specs.schema import KernelEngine, System
from magnitudes.datatypes import DATA_TYPES, AnyDataType, data_type_choice
from simulator.calibration import table
from simulator.reuse import Reuse
from workloads.operator import (
    Attention,
    Collective,
    Contraction,
    Convolution,
    Elementwise,
    Gather,
    GroupedContraction,
    Normalization,
    Operator,
    Residency,
    Routing,
    Scan,
    Softmax,
    Transfer,
)  # fmt: skip

WIDE = ("fp32", "tf32", "bf16", "fp16")
NARROW = ("fp8", "fp8_block", "mxfp8", "int8", "mxfp4", "nvfp4", "int4")


@cache
def gpus() -> tuple[str, ...]:
    """Every shipped chip that runs kernel by kernel and has no second engine, whose numbers a kernel does not depend on."""
    return tuple(n for n in chip_names() if isinstance(find_system(n).chip.engine, KernelEngine) and len(find_system(n).chip.engines) == 1)


def machines(chips: int = 1) -> SearchStrategy[System]:
    """Shipped GPUs, so many of them where a fabric joins them."""
    joined = [name for name in gpus() if chips == 1 or find_system(name).fabric]
    return st.sampled_from([f"{chips}x{name}" if chips > 1 else name for name in joined]).map(find_system)


def sizes(low: float, high: float) -> SearchStrategy[float]:
    """Whole numbers, small and large equally often."""
    powers = st.floats(0.0, 1.0).map(lambda x: float(round(low * (high / low) ** x)))
    return st.one_of(powers, st.sampled_from([float(2**i) for i in range(31) if low <= 2**i <= high]))


def formats(*names: str) -> SearchStrategy[AnyDataType]:
    """One data type."""
    return st.sampled_from(names or (*WIDE, *NARROW)).map(DATA_TYPES.__getitem__)


def format_columns(rows: int, *names: str) -> SearchStrategy[AnyDataType]:
    """A column of data types."""
    index = st.lists(st.integers(0, 2).map(float), min_size=rows, max_size=rows)
    options = st.lists(st.sampled_from(names or (*WIDE, *NARROW)), min_size=3, max_size=3, unique=True)
    return st.builds(data_type_choice, options, index)


def surroundings() -> SearchStrategy[Reuse]:
    """What surrounds a kernel: caches that hold all of its operands, or nothing."""
    byte = st.one_of(st.just(0.0), sizes(1e4, 1e12))
    return st.builds(Reuse, weight_byte=byte, state_byte=byte, activation_byte=byte, busy_s=st.sampled_from([0.0, 1e-3, 1.0]))


def followers() -> SearchStrategy[tuple[Elementwise, ...]]:
    """What may be fused behind a product."""
    wide = formats(*WIDE)
    follower = st.builds(
        Elementwise, name=st.just("follower"), elements=sizes(1, 1e7), reads=st.sampled_from([1.0, 2.0]), flop_per_element=st.sampled_from([1.0, 10.0]),
        element=wide, output=wide,
    )  # fmt: skip
    return st.one_of(st.just(()), st.tuples(follower))


def contractions(residency: Residency) -> SearchStrategy[Operator]:
    """Products with weights, or of two activations."""
    batch = st.just(1.0) if residency is Residency.WEIGHT else sizes(1, 1024)
    limit = 65536 if residency is Residency.WEIGHT else 4096
    return st.builds(
        Contraction, name=st.just("product"), m=sizes(1, limit), n=sizes(1, limit), k=sizes(1, limit), batch=batch, a=formats(), b=formats(), c=formats(*WIDE),
        b_residency=st.just(residency), epilogue=followers(),
    )  # fmt: skip


@st.composite
def groupings(draw: Any) -> Operator:
    """Grouped products of experts."""
    groups = draw(sizes(1, 256))
    rows = draw(sizes(1, 65536))
    active = float(min(groups, rows, draw(sizes(1, 256))))
    return GroupedContraction(
        name="experts", rows=rows, groups=groups, active=active, n=draw(sizes(64, 16384)), k=draw(sizes(64, 16384)), a=draw(formats("bf16", "fp16", *NARROW)),
        b=draw(formats("bf16", "fp16", *NARROW)), c=draw(formats("bf16", "fp16")),
    )  # fmt: skip


@st.composite
def attentions(draw: Any, *, decoding: bool) -> Operator:
    """Fused attention of one query a sequence, or of many; with windows, and heads that share keys."""
    q_len = 1.0 if decoding else draw(sizes(1, 16384))
    kv_heads = draw(st.sampled_from([1.0, 2.0, 8.0, 32.0]))
    return Attention(
        name="attention", batch=draw(sizes(1, 256)), kv_heads=kv_heads, heads=kv_heads * draw(st.sampled_from([1.0, 2.0, 4.0, 8.0, 16.0])), q_len=q_len,
        kv_len=q_len + draw(st.one_of(st.just(0.0), sizes(1, 131072))), head_dim=draw(st.sampled_from([64.0, 80.0, 128.0, 192.0, 256.0])),
        causal=decoding or draw(st.booleans()), window=draw(st.one_of(st.none(), sizes(16, 32768))), decoding=decoding,
        element=draw(formats("bf16", "fp16", "fp8")), state=draw(formats("bf16", "fp16", "fp8", "int8")),
    )  # fmt: skip


@st.composite
def convolutions(draw: Any) -> Operator:
    """Square convolutions, grouped and strided, of all filter sizes."""
    kernel, stride, side = draw(st.sampled_from([1.0, 3.0, 5.0, 7.0])), draw(st.sampled_from([1.0, 1.0, 2.0])), draw(sizes(7, 224))
    groups = draw(st.sampled_from([1.0, 1.0, 2.0, 32.0]))
    out = float(-(-side // stride))
    return Convolution(
        name="convolution", batch=draw(sizes(1, 256)), cin=groups * draw(sizes(1, 512)), cout=groups * draw(sizes(1, 512)), in_h=side, in_w=side, out_h=out,
        out_w=out, kernel_h=kernel, kernel_w=kernel, stride=stride, groups=groups, a=draw(formats(*WIDE, "int8", "fp8")), b=draw(formats(*WIDE)),
        c=draw(formats(*WIDE)), epilogue=draw(followers()),
    )  # fmt: skip


def elementwises() -> SearchStrategy[Operator]:
    """Maps, and those that also write a cache."""
    return st.builds(
        Elementwise, name=st.just("map"), elements=sizes(1, 1e9), state_elements=st.one_of(st.just(0.0), sizes(1, 1e7)), reads=st.sampled_from([1.0, 2.0, 3.0]),
        flop_per_element=st.sampled_from([0.0, 1.0, 10.0, 100.0]), element=formats(*WIDE), output=formats(), state=formats(),
    )  # fmt: skip


@st.composite
def normalizations(draw: Any) -> Operator:
    """Norms of all kinds, with and without a sum in front."""
    rows, cols, element = draw(sizes(1, 65536)), draw(sizes(1, 65536)), draw(formats(*WIDE))
    residual = Elementwise(name="sum", elements=rows * cols, reads=2.0, element=element, output=element)
    return Normalization(
        name="norm", rows=rows, cols=cols, flavour=draw(st.sampled_from(["rms", "layer", "batch"])), element=element,
        prologue=draw(st.sampled_from([(), (residual,)])),
    )  # fmt: skip


def _named(kind: type[Operator], **arguments: SearchStrategy[Any]) -> SearchStrategy[Operator]:
    return st.builds(kind, name=st.just(kind.kind), **arguments)


OPERATORS: dict[str, SearchStrategy[Operator]] = {
    "linear": contractions(Residency.WEIGHT),
    "product of activations": contractions(Residency.ACTIVATION),
    "experts": groupings(),
    "decoding attention": attentions(decoding=True),
    "prefill attention": attentions(decoding=False),
    "convolution": convolutions(),
    "elementwise": elementwises(),
    "normalization": normalizations(),
    "softmax": _named(Softmax, rows=sizes(1, 65536), cols=sizes(1, 65536), element=formats(*WIDE)),
    "gather": _named(Gather, rows=sizes(1, 1e6), width=sizes(1, 16384), table=formats(), output=formats(*WIDE)),
    "scan": _named(Scan, batch=sizes(1, 256), length=sizes(1, 16384), channels=sizes(1, 16384), state_dim=sizes(1, 256), element=formats(*WIDE)),
    "routing": _named(Routing, tokens=sizes(1, 65536), experts=sizes(2, 256), topk=sizes(1, 8), width=sizes(64, 16384), element=formats(*WIDE)),
    "transfer": _named(Transfer, moved_byte=sizes(1, 1e11), source=st.just("hbm"), target=st.just("l2")),
}
PATTERNS = ("all_reduce", "all_gather", "reduce_scatter", "all_to_all", "send")
COLLECTIVES = _named(Collective, pattern=st.sampled_from(PATTERNS), message_byte=sizes(1, 1e10), ranks=sizes(1, 64))


def libraries(kind: str) -> tuple[str, ...]:
    """Every implementation by name of the kinds of operators that have several, and the usual one."""
    tables = {"decoding attention": ("attention", "decode"), "prefill attention": ("attention", "prefill"), "experts": ("experts", "libraries")}
    if kind not in tables:
        return ("",)
    name, part = tables[kind]
    return ("", *table(name)[part])
