"""DeciLM and Nemotron: decoders whose every layer an architecture search has chosen (Puzzle, arXiv 2411.19146)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Any

from workloads.attention import GroupedAttention, LinearMap
from workloads.feed_forward import DenseFeedForward, FeedForward
from workloads.importers.config import Config
from workloads.importers.decoders import decoder, grouped
from workloads.model import Model, ModelError
from workloads.stack import Layers, Stack

Mixer = GroupedAttention | LinearMap | None


def _searched(c: Config, name: str) -> Stack:
    """One block a layer (`block_configs`), equal ones together; an older DeciLM lists the key-value heads of its layers alone."""
    if "block_configs" not in c.fields and "num_key_value_heads_per_layer" in c.fields:
        return _heads_by_layer(c, name)
    blocks = c.fields.get("block_configs")
    if not isinstance(blocks, list) or len(blocks) != c.whole("num_hidden_layers") or not all(isinstance(b, dict) for b in blocks):
        raise ModelError(f"{c.where}: block_configs should list one block a layer, each with 'attention' and 'ffn'")
    kinds: dict[str, list[dict[str, Any]]] = {}
    for block in blocks:
        kinds.setdefault(repr(sorted((part, sorted((block.get(part) or {}).items())) for part in ("attention", "ffn"))), []).append(block)
    return decoder(c, name, tuple(_block(c, members[0], float(len(members)), f"_{place}") for place, members in enumerate(kinds.values())))


def _heads_by_layer(c: Config, name: str) -> Stack:
    counts = c.wholes("num_key_value_heads_per_layer")
    if len(counts) != c.whole("num_hidden_layers"):
        raise ModelError(f"{c.where}: num_key_value_heads_per_layer has {len(counts)} entries for {c.whole('num_hidden_layers'):g} layers; give one a layer")
    forward = DenseFeedForward(c.whole("intermediate_size"))
    kinds = [(kv_heads, float(len(list(members)))) for kv_heads, members in groupby(sorted(counts))]
    return decoder(c, name, tuple(Layers(n, grouped(c, kv_heads=kv_heads), forward, label=f"_{place}") for place, (kv_heads, n) in enumerate(kinds)))


def _block(c: Config, block: dict[str, Any], count: float, label: str) -> Layers:
    attention, forward = Config(f"{c.where}: attention", block.get("attention") or {}), Config(f"{c.where}: ffn", block.get("ffn") or {})
    for part in (attention, forward):
        if part.fields.get("sparsify"):
            raise ModelError(f"{part.where}: sparsify is {part.fields['sparsify']!r}; blocks with sparse weights are not known, give them with --sparsity")
    instead = LinearMap() if forward.flag("replace_with_linear") else None
    return Layers(count, _mixer(c, attention), _network(c, forward), instead, label=label)


def _mixer(c: Config, attention: Config) -> Mixer:
    """Attention of the block's own grouping (and window), a linear map in its place, or nothing."""
    if attention.flag("replace_with_linear"):
        return LinearMap()
    if attention.flag("no_op"):
        return None
    hidden, heads = c.whole("hidden_size"), c.whole("num_attention_heads")
    kv_heads = attention.whole("num_key_value_heads") if attention.fields.get("num_key_value_heads") else heads / attention.whole("n_heads_in_group")
    window = attention.whole_or(0.0, "window_length") + attention.whole_or(0.0, "num_sink_tokens")
    return GroupedAttention(heads, kv_heads, c.whole_or(hidden / heads, "head_dim"), window=window or None)


def _network(c: Config, forward: Config) -> FeedForward | None:
    """A gated network of the block's own width, as a multiple of the model's or in full; or nothing."""
    if forward.flag("no_op") or forward.flag("replace_with_linear"):
        return None
    if forward.fields.get("intermediate_size"):
        return DenseFeedForward(forward.whole("intermediate_size"))
    return DenseFeedForward(_rounded(2.0 * forward.number("ffn_mult") * c.whole("hidden_size") / 3.0))


def _rounded(width: float) -> float:
    """Widths of networks are multiples of 256."""
    return float(-(-int(width) // 256) * 256)


READERS: dict[str, Callable[[Config, str], Model]] = {"nemotron-nas": _searched, "deci": _searched}
