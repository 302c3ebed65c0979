"""Node by node through a graph: shapes inferred, what depends on constants alone folded, small whole numbers computed, steps made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from workloads.importers.onnx import control, infer
from workloads.importers.onnx.load import Graph, label_of
from workloads.importers.onnx.rules import RULES
from workloads.importers.onnx.site import Site
from workloads.importers.onnx.sizes import axes_of, bound
from workloads.importers.onnx.state import State
from workloads.importers.traced.trace import Step, Tensor, Trace
from workloads.model import ModelError

RANDOM = ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial", "Dropout")
NARROW = ("int8", "int4", "int2", "fp8", "fp4")
SUBGRAPHS = ("If", "Loop", "Scan")


class Walk(State):
    """A graph on its way to a trace, node by node."""

    def add_inputs(self) -> None:
        for info in self.graph.inputs:
            shape = tuple(bound(axis, self.dims) for axis in axes_of(info, self.graph.name))
            element = infer.element_name(info.type.tensor_type.elem_type)
            self.tensors[info.name] = Tensor(info.name, shape, element, value=infer.supposed(info.name, shape, element))
        self.stored.update(self.graph.stored)
        self.tensors.update(self.stored)

    def run(self, nodes: Any) -> None:
        """All nodes, in order."""
        for place, node in enumerate(nodes):
            self.node(node, place)

    def node(self, node: Any, place: int) -> None:
        """One node: folded, or turned into steps."""
        site = self.site(node, place)
        if node.op_type == "Constant":
            self._constant(node)
            return
        if node.op_type in SUBGRAPHS and node.domain in ("", "ai.onnx"):
            control.walk(self, site, self.run)
            return
        outputs = infer.outputs_of(self, site)
        rule = RULES.get((_domain(node), node.op_type))
        folded = all(t is None or t.constant for t in site.inputs) and node.op_type not in RANDOM and bool(site.inputs)
        folded = folded or node.op_type in ("Shape", "Size")
        origins = frozenset(o for t in site.inputs if t is not None for o in t.origins)
        for tensor in outputs:
            self.tensors[tensor.name] = replace(tensor, constant=folded, origins=origins) if folded else tensor
        if folded and not (rule is not None and rule.even_folded):
            return
        site.outputs = [self.tensors[t.name] for t in outputs]
        self.nodes += 0 if folded else 1
        steps = rule.make(site) if rule is not None else [site.step("unknown", label=node.op_type)]
        self.tensors.update({t.name: t for t in site.changed})
        if not folded:
            self.steps += steps
            self._count_parameters(site, steps)

    def site(self, node: Any, place: int) -> Site:
        """A node with the tensors that it reads."""
        names = [self.names.get(n, n) for n in node.input]
        inputs = [self.tensors[n] if n else None for n in names]
        outputs = [self.names.setdefault(n, self._renamed(n)) if n else "" for n in node.output]
        return Site(node, self._unique(label_of(node, place)), inputs, outputs, infer.attributes_of(node), self.count, dict(self.graph.opsets))

    def _renamed(self, name: str) -> str:
        """A tensor's name in the trace: its own, unless another body has taken it."""
        fresh = name
        while fresh in self.tensors:
            fresh += "_"
        return fresh

    def _unique(self, name: str) -> str:
        fresh, number = name, 1
        while fresh in self.taken:
            number += 1
            fresh = f"{name}_{number}"
        self.taken.add(fresh)
        return fresh

    def _constant(self, node: Any) -> None:
        name = self.names.setdefault(node.output[0], self._renamed(node.output[0]))
        self.tensors[name] = infer.constant(node, name, self.graph.name)

    def _count_parameters(self, site: Site, steps: list[Step]) -> None:
        """The stored weights behind a step's constants: floats of more than one element, or what the rule counts."""
        self.parameters.update(site.parameters)
        self.scales |= {o for t in site.inputs if t is not None and t.name in site.statistics for o in t.origins}
        if site.parameters or not steps:
            return
        for tensor in site.inputs:
            if tensor is not None and tensor.constant:
                self.parameters |= {o: self.stored[o].elements for o in tensor.origins if self._is_weight(o, tensor)}

    def _is_weight(self, origin: str, tensor: Tensor) -> bool:
        stored = self.stored.get(origin)
        if stored is None or stored.elements <= 1 or origin in self.scales:
            return False
        return stored.is_float or (tensor.stored is not None and stored.element in NARROW)

    def declare(self) -> None:
        """The shapes that the file says itself."""
        for info in (*self.graph.model.graph.value_info, *self.graph.model.graph.output):
            if info.type.HasField("tensor_type") and info.type.tensor_type.HasField("shape"):
                shape = tuple(bound(axis, self.dims) for axis in axes_of(info, self.graph.name))
                self.declared[info.name] = shape, infer.element_name(info.type.tensor_type.elem_type)


def _domain(node: Any) -> str:
    return "" if node.domain in ("", "ai.onnx") else str(node.domain)


def traced(graph: Graph, dims: Mapping[str, float]) -> Trace:
    """The trace of a graph.

    Raises
    ------
    ModelError
        If a shape cannot be known.
    """
    walk = Walk(graph, dims)
    walk.add_inputs()
    walk.declare()
    walk.run(graph.nodes)
    outputs = tuple(walk.names.get(o.name, o.name) for o in graph.model.graph.output)
    missing = [o for o in outputs if o not in walk.tensors]
    if missing:
        raise ModelError(f"{graph.name}: output {missing[0]!r} is made by no node; the file is cut short, or was edited")
    inputs = tuple(i.name for i in graph.inputs)
    return Trace(walk.tensors, tuple(walk.steps), inputs, outputs, walk.parameters, max(walk.nodes, 1), tuple(walk.assumed))
