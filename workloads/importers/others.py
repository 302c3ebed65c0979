"""Models without a Hugging Face configuration of their own kind: denoisers, recommenders, fields in space.

``dit``: `hidden_size`, `num_hidden_layers`, `num_attention_heads`, and with defaults `patch_size`, `sample_size`, `in_channels`, `num_classes`,
`learn_sigma`. ``unet2d_condition`` has the fields of diffusers' ``UNet2DConditionModel``: `block_out_channels`, `sample_size`, `in_channels`,
`layers_per_block`, `attention_head_dim` (which there counts heads), `cross_attention_dim`, `down_block_types`. ``dlrm``: `num_dense_features`,
`bottom_mlp`, `top_mlp`, `embedding_dim`, `table_rows`, and `pooling` (rows a bag, for each table; 1, if not said). ``neural_field``: `n_levels`,
`n_features_per_level`, `log2_hashmap_size`, `base_resolution`, `per_level_scale` as tiny-cuda-nn has them, `density_mlp`, `color_mlp` and
`direction_features`.
"""

from __future__ import annotations

from collections.abc import Callable

from workloads.diffusion import Text, denoising_u_net, dit
from workloads.feature_maps import FeatureMapNetwork
from workloads.importers.config import Config
from workloads.model import Model, ModelError
from workloads.neural_field import HashGrid, NeuralField
from workloads.recommender import Recommender


def _dit(c: Config, name: str) -> FeatureMapNetwork:
    hidden, heads = c.whole("hidden_size"), c.whole("num_attention_heads")
    if hidden % heads:
        raise ModelError(f"{c.where}: the width {hidden:g} is not a multiple of the {heads:g} heads")
    return dit(
        name, hidden, c.whole("num_hidden_layers"), heads, patch=c.whole_or(2.0, "patch_size"), side=c.whole_or(32.0, "sample_size"),
        channels=c.whole_or(4.0, "in_channels"), classes=c.whole_or(1000.0, "num_classes"), learned_sigma=c.flag("learn_sigma", True),
    )  # fmt: skip


def _unet2d_condition(c: Config, name: str) -> FeatureMapNetwork:
    widths, side = c.wholes("block_out_channels"), c.whole_or(64.0, "sample_size")
    heads = c.whole_or(8.0, "attention_head_dim")
    if min(widths) < 1.0 or any(width % heads for width in widths):
        raise ModelError(f"{c.where}: block_out_channels is {c.fields['block_out_channels']!r}; each should be a multiple of the {heads:g} heads")
    if side % 2.0 ** (len(widths) - 1):
        raise ModelError(f"{c.where}: sample_size is {side:g}; it should be a multiple of {2 ** (len(widths) - 1)}, so that maps of equal size meet")
    kinds = c.fields.get("down_block_types")
    attends = None
    if kinds is not None:
        known = ("CrossAttnDownBlock2D", "DownBlock2D")
        if not isinstance(kinds, list) or len(kinds) != len(widths) or not all(kind in known for kind in kinds):
            raise ModelError(f"{c.where}: down_block_types is {kinds!r}; it should have one of {', '.join(known)} for each of block_out_channels")
        attends = tuple(kind == known[0] for kind in kinds)
    text = Text(c.whole_or(77.0, "text_tokens"), c.whole_or(768.0, "cross_attention_dim"))
    return denoising_u_net(
        name, widths, side=side, channels=c.whole_or(4.0, "in_channels"), depth=c.whole_or(2.0, "layers_per_block"), heads=heads, text=text, attends=attends
    )  # fmt: skip


def _counts(c: Config, key: str) -> tuple[float, ...]:
    """A list of counts from 1."""
    counts = c.wholes(key)
    if min(counts) < 1.0:
        raise ModelError(f"{c.where}: {key} is {c.fields[key]!r}; its numbers should be positive")
    return counts


def _dlrm(c: Config, name: str) -> Recommender:
    rows, width, bottom = _counts(c, "table_rows"), c.whole("embedding_dim"), _counts(c, "bottom_mlp")
    pooled = _counts(c, "pooling") if c.fields.get("pooling") is not None else (1.0,) * len(rows)
    if len(pooled) != len(rows):
        raise ModelError(f"{c.where}: pooling has {len(pooled)} numbers for {len(rows)} tables; give one a table")
    if bottom[-1] != width:
        raise ModelError(f"{c.where}: bottom_mlp ends with {bottom[-1]:g} columns; it should end with embedding_dim, which is {width:g}")
    tables = tuple(zip(rows, pooled, strict=True))
    return Recommender(name, c.whole("num_dense_features"), bottom, _counts(c, "top_mlp"), tables, width)


def _neural_field(c: Config, name: str) -> NeuralField:
    bits = c.whole("log2_hashmap_size")
    if bits > 32.0:
        raise ModelError(f"{c.where}: log2_hashmap_size is {bits:g}; it should be at most 32")
    levels, growth = c.whole("n_levels"), c.number("per_level_scale")
    if levels > 64.0 or growth > 16.0:
        raise ModelError(f"{c.where}: {levels:g} levels that grow by {growth:g} leave every range; at most 64, by at most 16")
    grid = HashGrid(levels, c.whole("n_features_per_level"), 2.0**bits, c.whole("base_resolution"), growth)
    return NeuralField(name, grid, _counts(c, "density_mlp"), _counts(c, "color_mlp"), c.whole_or(16.0, "direction_features"))


READERS: dict[str, Callable[[Config, str], Model]] = {"dit": _dit, "unet2d_condition": _unet2d_condition, "dlrm": _dlrm, "neural_field": _neural_field}
