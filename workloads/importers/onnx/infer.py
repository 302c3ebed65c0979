"""Shapes and small values of a node's outputs: by ONNX's own inference and reference evaluator, by our rules for other domains."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from workloads.importers.onnx.load import array_of, element_of, library
from workloads.importers.onnx.microsoft import SHAPES, Found
from workloads.importers.onnx.site import Site
from workloads.importers.onnx.state import State
from workloads.importers.traced.trace import ELEMENT_BYTE, Tensor
from workloads.model import ModelError

EVALUATION_ERRORS = (ValueError, TypeError, IndexError, KeyError, RuntimeError, NotImplementedError, AssertionError, OverflowError, AttributeError)
LARGEST = 1 << 22  # elements of a value that is computed
SMALL = 1 << 12  # elements of a value that shape inference is told
NUMPY = {"int64": np.int64, "int32": np.int32, "bool": np.bool_, "int8": np.int8, "fp32": np.float32, "fp16": np.float16, "fp64": np.float64}


def element_name(data_type: int) -> str:
    return element_of(data_type, "", "the graph")


def supposed(name: str, shape: tuple[int, ...], element: str) -> Any:
    """What an input of whole numbers holds when nothing is padded: masks of ones, positions from 0; nothing, for others."""
    if element not in ("int64", "int32", "bool") or int(np.prod(shape)) > LARGEST:
        return None
    kind = NUMPY[element]
    if "position" in name and shape:
        return np.broadcast_to(np.arange(shape[-1], dtype=kind), shape)
    return np.ones(shape, kind)


def attributes_of(node: Any) -> dict[str, Any]:
    """The attributes of a node, as Python has them; graphs as they are."""
    onnx = library()
    found: dict[str, Any] = {}
    for attribute in node.attribute:
        value = onnx.helper.get_attribute_value(attribute)
        found[attribute.name] = value.decode() if isinstance(value, bytes) else value
    return found


def constant(node: Any, name: str, where: str) -> Tensor:
    """What a Constant node holds."""
    attribute = node.attribute[0]
    if attribute.name == "value":
        from pathlib import Path

        proto = attribute.t
        element = element_of(proto.data_type, name, where)
        value = array_of(proto, Path()) if element not in ("string", "fp4") else None
        return Tensor(name, tuple(proto.dims), element, constant=True, value=value)
    value = np.array(library().helper.get_attribute_value(attribute))
    kind = {"value_int": "int64", "value_ints": "int64", "value_float": "fp32", "value_floats": "fp32"}.get(attribute.name, "string")
    return Tensor(name, value.shape, kind, constant=True, value=value.astype(NUMPY[kind]) if kind in NUMPY else None)


def outputs_of(state: State, site: Site) -> list[Tensor]:
    """The outputs of a node.

    Raises
    ------
    ModelError
        If the number of axes of one cannot be known.
    """
    values = _computed(site)
    own = SHAPES.get((site.node.domain, site.node.op_type))
    found: Found
    if values is not None:
        found = [(v.shape, None) for v in values]
    elif own is not None:
        found = own(site)
    else:
        found = _inferred(state, site)
    tensors = []
    for place, name in enumerate(site.output_names):
        if not name:
            continue
        value = values[place] if values is not None and place < len(values) else None
        shape, said = found[place] if place < len(found) else ((1,), None)
        like = next((t.element for t in site.inputs if t is not None), "fp32")
        element = said or (like if value is None else _element(value))
        tensors.append(Tensor(name, tuple(int(s) for s in shape), element, value=value))
    return tensors


def _element(value: Any) -> str:
    names = {"float32": "fp32", "float16": "fp16", "float64": "fp64", "uint8": "int8", "uint16": "int16", "uint32": "int32", "uint64": "int64"}
    name = str(value.dtype)
    return names.get(name, name if name in ELEMENT_BYTE else "bf16" if name == "bfloat16" else "fp32")


def _computed(site: Site) -> list[Any] | None:
    """The values of a node's outputs, where all of its inputs have values and none is large."""
    node = site.node
    if node.op_type == "Shape" and site.inputs[0] is not None:
        start, end = site.given(0, "start"), site.given(None, "end")
        return [np.array(site.inputs[0].shape[start:end], dtype=np.int64)]
    if node.op_type == "Size" and site.inputs[0] is not None:
        return [np.array(site.inputs[0].elements, dtype=np.int64)]
    if not site.inputs or any(t is not None and t.value is None for t in site.inputs) or node.domain not in ("", "ai.onnx"):
        return None
    if sum(t.elements for t in site.inputs if t is not None) > LARGEST or node.op_type.startswith("Random"):
        return None
    feeds = {name: np.asarray(t.value) for name, t in zip(node.input, site.inputs, strict=True) if t is not None and name}
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            evaluator = library().reference.ReferenceEvaluator(node, opsets=site.opsets)
            results = evaluator.run(None, feeds)
    except EVALUATION_ERRORS:  # then nothing is known but the shape
        return None
    arrays = [np.asarray(r) for r in results]
    return arrays if all(a.size <= LARGEST for a in arrays) else None


def _inferred(state: State, site: Site) -> list[tuple[tuple[int, ...], str | None]]:
    """Shapes and elements as the operator's schema infers them."""
    onnx, node = library(), site.node
    types, data = {}, {}
    for name, tensor in zip(node.input, site.inputs, strict=True):
        if tensor is None or not name:
            continue
        types[name] = onnx.helper.make_tensor_type_proto(_type_of(tensor.element), tensor.shape)
        if tensor.value is not None and tensor.elements <= SMALL and tensor.element in NUMPY:
            data[name] = onnx.numpy_helper.from_array(np.asarray(tensor.value, dtype=NUMPY[tensor.element]), name)
    try:
        schema = onnx.defs.get_schema(node.op_type, site.opsets.get(node.domain, 1), node.domain)
        opsets = [onnx.helper.make_opsetid(d, v) for d, v in site.opsets.items()]
        made = onnx.shape_inference.infer_node_outputs(schema, node, types, data, opset_imports=opsets, ir_version=state.graph.model.ir_version)
    except (*EVALUATION_ERRORS, onnx.defs.SchemaError, onnx.shape_inference.InferenceError) as error:
        return _declared(state, site, error)
    return [_shape_of(state, site, name, made.get(name)) for name in node.output]


def _type_of(element: str) -> int:
    known = library().TensorProto
    names = {
        "fp32": known.FLOAT, "fp16": known.FLOAT16, "bf16": known.BFLOAT16, "fp64": known.DOUBLE, "int64": known.INT64, "int32": known.INT32,
        "int16": known.INT16, "int8": known.INT8, "bool": known.BOOL, "fp8": known.FLOAT8E4M3FN, "int4": known.INT4, "string": known.STRING,
    }  # fmt: skip
    return int(names.get(element, known.FLOAT))


def _shape_of(state: State, site: Site, name: str, kind: Any) -> tuple[tuple[int, ...], str | None]:
    """One inferred output; an axis that depends on values is bound by name, or 1."""
    if kind is None or not kind.HasField("tensor_type") or not kind.tensor_type.HasField("shape"):
        return _declared(state, site, None)[list(site.node.output).index(name)]
    shape = []
    for place, axis in enumerate(kind.tensor_type.shape.dim):
        if axis.HasField("dim_value"):
            shape.append(int(axis.dim_value))
        else:
            shape.append(state.open_axis(f"{name}.{place}"))
    return tuple(shape), element_name(kind.tensor_type.elem_type)


def _declared(state: State, site: Site, error: Exception | None) -> list[tuple[tuple[int, ...], str | None]]:
    """What the file says of a node's outputs, where inference knows nothing.

    Raises
    ------
    ModelError
        If it says nothing, and the operator is one of ONNX's own.
    """
    known = state.declared
    found: list[tuple[tuple[int, ...], str | None]] = []
    for name in site.node.output:
        if name in known:
            found.append(known[name])
            continue
        if site.node.domain in ("", "ai.onnx"):
            why = f": {error}".splitlines()[0] if error else ""
            raise ModelError(
                f"{state.graph.name}: the shape of {name!r}, an output of {site.name} ({site.node.op_type}), cannot be known{why}; its rank depends on values: "
                "fix the sizes that it is computed of before export, or declare the shape in the file (value_info)"
            )
        like = next((t for t in site.inputs if t is not None and not t.constant), None)
        state.assumed[f"{site.node.domain}.{site.node.op_type} does not say what it makes; taken to be shaped like what it reads"] = None
        found.append((like.shape if like else (1,), like.element if like else "fp32"))
    return found
