"""A call of an ATen operator where it stands: what a rule needs to turn it into steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workloads.importers.traced.trace import Step, Tensor


@dataclass
class Site:
    """One call.

    Parameters
    ----------
    name : str
        Unique in the trace.
    operator : str
        Without its namespace and overload: ``conv2d``.
    args : tuple
        As called, with tensors in place of nodes; lists of them stay lists.
    kwargs : mapping
    outputs : list of Tensor
    count : float
    """

    name: str
    operator: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    outputs: list[Tensor]
    count: float = 1.0
    made: list[Tensor] = field(default_factory=list)  # between the steps of one call
    statistics: set[str] = field(default_factory=set)  # what is no weight

    @property
    def output(self) -> Tensor:
        return self.outputs[0]

    @property
    def tensors(self) -> list[Tensor]:
        """All tensors among the arguments, in order."""
        return tensors_in([*self.args, *self.kwargs.values()])

    def arg(self, place: int, name: str, default: Any = None) -> Any:
        """An argument by place or name."""
        if len(self.args) > place:
            return self.args[place]
        return self.kwargs.get(name, default)

    def tensor(self, place: int) -> Tensor:
        tensor = self.args[place]
        assert isinstance(tensor, Tensor)
        return tensor

    def step(self, kind: str, inputs: Sequence[Tensor | None] | None = None, label: str = "", known: Mapping[str, float] | None = None, **sizes: float) -> Step:
        """A step that reads those tensors (all, if not said)."""
        read = tuple(t.name for t in (self.tensors if inputs is None else inputs) if t is not None)
        return Step(self.name, kind, read, tuple(t.name for t in self.outputs), {**(known or {}), **sizes}, label or self.operator, self.count)

    def inner(self, suffix: str, kind: str, inputs: Sequence[Tensor], outputs: Sequence[Tensor], label: str = "", **sizes: float) -> Step:
        """One of several steps of a call."""
        name = f"{self.name}.{suffix}" if suffix else self.name
        return Step(name, kind, tuple(t.name for t in inputs), tuple(t.name for t in outputs), sizes, label or suffix, self.count)

    def between(self, suffix: str, shape: Sequence[int]) -> Tensor:
        """A tensor between the steps of one call."""
        tensor = Tensor(f"{self.name}.{suffix}", tuple(int(s) for s in shape), self.output.element)
        self.made.append(tensor)
        return tensor

    def scalar(self, value: float) -> Tensor:
        """A number among the arguments."""
        tensor = Tensor(f"{self.name}.{value}", (), "fp32", constant=True, value=value)
        self.made.append(tensor)
        return tensor


def tensors_in(things: Sequence[Any]) -> list[Tensor]:
    """The tensors in a nest of lists."""
    found: list[Tensor] = []
    for thing in things:
        if isinstance(thing, Tensor):
            found.append(thing)
        elif isinstance(thing, list | tuple):
            found += tensors_in(thing)
    return found
