"""Kernels of a trace as operators, in the formats that are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from magnitudes.arrays import Real, total
from magnitudes.datatypes import DATA_TYPES, AnyDataType, DataType
from workloads.graph import Node, fused
from workloads.importers.traced.attention import masks_of
from workloads.importers.traced.kernels import Kernel, epilogue_of
from workloads.importers.traced.trace import ELEMENT_BYTE, FLOATS, Step, Tensor, Trace
from workloads.importers.traced.web import Web, web_of
from workloads.operator import Attention, Contraction, Convolution, Elementwise, Gather, Normalization, Operator, Residency, Softmax
from workloads.sharding import Precision

NARROW = {"int8": "int8", "int4": "int4", "fp8": "fp8", "fp4": "nvfp4"}


@dataclass(frozen=True, slots=True)
class Lowering:
    """What turns kernels into operators: the trace's index, and the formats."""

    web: Web
    formats: Precision

    def of(self, name: str) -> Tensor:
        return self.web.tensor(name)

    def entering(self, name: str) -> AnyDataType:
        """The format in which a tensor enters a product."""
        return self._format(self.of(name), self.formats.activation)

    def stream(self, name: str) -> AnyDataType:
        """The format of a tensor between operators."""
        return self._format(self.of(name), self.formats.stream)

    def stored(self, name: str) -> AnyDataType:
        """The format of a weight; of the stream, where it is none."""
        tensor = self.of(name)
        if tensor.stored is not None:
            return tensor.stored
        return self._format(tensor, self.formats.weight if tensor.constant else self.formats.stream)

    def _format(self, tensor: Tensor, wide: AnyDataType) -> AnyDataType:
        element = tensor.in_memory
        if element in FLOATS:
            return wide
        if element in NARROW:
            return DATA_TYPES[NARROW[element]]
        return DATA_TYPES.get(element) or DataType(element, 8.0 * ELEMENT_BYTE[element], computes_as=("int32", "fp32"))

    def beside(self, weight: str, activation: str) -> AnyDataType:
        """The format of a weight that meets an activation: weights of few bits are widened, unless both have as few."""
        narrow = self.of(activation).in_memory in NARROW
        return self._format(self.of(weight), self.formats.weight) if narrow else self.stored(weight)

    def byte(self, name: str) -> Real:
        """Bytes of a tensor as it is read: what lies in memory, each once."""
        element = self.stored(name) if self.of(name).constant else self.stream(name)
        return self.web.distinct(name) * element.byte


def lowered(trace: Trace, kernels: tuple[Kernel, ...], formats: Precision) -> tuple[Node, ...]:
    """The operators of a trace, with what runs behind products and before norms fused."""
    lowering = Lowering(web_of(trace), formats)
    nodes: list[Node] = []
    ends: dict[str, str] = {}
    for kernel in kernels:
        after = tuple(ends[a] for a in kernel.after)
        operators = _operators(lowering, kernel)
        for operator in operators:
            nodes.append(Node(operator, kernel.steps[-1].count, after))
            after = (operator.name,)
        ends[kernel.name] = operators[-1].name
    return fused(nodes)


def _operators(lowering: Lowering, kernel: Kernel) -> list[Operator]:
    """The operators of one kernel, each after the one before it."""
    return RULES.get(kernel.kind, _moved)(lowering, kernel)


def _contraction(lowering: Lowering, kernel: Kernel) -> list[Operator]:
    step = kernel.steps[0]
    sizes, name = step.sizes, step.name
    constant = lowering.of(step.inputs[1]).constant
    product = Contraction(
        name=name, m=sizes["m"], n=sizes["n"], k=sizes["k"], batch=sizes["batch"], a=lowering.entering(step.inputs[0]),
        b=lowering.beside(step.inputs[1], step.inputs[0]) if constant else lowering.entering(step.inputs[1]), c=lowering.stream(step.output),
        b_residency=Residency.WEIGHT if constant else Residency.ACTIVATION,
    )  # fmt: skip
    return [product, *_biases(lowering, step, step.inputs[1 + int(sizes.get("weights", 1.0)) :], sizes["batch"] * sizes["m"] * sizes["n"])]


def _convolution(lowering: Lowering, kernel: Kernel) -> list[Operator]:
    step = kernel.steps[0]
    sizes: dict[str, Any] = dict(step.sizes)
    product = Convolution(
        name=step.name, a=lowering.entering(step.inputs[0]), b=lowering.beside(step.inputs[1], step.inputs[0]), c=lowering.stream(step.output), **sizes
    )  # fmt: skip
    return [product, *_biases(lowering, step, step.inputs[2:], sizes["batch"] * sizes["cout"] * sizes["out_h"] * sizes["out_w"])]


def _biases(lowering: Lowering, step: Step, biases: tuple[str, ...], elements: float) -> list[Operator]:
    """A bias is where the sums of a product start: it is read, and costs no arithmetic."""
    if not biases:
        return []
    read = sum(lowering.web.distinct(b) for b in biases)
    stream = lowering.stream(step.output)
    return [
        Elementwise(
            name=f"{step.name}_bias", elements=elements, reads=1.0 + read / elements, flop_per_element=0.0, element=stream, output=stream, fuses="producer"
        )
    ]  # fmt: skip


def _attention(lowering: Lowering, kernel: Kernel) -> list[Operator]:
    step = kernel.steps[0]
    sizes, stream = step.sizes, lowering.formats.stream
    cached = bool(sizes.get("cached"))
    attention = Attention(
        name=step.name, batch=sizes["batch"], heads=sizes["heads"], kv_heads=sizes["kv_heads"], q_len=sizes["q_len"], kv_len=sizes["kv_len"],
        head_dim=sizes["head_dim"], causal=bool(sizes["causal"]), window=sizes.get("window"), decoding=cached and sizes["q_len"] == 1.0,
        element=stream, state=lowering.formats.state if cached else stream,
    )  # fmt: skip
    return [*_masks(lowering, step, masks_of(step)), attention]


def _masks(lowering: Lowering, step: Step, masks: list[str]) -> list[Operator]:
    """Masks and biases that no rule replaces are read beside keys and values: their bytes, and a sum for each."""
    if not masks:
        return []
    stream, read = lowering.formats.stream, total(lowering.byte(m) for m in masks)
    elements = sum(lowering.web.distinct(m) for m in masks)
    return [Elementwise(name=f"{step.name}_mask", elements=1.0, reads=read / stream.byte, flop_per_element=elements, element=stream, output=stream)]


def _norm(lowering: Lowering, kernel: Kernel) -> list[Operator]:
    step = kernel.steps[0]
    flavour = "rms" if step.label == "rms" else "layer"
    rows, cols = step.sizes["rows"], step.sizes["cols"]
    return [Normalization(name=step.name, rows=rows, cols=cols, flavour=flavour, element=lowering.stream(step.output))]


def _softmax(lowering: Lowering, kernel: Kernel) -> list[Operator]:
    step = kernel.steps[0]
    return [Softmax(name=step.name, rows=step.sizes["rows"], cols=step.sizes["cols"], element=lowering.stream(step.output))]


def _gather(lowering: Lowering, kernel: Kernel) -> list[Operator]:
    step, sizes = kernel.steps[0], kernel.steps[0].sizes
    index_byte = ELEMENT_BYTE[lowering.of(step.inputs[1]).element] if len(step.inputs) > 1 else 8.0
    gather = Gather(
        name=step.name, rows=sizes["rows"], width=sizes["width"], table_rows=sizes["table_rows"], pooled=sizes.get("pooled", 1.0),
        table=lowering.stored(step.inputs[0]), output=lowering.stream(step.output), index_byte=index_byte,
    )  # fmt: skip
    return [gather]


def _pointwise(lowering: Lowering, kernel: Kernel) -> list[Operator]:
    web, steps = lowering.web, kernel.steps
    written = sum(web.tensor(w).elements for w in kernel.writes)
    cached = {o for s in steps if s.sizes.get("cached") for o in s.outputs}
    state = sum(web.tensor(w).elements for w in kernel.writes if w in cached)
    element = lowering.stream(kernel.reads[0]) if kernel.reads else lowering.stream(kernel.writes[0])
    flop = sum(s.sizes["flop"] * web.tensor(s.output).elements for s in steps) / written
    fuses = _fuses(lowering, kernel)
    return [
        Elementwise(
            name=kernel.name, elements=written - state, state_elements=state, reads=_reads(lowering, kernel, written, element), flop_per_element=flop,
            element=element, output=lowering.stream(kernel.writes[-1]), state=lowering.formats.state, fuses=fuses if not state else "",
        )
    ]  # fmt: skip


def _reads(lowering: Lowering, kernel: Kernel, written: float, element: AnyDataType) -> Real:
    """Elements that a kernel reads for each one written; those of other formats count by their bytes."""
    same = sum(lowering.web.distinct(r) for r in kernel.reads if lowering.stream(r) == element)
    other = [lowering.byte(r) for r in kernel.reads if lowering.stream(r) != element]
    return same / written + (total(other) / (element.byte * written) if other else 0.0)


def _fuses(lowering: Lowering, kernel: Kernel) -> str:
    """Behind the product that it reads, or before the norm that reads a sum of two streams."""
    web, last = lowering.web, kernel.steps[-1]
    if len(kernel.writes) > 1 or not kernel.reads:
        return ""
    elements = web.tensor(kernel.writes[0]).elements
    whole = [r for r in kernel.reads if web.tensor(r).elements == elements]
    norms = [use for use, read in web.uses(kernel.writes[0]) if use.kind == "norm" and use.inputs[0] == read]
    if last.label == "add" and len(whole) == 2 and norms and norms[0].count == last.count:
        return "consumer"
    return "producer" if epilogue_of(web, kernel.reads[0], kernel.steps) is not None else ""


def _moved(lowering: Lowering, kernel: Kernel) -> list[Operator]:
    """What reads its inputs and writes its outputs, with as much arithmetic an output element as the step says."""
    step, web = kernel.steps[0], lowering.web
    written = sum(web.tensor(w).elements for w in kernel.writes) or 1.0
    element = lowering.stream(kernel.writes[0])
    reads = kernel.reads
    if step.kind in ("move", "permute", "pad") and reads and web.tensor(reads[0]).elements > written:
        first: Real = written  # no more is read of the first than is written
    else:
        first = total(lowering.byte(r) / element.byte for r in reads[:1])
    side = total(lowering.byte(r) / element.byte for r in reads[1:])
    return [
        Elementwise(
            name=step.name, elements=written, reads=(first + side) / written, flop_per_element=step.sizes.get("flop", 0.0), element=element, output=element
        )
    ]  # fmt: skip


Rule = Callable[[Lowering, Kernel], list[Operator]]
RULES: Mapping[str, Rule] = {
    "contraction": _contraction, "convolution": _convolution, "attention": _attention, "norm": _norm, "softmax": _softmax, "gather": _gather,
    "pointwise": _pointwise,
}  # fmt: skip
