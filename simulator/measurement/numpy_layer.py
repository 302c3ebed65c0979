"""One transformer layer in numpy: norm, projections, rotary embedding, attention, gated network, residual sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.measurement.cases import Case
from simulator.measurement.numpy_rows import rms_norm, silu, softmax
from simulator.measurement.work import RandomPool, Work

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class LayerSizes:
    """Sizes of a layer, read off a case."""

    batch: int
    tokens: int
    q_len: int
    kv_len: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    inter: int

    @property
    def query_width(self) -> int:
        return self.heads * self.head_dim

    @property
    def key_width(self) -> int:
        return self.kv_heads * self.head_dim

    @property
    def qkv_width(self) -> int:
        return self.query_width + 2 * self.key_width


def layer_sizes(case: Case) -> LayerSizes:
    """The sizes of a case with ``op`` layer."""
    names = ("batch", "q_len", "kv_len", "hidden", "heads", "kv_heads", "head_dim", "inter")
    sizes = {name: case[name] for name in names}
    return LayerSizes(tokens=sizes["batch"] * sizes["q_len"], **sizes)


def layer_work(case: Case, pool: RandomPool) -> Work:
    """A whole layer as one call. Its weights are the rotating buffers; what lies between two steps is made once and used again."""
    s = layer_sizes(case)

    def arrays() -> tuple[Array, ...]:
        def normal(*shape: int) -> Array:
            return pool.take(*shape) * np.float32(shape[0] ** -0.5)

        weights = normal(s.hidden, s.qkv_width), normal(s.query_width, s.hidden), normal(s.hidden, 2 * s.inter), normal(s.inter, s.hidden)
        cached = normal(s.batch, s.kv_heads, s.kv_len, s.head_dim), normal(s.batch, s.kv_heads, s.kv_len, s.head_dim)
        return normal(s.tokens, s.hidden), normal(s.hidden), *weights, *cached

    cos, sin = (np.ones((s.q_len, s.head_dim // 2), np.float32) * f for f in (np.float32(0.8), np.float32(0.6)))
    mask = np.triu(np.full((s.q_len, s.kv_len), -1e30, np.float32), s.kv_len - s.q_len + 1) if s.q_len > 1 else None
    normed, grown = np.zeros((s.tokens, s.hidden), np.float32), np.zeros((s.tokens, 2 * s.inter), np.float32)
    gate = np.zeros((s.tokens, s.inter), np.float32)
    mixed = np.zeros((s.tokens, s.qkv_width), np.float32)

    def call(x: Array, scale: Array, w_qkv: Array, w_out: Array, w_up: Array, w_down: Array, keys: Array, values: Array) -> Array:
        rms_norm(x, scale, normed)
        np.matmul(normed, w_qkv, out=mixed)
        attended = _attend(s, mixed, (keys, values), (cos, sin), mask)
        summed = x + attended @ w_out
        rms_norm(summed, scale, normed)
        np.matmul(normed, w_up, out=grown)
        silu(grown[:, : s.inter], gate)
        np.multiply(gate, grown[:, s.inter :], out=gate)
        out: Array = summed + gate @ w_down
        return out

    return Work(arrays, call, float(sum(a.nbytes for a in arrays())))


def _attend(s: LayerSizes, mixed: Array, cached: tuple[Array, Array], turns: tuple[Array, Array], mask: Array | None) -> Array:
    """Rotary embedding, new keys and values into the cache, and unfused attention over all of it."""
    keys, values = cached
    heads = mixed.reshape(s.batch, s.q_len, -1, s.head_dim).transpose(0, 2, 1, 3)
    queries = _rotated(heads[:, : s.heads], *turns)
    keys[:, :, -s.q_len :] = _rotated(heads[:, s.heads : s.heads + s.kv_heads], *turns)
    values[:, :, -s.q_len :] = heads[:, s.heads + s.kv_heads :]
    grouped = queries.reshape(s.batch, s.kv_heads, -1, s.head_dim)
    scores = grouped @ keys.swapaxes(-1, -2)
    np.multiply(scores, s.head_dim**-0.5, out=scores)
    if mask is not None:
        by_query = scores.reshape(s.batch, s.kv_heads, -1, s.q_len, s.kv_len)
        np.add(by_query, mask, out=by_query)
    softmax(scores, scores)
    out: Array = (scores @ values).reshape(s.batch, s.heads, s.q_len, s.head_dim).transpose(0, 2, 1, 3).reshape(s.tokens, s.query_width)
    return out


def _rotated(x: Array, cos: Array, sin: Array) -> Array:
    """Halves of each head turned against each other."""
    half = x.shape[-1] // 2
    low, high = x[..., :half], x[..., half:]
    turned: Array = np.concatenate([low * cos - high * sin, high * cos + low * sin], axis=-1)
    return turned
