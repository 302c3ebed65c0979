"""A node where it stands: what a rule needs to turn it into steps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from workloads.importers.traced.trace import Step, Tensor


@dataclass
class Site:
    """One node with its tensors.

    Parameters
    ----------
    node : onnx.NodeProto
    name : str
        Unique in the trace.
    inputs : list of Tensor or None
    output_names : list of str
        Empty where an output is not wanted.
    attributes : mapping of str to anything
    count : float
        How often it runs.
    opsets : mapping of str to int
    """

    node: Any
    name: str
    inputs: list[Tensor | None]
    output_names: list[str]
    attributes: Mapping[str, Any]
    count: float = 1.0
    opsets: Mapping[str, int] = field(default_factory=dict)
    outputs: list[Tensor] = field(default_factory=list)
    changed: list[Tensor] = field(default_factory=list)  # outputs that the rule knows better
    parameters: dict[str, float] = field(default_factory=dict)  # stored weights, where the rule counts them itself
    statistics: set[str] = field(default_factory=set)  # inputs that are no weights

    def tensor(self, place: int) -> Tensor:
        """An input that must be there."""
        tensor = self.inputs[place]
        assert tensor is not None
        return tensor

    def has(self, place: int) -> bool:
        return place < len(self.inputs) and self.inputs[place] is not None

    @property
    def output(self) -> Tensor:
        return self.outputs[0]

    def value(self, place: int) -> Any:
        """The elements of an input, where they are known."""
        tensor = self.inputs[place] if place < len(self.inputs) else None
        return None if tensor is None else tensor.value

    def given(self, default: Any, *names: str) -> Any:
        """An attribute, or `default`."""
        return next((self.attributes[n] for n in names if n in self.attributes), default)

    def step(
        self,
        kind: str,
        inputs: Sequence[int] | None = None,
        label: str = "",
        outputs: Sequence[int] | None = None,
        known: Mapping[str, float] | None = None,
        **sizes: float,
    ) -> Step:
        """A step that reads the inputs in those places (all, if not said), of sizes that are `known` and others."""
        places = range(len(self.inputs)) if inputs is None else inputs
        read = tuple(t.name for p in places if p < len(self.inputs) and (t := self.inputs[p]) is not None)
        made = [self.outputs[p] for p in outputs] if outputs is not None else self.outputs
        return Step(self.name, kind, read, tuple(t.name for t in made), {**(known or {}), **sizes}, label, self.count)

    def pointwise(self, flop: float, label: str, inputs: Sequence[int] | None = None) -> Step:
        return self.step("pointwise", inputs, label, flop=flop)

    def between(self, suffix: str, shape: Sequence[int], element: str | None = None) -> Tensor:
        """A tensor inside a node that becomes several steps."""
        tensor = Tensor(f"{self.name}.{suffix}", tuple(int(s) for s in shape), element or self.output.element)
        self.changed.append(tensor)
        return tensor

    def inner(self, suffix: str, kind: str, inputs: Sequence[str], outputs: Sequence[str], label: str = "", **sizes: float) -> Step:
        """One of several steps of a node."""
        return Step(f"{self.name}.{suffix}" if suffix else self.name, kind, tuple(inputs), tuple(outputs), sizes, label or suffix, self.count)

    def retype(self, **changes: Any) -> None:
        """The first output, as the rule knows it."""
        self.changed.append(replace(self.output, **changes))


def product(sizes: Sequence[int]) -> float:
    """Elements of a shape."""
    return float(math.prod(sizes))
