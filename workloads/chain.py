"""Builds a graph front to back: each operator reads the one before it, unless told otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from magnitudes.arrays import Real
from workloads.graph import Node
from workloads.operator import Operator


@dataclass
class Chain:
    """A list of nodes in the making. `count` is the repeat of the operators that are added next, `suffix` ends their names."""

    nodes: list[Node] = field(default_factory=list)
    count: Real = 1.0
    suffix: str = ""

    def add(self, operator: Operator, *extra: str, after: str | None = None) -> str:
        """Append an operator behind the last one (or `after`; behind none, where that is empty), which also reads `extra`; its name is returned."""
        if self.suffix:
            operator = replace(operator, name=operator.name + self.suffix)
        before = after if after is not None else (self.nodes[-1].operator.name if self.nodes else None)
        self.nodes.append(Node(operator, self.count, ((before,) if before else ()) + extra))
        return operator.name
