"""Models from ONNX files (extra ``onnx``): shapes are inferred with all symbols bound, weights are not read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from workloads.importers.onnx.load import Graph, load
from workloads.importers.onnx.sizes import native_format, sizes_of
from workloads.importers.onnx.walk import traced
from workloads.importers.traced.model import TracedModel
from workloads.importers.traced.trace import Trace

__all__ = ["read_onnx"]


def read_onnx(path: Path, dims: Mapping[str, float] | None = None) -> TracedModel:
    """A model from an ONNX file.

    Parameters
    ----------
    path : Path
    dims : mapping of str to float, optional
        Symbolic dimensions by name; an axis without a name is called ``INPUT.AXIS``. What is not said is 1, but for the number of
        samples and the length of a prompt, which the scenario says.

    Raises
    ------
    ModelError
        If the file cannot be read or is no ONNX graph whose shapes can be known.
    """
    graph = load(path)
    return TracedModel(graph.name, _Source(graph), sizes_of(graph, dims or {}), native_format(graph))


class _Source:
    """The trace of a graph with its symbols bound."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def __call__(self, dims: Mapping[str, float]) -> Trace:
        return traced(self.graph, dims)
