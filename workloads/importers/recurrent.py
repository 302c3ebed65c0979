"""Models with recurrences: Mamba, Mamba-2, Falcon-Mamba, Jamba, RWKV."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import groupby

from workloads.feed_forward import DenseFeedForward, ExpertFeedForward
from workloads.importers.config import Config
from workloads.importers.decoders import decoder, grouped
from workloads.model import Model
from workloads.recurrence import ChannelMix, SelectiveScan, StateSpaceDual, TimeMix
from workloads.stack import Layers, Stack


def _mamba(c: Config, name: str) -> Stack:
    hidden = c.whole("hidden_size")
    inner = c.whole_or(c.whole_or(2.0, "expand") * hidden, "intermediate_size")
    rank = float(math.ceil(hidden / 16.0)) if c.fields.get("time_step_rank", "auto") == "auto" else c.whole("time_step_rank")
    mixer = SelectiveScan(inner, c.whole("state_size"), c.whole_or(4.0, "conv_kernel"), rank)
    return decoder(c, name, (Layers(c.whole("num_hidden_layers"), mixer),), tied=c.flag("tie_word_embeddings", True))


def _mamba2(c: Config, name: str) -> Stack:
    mixer = StateSpaceDual(
        heads=c.whole("num_heads"), head_dim=c.whole("head_dim"), state_dim=c.whole("state_size"), groups=c.whole_or(1.0, "n_groups"),
        taps=c.whole_or(4.0, "conv_kernel"), chunk=c.whole_or(256.0, "chunk_size"),
    )  # fmt: skip
    return decoder(c, name, (Layers(c.whole("num_hidden_layers"), mixer),))


def _jamba(c: Config, name: str) -> Stack:
    """Attention in every `attn_layer_period`-th layer, experts in every `expert_layer_period`-th; scans and dense networks in the others."""
    hidden, depth = c.whole("hidden_size"), int(c.whole("num_hidden_layers"))
    scan = SelectiveScan(
        c.whole("mamba_expand") * hidden, c.whole("mamba_d_state"), c.whole("mamba_d_conv"),
        c.whole_or(float(math.ceil(hidden / 16.0)), "mamba_dt_rank"), normed=True,
    )  # fmt: skip
    dense = DenseFeedForward(c.whole("intermediate_size"))
    experts = ExpertFeedForward(c.whole("num_experts"), c.whole("num_experts_per_tok"), c.whole("intermediate_size"))

    def is_there(kind: str, layer: int) -> bool:
        offset = c.fields.get(f"{kind}_layer_offset", 0)
        return bool(layer % c.whole(f"{kind}_layer_period") == offset)

    kinds = sorted((is_there("attn", i), is_there("expert", i)) for i in range(depth))
    layers = []
    for (attends, sparse), members in groupby(kinds):
        label = ("_attention" if attends else "_scan") + ("_experts" if sparse else "_dense")
        mixer = grouped(c, rotary=False) if attends else scan
        layers.append(Layers(float(len(list(members))), mixer, experts if sparse else dense, label=label))
    return decoder(c, name, tuple(layers))


def _rwkv(c: Config, name: str) -> Stack:
    """RWKV-4: layer norms, the first of them twice."""
    hidden = c.whole("hidden_size")
    inner = c.whole_or(hidden, "attention_hidden_size")
    layers = Layers(c.whole("num_hidden_layers"), TimeMix(inner), ChannelMix(c.whole_or(4.0 * hidden, "intermediate_size")))
    return decoder(c, name, (layers,), norm="layer", extra_parameters=2.0 * hidden)


READERS: dict[str, Callable[[Config, str], Model]] = {
    "mamba": _mamba, "falcon_mamba": _mamba, "mamba2": _mamba2, "jamba": _jamba, "rwkv": _rwkv,
}  # fmt: skip
