"""Branches and loops: the branch that is taken, and a body as often as it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from workloads.importers.onnx.load import stored_tensor
from workloads.importers.onnx.site import Site
from workloads.importers.onnx.state import State
from workloads.importers.traced.trace import Tensor

Run = Callable[[Any], None]
"""Goes through the nodes of a graph inside a node, as through those of the graph around it."""


def walk(on: State, site: Site, run: Run) -> None:
    """A node with graphs inside."""
    {"If": _branch, "Loop": _loop, "Scan": _scan}[site.node.op_type](on, site, run)


def _branch(on: State, site: Site, run: Run) -> None:
    """The branch that a known condition takes; the longer, where it is not known."""
    taken, other = site.attributes["then_branch"], site.attributes["else_branch"]
    condition = site.value(0)
    if condition is not None:
        taken = taken if bool(np.all(condition)) else other
    elif len(other.node) > len(taken.node):
        taken = other
    if condition is None:
        on.assumed[f"the condition of {site.name} depends on values; its longer branch is taken"] = None
    made = _run(on, run, taken, site.count)
    for name, tensor in zip(site.output_names, made, strict=True):
        _publish(on, site, name, tensor)


def _loop(on: State, site: Site, run: Run) -> None:
    """The body, as often as the trip count says; what it gathers grows by one an iteration."""
    body = site.attributes["body"]
    known = site.value(0)
    trips = float(np.ravel(known)[0]) if known is not None else float(on.open_axis(f"{site.name}.trips"))
    carried = [t for t in site.inputs[2:] if t is not None]
    given = [Tensor(f"{site.name}.iteration", (), "int64"), Tensor(f"{site.name}.condition", (), "bool"), *(replace(t, value=None) for t in carried)]
    made = _run(on, run, body, site.count * trips, given)[1:]
    _finish(on, site, made, len(carried), int(trips))


def _scan(on: State, site: Site, run: Run) -> None:
    """The body for each place along the first axis of what is scanned."""
    body, scanned = site.attributes["body"], int(site.attributes["num_scan_inputs"])
    inputs = [t for t in site.inputs if t is not None]
    states, rows = inputs[: len(inputs) - scanned], inputs[len(inputs) - scanned :]
    trips = rows[0].shape[0]
    parts = [Tensor(f"{t.name}.row", t.shape[1:], t.element) for t in rows]
    made = _run(on, run, body, site.count * trips, [*states, *parts])
    _finish(on, site, made, len(states), trips)


def _finish(on: State, site: Site, made: list[Tensor], states: int, trips: int) -> None:
    """What leaves the last iteration, and what all of them gathered."""
    for place, (name, tensor) in enumerate(zip(site.output_names, made, strict=True)):
        _publish(on, site, name, tensor, trips if place >= states else None)


def _run(on: State, run: Run, graph: Any, count: float, given: list[Tensor] | None = None) -> list[Tensor]:
    """A graph inside a node: its steps run so often, its inputs are those given."""
    names = [*(i.name for i in graph.input), *(t.name for t in graph.initializer), *(o for n in graph.node for o in n.output)]
    for name in names:
        on.names.pop(name, None)
    for info, tensor in zip(graph.input, given or [], strict=True):
        on.tensors.setdefault(tensor.name, tensor)
        on.names[info.name] = tensor.name
    for proto in graph.initializer:
        on.stored[proto.name] = on.tensors[proto.name] = stored_tensor(proto, on.graph.path)
    before, on.count = on.count, count
    run(graph.node)
    on.count = before
    return [on.tensors[on.names.get(o.name, o.name)] for o in graph.output]


def _publish(on: State, site: Site, name: str, tensor: Tensor, gathered: int | None = None) -> None:
    """A body's result under the name that the graph around it uses."""
    if not name:
        return
    shape = tensor.shape if gathered is None else (gathered, *tensor.shape)
    on.tensors[name] = replace(tensor, name=name, shape=shape, value=tensor.value if gathered is None else None)
    if not tensor.constant:
        on.steps.append(replace(site.inner(name, "view", [tensor.name], [name]), count=1.0))
