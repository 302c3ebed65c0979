"""Sizes of products, from the shapes of what is multiplied."""

from __future__ import annotations

import math
from collections.abc import Sequence

Shape = Sequence[int]

# gates, and arithmetic of one element of the state in one step: sigmoids and tanhs (4 each), products and sums
CELLS = {"LSTM": (4.0, 24.0), "GRU": (3.0, 19.0), "RNN": (1.0, 5.0)}


def matmul_sizes(a: Shape, b: Shape, out: Shape) -> dict[str, float]:
    """Of (..., m, k) by (..., k, n): one product over all rows, where the second has no axes of its own before the last two."""
    k, n = float(a[-1]), float(b[-1]) if len(b) > 1 else 1.0
    elements = float(math.prod(out))
    if math.prod(b[:-2]) == 1:
        return {"batch": 1.0, "m": elements / n if n else 0.0, "n": n, "k": k}
    m = float(a[-2]) if len(a) > 1 else 1.0
    return {"batch": elements / (m * n), "m": m, "n": n, "k": k}


def einsum_sizes(equation: str, a: Shape, b: Shape) -> dict[str, float] | None:
    """Of an Einstein sum of two; nothing, where no axis is summed over, so that it is no product of matrices."""
    left, _, out = equation.replace(" ", "").partition("->")
    first, _, second = left.partition(",")
    if "." in equation:
        first, second, out = _spelled(first, len(a)), _spelled(second, len(b)), _spelled(out, max(len(a), len(b)))
    size = {**dict(zip(first, a, strict=False)), **dict(zip(second, b, strict=False))}

    def together(axes: set[str]) -> float:
        return float(math.prod(size[x] for x in axes))

    one, two, kept = set(first), set(second), set(out)
    if not (one & two) - kept:
        return None
    return {"batch": together(one & two & kept), "m": together(one - two), "n": together(two - one), "k": together((one & two) - kept)}


def _spelled(axes: str, rank: int) -> str:
    """Letters for the axes that dots stand for, the last first."""
    head, dots, tail = axes.partition("...")
    if not dots:
        return axes
    missing = rank - len(head) - len(tail)
    return head + "ZYXWVUTS"[:missing][::-1] + tail


def conv_sizes(image: Shape, weight: Shape, out: Shape, groups: float, stride: float) -> dict[str, float]:
    """Of a convolution over one, two or three dimensions: of two, the first is folded with a third, and missing ones are 1."""

    def plane(shape: Shape) -> tuple[float, float]:
        spatial = shape[2:]
        return (float(math.prod(spatial[:-1])), float(spatial[-1])) if spatial else (1.0, 1.0)

    (in_h, in_w), (out_h, out_w), (kernel_h, kernel_w) = plane(image), plane(out), plane(weight)
    return {
        "batch": float(image[0]), "cin": float(image[1]), "cout": float(weight[0]), "in_h": in_h, "in_w": in_w, "out_h": out_h, "out_w": out_w,
        "kernel_h": kernel_h, "kernel_w": kernel_w, "stride": stride, "groups": groups,
    }  # fmt: skip


def transposed_conv_sizes(image: Shape, weight: Shape, groups: float) -> dict[str, float]:
    """Of a transposed convolution as a product: a row a place of the input, a column an element of the filters."""
    places = float(image[0]) * math.prod(image[2:])
    return {"batch": groups, "m": places, "n": float(math.prod(weight[1:])), "k": float(image[1]) / groups}
