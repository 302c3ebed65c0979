"""One transformer layer in PyTorch: the operators that a framework launches one after another."""

from __future__ import annotations

from typing import Any

from simulator.measurement.cases import Case
from simulator.measurement.numpy_layer import LayerSizes, layer_sizes
from simulator.measurement.torch_bench import Bench, Tensor
from simulator.measurement.work import Work


def layer_work(case: Case, bench: Bench) -> Work:
    """A whole layer as one call: norm, projections, rotary embedding, the cache, fused attention, gated network, residual sums."""
    import torch

    s = layer_sizes(case)
    linear, rms_norm, silu = torch.nn.functional.linear, torch.nn.functional.rms_norm, torch.nn.functional.silu

    def tensors() -> tuple[Tensor, ...]:
        def weights(n: int, k: int) -> Tensor:
            return bench.normal(n, k, scale=k**-0.5)

        cached = (bench.normal(s.batch, s.kv_heads, s.kv_len, s.head_dim) for _ in range(2))
        return (
            bench.normal(s.tokens, s.hidden), bench.normal(s.hidden), weights(s.qkv_width, s.hidden), weights(s.hidden, s.query_width),
            weights(2 * s.inter, s.hidden), weights(s.hidden, s.inter), *cached,
        )  # fmt: skip

    turns = tuple(torch.full((s.q_len, s.head_dim), f, device=bench.device, dtype=bench.dtype) for f in (0.8, 0.6))

    def call(x: Tensor, scale: Tensor, w_qkv: Tensor, w_out: Tensor, w_up: Tensor, w_down: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        mixed = linear(rms_norm(x, (s.hidden,), scale, 1e-5), w_qkv)
        summed = x + linear(_attend(s, mixed, keys, values, turns), w_out)
        gate, up = linear(rms_norm(summed, (s.hidden,), scale, 1e-5), w_up).chunk(2, dim=-1)
        return summed + linear(silu(gate) * up, w_down)

    return Work(tensors, call, float(sum(t.numel() * t.element_size() for t in tensors())))


def _attend(s: LayerSizes, mixed: Tensor, keys: Tensor, values: Tensor, turns: tuple[Any, ...]) -> Tensor:
    import torch

    heads = mixed.view(s.batch, s.q_len, -1, s.head_dim).transpose(1, 2)
    queries = _rotated(heads[:, : s.heads], turns)
    keys[:, :, -s.q_len :] = _rotated(heads[:, s.heads : s.heads + s.kv_heads], turns)
    values[:, :, -s.q_len :] = heads[:, s.heads + s.kv_heads :]
    attended = torch.nn.functional.scaled_dot_product_attention(queries, keys, values, is_causal=s.q_len > 1, enable_gqa=s.heads != s.kv_heads)
    return attended.transpose(1, 2).reshape(s.tokens, s.query_width)


def _rotated(x: Tensor, turns: tuple[Any, ...]) -> Tensor:
    """Halves of each head turned against each other."""
    import torch

    low, high = x.chunk(2, dim=-1)
    return x * turns[0] + torch.cat((-high, low), dim=-1) * turns[1]
