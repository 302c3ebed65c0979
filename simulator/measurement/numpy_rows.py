"""Softmax, norms and gates as numpy's users write them: one pass a line."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
EPSILON = 1e-5


def softmax(x: Array, out: Array) -> None:
    """Over the last axis: maximum, difference, exponential, sum, quotient."""
    np.subtract(x, x.max(axis=-1, keepdims=True), out=out)
    np.exp(out, out=out)
    np.divide(out, out.sum(axis=-1, keepdims=True), out=out)


def layer_norm(x: Array, scale: Array, shift: Array, out: Array) -> None:
    """Mean, difference, mean square, quotient, scale, shift."""
    np.subtract(x, x.mean(axis=-1, keepdims=True), out=out)
    square = np.einsum("ij,ij->i", out, out)[:, None] / x.shape[-1]
    np.divide(out, np.sqrt(square + EPSILON), out=out)
    np.multiply(out, scale, out=out)
    np.add(out, shift, out=out)


def rms_norm(x: Array, scale: Array, out: Array) -> None:
    """Mean square, quotient, scale."""
    square = np.einsum("ij,ij->i", x, x)[:, None] / x.shape[-1]
    np.divide(x, np.sqrt(square + EPSILON), out=out)
    np.multiply(out, scale, out=out)


def silu(x: Array, out: Array) -> None:
    """``x / (1 + exp(-x))``: four passes."""
    np.negative(x, out=out)
    np.exp(out, out=out)
    np.add(out, 1.0, out=out)
    np.divide(x, out, out=out)
