"""A pass without any fusion: attention, too, is three operators, whose scores are written and read again."""

from __future__ import annotations

from dataclasses import replace

from workloads.graph import Node, Workload
from workloads.operator import Attention, Contraction, Operator, Residency, Softmax


def unfused(load: Workload) -> Workload:
    """The pass with each fused attention taken apart."""
    nodes: list[Node] = []
    renamed: dict[str, str] = {}
    for node in load.nodes:
        after = tuple(renamed.get(name, name) for name in node.after)
        if not isinstance(node.operator, Attention):
            nodes.append(replace(node, after=after))
            continue
        for operator in attention_parts(node.operator):
            nodes.append(Node(operator, node.count, after))
            after = (operator.name,)
        renamed[node.operator.name] = after[0]
    return replace(load, nodes=tuple(nodes))


def attention_parts(a: Attention) -> tuple[Operator, ...]:
    """Scores of every query with every key (masked ones too), their softmax, and the values that they weigh."""
    products, queries, keys = a.batch * a.kv_heads, a.q_len * a.heads / a.kv_heads, a.kv_read_len
    width = a.head_dim if a.value_dim is None else a.value_dim
    return (
        Contraction(name=f"{a.name}_scores", batch=products, m=queries, n=keys, k=a.head_dim, a=a.element, b=a.state, c=a.element, b_residency=Residency.STATE),
        Softmax(name=f"{a.name}_softmax", rows=a.batch * a.heads * a.q_len, cols=keys, element=a.element),
        Contraction(name=f"{a.name}_values", batch=products, m=queries, n=width, k=keys, a=a.element, b=a.state, c=a.element, b_residency=Residency.STATE),
    )
