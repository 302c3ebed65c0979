"""Operators of the domain ``com.microsoft``, which ONNX Runtime fuses: shapes and steps by their documented inputs and attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from magnitudes.datatypes import DATA_TYPES, DataType
from workloads.feature_maps import ACTIVATION_FLOP
from workloads.importers.onnx import arithmetic
from workloads.importers.onnx.products import attention_step, fused_matmul, gemm
from workloads.importers.onnx.site import Site
from workloads.importers.traced.positions import ROTARY_FLOP
from workloads.importers.traced.products import conv_sizes
from workloads.importers.traced.trace import Step

Found = list[tuple[tuple[int, ...], str | None]]
Make = Callable[[Site], list[Step]]
WEIGHTS = {4: "w4a16", 8: "w8a16", 2: "w2a16"}


def stored_format(bits: int, block: float, zero_points: bool) -> DataType:
    """Weights of few bits, with an fp16 scale (and a zero point) a block."""
    kind = DATA_TYPES[WEIGHTS.get(bits, "w8a16")]
    return replace(kind, bits=float(bits), group=float(block), scale_bits=16.0 + (float(bits) if zero_points else 0.0))


# Shapes ------------------------------------------------------------------------------------------------------------------------------------


def _like_first(site: Site) -> Found:
    first = site.tensor(0)
    return [(first.shape, first.element)] * max(len(site.output_names), 1)


def _nbits_shape(site: Site) -> Found:
    return [((*site.tensor(0).shape[:-1], int(site.attributes["N"])), site.tensor(0).element)]


def _fused_matmul_shape(site: Site) -> Found:
    a, b = site.tensor(0).shape, site.tensor(1).shape
    rows = a[-1] if site.given(0, "transA") else a[-2]
    columns = b[-2] if site.given(0, "transB") else b[-1]
    return [((*(a[:-2] if len(a) >= len(b) else b[:-2]), rows, columns), site.tensor(0).element)]


def _gemm_shape(site: Site) -> Found:
    a, b = site.tensor(0).shape, site.tensor(1).shape
    return [((a[1] if site.given(0, "transA") else a[0], b[0] if site.given(0, "transB") else b[1]), site.tensor(0).element)]


def _conv_shape(site: Site) -> Found:
    image, weight = site.tensor(0).shape, site.tensor(1).shape
    rank = len(image) - 2
    strides, dilations = site.given([1] * rank, "strides"), site.given([1] * rank, "dilations")
    pads = site.given([0] * 2 * rank, "pads")
    out = [
        (image[i + 2] + pads[i] + pads[i + rank] - dilations[i] * (weight[i + 2] - 1) - 1) // strides[i] + 1 for i in range(rank)
    ]  # fmt: skip
    return [((image[0], weight[0], *out), site.tensor(0).element)]


def _embedded_shape(site: Site) -> Found:
    batch, length = site.tensor(0).shape
    width, element = site.tensor(2).shape[-1], site.tensor(2).element
    return [((batch, length, width), element), ((batch,), "int32"), ((batch, length, width), element)]


def _head(site: Site) -> tuple[int, int]:
    return int(site.given(1, "num_heads")), int(site.given(site.given(1, "num_heads"), "kv_num_heads"))


def _attention_shape(site: Site) -> Found:
    batch, length = site.tensor(0).shape[:2]
    widths = site.given([site.tensor(1).shape[1] // 3] * 3, "qkv_hidden_sizes")
    heads, element = _head(site)[0], site.tensor(0).element
    past = site.tensor(4).shape[3] if site.has(4) else 0
    return [((batch, length, int(widths[2])), element), ((2, batch, heads, length + past, int(widths[2]) // heads), element)]


def _multi_head_shape(site: Site) -> Found:
    batch, q_len, kv_len, past, head, value = _multi_head(site)
    heads, element = _head(site)[0], site.tensor(0).element
    return [((batch, q_len, heads * value), element), ((batch, heads, kv_len + past, head), element), ((batch, heads, kv_len + past, value), element)]


def _multi_head(site: Site) -> tuple[int, int, int, int, int, int]:
    """Sequences, queries, new keys, keys of the cache, and the widths of a head's keys and values."""
    q, heads = site.tensor(0).shape, _head(site)[0]
    past = site.tensor(6).shape[2] if site.has(6) else 0
    if len(q) == 5 or not site.has(1):  # queries, keys and values packed in one
        head = q[-1] if len(q) == 5 else q[2] // (3 * heads)
        return q[0], q[1], q[1], past, head, head
    k = site.tensor(1).shape
    v = site.tensor(2).shape if site.has(2) else k
    kv_len = k[2] if len(k) == 4 else k[1]
    return q[0], q[1], kv_len, past, q[2] // heads, v[-1] if len(v) == 4 else v[-1] // heads


def _grouped_shape(site: Site) -> Found:
    batch, length, head, past = _grouped(site)
    heads, kv_heads = _head(site)
    element = site.tensor(0).element
    return [((batch, length, heads * head), element), *[((batch, kv_heads, past + length, head), element)] * 2]


def _grouped(site: Site) -> tuple[int, int, int, int]:
    """Sequences, new tokens of each, width of a head, and tokens of the cache."""
    batch, length, width = site.tensor(0).shape
    heads, kv_heads = _head(site)
    packed = not site.has(1)
    past = site.tensor(3).shape[2] if site.has(3) else 0
    return batch, length, width // (heads + 2 * kv_heads if packed else heads), past


# Steps -------------------------------------------------------------------------------------------------------------------------------------


def _nbits(site: Site) -> list[Step]:
    n, k, bits = int(site.attributes["N"]), int(site.attributes["K"]), int(site.given(4, "bits"))
    weight = site.tensor(1)
    site.parameters |= dict.fromkeys(weight.origins, float(n * k))
    site.statistics |= {t.name for t in site.inputs[2:5] if t is not None}
    site.changed.append(replace(weight, stored=stored_format(bits, float(site.given(32, "block_size")), site.has(3))))
    m = site.tensor(0).elements / k
    return [site.step("contraction", (0, 1, 5), batch=1.0, m=m, n=float(n), k=float(k))]


def _fused_conv(site: Site) -> list[Step]:
    sizes = conv_sizes(
        site.tensor(0).shape, site.tensor(1).shape, site.output.shape, float(site.given(1, "group")), float(max(site.given([1], "strides")))
    )  # fmt: skip
    return _activated(site, site.step("convolution", (0, 1, 2), known=sizes))


def _fused_gemm(site: Site) -> list[Step]:
    return _activated(site, gemm(site)[0])


def _activated(site: Site, made: Step) -> list[Step]:
    """A product with the activation that is fused behind it."""
    activation = str(site.given("", "activation")).lower()
    if not activation:
        return [made]
    between = site.between("product", site.output.shape)
    flop = {"leakyrelu": ACTIVATION_FLOP["leaky"], "tanh": 4.0, "clip": 2.0}.get(activation, ACTIVATION_FLOP.get(activation, 1.0))
    return [replace(made, outputs=(between.name,)), site.inner("activation", "pointwise", [between.name], [site.output.name], activation, flop=flop)]


def _skip_norm(site: Site) -> list[Step]:
    """The sum of two streams (and a bias), and its norm."""
    first, simple = site.tensor(0), site.node.op_type.startswith("SkipSimplified")
    bias = 3 if simple else 4
    read = [first.name, site.tensor(1).name, *([site.tensor(bias).name] if site.has(bias) else [])]
    last = site.outputs[-1] if len(site.output_names) > 3 and site.output_names[3] else site.between("sum", first.shape)
    weights = [t.name for t in site.inputs[2 : 3 if simple else 4] if t is not None]
    cols = float(first.shape[-1])
    return [
        site.inner("sum", "pointwise", read, [last.name], "add", flop=1.0),
        site.inner("", "norm", [last.name, *weights], [site.output.name], "rms" if simple else "layer", rows=first.elements / cols, cols=cols),
    ]


def _embedded(site: Site) -> list[Step]:
    """Words, positions and segments, summed and normalised."""
    ids, out = site.tensor(0), site.output
    width, steps, parts = float(out.shape[-1]), [], []
    for place, label in ((2, "word"), (3, "position"), (4, "segment")):
        if site.has(place):
            part = site.between(label, out.shape)
            rows = float(site.tensor(place).shape[0])
            steps.append(
                site.inner(f"{label}_gather", "gather", [site.tensor(place).name, ids.name], [part.name], rows=ids.elements, width=width, table_rows=rows)
            )
            parts.append(part.name)
    total = site.between("embedded", out.shape)
    steps.append(site.inner("sum", "pointwise", parts, [total.name], "add", flop=float(len(parts) - 1)))
    weights = [t.name for t in site.inputs[5:7] if t is not None]
    steps.append(site.inner("", "norm", [total.name, *weights], [out.name], "layer", rows=ids.elements, cols=width))
    return steps


def _packed_attention(site: Site) -> list[Step]:
    """Queries, keys and values by one product, and attention."""
    batch, length, width = site.tensor(0).shape
    columns, heads = float(site.tensor(1).shape[1]), float(_head(site)[0])
    past = float(site.tensor(4).shape[3]) if site.has(4) else 0.0
    packed = site.between("qkv", (batch, length, int(columns)))
    weights = [t.name for t in (site.tensor(1), site.inputs[2] if site.has(2) else None) if t is not None]
    parts = [site.between(part, (batch, length, int(columns) // 3)) for part in ("q", "k", "v")]
    return [
        site.inner("qkv", "contraction", [site.tensor(0).name, *weights], [packed.name], batch=1.0, m=float(batch * length), n=columns, k=float(width)),
        site.inner("split", "view", [packed.name], [p.name for p in parts]),
        site.inner(
            "", "attention", [p.name for p in parts], [o.name for o in site.outputs], "attention", batch=float(batch), heads=heads, kv_heads=heads,
            q_len=float(length), kv_len=length + past, head_dim=columns / 3.0 / heads, causal=float(site.given(0, "unidirectional")),
            cached=float(len(site.outputs) > 1),
        ),
    ]  # fmt: skip


def _multi_head_attention(site: Site) -> list[Step]:
    batch, q_len, kv_len, past, head, value = _multi_head(site)
    heads = float(_head(site)[0])
    biases = tuple(place for place in (5,) if site.has(place))
    places = tuple(place for place in (0, 1, 2) if site.has(place))
    return [
        attention_step(
            site, (*(places * 3)[:3], *biases), batch=float(batch), heads=heads, kv_heads=heads, q_len=float(q_len), kv_len=float(kv_len + past),
            head_dim=(head + value) / 2.0, causal=float(site.given(0, "unidirectional")), cached=float(len(site.outputs) > 1),
        )
    ]  # fmt: skip


def _grouped_attention(site: Site) -> list[Step]:
    """Attention over a cache; new keys and values are turned, where asked, and written there."""
    batch, length, head, past = _grouped(site)
    heads, kv_heads = _head(site)
    read = [site.tensor(place).name for place in (0, 1, 2) if site.has(place)]
    queries, state = site.between("turned", (batch, length, heads * head)), site.between("kept_cached", (batch, length, 2 * kv_heads * head))
    flop = ROTARY_FLOP if site.given(0, "do_rotary") else 0.0
    window = float(site.given(-1, "local_window_size"))
    sizes = {"window": window} if window > 0 else {}
    return [
        site.inner("queries", "pointwise", read[:1], [queries.name], "rotary", flop=flop),
        site.inner("cache", "pointwise", read[1:] or read[:1], [state.name], "cache_write", flop=flop, cached=1.0),
        site.inner(
            "", "attention", [queries.name, *((read * 3)[1:3]), state.name], [o.name for o in site.outputs], "attention", batch=float(batch),
            heads=float(heads), kv_heads=float(kv_heads), q_len=float(length), kv_len=float(length + past), head_dim=float(head), causal=1.0, cached=1.0,
            **sizes,
        ),
    ]  # fmt: skip


def _rotary(site: Site) -> list[Step]:
    return [site.step("pointwise", (0, 2, 3) if site.has(3) else (0, 1, 2), "rotary", outputs=(0,), flop=ROTARY_FLOP)]


def _pointwise(flop: float, label: str) -> Make:
    return lambda site: [site.pointwise(flop, label)]


def _biased(flop: float, label: str) -> Make:
    """An activation of a sum."""
    return lambda site: [site.pointwise(flop + float(site.has(1)), label)]


SHAPES: Mapping[tuple[str, str], Callable[[Site], Found]] = {
    **{("com.microsoft", name): _like_first for name in (
        "Gelu", "FastGelu", "BiasGelu", "QuickGelu", "BiasAdd", "SkipLayerNormalization", "SkipSimplifiedLayerNormalization",
        "SimplifiedLayerNormalization", "LayerNormalization", "RotaryEmbedding", "GroupNorm", "BiasSoftmax", "QLinearAdd", "QLinearMul", "QLinearSigmoid",
        "QLinearLeakyRelu", "QLinearSoftmax", "BiasSplitGelu",
    )},
    ("com.microsoft", "MatMulNBits"): _nbits_shape, ("com.microsoft", "FusedMatMul"): _fused_matmul_shape, ("com.microsoft", "FusedGemm"): _gemm_shape,
    ("com.microsoft", "FusedConv"): _conv_shape, ("com.microsoft", "EmbedLayerNormalization"): _embedded_shape,
    ("com.microsoft", "Attention"): _attention_shape, ("com.microsoft", "MultiHeadAttention"): _multi_head_shape,
    ("com.microsoft", "GroupQueryAttention"): _grouped_shape, ("", "SimplifiedLayerNormalization"): _like_first,
    ("com.microsoft", "DynamicQuantizeMatMul"): lambda site: [(matmul_out(site, 1), "fp32")],
    ("com.microsoft", "MatMulIntegerToFloat"): lambda site: [(matmul_out(site, 1), "fp32")],
}  # fmt: skip
RULES: Mapping[str, Make] = {
    "MatMulNBits": _nbits, "FusedMatMul": fused_matmul, "FusedGemm": _fused_gemm, "FusedConv": _fused_conv,
    "Gelu": _pointwise(ACTIVATION_FLOP["gelu"], "gelu"), "FastGelu": _biased(ACTIVATION_FLOP["gelu"], "gelu"),
    "BiasGelu": _biased(ACTIVATION_FLOP["gelu"], "gelu"), "QuickGelu": _pointwise(ACTIVATION_FLOP["silu"], "gelu"), "BiasAdd": _pointwise(2.0, "add"),
    "SkipLayerNormalization": _skip_norm, "SkipSimplifiedLayerNormalization": _skip_norm, "EmbedLayerNormalization": _embedded,
    "SimplifiedLayerNormalization": arithmetic.layer_norm, "LayerNormalization": arithmetic.layer_norm, "GroupNorm": arithmetic.map_norm,
    "Attention": _packed_attention, "MultiHeadAttention": _multi_head_attention, "GroupQueryAttention": _grouped_attention,
    "RotaryEmbedding": _rotary,
}  # fmt: skip


def matmul_out(site: Site, weight: int) -> tuple[int, ...]:
    """The shape of a product with a matrix of weights."""
    return (*site.tensor(0).shape[:-1], site.tensor(weight).shape[-1])
