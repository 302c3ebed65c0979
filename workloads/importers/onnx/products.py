"""Matrix products, convolutions, Einstein sums and attention."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from workloads.importers.onnx.site import Site
from workloads.importers.traced.products import conv_sizes, einsum_sizes, matmul_sizes, transposed_conv_sizes
from workloads.importers.traced.trace import Step, Tensor

Make = Callable[[Site], list[Step]]


def _matmul(site: Site) -> list[Step]:
    a, b = site.tensor(0), site.tensor(1)
    if a.constant and not b.constant and len(b.shape) > 1:  # weights on the left: the same product with its sides exchanged
        return [site.step("contraction", (1, 0), known=matmul_sizes(b.shape[:-2] + b.shape[:-3:-1], a.shape[:-2] + a.shape[:-3:-1], site.output.shape[::-1]))]
    return [site.step("contraction", (0, 1), known=matmul_sizes(a.shape, b.shape, site.output.shape))]


def gemm(site: Site) -> list[Step]:
    """A product with its operands turned as the node says, and a bias."""
    a, b = site.tensor(0), site.tensor(1)
    m, k = a.shape[::-1] if site.given(0, "transA") else a.shape
    n = b.shape[0] if site.given(0, "transB") else b.shape[1]
    return [site.step("contraction", (0, 1, 2), batch=1.0, m=float(m), n=float(n), k=float(k))]


def fused_matmul(site: Site) -> list[Step]:
    """A product whose last two axes may be exchanged first."""
    a, b = (_turned(site.tensor(place), site.given(0, name)) for place, name in ((0, "transA"), (1, "transB")))
    return [site.step("contraction", (0, 1), known=matmul_sizes(a, b, site.output.shape))]


def _turned(tensor: Tensor, turn: int) -> tuple[int, ...]:
    return (*tensor.shape[:-2], tensor.shape[-1], tensor.shape[-2]) if turn else tensor.shape


def _einsum(site: Site) -> list[Step]:
    if len(site.inputs) != 2:
        return [site.step("unknown", label="Einsum of more than two")]
    sizes = einsum_sizes(str(site.given("", "equation")), site.tensor(0).shape, site.tensor(1).shape)
    return [site.step("contraction", (0, 1), known=sizes) if sizes else site.pointwise(1.0, "mul")]


def conv(site: Site, image: int = 0, weight: int = 1, bias: int | None = 2) -> list[Step]:
    """A convolution in one, two or three dimensions."""
    groups, strides = float(site.given(1, "group")), site.given([1], "strides")
    sizes = conv_sizes(site.tensor(image).shape, site.tensor(weight).shape, site.output.shape, groups, float(max(strides)))
    return [site.step("convolution", (image, weight, *(() if bias is None else (bias,))), outputs=(0,), known=sizes)]


def _transposed(site: Site) -> list[Step]:
    """Each place of the input is multiplied with the whole filter: a product of as many rows as places, and the sum of what overlaps."""
    groups = float(site.given(1, "group"))
    sizes = transposed_conv_sizes(site.tensor(0).shape, site.tensor(1).shape, groups)
    made = sizes["batch"] * sizes["m"] * sizes["n"]
    if made <= site.output.elements:
        return [site.step("contraction", (0, 1, 2), known=sizes)]
    columns = site.between("columns", (int(made),))
    product = site.inner("", "contraction", [site.tensor(0).name, site.tensor(1).name], [columns.name], "ConvTranspose", **sizes)
    overlap = site.inner("overlap", "reduce", [columns.name], [site.output.name], flop=made / site.output.elements)
    return [product, overlap]


def _attention(site: Site) -> list[Step]:
    """ONNX's own attention, of three axes (heads side by side) or four."""
    q, k, v = (site.tensor(place) for place in range(3))
    past = float(site.tensor(4).shape[-2]) if site.has(4) else 0.0
    heads, kv_heads = (float(site.given(1, name)) for name in ("q_num_heads", "kv_num_heads"))
    if len(q.shape) == 4:
        heads, kv_heads, q_len, kv_len = float(q.shape[1]), float(k.shape[1]), float(q.shape[2]), float(k.shape[2])
        width = (q.shape[3] + v.shape[3]) / 2.0
    else:
        q_len, kv_len, width = float(q.shape[1]), float(k.shape[1]), (q.shape[2] / heads + v.shape[2] / kv_heads) / 2.0
    return [
        attention_step(
            site, (0, 1, 2, 3), batch=float(q.shape[0]), heads=heads, kv_heads=kv_heads, q_len=q_len, kv_len=kv_len + past, head_dim=width,
            causal=float(site.given(0, "is_causal")), cached=float(bool(past)),
        )
    ]  # fmt: skip


def attention_step(site: Site, inputs: Sequence[int], **sizes: float) -> Step:
    """Attention that a node says itself; what it leaves of the cache is written where it lies."""
    return site.step("attention", inputs, "attention", known=sizes)


def _determinant(site: Site) -> list[Step]:
    side = float(site.tensor(0).shape[-1])
    return [site.step("reduce", (0,), "det", flop=2.0 / 3.0 * side**3)]


def _fourier(site: Site) -> list[Step]:
    """By the fast transform: 5 n log2 n of a signal of n (Cooley and Tukey 1965)."""
    shape = site.tensor(0).shape
    length = float(shape[int(site.given(1, "axis"))]) if len(shape) > 2 else float(shape[-1])
    return [site.step("reduce", (0,), site.node.op_type, flop=5.0 * float(np.log2(max(length, 2.0))))]


RULES: Mapping[str, Make] = {
    "MatMul": _matmul, "Gemm": gemm, "Einsum": _einsum, "Conv": conv, "ConvTranspose": _transposed, "DeformConv": lambda site: conv(site, bias=None),
    "Attention": _attention, "Det": _determinant, "DFT": _fourier, "STFT": _fourier,
}  # fmt: skip
