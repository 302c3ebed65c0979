"""Operators that shall run as one: groups that somebody asks for instead of leaving them to the simulator's search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from workloads.graph import Workload
from workloads.model import Model, ModelError
from workloads.passes import Pass
from workloads.sharding import Parallelism, Precision
from workloads.wrapped import Wrapped


@dataclass(frozen=True, slots=True)
class Fusing(Wrapped):
    """A model some of whose operators run as one section.

    Parameters
    ----------
    groups : tuple of tuples of str
        Names of operators that follow each other.
    """

    groups: tuple[tuple[str, ...], ...]

    def workload(self, run: Pass, cut: Parallelism, formats: Precision) -> Workload:
        """The model's operators, with what is to be one."""
        return replace(self.model.workload(run, cut, formats), groups=self.groups)


def fusing(model: Model, groups: Sequence[Sequence[str]]) -> Fusing:
    """A model with fusion groups.

    Raises
    ------
    ModelError
        If a group has fewer than two operators, two groups share one, or the model consists of several models.
    """
    if hasattr(model, "passes"):
        raise ModelError(f"{model.name} consists of several models, whose operators have the same names; fuse those of one of them")
    seen: set[str] = set()
    for group in groups:
        if len(group) < 2:
            raise ModelError(f"the fusion group {'+'.join(group)} has {len(group)} operator; at least two make one, such as gate_up+activation+down")
        for name in group:
            if name in seen:
                raise ModelError(f"{name} is in a fusion group already; it can be in one")
            seen.add(name)
    return Fusing(model, tuple(tuple(group) for group in groups))
