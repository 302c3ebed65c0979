"""Matrix products, convolutions, Einstein sums, attention and recurrent layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from workloads.importers.torch_export.site import Site
from workloads.importers.traced.products import CELLS, conv_sizes, einsum_sizes, matmul_sizes, transposed_conv_sizes
from workloads.importers.traced.trace import Step, Tensor

Make = Callable[[Site], list[Step]]


def _linear(site: Site) -> list[Step]:
    x, weight = site.tensor(0), site.tensor(1)
    sizes = matmul_sizes(x.shape, weight.shape[::-1], site.output.shape)
    return [site.step("contraction", [x, weight, site.arg(2, "bias")], known=sizes)]


def _matmul(site: Site) -> list[Step]:
    a, b = site.tensor(0), site.tensor(1)
    if a.constant and not b.constant and len(b.shape) > 1:  # weights on the left: the same product with its sides exchanged
        turned = [(*t.shape[:-2], t.shape[-1], t.shape[-2]) for t in (b, a, site.output)] if len(a.shape) > 1 else []
        if turned:
            return [site.step("contraction", [b, a], known=matmul_sizes(*turned))]
    return [site.step("contraction", [a, b], known=matmul_sizes(a.shape, b.shape, site.output.shape))]


def _added(site: Site) -> list[Step]:
    """A product and what is added to it: a bias, or another tensor."""
    addend, a, b = (site.tensor(place) for place in range(3))
    sizes = matmul_sizes(a.shape, b.shape, site.output.shape)
    if addend.constant:
        return [site.step("contraction", [a, b, addend], known=sizes)]
    product = site.between("product", site.output.shape)
    step = site.inner("product", "contraction", [a, b], [product], "product", **sizes)
    return [step, site.inner("", "pointwise", [product, addend], [site.output], "add", flop=1.0)]


def _einsum(site: Site) -> list[Step]:
    operands = list(site.args[1])
    if len(operands) != 2:
        return [site.step("unknown")]
    sizes = einsum_sizes(str(site.args[0]), operands[0].shape, operands[1].shape)
    return [site.step("contraction", operands, known=sizes) if sizes else site.step("pointwise", operands, "mul", flop=1.0)]


def _convolution(site: Site) -> list[Step]:
    """conv1d to conv3d: input, weight, bias, stride, padding, dilation, groups; `convolution` says besides whether it is transposed."""
    general = site.operator in ("convolution", "_convolution")
    if general and site.arg(6, "transposed", False):
        return _transposed(site, float(site.arg(8, "groups", 1)))
    groups = float(site.arg(8 if general else 6, "groups", 1))
    stride = site.arg(3, "stride", [1])
    x, weight = site.tensor(0), site.tensor(1)
    sizes = conv_sizes(x.shape, weight.shape, site.output.shape, groups, float(max(stride) if isinstance(stride, list | tuple) else stride))
    return [site.step("convolution", [x, weight, site.arg(2, "bias")], known=sizes)]


def _transposed(site: Site, groups: float | None = None) -> list[Step]:
    """Each place of the input is multiplied with the whole filter, and what overlaps is summed."""
    x, weight, bias = site.tensor(0), site.tensor(1), site.arg(2, "bias")
    sizes = transposed_conv_sizes(x.shape, weight.shape, float(site.arg(6, "groups", 1)) if groups is None else groups)
    made = sizes["batch"] * sizes["m"] * sizes["n"]
    if made <= site.output.elements:
        return [site.step("contraction", [x, weight, bias], known=sizes)]
    columns = site.between("columns", (int(made),))
    step = site.inner("product", "contraction", [x, weight], [columns], "product", **sizes)
    return [step, site.inner("", "reduce", [columns], [site.output], "overlap", flop=made / site.output.elements)]


def _attention(site: Site) -> list[Step]:
    """Queries, keys and values of shape (..., heads, tokens, width); keys and values may have fewer heads."""
    q, k, v = (site.tensor(place) for place in range(3))
    mask, causal = site.arg(3, "attn_mask"), site.arg(5, "is_causal", False)
    heads = float(q.shape[-3]) if len(q.shape) > 2 else 1.0
    batch = q.elements / (heads * q.shape[-2] * q.shape[-1])
    kv_heads = float(k.shape[-3]) if len(k.shape) > 2 else 1.0
    sizes = {
        "batch": batch, "heads": heads, "kv_heads": kv_heads, "q_len": float(q.shape[-2]), "kv_len": float(k.shape[-2]),
        "head_dim": (k.shape[-1] + v.shape[-1]) / 2.0, "causal": float(bool(causal)),
    }  # fmt: skip
    step = site.step("attention", [q, k, v, mask if isinstance(mask, Tensor) else None], "attention", known=sizes)
    return [replace(step, outputs=step.outputs[:1])]


def _recurrent(site: Site) -> list[Step]:
    """An LSTM, a GRU or a plain recurrence of several layers: input, states, weights, has_biases, layers, dropout, train, bidirectional, batch_first."""
    gates, flop = CELLS[site.operator.partition("_")[0].upper()]
    x, weights = site.tensor(0), [w for w in site.args[2] if isinstance(w, Tensor)]
    biases, layers, both, batch_first = bool(site.args[3]), int(site.args[4]), bool(site.args[7]), bool(site.args[8])
    length, batch = (x.shape[1], x.shape[0]) if batch_first else (x.shape[0], x.shape[1])
    directions = 2 if both else 1
    each = len(weights) // (layers * directions)
    steps: list[Step] = []
    below = x
    for layer in range(layers):
        own = weights[layer * directions * each : (layer + 1) * directions * each]
        columns, width = own[0].shape
        hidden = own[1].shape[1]
        rows = site.between(f"inputs_{layer}", (length * batch, columns * directions))
        inputs = [below, own[0], *([own[2]] if biases and each > 2 else [])]
        steps.append(
            site.inner(f"input_{layer}", "contraction", inputs, [rows], batch=1.0, m=float(length * batch), n=float(columns * directions), k=float(width))
        )
        turns = site.between(f"turns_{layer}", (batch, columns))
        turn = site.inner(f"recurrence_{layer}", "contraction", [rows, own[1]], [turns], batch=1.0, m=float(batch), n=float(columns), k=float(hidden))
        steps.append(replace(turn, count=site.count * length * directions))
        last = layer == layers - 1
        made = site.outputs if last else [site.between(f"layer_{layer}", (length * batch, hidden * directions))]
        worked = flop * hidden * batch * length * directions / sum(t.elements for t in made)
        steps.append(site.inner("" if last else f"cells_{layer}", "reduce", [turns, rows], made, site.operator, flop=worked))
        below = made[0]
    assert gates * hidden == columns
    return steps


def _scaled(site: Site) -> list[Step]:
    """A product of narrow floats with scales: they are no weights."""
    site.statistics |= {a.name for a in site.args[2:4] if isinstance(a, Tensor)}
    a, b = site.tensor(0), site.tensor(1)
    return [site.step("contraction", [a, b], known=matmul_sizes(a.shape, b.shape, site.output.shape))]


def _fourier(site: Site) -> list[Step]:
    """By the fast transform: 5 n log2 n of a signal of n (Cooley and Tukey 1965)."""
    import math

    axes: Any = site.arg(1, "dim", [-1])
    length = math.prod(site.tensor(0).shape[a] for a in axes) if isinstance(axes, list | tuple) else site.tensor(0).shape[-1]
    return [site.step("reduce", [site.tensor(0)], "fft", flop=5.0 * math.log2(max(length, 2)))]


_ATTENTION = (
    "scaled_dot_product_attention", "_scaled_dot_product_flash_attention", "_scaled_dot_product_efficient_attention",
    "_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_cudnn_attention", "_scaled_dot_product_fused_attention_overrideable",
)  # fmt: skip
RULES: Mapping[str, Make] = {
    "linear": _linear, "einsum": _einsum,
    **dict.fromkeys(("matmul", "mm", "bmm", "mv", "dot", "_int_mm"), _matmul),
    **dict.fromkeys(("addmm", "baddbmm", "addbmm"), _added),
    **dict.fromkeys(("conv1d", "conv2d", "conv3d", "convolution", "_convolution"), _convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _transposed),
    **dict.fromkeys(_ATTENTION, _attention),
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), _recurrent),
    "_scaled_mm": _scaled,
    **dict.fromkeys(("_fft_r2c", "_fft_c2c", "_fft_c2r", "stft"), _fourier),
}  # fmt: skip
