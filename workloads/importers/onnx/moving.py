"""What moves data or only looks at it otherwise: views, exchanges of axes, copies, look-ups by index."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from workloads.importers.onnx.site import Site
from workloads.importers.traced.trace import Step

Make = Callable[[Site], list[Step]]


def _view(site: Site) -> list[Step]:
    return [site.step("view", (0,))]


def _permute(site: Site) -> list[Step]:
    shape = site.tensor(0).shape
    order = site.given(list(range(len(shape)))[::-1], "perm")
    moved = [shape[int(axis)] for axis in order if shape[int(axis)] > 1]
    return [site.step("view" if moved == [s for s in shape if s > 1] and len(set(moved)) == len(moved) else "permute", (0,))]


def _move(site: Site) -> list[Step]:
    return [site.step("move")]


def _first_moved(site: Site) -> list[Step]:
    return [site.step("move", (0,))]


def _concat(site: Site) -> list[Step]:
    full = [place for place, t in enumerate(site.inputs) if t is not None and t.elements]
    return [site.step("view", full)] if len(full) == 1 else [site.step("concat", full)]


def _slice(site: Site) -> list[Step]:
    return [site.step("view", (0,), "slice")]


def _gather(site: Site) -> list[Step]:
    """Rows of a stored table are looked up; of a tensor, one place is a view, and several are copied."""
    table, index = site.tensor(0), site.tensor(1)
    axis = int(site.given(0, "axis")) % max(len(table.shape), 1)
    width = float(np.prod(table.shape[axis + 1 :]))
    if table.constant and table.is_float and axis == 0 and not index.constant:
        return [site.step("gather", (0, 1), rows=index.elements, width=width, table_rows=float(table.shape[0]))]
    return [site.step("view", (0,))] if index.elements == 1.0 and index.constant else [site.step("move", (0, 1))]


def _gather_nd(site: Site) -> list[Step]:
    return [site.step("move", (0, 1))]


def _scatter(site: Site) -> list[Step]:
    """What is new is read and written over the old, in place."""
    updates = site.tensor(2)
    written = site.between("written", updates.shape)
    return [
        site.inner("", "move", [updates.name, site.tensor(1).name], [written.name], site.node.op_type),
        site.inner("view", "view", [site.tensor(0).name, written.name], [site.output.name]),
    ]


def _resize(site: Site) -> list[Step]:
    """Nearest neighbours are copies; linear ones weigh two along each axis that grows, cubic ones four."""
    source, target = site.tensor(0), site.output
    taps = {"linear": 2.0, "cubic": 4.0}.get(site.given("nearest", "mode"), 1.0)
    grown = sum(a != b for a, b in zip(source.shape, target.shape, strict=True))
    weighed = taps**grown
    return [site.step("reduce", (0,), "resize", flop=0.0 if taps == 1.0 else 2.0 * weighed - 1.0)]


def _pad(site: Site) -> list[Step]:
    return [site.step("view" if site.output.elements == site.tensor(0).elements else "pad", (0,))]


def _made(site: Site) -> list[Step]:
    """What is made of its sizes alone: written, with nothing read."""
    return [site.step("move", ())]


def _identity_or_split(site: Site) -> list[Step]:
    return [site.step("view", (0,), "split")]


def _unpool(site: Site) -> list[Step]:
    return [site.step("move", (0, 1))]


_VIEWS = ("Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Expand", "BitCast", "SequenceAt", "Optional", "OptionalGetElement")
_COPIES = ("Tile", "DepthToSpace", "SpaceToDepth", "ReverseSequence", "Compress", "Unique", "NonZero", "OneHot", "NonMaxSuppression", "Col2Im", "CenterCropPad")
RULES: Mapping[str, Make] = {
    **dict.fromkeys(_VIEWS, _view),
    **dict.fromkeys(_COPIES, _first_moved),
    **dict.fromkeys(("Range", "ConstantOfShape", "EyeLike", "RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Shape", "Size"), _made),
    "Transpose": _permute, "Concat": _concat, "Slice": _slice, "Split": _identity_or_split, "Gather": _gather, "GatherElements": _gather_nd,
    "GatherND": _gather_nd, "ScatterND": _scatter, "ScatterElements": _scatter, "Scatter": _scatter, "TensorScatter": _move, "Resize": _resize,
    "Upsample": _resize, "GridSample": _move, "Pad": _pad, "MaxUnpool": _unpool, "RoiAlign": _move, "MaxRoiPool": _move, "AffineGrid": _first_moved,
}  # fmt: skip
RULES = {**RULES, "DepthToSpace": lambda site: [site.step("permute", (0,))], "SpaceToDepth": lambda site: [site.step("permute", (0,))]}
