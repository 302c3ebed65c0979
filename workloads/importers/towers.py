"""Transformers with several parts: T5, Whisper, ViT, CLIP, LLaVA."""

from __future__ import annotations

from collections.abc import Callable

from workloads.attention import CrossAttention, GroupedAttention
from workloads.encoder_decoder import EncoderDecoder, Sound
from workloads.feed_forward import DenseFeedForward
from workloads.importers.config import Config
from workloads.importers.decoders import grouped
from workloads.model import Model, ModelError
from workloads.stack import Layers, Stack
from workloads.vision_transformer import PatchTower, SeeingLanguageModel, VisionTransformer


def _t5(c: Config, name: str) -> EncoderDecoder:
    """T5 and its successors: no biases, positions by buckets of distance that the first layer of each stack has for all."""
    hidden, heads, head_dim = c.whole("d_model"), c.whole("num_heads"), c.whole("d_kv")
    vocabulary, depth = c.whole("vocab_size"), c.whole("num_layers")
    gated = str(c.fields.get("feed_forward_proj", "relu")).startswith("gated")
    forward = DenseFeedForward(c.whole("d_ff"), gated=gated)
    buckets = c.whole_or(32.0, "relative_attention_num_buckets") * heads
    both = GroupedAttention(heads, heads, head_dim, causal=False, rotary=False)
    said = GroupedAttention(heads, heads, head_dim, rotary=False)
    encoder = Stack(
        name, hidden, (Layers(depth, both, forward),), vocabulary, head=False, extra_parameters=buckets, label="_encoder"
    )  # fmt: skip
    layers = Layers(c.whole_or(depth, "num_decoder_layers"), said, forward, CrossAttention(heads, head_dim, hidden))
    decoder = Stack(name, hidden, (layers,), vocabulary, tied=c.flag("tie_word_embeddings", True), extra_parameters=buckets, label="_decoder")
    return EncoderDecoder(name, encoder, decoder, shared_embedding=True)


def _whisper(c: Config, name: str) -> EncoderDecoder:
    """Whisper: thirty seconds of sound, whatever was said in them."""
    hidden = c.whole("d_model")

    def attention(heads: float, *, causal: bool) -> GroupedAttention:
        return GroupedAttention(heads, heads, _share(c, hidden, heads), causal=causal, qkv_bias=True, key_bias=False, out_bias=True, rotary=False)

    hears, speaks = c.whole("encoder_attention_heads"), c.whole("decoder_attention_heads")
    frames = 2.0 * c.whole_or(1500.0, "max_source_positions")
    encoder = Stack(
        name, hidden, (Layers(c.whole("encoder_layers"), attention(hears, causal=False), DenseFeedForward(c.whole("encoder_ffn_dim"), gated=False)),),
        head=False, norm="layer", bias=True, label="_encoder",
    )  # fmt: skip
    cross = CrossAttention(speaks, _share(c, hidden, speaks), hidden, qv_bias=True, out_bias=True)
    layers = Layers(c.whole("decoder_layers"), attention(speaks, causal=True), DenseFeedForward(c.whole("decoder_ffn_dim"), gated=False), cross)
    positions = c.whole_or(448.0, "max_target_positions") * hidden
    decoder = Stack(
        name, hidden, (layers,), c.whole("vocab_size"), tied=True, norm="layer", bias=True, extra_parameters=positions, label="_decoder"
    )  # fmt: skip
    return EncoderDecoder(name, encoder, decoder, Sound(c.whole("num_mel_bins"), frames))


def _share(c: Config, hidden: float, heads: float) -> float:
    """Width of a head."""
    if hidden % heads:
        raise ModelError(f"{c.where}: the width {hidden:g} is not a multiple of the {heads:g} heads")
    return hidden / heads


def _encoder(c: Config, name: str, label: str, **own: object) -> Stack:
    """A stack that attends in both directions, with biases and layer norms."""
    hidden, heads = c.whole("hidden_size"), c.whole("num_attention_heads")
    attention = GroupedAttention(heads, heads, _share(c, hidden, heads), causal=False, qkv_bias=True, out_bias=True, rotary=False)
    layers = Layers(c.whole("num_hidden_layers"), attention, DenseFeedForward(c.whole("intermediate_size"), gated=False))
    return Stack(name, hidden, (layers,), head=False, norm="layer", bias=True, phases=("images",), label=label, **own)  # type: ignore[arg-type]


def _tower(c: Config, name: str, label: str = "", *, clip: bool = False) -> PatchTower:
    image, patch = c.whole_or(224.0, "image_size"), c.whole("patch_size")
    if patch > image:
        raise ModelError(f"{c.where}: patch_size {patch:g} is larger than image_size {image:g}")
    return PatchTower(_encoder(c, name, label), image, patch, patch_bias=not clip, first_norm=clip)


def _vit(c: Config, name: str) -> VisionTransformer:
    return VisionTransformer(name, _tower(c, name), c.whole_or(1000.0, "num_labels", "num_classes"))


def _clip(c: Config, name: str) -> VisionTransformer:
    """CLIP: a tower for images and one for texts, a common space, and a temperature."""
    seen, said = c.part("vision_config"), c.part("text_config")
    words, positions = said.whole("vocab_size"), said.whole_or(77.0, "max_position_embeddings")
    text = _encoder(said, name, "_text", vocabulary=words, extra_parameters=positions * said.whole("hidden_size") + 1.0)
    tower = _tower(seen, name, clip=True)
    return VisionTransformer(name, tower, c.whole("projection_dim"), projection_bias=False, text=text, text_tokens=positions)


def _llava(c: Config, name: str) -> SeeingLanguageModel:
    """LLaVA-1.5: CLIP's tower, two products, a language model of Llama's shape."""
    seen, said = c.part("vision_config"), c.part("text_config")
    tower = _tower(seen, name, "_image", clip=True)
    layers = Layers(said.whole("num_hidden_layers"), grouped(said), DenseFeedForward(said.whole("intermediate_size")))
    language = Stack(name, said.whole("hidden_size"), (layers,), said.whole("vocab_size"), tied=said.flag("tie_word_embeddings"))
    return SeeingLanguageModel(name, tower, language)


READERS: dict[str, Callable[[Config, str], Model]] = {"t5": _t5, "whisper": _whisper, "vit": _vit, "clip": _clip, "llava": _llava}
