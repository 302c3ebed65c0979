"""Kernels of numpy: each ufunc is one pass by one core, products go to the BLAS that numpy was built with and its threads.

What numpy has no single function for (softmax, norms, attention) is spelt as its users spell it, into buffers that are there: the passes
over temporary arrays are measured, the system's handing out of fresh pages is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simulator.measurement.cases import Case
from simulator.measurement.environment import last_cache_byte
from simulator.measurement.numpy_layer import layer_work
from simulator.measurement.numpy_rows import layer_norm, rms_norm, silu, softmax
from simulator.measurement.work import RandomPool, Work

DTYPES = {"fp32": np.float32, "fp64": np.float64}
Maker = Callable[[Case, RandomPool], Work]
Array = np.ndarray[Any, Any]


def _normal(pool: RandomPool, case: Case, *shape: int) -> Array:
    return pool.take(*shape).astype(DTYPES[case.dtype], copy=False)


def _room(case: Case, *shape: int) -> Array:
    """Space for results, its pages touched."""
    return np.full(shape, 0.5, DTYPES[case.dtype])


def _work(arrays: Callable[[], tuple[Any, ...]], call: Callable[..., object]) -> Work:
    """Work whose sets are made by `arrays`; one is made to know its size."""
    return Work(arrays, call, float(sum(a.nbytes for a in arrays())))


def _product(case: Case, pool: RandomPool) -> Work:
    """(m, k) by (k, n), `batch` times where that is a size."""
    batch = () if case.op == "gemm" else (case["batch"],)
    m, n, k = case["m"], case["n"], case["k"]

    def arrays() -> tuple[Array, ...]:
        return _normal(pool, case, *batch, m, k), _normal(pool, case, *batch, k, n), _room(case, *batch, m, n)

    return _work(arrays, lambda a, b, c: np.matmul(a, b, out=c))


def _grid(call: Callable[..., object], reads: int, scratch: int = 0, *, positive: bool = False) -> Maker:
    """Elementwise: `reads` arrays in, `scratch` between, one out."""

    def make(case: Case, pool: RandomPool) -> Work:
        shape = (case["rows"], case["cols"])

        def arrays() -> tuple[Array, ...]:
            inputs = [_normal(pool, case, *shape) for _ in range(reads)]
            if positive:
                inputs = [np.abs(i) + 0.1 for i in inputs]
            return (*inputs, *(_room(case, *shape) for _ in range(scratch + 1)))

        return _work(arrays, call)

    return make


def _triad(b: Array, c: Array, a: Array) -> None:
    np.multiply(c, 3.0, out=a)
    np.add(a, b, out=a)


def _sigmoid(x: Array, out: Array) -> None:
    np.negative(x, out=out)
    np.exp(out, out=out)
    np.add(out, 1.0, out=out)
    np.divide(1.0, out, out=out)


def _gelu(x: Array, out: Array) -> None:
    """The form with a hyperbolic tangent: nine passes."""
    np.multiply(x, x, out=out)
    np.multiply(out, x, out=out)
    np.multiply(out, 0.044715, out=out)
    np.add(out, x, out=out)
    np.multiply(out, 0.7978845608, out=out)
    np.tanh(out, out=out)
    np.add(out, 1.0, out=out)
    np.multiply(out, x, out=out)
    np.multiply(out, 0.5, out=out)


def _norm(call: Callable[..., object], parameters: int) -> Maker:
    """A norm over rows, with scale (and shift)."""

    def make(case: Case, pool: RandomPool) -> Work:
        rows, cols = case["rows"], case["cols"]

        def arrays() -> tuple[Array, ...]:
            return _normal(pool, case, rows, cols), *(_normal(pool, case, cols) for _ in range(parameters)), _room(case, rows, cols)

        return _work(arrays, call)

    return make


def _gather(case: Case, pool: RandomPool) -> Work:
    """Rows of a table by random index."""
    rows, cols, entries = case["rows"], case["cols"], case.get("entries", 32000)
    rng = np.random.default_rng(rows)
    table = _normal(pool, case, entries, cols)  # one table: a lookup touches other rows each time

    def arrays() -> tuple[Array, ...]:
        return rng.integers(0, entries, rows), _room(case, rows, cols)

    return Work(arrays, lambda index, out: np.take(table, index, axis=0, out=out, mode="clip"), 2.0 * rows * cols * table.itemsize)


def _convolution(case: Case, pool: RandomPool) -> Work:
    """Windows copied out (im2col), then one product; images with channels last, their border there already."""
    side, pad, kernel, stride = case["in_h"], case.get("pad_h", 0), case["kernel_h"], case.get("stride_h", 1)
    out_side = (side + 2 * pad - kernel) // stride + 1
    batch, cin, cout, padded = case["batch"], case["cin"], case["cout"], side + 2 * pad
    depth = cin * kernel * kernel

    def arrays() -> tuple[Array, ...]:
        image, weights = _normal(pool, case, batch, padded, padded, cin), _normal(pool, case, depth, cout)
        windows = _room(case, batch, out_side, out_side, cin, kernel, kernel)
        return image, weights, windows, _room(case, batch * out_side * out_side, cout)

    def call(image: Array, weights: Array, windows: Array, out: Array) -> None:
        view = np.lib.stride_tricks.sliding_window_view(image, (kernel, kernel), axis=(1, 2))
        np.copyto(windows, view[:, ::stride, ::stride])
        np.matmul(windows.reshape(-1, depth), weights, out=out)

    return _work(arrays, call)


def _attention(case: Case, pool: RandomPool) -> Work:
    """Unfused: scores, scale and mask, softmax, values; heads that share keys stand side by side as rows."""
    batch, kv_heads, width, queries, keys = case["batch"], case["kv_heads"], case["head_dim"], case["q_len"], case["kv_len"]
    rows, kind = case["heads"] // kv_heads * queries, DTYPES[case.dtype]
    mask = np.triu(np.full((queries, keys), -1e30, kind), keys - queries + 1) if queries > 1 else None

    def arrays() -> tuple[Array, ...]:
        q, k, v = (_normal(pool, case, batch, kv_heads, n, width) for n in (rows, keys, keys))
        return q, k, v, _room(case, batch, kv_heads, rows, keys), _room(case, batch, kv_heads, rows, width)

    def call(q: Array, k: Array, v: Array, scores: Array, out: Array) -> None:
        np.matmul(q, k.swapaxes(-1, -2), out=scores)
        np.multiply(scores, width**-0.5, out=scores)
        if mask is not None:
            grouped = scores.reshape(batch, kv_heads, -1, queries, keys)
            np.add(grouped, mask, out=grouped)
        softmax(scores, scores)
        np.matmul(scores, v, out=out)

    return _work(arrays, call)


KERNELS: dict[str, Maker] = {
    "gemm": _product, "bmm": _product, "conv_fwd": _convolution, "embedding": _gather, "attn_prefill": _attention, "attn_decode": _attention,
    "add": _grid(lambda a, b, o: np.add(a, b, out=o), 2), "sub": _grid(lambda a, b, o: np.subtract(a, b, out=o), 2),
    "mul": _grid(lambda a, b, o: np.multiply(a, b, out=o), 2), "div": _grid(lambda a, b, o: np.divide(a, b, out=o), 2, positive=True),
    "addu": _grid(lambda a, o: np.add(a, 1.5, out=o), 1), "mulu": _grid(lambda a, o: np.multiply(a, 1.5, out=o), 1),
    "relu": _grid(lambda a, o: np.maximum(a, 0.0, out=o), 1), "exp": _grid(lambda a, o: np.exp(a, out=o), 1),
    "tanh": _grid(lambda a, o: np.tanh(a, out=o), 1), "copy": _grid(lambda a, o: np.copyto(o, a), 1), "triad": _grid(_triad, 2),
    "sigmoid": _grid(_sigmoid, 1), "gelu": _grid(_gelu, 1), "silu": _grid(silu, 1),
    "softmax": _norm(softmax, 0), "layernorm": _norm(layer_norm, 2), "rmsnorm": _norm(rms_norm, 1), "layer": layer_work,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class NumpyBackend:
    """Numpy on this processor."""

    name: str = "numpy"
    cache_byte: float = field(default_factory=last_cache_byte)
    pool: RandomPool = field(default_factory=RandomPool, repr=False)

    def knows(self, case: Case) -> bool:
        return case.op in KERNELS and case.dtype in DTYPES

    def work(self, case: Case) -> Work:
        return KERNELS[case.op](case, self.pool)

    def versions(self) -> dict[str, str]:
        config: dict[str, Any] = np.show_config(mode="dicts")  # type: ignore[assignment]
        blas = config.get("Build Dependencies", {}).get("blas", {})
        return {"numpy": np.__version__, "blas": f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip()}
