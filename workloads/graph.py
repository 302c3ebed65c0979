"""A workload: operators joined by the tensors between them, repeated layers counted instead of copied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from magnitudes.arrays import Real, total
from magnitudes.errors import InputError
from workloads.operator import Contraction, Convolution, Elementwise, Normalization, Operator, Residency, with_epilogue

if TYPE_CHECKING:
    import networkx as nx


class GraphError(InputError):
    """Operators that do not form a graph without loops."""


@dataclass(frozen=True, slots=True)
class Node:
    """An operator, how often it runs, and the operators whose outputs it reads."""

    operator: Operator
    count: Real = 1.0
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Workload:
    """One pass through a model on one chip.

    Parameters
    ----------
    nodes : tuple of Node
        In an order in which each comes after what it reads.
    weight_byte : Real
        Weights that the chip holds (all of them, also those a pass does not touch).
    state_byte : Real
        Keys and values (or recurrent state) that the chip holds at the end of the pass.
    activation_byte : Real
        Most activations alive at once.
    tokens : Real
        Tokens (or images) that leave the pass, over all chips.
    fetched_byte : Real
        What the pass must first bring from the memory behind main memory, such as adapters of requests that arrive.
    groups : tuple of tuples of str
        Fusion groups: operators that follow each other and shall run as one, where the machine runs several as one.
    gradient_byte, optimizer_byte : Real
        What the chip holds of gradients and of the optimizer's states, in training.
    """

    nodes: tuple[Node, ...]
    weight_byte: Real = 0.0
    state_byte: Real = 0.0
    activation_byte: Real = 0.0
    tokens: Real = 1.0
    fetched_byte: Real = 0.0
    groups: tuple[tuple[str, ...], ...] = ()
    gradient_byte: Real = 0.0
    optimizer_byte: Real = 0.0

    @property
    def flop(self) -> Real:
        """Arithmetic of the whole pass."""
        return total(n.count * n.operator.flop for n in self.nodes)

    @property
    def byte(self) -> Real:
        """Compulsory traffic of the whole pass."""
        return total(n.count * n.operator.byte for n in self.nodes)

    def byte_of(self, residency: Residency) -> Real:
        """Compulsory traffic of one class of operands over the whole pass."""
        return total(n.count * n.operator.byte_of(residency) for n in self.nodes)

    def to_networkx(self) -> nx.DiGraph[str]:
        """The graph: nodes bear `operator` and `count`, edges the bytes of the tensor between (`byte`).

        Raises
        ------
        GraphError
            If a node reads what does not exist, or the graph has a loop.
        """
        import networkx as nx

        graph: nx.DiGraph[str] = nx.DiGraph()
        for node in self.nodes:
            if node.operator.name in graph:
                raise GraphError(f"two operators are called {node.operator.name!r}; edges go by name, so that each needs its own")
            graph.add_node(node.operator.name, operator=node.operator, count=node.count)
        for node in self.nodes:
            for source in node.after:
                if source not in graph:
                    raise GraphError(f"{node.operator.name} reads the output of {source!r}, which is not in the graph ({', '.join(graph)})")
                graph.add_edge(source, node.operator.name, byte=graph.nodes[source]["operator"].byte_of(Residency.OUTPUT))
        if not nx.is_directed_acyclic_graph(graph):
            loop = " -> ".join(a for a, _ in nx.find_cycle(graph))
            raise GraphError(f"the graph has a loop: {loop}; a recurrence is a Scan operator, not an edge back")
        return graph


def from_networkx(graph: nx.DiGraph[str]) -> Workload:
    """A workload from a graph whose nodes bear `operator` and `count`.

    Raises
    ------
    GraphError
        If the graph has a loop, or a node bears no operator.
    """
    import networkx as nx

    bare = [n for n, data in graph.nodes(data=True) if not isinstance(data.get("operator"), Operator)]
    if bare:
        raise GraphError(f"nodes without an operator: {', '.join(map(str, bare))}; set the attribute 'operator' of each")
    try:
        order = list(nx.lexicographical_topological_sort(graph, key=list(graph).index))
    except nx.NetworkXUnfeasible:
        loop = " -> ".join(str(a) for a, _ in nx.find_cycle(graph))
        raise GraphError(f"the graph has a loop: {loop}; a recurrence is a Scan operator, not an edge back") from None
    return Workload(tuple(Node(graph.nodes[n]["operator"], graph.nodes[n].get("count", 1.0), tuple(graph.predecessors(n))) for n in order))


def fused(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """The nodes with elementwise operators folded into the kernel before or after them, where they allow it.

    This is what serving stacks do: biases, activations and residual sums run in a matrix product's epilogue or a norm's
    prologue, and the tensor between is never written. What another operator reads too is written, and not folded away.
    """
    nodes = tuple(nodes)
    readers = Counter(a for node in nodes for a in node.after)
    result: dict[str, Node] = {}
    renamed: dict[str, str] = {}
    held: dict[str, Node] = {}  # sums that wait for the norm behind them
    for unfused in nodes:
        node = replace(unfused, after=tuple(dict.fromkeys(renamed.get(a, a) for a in unfused.after)))
        operator = node.operator
        last = result.get(node.after[0]) if node.after and readers[unfused.after[0]] == 1 else None
        if isinstance(operator, Elementwise) and operator.fuses == "producer" and last and isinstance(last.operator, Contraction | Convolution):
            order = list(result) if node.after[1:] else []
            sides = [a for a in node.after[1:] if a in result and order.index(a) < order.index(last.operator.name)]
            after = tuple(dict.fromkeys((*last.after, *sides)))
            result[last.operator.name] = replace(last, operator=with_epilogue(last.operator, operator), after=after)
            renamed[operator.name] = last.operator.name
        elif isinstance(operator, Elementwise) and operator.fuses == "consumer":
            held[operator.name] = node
        elif isinstance(operator, Normalization) and node.after and node.after[0] in held:
            before = held.pop(node.after[0])
            assert isinstance(before.operator, Elementwise)
            merged = replace(operator, prologue=(before.operator,))
            renamed[before.operator.name] = operator.name
            result[operator.name] = Node(merged, node.count, tuple(dict.fromkeys((*before.after, *node.after[1:]))))
        else:
            for name in [a for a in node.after if a in held]:  # no norm came: the sum is a kernel of its own
                result[name] = held.pop(name)
            result[operator.name] = node
    return (*result.values(), *held.values())
