"""Attention kernel by kernel, as it ran before fused kernels: scores, softmax, dropout and values, each written to memory."""

from __future__ import annotations

from dataclasses import dataclass, replace

from workloads.graph import Node, Workload
from workloads.model import ModelError
from workloads.operator import Attention, Contraction, Elementwise, Residency, Softmax
from workloads.passes import Pass
from workloads.sharding import Parallelism, Precision
from workloads.transformer import Transformer
from workloads.wrapped import Wrapped

DROPOUT_FLOP = 2.0  # of a score: a comparison and a product


@dataclass(frozen=True, slots=True)
class Unfused(Wrapped):
    """A transformer whose attention is not one kernel.

    Libraries compute all pairs then and mask those ahead of the diagonal, so that products count twice as many as a causal kernel's.
    """

    model: Transformer

    @property
    def phases(self) -> tuple[str, ...]:
        """Those in which all tokens are new."""
        return tuple(p for p in self.model.phases if p == "prefill")

    @property
    def layers(self) -> float:
        """The model's."""
        return self.model.layers

    @property
    def hidden(self) -> float:
        """The model's."""
        return self.model.hidden

    def workload(self, run: Pass, cut: Parallelism, formats: Precision) -> Workload:
        """The model's operators, with four in place of attention.

        Raises
        ------
        ModelError
            If key-value heads are shared: kernels of that time copied them.
        """
        load = self.model.workload(run, cut, formats)
        return replace(load, nodes=tuple(kernel for node in load.nodes for kernel in _kernels(node)))


def _kernels(node: Node) -> tuple[Node, ...]:
    o = node.operator
    if not isinstance(o, Attention):
        return (node,)
    if o.heads is not o.kv_heads and o.heads != o.kv_heads:
        raise ModelError(f"{o.name} shares key-value heads; only attention whose heads have their own is taken apart")
    batch, pairs, element = o.batch * o.heads, o.batch * o.heads * o.q_len * o.kv_len, o.element
    scores = Contraction(name="scores", batch=batch, m=o.q_len, n=o.kv_len, k=o.head_dim, a=element, b=element, c=element, b_residency=Residency.ACTIVATION)
    softmax = Softmax(name="softmax", rows=batch * o.q_len, cols=o.kv_len, element=element)
    dropout = Elementwise(name="dropout", elements=pairs, flop_per_element=DROPOUT_FLOP, element=element, output=element)
    values = replace(scores, name=o.name, n=o.head_dim, k=o.kv_len)  # bears its name, by which others read the result
    first = (Node(scores, node.count, node.after), Node(softmax, node.count, ("scores",)), Node(dropout, node.count, ("softmax",)))
    return (*first, Node(values, node.count, ("dropout", *node.after)))
