"""What is known of a graph on its way to a trace: tensors so far, steps so far, what was assumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from workloads.importers.onnx.load import Graph
from workloads.importers.traced.trace import Step, Tensor


@dataclass
class State:
    """A graph on its way to a trace.

    Parameters
    ----------
    graph : Graph
    dims : mapping of str to float
        Sizes of symbols.
    """

    graph: Graph
    dims: Mapping[str, float]
    tensors: dict[str, Tensor] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    parameters: dict[str, float] = field(default_factory=dict)
    assumed: dict[str, None] = field(default_factory=dict)
    nodes: int = 0
    count: float = 1.0
    names: dict[str, str] = field(default_factory=dict)  # what a body's tensors are called in the trace
    stored: dict[str, Tensor] = field(default_factory=dict)  # of the graph and of the bodies inside
    taken: set[str] = field(default_factory=set)
    scales: set[str] = field(default_factory=set)  # stored tensors that are scales, zero points and statistics
    declared: dict[str, tuple[tuple[int, ...], str | None]] = field(default_factory=dict)

    def open_axis(self, name: str) -> int:
        """The size of an axis that depends on values: what the user says, or 1."""
        if name not in self.dims:
            self.assumed[f"axis {name} depends on values; taken to be 1 (--dim {name}=N)"] = None
        return int(self.dims.get(name, 1.0))
