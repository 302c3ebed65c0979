"""Who makes a tensor and who reads it: what the recognisers of patterns walk along, and how they replace what they recognised."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from workloads.importers.traced.trace import Step, Tensor, Trace

VIEWS = ("view", "permute")


@dataclass(frozen=True, slots=True)
class Web:
    """The steps of a trace, indexed by their tensors."""

    trace: Trace
    maker: Mapping[str, Step]
    readers: Mapping[str, tuple[Step, ...]]
    outputs: frozenset[str]

    def tensor(self, name: str) -> Tensor:
        return self.trace.tensors[name]

    def constant(self, name: str) -> bool:
        return self.trace.tensors[name].constant

    def made_by(self, name: str, kind: str, *labels: str) -> Step | None:
        """The step that makes a tensor, if it is of that kind."""
        step = self.maker.get(name)
        return step if step is not None and step.kind == kind and (not labels or step.label in labels) else None

    def only_reader(self, name: str) -> Step | None:
        """The one step that reads a tensor, if it is one and the tensor does not leave the graph."""
        readers = self.readers.get(name, ())
        return readers[0] if len(readers) == 1 and name not in self.outputs else None

    def behind_views(self, name: str) -> str:
        """The tensor that a tensor is a view of; itself, if of none."""
        while (step := self.maker.get(name)) is not None and step.kind in VIEWS:
            name = step.inputs[0]
        return name

    def uses(self, name: str) -> list[tuple[Step, str]]:
        """The steps that read a tensor or a view of it, each with the name that it reads it by."""
        found: list[tuple[Step, str]] = []
        for step in self.readers.get(name, ()):
            if step.kind in VIEWS and step.inputs[0] == name:
                found += [use for output in step.outputs for use in self.uses(output)]
            else:
                found.append((step, name))
        return found

    def leaves(self, name: str) -> bool:
        """Whether a tensor or a view of it leaves the graph."""
        if name in self.outputs:
            return True
        views = [s for s in self.readers.get(name, ()) if s.kind in VIEWS and s.inputs[0] == name]
        return any(self.leaves(output) for step in views for output in step.outputs)

    def distinct(self, name: str) -> float:
        """Elements of a tensor that lie in memory: those it was spread from, where it is the view of fewer."""
        elements = self.tensor(name).elements
        while (step := self.maker.get(name)) is not None and step.kind in VIEWS:
            name = step.inputs[0]
            elements = min(elements, self.tensor(name).elements)
        return elements


def web_of(trace: Trace) -> Web:
    """The index of a trace."""
    maker = {output: step for step in trace.steps for output in step.outputs}
    readers: dict[str, list[Step]] = {}
    for step in trace.steps:
        for name in dict.fromkeys(step.inputs):
            readers.setdefault(name, []).append(step)
    return Web(trace, maker, {name: tuple(found) for name, found in readers.items()}, frozenset(trace.outputs))


def replaced(trace: Trace, gone: Iterable[str], new: Mapping[str, Step]) -> Trace:
    """The trace without the steps called `gone`, and with each new step in the place of the one it is given for."""
    missing = set(gone)
    steps: list[Step] = []
    for step in trace.steps:
        if step.name in new:
            steps.append(new[step.name])
        elif step.name not in missing:
            steps.append(step)
    return replace(trace, steps=tuple(steps))


def alive(trace: Trace) -> Trace:
    """The trace without steps whose results nobody reads."""
    wanted = set(trace.outputs)
    kept: list[Step] = []
    for step in reversed(trace.steps):
        if wanted.intersection(step.outputs):
            kept.append(step)
            wanted.update(step.inputs)
    return replace(trace, steps=tuple(reversed(kept)))
