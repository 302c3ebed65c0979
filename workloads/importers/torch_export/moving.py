"""What moves data or only looks at it otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from workloads.importers.torch_export.site import Site, tensors_in
from workloads.importers.traced.trace import Step, Tensor

Make = Callable[[Site], list[Step]]
TAPS = {"bilinear": 4.0, "trilinear": 8.0, "linear": 2.0, "bicubic": 16.0}


def _view(site: Site) -> list[Step]:
    return [site.step("view", [site.tensor(0)])]


def _permute(site: Site) -> list[Step]:
    before, after = site.tensor(0).shape, site.output.shape
    moved = [s for s in before if s > 1] != [s for s in after if s > 1] or len({s for s in before if s > 1}) != len([s for s in before if s > 1])
    return [site.step("permute" if moved else "view", [site.tensor(0)])]


def _cast(site: Site) -> list[Step]:
    source = site.tensor(0)
    if source.element == site.output.element:
        return _view(site)
    return [site.step("pointwise", [source], "cast", flop=0.0)]


def _concat(site: Site) -> list[Step]:
    parts = [t for t in tensors_in(site.args[:1]) if t.elements]
    return [site.step("concat" if len(parts) > 1 else "view", parts)]


def _copy(site: Site) -> list[Step]:
    return [site.step("move", [site.tensor(0)])]


def _made(site: Site) -> list[Step]:
    return [site.step("move", [])]


def _indexed(site: Site) -> list[Step]:
    """Rows of a stored table are looked up; of a tensor, they are copied."""
    table = site.tensor(0)
    indices = tensors_in(site.args[1:])
    if table.constant and table.is_float and indices and not indices[-1].constant:
        rows = site.output.elements / max(_width(table), 1.0)
        return [site.step("gather", [table, indices[-1]], rows=rows, width=_width(table), table_rows=float(table.shape[0]))]
    return [site.step("move", [table, *indices])]


def _width(table: Tensor) -> float:
    return table.elements / max(table.shape[0], 1)


def _embedding(site: Site) -> list[Step]:
    table, index = site.tensor(0), site.tensor(1)
    return [site.step("gather", [table, index], rows=index.elements, width=_width(table), table_rows=float(table.shape[0]))]


def _embedding_bag(site: Site) -> list[Step]:
    """Rows of a table, summed bag by bag."""
    table, index = site.tensor(0), site.tensor(1)
    pooled = index.elements * _width(table) / max(site.output.elements, 1.0)
    step = site.step("gather", [table, index], rows=index.elements, width=_width(table), table_rows=float(table.shape[0]), pooled=pooled)
    return [Step(step.name, step.kind, step.inputs, step.outputs[:1], step.sizes, step.label, step.count)]


def _scatter(site: Site) -> list[Step]:
    """What is new is read and written over the old, in place."""
    target = site.tensor(0)
    updates = site.tensors[-1]
    written = site.between("written", updates.shape)
    return [site.inner("", "move", [updates], [written], site.operator), site.inner("view", "view", [target, written], [site.output])]


def _pad(site: Site) -> list[Step]:
    return [site.step("view" if site.output.elements == site.tensor(0).elements else "pad", [site.tensor(0)])]


def _upsample(site: Site) -> list[Step]:
    """Nearest neighbours are copies; others weigh so many."""
    taps = next((n for kind, n in TAPS.items() if kind in site.operator), 1.0)
    return [site.step("reduce", [site.tensor(0)], "resize", flop=0.0 if taps == 1.0 else 2.0 * taps - 1.0)]


_VIEWS = (
    "view", "_unsafe_view", "reshape", "squeeze", "unsqueeze", "expand", "expand_as", "slice", "select", "narrow", "split", "split_with_sizes", "chunk",
    "unbind", "flatten", "unflatten", "alias", "detach", "contiguous", "clone", "dropout", "lift_fresh_copy", "lift_fresh", "view_as", "as_strided",
    "diagonal", "unfold", "view_as_complex", "view_as_real", "_reshape_alias", "broadcast_to", "tensor_split", "feature_dropout", "alpha_dropout",
    "native_dropout", "_conj", "resolve_conj", "hsplit", "vsplit",
)  # fmt: skip
_PERMUTES = ("permute", "transpose", "t", "swapaxes", "movedim", "numpy_T", "mT", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "adjoint")
_ORDERS = ("roll", "flip", "rot90")
_COPIES = ("repeat", "repeat_interleave", "tile", "one_hot", "nonzero", "im2col", "col2im", "meshgrid", "masked_select", "diff", "unique")
_MADE = ("arange", "full", "zeros", "ones", "empty", "full_like", "zeros_like", "ones_like", "empty_like", "new_ones", "new_zeros", "new_full", "new_empty",
         "eye", "rand", "randn", "rand_like", "randn_like", "scalar_tensor", "linspace")  # fmt: skip
_UPSAMPLES = (
    "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d", "upsample_bilinear2d", "upsample_linear1d", "upsample_trilinear3d",
    "upsample_bicubic2d", "_upsample_nearest_exact2d", "_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa",
)  # fmt: skip
RULES: Mapping[str, Make] = {
    **dict.fromkeys(_VIEWS, _view),
    **dict.fromkeys(_PERMUTES, _permute),
    **dict.fromkeys(_ORDERS, lambda site: [site.step("permute", [site.tensor(0)])]),
    **dict.fromkeys(_COPIES, _copy),
    **dict.fromkeys(_MADE, _made),
    **dict.fromkeys(_UPSAMPLES, _upsample),
    **dict.fromkeys(("to", "_to_copy", "type_as", "float", "half"), _cast),
    **dict.fromkeys(("cat", "concat", "stack", "hstack", "vstack"), _concat),
    **dict.fromkeys(("index", "index_select", "gather", "take", "take_along_dim"), _indexed),
    **dict.fromkeys(("scatter", "scatter_add", "index_put", "index_copy", "index_add", "slice_scatter", "select_scatter", "masked_scatter"), _scatter),
    **dict.fromkeys(("constant_pad_nd", "pad", "reflection_pad1d", "reflection_pad2d", "replication_pad2d"), _pad),
    "embedding": _embedding, "_embedding_bag": _embedding_bag, "_embedding_bag_forward_only": _embedding_bag, "embedding_bag": _embedding_bag,
    "grid_sampler": lambda site: [site.step("reduce", None, "resize", flop=TAPS["bilinear"] * 2.0)],
    "grid_sampler_2d": lambda site: [site.step("reduce", None, "resize", flop=TAPS["bilinear"] * 2.0)],
}  # fmt: skip
