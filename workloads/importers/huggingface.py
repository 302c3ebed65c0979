"""Models from a Hugging Face ``config.json``, as it is published."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from magnitudes.names import NameMiss, nearest
from workloads.cnn import ResNet
from workloads.composition import CHOICES, Composition
from workloads.feed_forward import DenseFeedForward, ExpertFeedForward, FeedForward
from workloads.importers import convolutional, decoders, others, recurrent, searched, towers
from workloads.importers.config import LARGEST, Config, MissingFieldError
from workloads.model import Model, ModelError
from workloads.shipped import file_of
from workloads.transformer import Transformer


def read_config(path: Path) -> Model:
    """A model from a ``config.json``.

    Raises
    ------
    ModelError
        If the file cannot be read, its architecture is not known, or a field is missing or out of range.
    """
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: is not JSON: {error}") from error
    if not isinstance(tree, dict):
        raise ModelError(f"{path}: should be a JSON object with the fields of a Hugging Face configuration")
    name = path.parent.name if path.stem == "config" and path.parent.name else path.stem
    return model_of(tree, name, str(path))


def model_of(tree: Mapping[str, Any], name: str, where: str) -> Model:
    """A model from a configuration's fields.

    Raises
    ------
    ModelError
    """
    kind = tree.get("model_type")
    if kind is None:
        raise ModelError(f"{where}: the field model_type is missing; it names the architecture, one of {', '.join(ARCHITECTURES)}")
    if not isinstance(kind, str) or kind not in ARCHITECTURES:
        near = nearest(str(kind), ARCHITECTURES)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise ModelError(
            f"{where}: architecture {kind!r} is not known{hint} (known: {', '.join(ARCHITECTURES)}); "
            "add a reader to workloads/importers (docs/walkthroughs/add_a_model.md)"
        )
    try:
        return ARCHITECTURES[kind](Config(where, tree), name)
    except MissingFieldError as error:
        raise _all_missing(kind, tree, name, where, error) from error


def _all_missing(kind: str, tree: Mapping[str, Any], name: str, where: str, first: MissingFieldError) -> ModelError:
    """The refusal that names all fields that are missing, as far as the reader comes with stand-ins for them."""
    missing: list[str] = []
    with suppress(ModelError, ArithmeticError):  # stand-ins may fit nothing
        ARCHITECTURES[kind](Config(where, tree, missing), name)
    distinct = list(dict.fromkeys(missing))
    if len(distinct) < 2:
        return first
    return MissingFieldError(f"{where}: {len(distinct)} fields that {kind} needs are missing: {', '.join(distinct)}; add them to the configuration")


def _decoder(c: Config, name: str, layers: float | None = None, **own: Any) -> Transformer:
    """What Llama and its descendants share; `own` is what differs."""
    hidden, heads = c.whole("hidden_size"), c.whole("num_attention_heads")
    layers = layers or c.whole("num_hidden_layers")
    if c.fields.get("head_dim") is None and hidden % heads:
        raise ModelError(f"{c.where}: hidden_size {hidden:g} is not a multiple of num_attention_heads {heads:g}, and there is no head_dim")
    kv_heads = c.whole_or(heads, "num_key_value_heads")
    if heads % kv_heads:
        raise ModelError(f"{c.where}: num_attention_heads {heads:g} is not a multiple of num_key_value_heads {kv_heads:g}")
    shared: dict[str, Any] = {
        "name": name,
        "hidden": hidden,
        "heads": heads,
        "kv_heads": kv_heads,
        "head_dim": c.whole_or(hidden / heads, "head_dim"),
        "feed_forwards": own.pop("feed_forwards", None) or ((layers, DenseFeedForward(c.whole("intermediate_size"))),),
        "windows": ((layers, None),),
        "vocabulary": c.whole("vocab_size"),
        "tied": c.flag("tie_word_embeddings"),
    }
    return Transformer(**(shared | own))


def _llama(c: Config, name: str) -> Transformer:
    attention, everywhere = c.flag("attention_bias"), c.flag("attention_bias") and c.flag("mlp_bias")
    output_bias = c.whole("num_hidden_layers") * c.whole("hidden_size") if attention and not everywhere else 0.0
    return _decoder(c, name, bias=everywhere, qkv_bias=attention, extra_parameters=output_bias)


def _mistral(c: Config, name: str) -> Transformer:
    window = c.whole_or(math.inf, "sliding_window")
    return _decoder(c, name, windows=((c.whole("num_hidden_layers"), window if math.isfinite(window) else None),))


def _qwen2(c: Config, name: str) -> Transformer:
    return _decoder(c, name, qkv_bias=True)


def _qwen3(c: Config, name: str) -> Transformer:
    return _decoder(c, name, head_norms=True)


def _mixtral(c: Config, name: str) -> Transformer:
    experts = ExpertFeedForward(c.whole("num_local_experts"), c.whole("num_experts_per_tok"), c.whole("intermediate_size"))
    return _decoder(c, name, feed_forwards=((c.whole("num_hidden_layers"), experts),))


def _qwen_experts(c: Config) -> tuple[tuple[float, FeedForward], ...]:
    """Routed experts in every `decoder_sparse_step`-th layer, a dense network in the others."""
    layers, step = c.whole("num_hidden_layers"), c.whole_or(1.0, "decoder_sparse_step")
    shared = c.whole_or(0.0, "shared_expert_intermediate_size")
    sparse = float(layers // step)
    experts = ExpertFeedForward(c.whole("num_experts"), c.whole("num_experts_per_tok"), c.whole("moe_intermediate_size"), shared, bool(shared))
    if sparse == layers:
        return ((layers, experts),)
    return ((layers - sparse, DenseFeedForward(c.whole("intermediate_size"), label="_dense")), (sparse, experts))


def _qwen2_moe(c: Config, name: str) -> Transformer:
    return _decoder(c, name, feed_forwards=_qwen_experts(c), qkv_bias=True)


def _qwen3_moe(c: Config, name: str) -> Transformer:
    return _decoder(c, name, feed_forwards=_qwen_experts(c), head_norms=True)


def _gemma2(c: Config, name: str) -> Transformer:
    layers, window = c.whole("num_hidden_layers"), c.whole("sliding_window")
    return _decoder(c, name, tied=c.flag("tie_word_embeddings", True), norms_per_layer=4.0, windows=((layers / 2.0, window), (layers / 2.0, None)))


def _gemma(c: Config, name: str) -> Transformer:
    return _decoder(c, name, tied=c.flag("tie_word_embeddings", True))


def _gpt2(c: Config, name: str) -> Transformer:
    hidden, layers = c.whole("n_embd", "hidden_size"), c.whole("n_layer", "num_hidden_layers")
    inner = c.whole_or(4.0 * hidden, "n_inner")
    return _plain(c, name, hidden, layers, c.whole("n_head", "num_attention_heads"), inner, positions=c.whole("n_positions"))


def _opt(c: Config, name: str) -> Transformer:
    """OPT; its 350M has a narrower embedding between two products without biases, and norms behind the sums, so that none ends it."""
    hidden, layers = c.whole("hidden_size"), c.whole("num_hidden_layers")
    positions = c.whole("max_position_embeddings") + 2.0  # two rows are kept for padding
    narrow = c.whole_or(hidden, "word_embed_proj_dim")
    between = c.whole("vocab_size") * (narrow - hidden) + (2.0 * narrow * hidden if narrow != hidden else 0.0)
    extra = between if c.flag("do_layer_norm_before", True) else between - 2.0 * hidden
    return _plain(c, name, hidden, layers, c.whole("num_attention_heads"), c.whole("ffn_dim"), positions=positions, extra_parameters=extra)


def _bloom(c: Config, name: str) -> Transformer:
    hidden, layers = c.whole("hidden_size", "n_embed"), c.whole("n_layer", "num_hidden_layers")
    return _plain(c, name, hidden, layers, c.whole("n_head", "num_attention_heads"), 4.0 * hidden, extra_parameters=2.0 * hidden)


def _gpt_neox(c: Config, name: str) -> Transformer:
    hidden, layers = c.whole("hidden_size"), c.whole("num_hidden_layers")
    return _plain(c, name, hidden, layers, c.whole("num_attention_heads"), c.whole("intermediate_size"), tied=False, rotary=True)


def _bert(c: Config, name: str) -> Transformer:
    hidden, layers = c.whole("hidden_size"), c.whole("num_hidden_layers")
    return _plain(
        c, name, hidden, layers, c.whole("num_attention_heads"), c.whole("intermediate_size"), encoder=True,
        positions=c.whole("max_position_embeddings"), token_types=c.whole_or(0.0, "type_vocab_size"), extra_parameters=hidden * (hidden + 1.0),
    )  # fmt: skip


def _plain(c: Config, name: str, hidden: float, layers: float, heads: float, inner: float, **own: Any) -> Transformer:
    """GPT-2 and its relatives: layer norms, biases everywhere, a plain activation, tied embeddings."""
    if hidden % heads:
        raise ModelError(f"{c.where}: the width {hidden:g} is not a multiple of the {heads:g} heads")
    shared: dict[str, Any] = {
        "name": name, "hidden": hidden, "heads": heads, "kv_heads": heads, "head_dim": hidden / heads,
        "feed_forwards": ((layers, DenseFeedForward(inner, gated=False)),), "windows": ((layers, None),), "vocabulary": c.whole("vocab_size"),
        "tied": True, "norm": "layer", "bias": True, "rotary": False,
    }  # fmt: skip
    return Transformer(**(shared | own))


def _resnet(c: Config, name: str) -> ResNet:
    depths = c.fields.get("depths")
    if not isinstance(depths, list) or not depths or not all(type(d) is int and 0 < d <= LARGEST for d in depths):
        raise ModelError(f"{c.where}: depths is {depths!r}; it lists the blocks of each stage, such as [3, 4, 6, 3]")
    bottleneck = c.fields.get("layer_type", "bottleneck") == "bottleneck"
    return ResNet(name, tuple(float(d) for d in depths), bottleneck, c.whole_or(64.0, "embedding_size"), c.whole_or(224.0, "image_size"))


def _composition(c: Config, name: str) -> Composition:
    """Whole models behind a router; each part is a shipped model's name, or a configuration."""
    choice = str(c.fields.get("choice") or "uniform")
    if choice not in CHOICES:
        raise ModelError(f"{c.where}: choice is {choice!r}; it should be one of {', '.join(CHOICES)}")
    return Composition(name, _whole(c, "router"), _whole(c, "expert"), c.whole("experts"), c.whole_or(1.0, "router_output"), choice, c.flag("prefetch"))


def _whole(c: Config, key: str) -> Model:
    """A part of a composition that is a model of its own."""
    given = c.fields.get(key)
    if isinstance(given, str):
        try:
            return read_config(file_of(given))
        except NameMiss as error:
            raise ModelError(f"{c.where}: {key}: {error}") from error
    if isinstance(given, Mapping):
        return model_of(given, f"{c.where}: {key}", f"{c.where}: {key}")
    raise ModelError(f"{c.where}: {key} is {given!r}; it should be a model's name, or an object with the fields of a configuration")


ARCHITECTURES: dict[str, Callable[[Config, str], Model]] = {
    "llama": _llama, "mistral": _mistral, "mixtral": _mixtral, "qwen2": _qwen2, "qwen2_moe": _qwen2_moe, "qwen3": _qwen3, "qwen3_moe": _qwen3_moe,
    "gemma": _gemma, "gemma2": _gemma2, "gpt2": _gpt2, "opt": _opt, "bloom": _bloom, "gpt_neox": _gpt_neox, "bert": _bert, "resnet": _resnet,
    "composition_of_experts": _composition,
    **decoders.READERS, **searched.READERS, **recurrent.READERS, **convolutional.READERS, **towers.READERS, **others.READERS,
}  # fmt: skip
