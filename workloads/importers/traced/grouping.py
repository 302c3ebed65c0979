"""Pointwise steps that compilers run as one kernel: what passes between them is never written.

A step joins the group of the step before it where both work on as many elements, and no step outside lies on a way from one to the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from workloads.importers.traced.trace import Step
from workloads.importers.traced.web import Web


@dataclass
class Group:
    """Pointwise steps of one kernel."""

    steps: list[Step] = field(default_factory=list)
    mask: int = 0  # its steps, as bits

    @property
    def name(self) -> str:
        return self.steps[-1].name

    def reads(self, web: Web) -> list[str]:
        """Tensors from outside, each once, the main one first."""
        made = {o for s in self.steps for o in s.outputs}
        return list(dict.fromkeys(i for s in self.steps for i in s.inputs if whole(web, i) not in made))

    def writes(self, web: Web) -> list[str]:
        """Tensors that somebody outside reads, or that leave the graph."""
        inside = {s.name for s in self.steps}
        made = [o for s in self.steps for o in s.outputs]
        written = [o for o in made if web.leaves(o) or any(use.name not in inside for use, _ in web.uses(o))]
        return written or made[-1:]

    @property
    def flop(self) -> float:
        """Arithmetic an element of what is worked on."""
        return sum(s.sizes["flop"] for s in self.steps)


def whole(web: Web, name: str) -> str:
    """The tensor of which a tensor is a view of all elements; itself, if of none."""
    root = web.behind_views(name)
    return root if web.tensor(root).elements == web.tensor(name).elements else name


def pointwise_groups(web: Web) -> dict[str, Group]:
    """The group of each pointwise step, by the step's name."""
    group_of: dict[str, Group] = {}
    behind: dict[str, int] = {}  # the steps that a tensor depends on, as bits
    for place, step in enumerate(web.trace.steps):
        before = 0
        for name in step.inputs:
            before |= behind.get(name, 0)
        if step.kind == "pointwise":
            for group in _joinable(web, step, group_of, behind):
                before |= group.mask
            _join(web, step, group_of, behind, 1 << place)
        for output in step.outputs:
            behind[output] = before | (1 << place)
    return group_of


def _joinable(web: Web, step: Step, group_of: dict[str, Group], behind: dict[str, int]) -> list[Group]:
    """The groups before a step that it may join: all reach it without leaving."""
    found: list[Group] = []
    elements = web.tensor(step.output).elements
    for name in step.inputs:
        maker = web.maker.get(whole(web, name))
        group = group_of.get(maker.name) if maker is not None else None
        if maker is None or group is None or group in found or maker.count != step.count or web.tensor(name).elements != elements:
            continue
        outside = 0
        for other in step.inputs:
            made = web.maker.get(whole(web, other))
            if made is None or group_of.get(made.name) is not group:
                outside |= behind.get(other, 0)
        if not outside & group.mask and not any(_between(g, group, behind) for g in found):
            found.append(group)
    return found


def _between(one: Group, other: Group, behind: dict[str, int]) -> bool:
    """Whether either of two groups depends on the other."""
    ways = ((one, other), (other, one))
    return any(behind.get(name, 0) & b.mask for a, b in ways for s in a.steps for name in s.inputs)


def _join(web: Web, step: Step, group_of: dict[str, Group], behind: dict[str, int], bit: int) -> None:
    groups = _joinable(web, step, group_of, behind)
    merged = Group([s for g in groups for s in g.steps] + [step], bit)
    for group in groups:
        merged.mask |= group.mask
    for member in merged.steps:
        group_of[member.name] = merged
