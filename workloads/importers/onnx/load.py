"""An ONNX file, opened and checked; large weights are left where they are, only their shapes are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import numpy as np

from workloads.importers.traced.trace import Tensor
from workloads.model import ModelError

LARGEST_VALUE = 4096  # elements of a stored tensor of floats that is read: sizes, scales, frequencies; weights are larger and never read
LARGEST_WHOLE = 1 << 22  # elements of one of whole numbers or truths: indices and masks
ELEMENTS = {
    "FLOAT": "fp32", "FLOAT16": "fp16", "BFLOAT16": "bf16", "DOUBLE": "fp64", "FLOAT8E4M3FN": "fp8", "FLOAT8E4M3FNUZ": "fp8", "FLOAT8E5M2": "fp8",
    "FLOAT8E5M2FNUZ": "fp8", "FLOAT8E8M0": "fp8", "FLOAT4E2M1": "fp4", "INT8": "int8", "UINT8": "int8", "INT16": "int16", "UINT16": "int16",
    "INT32": "int32", "UINT32": "int32", "INT64": "int64", "UINT64": "int64", "INT4": "int4", "UINT4": "int4", "INT2": "int2", "UINT2": "int2",
    "BOOL": "bool", "COMPLEX64": "complex64", "COMPLEX128": "complex128", "STRING": "string",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Graph:
    """An ONNX graph.

    Parameters
    ----------
    path : Path
    model : onnx.ModelProto
        Without its stored tensors.
    stored : mapping of str to Tensor
        What it stores: weights and constants, with the values of small ones.
    nodes : tuple of onnx.NodeProto
        In an order in which each comes after what it reads.
    opsets : mapping of str to int
        Version of each domain.
    """

    path: Path
    model: Any
    stored: Mapping[str, Tensor]
    nodes: tuple[Any, ...]
    opsets: Mapping[str, int]

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.stem

    @property
    def inputs(self) -> list[Any]:
        """What has to be given."""
        return [i for i in self.model.graph.input if i.name not in self.stored]


def library() -> Any:
    """The `onnx` package.

    Raises
    ------
    ModelError
        If it is not installed.
    """
    try:
        import onnx
        import onnx.inliner
        import onnx.reference
        import onnx.shape_inference
    except ImportError as error:
        raise ModelError("reading ONNX files needs the package onnx; install it with: pip install 'roofscape[onnx]'") from error
    return onnx


def load(path: Path) -> Graph:
    """An ONNX file, without its weights' values.

    Raises
    ------
    ModelError
        If it cannot be read, is no ONNX graph, is cut short, or has a loop.
    """
    model = _parsed(path)
    if model.functions:
        model = library().inliner.inline_local_functions(model)
    opsets = {o.domain: o.version for o in model.opset_import}
    stored = {t.name: stored_tensor(t, path) for t in model.graph.initializer}
    nodes = _ordered(model.graph, path)
    del model.graph.initializer[:]
    return Graph(path, model, stored, nodes, opsets)


def _parsed(path: Path) -> Any:
    onnx = library()
    from google.protobuf.message import DecodeError

    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        model = onnx.load_model_from_string(data)
    except DecodeError as error:
        raise ModelError(f"{path}: is no ONNX file, or is cut short ({len(data):,} bytes): {error}; export or download it again") from error
    graph = model.graph
    if not model.ir_version or not graph.node or not graph.output:
        missing = " and ".join(w for w, has in (("version", model.ir_version), ("nodes", graph.node), ("outputs", graph.output)) if not has)
        raise ModelError(f"{path}: is no ONNX file, or is cut short ({len(data):,} bytes): it has no {missing}; export or download it again")
    return model


def stored_tensor(proto: Any, path: Path) -> Tensor:
    """A stored tensor; its values only where shapes or patterns may depend on them."""
    element = element_of(proto.data_type, proto.name, path)
    shape = tuple(int(d) for d in proto.dims)
    count = int(np.prod(shape)) if shape else 1
    readable = count <= (LARGEST_VALUE if element.startswith(("fp", "bf")) else LARGEST_WHOLE)
    value = array_of(proto, path) if readable and element not in ("string", "fp4") else None
    square = len(shape) > 1 and shape[-1] == shape[-2] and count <= LARGEST_WHOLE
    reader = partial(array_of, proto, path) if value is None and square else None
    return Tensor(proto.name, shape, element, constant=True, origins=frozenset([proto.name]), value=value, reader=reader)


def array_of(proto: Any, path: Path) -> Any:
    """The elements of a stored tensor; nothing, where they lie in a file that is not there."""
    onnx = library()
    try:
        return onnx.numpy_helper.to_array(proto, base_dir=str(path.parent))
    except (OSError, ValueError, TypeError, onnx.checker.ValidationError):
        return None


def element_of(data_type: int, name: str, path: Path | str) -> str:
    """Our name of an element type.

    Raises
    ------
    ModelError
    """
    known = library().TensorProto.DataType
    label = known.Name(data_type) if data_type in known.values() else str(data_type)
    if label not in ELEMENTS:
        raise ModelError(f"{path}: tensor {name!r} has elements of type {label}; known are {', '.join(ELEMENTS)}")
    return ELEMENTS[label]


def _ordered(graph: Any, path: Path) -> tuple[Any, ...]:
    """The nodes, each after what it reads.

    Raises
    ------
    ModelError
        If there is a loop, or a node reads what nothing makes.
    """
    maker = {output: place for place, node in enumerate(graph.node) for output in node.output if output}
    given = {i.name for i in graph.input} | {t.name for t in graph.initializer} | {t.values.name for t in graph.sparse_initializer}
    sorter: TopologicalSorter[int] = TopologicalSorter()
    for place, node in enumerate(graph.node):
        sorter.add(place, *(maker[name] for name in _reads(node) if name in maker))
        missing = [name for name in node.input if name and name not in maker and name not in given]
        if missing:
            raise ModelError(f"{path}: node {label_of(node, place)} reads {missing[0]!r}, which nothing makes; the file is cut short, or was edited")
    try:
        return tuple(graph.node[place] for place in sorter.static_order())
    except CycleError as error:
        loop = " -> ".join(label_of(graph.node[place], place) for place in error.args[1])
        raise ModelError(f"{path}: the graph has a loop: {loop}; ONNX writes a recurrence as LSTM, Loop or Scan, not as an edge back") from error


def _reads(node: Any) -> Iterator[str]:
    """The names that a node reads, those inside its branches and bodies too."""
    yield from node.input
    for attribute in node.attribute:
        for graph in [attribute.g] if attribute.HasField("g") else list(attribute.graphs):
            for inner in graph.node:
                yield from _reads(inner)
            yield from (o.name for o in graph.output)


def label_of(node: Any, place: int = 0) -> str:
    """What a node is called, or which it is."""
    return str(node.name) or f"{node.op_type}_{place}"
