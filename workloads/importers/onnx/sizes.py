"""The symbolic dimensions of a graph's inputs: which there are, what the user says of them, and which the scenario sets."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping
from typing import Any

from magnitudes.names import NameMiss, nearest
from workloads.importers.onnx.load import ELEMENTS, Graph, library
from workloads.importers.traced.model import Sizes
from workloads.importers.traced.trace import FLOATS
from workloads.model import ModelError

IMAGE_CHANNELS = 32  # an input of rank four with more channels is no image
Axis = int | str  # a number, or a symbol


def axes_of(info: Any, where: str) -> tuple[Axis, ...]:
    """The axes of an input.

    Raises
    ------
    ModelError
        If not even their number is known.
    """
    if not info.type.HasField("tensor_type"):
        raise ModelError(f"{where}: input {info.name!r} is no tensor but a {info.type.WhichOneof('value')}; split it into tensors before export")
    kind = info.type.tensor_type
    if not kind.HasField("shape"):
        raise ModelError(
            f"{where}: input {info.name!r} has a dynamic rank: the file does not say how many axes it has; give it a shape before export (symbols will do), "
            "such as ['batch', 3, 224, 224]"
        )
    return tuple(
        d.dim_param or f"{info.name}.{place}" if d.HasField("dim_param") or not d.HasField("dim_value") or d.dim_value < 0 else int(d.dim_value)
        for place, d in enumerate(kind.shape.dim)
    )


def symbols_of(axis: Axis) -> list[str]:
    """The symbols of an axis: itself, or those of the sum or product that it is."""
    if isinstance(axis, int):
        return []
    tree = _expression(axis)
    return [axis] if tree is None else [n.id for n in ast.walk(tree) if isinstance(n, ast.Name)]


def _expression(axis: str) -> ast.expr | None:
    """An axis that is computed of others, such as ``past + 1``."""
    if not any(sign in axis for sign in "+-*/"):
        return None
    try:
        tree = ast.parse(axis, mode="eval").body
    except SyntaxError:
        return None
    fine = (ast.BinOp, ast.Name, ast.Constant, ast.Load, ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.UnaryOp, ast.USub)
    return tree if all(isinstance(n, fine) for n in ast.walk(tree)) else None


def bound(axis: Axis, dims: Mapping[str, float]) -> int:
    """The size of an axis; 1, where nothing says it."""
    if isinstance(axis, int):
        return axis
    tree = None if axis in dims else _expression(axis)
    return int(dims.get(axis, 1.0)) if tree is None else max(_computed(tree, dims), 0)


def _computed(tree: ast.expr, dims: Mapping[str, float]) -> int:
    if isinstance(tree, ast.BinOp):
        a, b = _computed(tree.left, dims), _computed(tree.right, dims)
        return {ast.Add: a + b, ast.Sub: a - b, ast.Mult: a * b}.get(type(tree.op), a // max(b, 1))
    if isinstance(tree, ast.UnaryOp):
        return -_computed(tree.operand, dims)
    if isinstance(tree, ast.Constant):
        return int(tree.value)  # type: ignore[arg-type]
    assert isinstance(tree, ast.Name)
    return int(dims.get(tree.id, 1.0))


def sizes_of(graph: Graph, dims: Mapping[str, float]) -> Sizes:
    """Which symbols the scenario sets, and what the user says of all.

    The batch is the first axis of the first input; the length of a prompt is the second axis of an input of whole numbers with two.

    Raises
    ------
    NameMiss
        If the user names a symbol that the graph does not have.
    ModelError
        If a size is no whole number, one or more.
    """
    axes = {i.name: axes_of(i, graph.name) for i in graph.inputs}
    symbols = list(dict.fromkeys(s for own in axes.values() for axis in own for s in symbols_of(axis)))
    made = {o for node in graph.nodes for o in node.output}
    for name, size in dims.items():
        if name not in symbols and name.rpartition(".")[0] not in made:  # an axis that depends on values goes by its tensor's name
            known = f"(dimensions of {graph.name}: {', '.join(symbols) or 'none, all are fixed'})"
            raise NameMiss("dimension", name, nearest(name, symbols), known)
        if size != int(size) or size < 1:
            raise ModelError(f"{graph.name}: --dim {name}={size:g}; it should be a whole number, one or more")
    first = next(iter(axes.values()), ())
    tokens = next((axes[i.name] for i in graph.inputs if _is_tokens(i, axes[i.name])), None)
    leading = tokens or first
    batch = leading[0] if leading and isinstance(leading[0], str) and leading[0] in symbols else None
    prompt = tokens[1] if tokens and isinstance(tokens[1], str) and tokens[1] in symbols else None
    images = any(_is_image(i, axes[i.name]) for i in graph.inputs) and not tokens
    fixed = float(leading[0]) if leading and isinstance(leading[0], int) else 1.0
    return Sizes(batch, prompt, fixed, images, {n: float(v) for n, v in dims.items()})


def _element(info: Any) -> str:
    return ELEMENTS.get(library().TensorProto.DataType.Name(info.type.tensor_type.elem_type), "")


def _is_tokens(info: Any, axes: tuple[Axis, ...]) -> bool:
    return len(axes) == 2 and _element(info) in ("int64", "int32") and "mask" not in info.name


def _is_image(info: Any, axes: tuple[Axis, ...]) -> bool:
    return len(axes) == 4 and _element(info) in (*FLOATS, "int8") and (isinstance(axes[1], str) or axes[1] <= IMAGE_CHANNELS or axes[3] == 3)


def native_format(graph: Graph) -> str:
    """The format of most stored floats; of the first input that has floats, where none is stored."""
    sizes: Counter[str] = Counter()
    for tensor in graph.stored.values():
        if tensor.is_float:
            sizes[tensor.element] += int(tensor.elements)
    inputs = [_element(i) for i in graph.inputs if _element(i) in FLOATS]
    return sizes.most_common(1)[0][0] if sizes else next(iter(inputs), "fp32")
