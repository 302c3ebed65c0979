"""Decoders whose layers differ from Llama's: parallel halves, latent attention, interleaved experts."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Any

from workloads.attention import GroupedAttention, LatentAttention
from workloads.feed_forward import DenseFeedForward, ExpertFeedForward, FeedForward
from workloads.importers.config import Config
from workloads.model import Model, ModelError
from workloads.recurrence import LightningAttention
from workloads.stack import Layers, Stack


def grouped(c: Config, **own: Any) -> GroupedAttention:
    """Grouped attention as Llama's configuration spells it; `own` is what differs."""
    hidden, heads = c.whole("hidden_size"), c.whole("num_attention_heads")
    kv_heads = c.whole_or(heads, "num_key_value_heads")
    if c.fields.get("head_dim") is None and hidden % heads:
        raise ModelError(f"{c.where}: hidden_size {hidden:g} is not a multiple of num_attention_heads {heads:g}, and there is no head_dim")
    if heads % kv_heads:
        raise ModelError(f"{c.where}: num_attention_heads {heads:g} is not a multiple of num_key_value_heads {kv_heads:g}")
    shared = {"heads": heads, "kv_heads": kv_heads, "head_dim": c.whole_or(hidden / heads, "head_dim")}
    return GroupedAttention(**(shared | own))


def decoder(c: Config, name: str, layers: tuple[Layers, ...], **own: Any) -> Stack:
    """A stack with an embedding and a head; `own` is what differs."""
    vocabulary = own.pop("vocabulary", None) or c.whole("vocab_size")
    shared: dict[str, Any] = {"hidden": c.whole("hidden_size"), "layers": layers, "vocabulary": vocabulary, "tied": c.flag("tie_word_embeddings")}
    return Stack(name=name, **(shared | own))


def split(depth: float, parts: list[tuple[float, str, Any]]) -> list[tuple[float, str, Any]]:
    """Kinds of layers with their counts, without those that do not occur; the label only where there are several."""
    there = [(count, label, part) for count, label, part in parts if count > 0]
    return [(count, label if len(there) > 1 else "", part) for count, label, part in there]


def _gemma3(c: Config, name: str) -> Stack:
    """Five layers with a window to each that looks everywhere (`sliding_window_pattern`); norms before and after each half, and of heads."""
    depth, period = c.whole("num_hidden_layers"), c.whole_or(6.0, "sliding_window_pattern", "_sliding_window_pattern")
    everywhere, head_dim = float(depth // period), c.whole("head_dim")
    forward = DenseFeedForward(c.whole("intermediate_size"))
    kinds = split(depth, [(depth - everywhere, "_window", c.whole("sliding_window")), (everywhere, "_full", None)])
    layers = tuple(Layers(n, grouped(c, window=w, extra_parameters=2.0 * head_dim), forward, label=label) for n, label, w in kinds)
    return decoder(c, name, layers, tied=c.flag("tie_word_embeddings", True), norms_per_layer=4.0)


def _phi(c: Config, name: str) -> Stack:
    layers = Layers(
        c.whole("num_hidden_layers"), grouped(c, qkv_bias=True, out_bias=True), DenseFeedForward(c.whole("intermediate_size"), gated=False), parallel=True
    )  # fmt: skip
    return decoder(c, name, (layers,), norm="layer", bias=True, extra_parameters=c.whole("vocab_size"))


def _phi3(c: Config, name: str) -> Stack:
    window = c.whole_or(0.0, "sliding_window") or None
    layers = Layers(c.whole("num_hidden_layers"), grouped(c, window=window), DenseFeedForward(c.whole("intermediate_size")))
    return decoder(c, name, (layers,))


def _falcon(c: Config, name: str) -> Stack:
    """Parallel halves without biases; the new architecture has key-value heads and a norm a half (or one), the old one shares one key-value head."""
    hidden, heads = c.whole("hidden_size"), c.whole("num_attention_heads", "n_head")
    new = c.flag("new_decoder_architecture")
    kv_heads = c.whole("num_kv_heads", "n_head_kv") if new else (1.0 if c.flag("multi_query", True) else heads)
    attention = GroupedAttention(heads, kv_heads, hidden / heads)
    layers = Layers(
        c.whole("num_hidden_layers", "n_layer"), attention, DenseFeedForward(c.whole_or(4.0 * hidden, "ffn_hidden_size"), gated=False), parallel=True
    )
    norms = c.whole_or(2.0, "num_ln_in_parallel_attn") if new else 1.0
    return decoder(c, name, (layers,), norm="layer", norms_per_layer=norms, tied=c.flag("tie_word_embeddings", True))


def _experts(c: Config, experts: str, inner: str, **own: Any) -> ExpertFeedForward:
    return ExpertFeedForward(c.whole(experts), c.whole("num_experts_per_tok"), c.whole(inner), **own)


def _dense_first(c: Config, first: float, mixer: Any, experts: FeedForward) -> tuple[Layers, ...]:
    """`first` layers with a dense network, the others with experts."""
    depth = c.whole("num_hidden_layers")
    kinds = split(depth, [(first, "_dense", DenseFeedForward(c.whole("intermediate_size"))), (depth - first, "_experts", experts)])
    return tuple(Layers(count, mixer, part, label=label) for count, label, part in kinds)


def _count(c: Config, key: str) -> float:
    """A count that may be zero."""
    return 0.0 if c.fields.get(key) in (0, None) else c.whole(key)


def _deepseek(c: Config, name: str) -> Stack:
    """DeepSeek-V2, V3 and R1, Kimi K2: latent attention; shared and routed experts behind dense first layers."""
    attention = LatentAttention(
        heads=c.whole("num_attention_heads"), nope_dim=c.whole("qk_nope_head_dim"), rope_dim=c.whole("qk_rope_head_dim"),
        value_dim=c.whole("v_head_dim"), kv_rank=c.whole("kv_lora_rank"), q_rank=_count(c, "q_lora_rank"),
    )  # fmt: skip
    inner = c.whole("moe_intermediate_size")
    balanced = c.fields.get("topk_method") == "noaux_tc"
    experts = _experts(c, "n_routed_experts", "moe_intermediate_size", shared_inner=_count(c, "n_shared_experts") * inner, router_bias=balanced)
    return decoder(c, name, _dense_first(c, _count(c, "first_k_dense_replace"), attention, experts))


def _glm(c: Config, name: str) -> Stack:
    """GLM-4: Llama's layers with biases of queries, keys and values."""
    attention = grouped(c, qkv_bias=c.flag("attention_bias"))
    return decoder(c, name, (Layers(c.whole("num_hidden_layers"), attention, DenseFeedForward(c.whole("intermediate_size"))),))


def _chatglm(c: Config, name: str) -> Stack:
    """ChatGLM's own spelling of the same."""
    hidden, heads = c.whole("hidden_size"), c.whole("num_attention_heads")
    kv_heads = c.whole("multi_query_group_num") if c.flag("multi_query_attention") else heads
    attention = GroupedAttention(heads, kv_heads, c.whole_or(hidden / heads, "kv_channels"), qkv_bias=c.flag("add_qkv_bias"))
    layers = Layers(c.whole("num_layers"), attention, DenseFeedForward(c.whole("ffn_hidden_size")))
    return decoder(c, name, (layers,), vocabulary=c.whole("padded_vocab_size"))


def _glm4_moe(c: Config, name: str) -> Stack:
    inner = c.whole("moe_intermediate_size")
    norms = 2.0 * c.whole("head_dim") if c.flag("use_qk_norm") else 0.0
    attention = grouped(c, qkv_bias=c.flag("attention_bias"), extra_parameters=norms)
    experts = _experts(c, "n_routed_experts", "moe_intermediate_size", shared_inner=_count(c, "n_shared_experts") * inner, router_bias=True)
    return decoder(c, name, _dense_first(c, _count(c, "first_k_dense_replace"), attention, experts))


def _gpt_oss(c: Config, name: str) -> Stack:
    """Every second layer with a window; biases everywhere, and one learned sink a head."""
    depth, experts = c.whole("num_hidden_layers"), _experts(c, "num_local_experts", "intermediate_size", bias=True)
    kinds = split(depth, [(depth - depth // 2, "_window", c.whole("sliding_window")), (float(depth // 2), "_full", None)])
    sinks = c.whole("num_attention_heads")
    layers = tuple(Layers(n, grouped(c, window=w, qkv_bias=True, out_bias=True, extra_parameters=sinks), experts, label=label) for n, label, w in kinds)
    return decoder(c, name, layers)


def _llama4(c: Config, name: str) -> Stack:
    """Text part of Llama 4: three layers with chunked attention to each without positions; experts in every `interleave_moe_layer_step`-th."""
    text = c.part("text_config") if "text_config" in c.fields else c
    depth = int(text.whole("num_hidden_layers"))
    step, chunk = int(text.whole("interleave_moe_layer_step")), text.whole("attention_chunk_size")
    period = int(text.whole_or(4.0, "no_rope_layer_interval"))
    dense = DenseFeedForward(text.whole("intermediate_size_mlp"))
    experts = _experts(text, "num_local_experts", "intermediate_size", shared_inner=text.whole("intermediate_size"))
    kinds = sorted(((i + 1) % step == 0, (i + 1) % period != 0) for i in range(depth))
    layers = []
    for (sparse, chunked), members in groupby(kinds):
        label = ("_experts" if sparse else "_dense") + ("_chunked" if chunked else "_full")
        attention = grouped(text, chunk=chunk if chunked else None, rotary=chunked)
        layers.append(Layers(float(len(list(members))), attention, experts if sparse else dense, label=label))
    return decoder(text, name, tuple(layers), tied=False)


def _minimax(c: Config, name: str) -> Stack:
    """MiniMax-Text-01: lightning attention in seven layers of eight, softmax attention in the eighth; experts in all."""
    kinds = c.wholes("attn_type_list") if "attn_type_list" in c.fields else tuple(float(k == "full_attention") for k in c.fields.get("layer_types") or ())
    if len(kinds) != c.whole("num_hidden_layers"):
        raise ModelError(f"{c.where}: attn_type_list has {len(kinds)} entries for {c.whole('num_hidden_layers'):g} layers; give one a layer, 0 or 1")
    experts = _experts(c, "num_local_experts", "intermediate_size")
    lightning = LightningAttention(c.whole("num_attention_heads"), c.whole("head_dim"), c.whole_or(256.0, "block_size"))
    parts = split(0.0, [(float(kinds.count(0.0)), "_linear", lightning), (float(len(kinds) - kinds.count(0.0)), "_full", grouped(c))])
    return decoder(c, name, tuple(Layers(n, mixer, experts, label=label) for n, label, mixer in parts))


READERS: dict[str, Callable[[Config, str], Model]] = {
    "gemma3_text": _gemma3, "phi": _phi, "phi3": _phi3, "falcon": _falcon, "deepseek_v2": _deepseek, "deepseek_v3": _deepseek, "kimi_k2": _deepseek,
    "glm": _glm, "chatglm": _chatglm, "glm4_moe": _glm4_moe, "gpt_oss": _gpt_oss, "llama4": _llama4, "llama4_text": _llama4,
    "minimax_text_01": _minimax, "minimax": _minimax,
}  # fmt: skip
