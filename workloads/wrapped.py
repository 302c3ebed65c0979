"""A model around another: what the inner one says of itself, unless the outer one knows better."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.model import DivisionRule, Model
from workloads.sharding import Parallelism


@dataclass(frozen=True, slots=True)
class Wrapped:
    """What models around another share.

    Parameters
    ----------
    model : Model
        The inner one.
    """

    model: Model

    @property
    def name(self) -> str:
        """The inner model's."""
        return self.model.name

    @property
    def parameters(self) -> float:
        """The inner model's weights."""
        return self.model.parameters

    @property
    def phases(self) -> tuple[str, ...]:
        """The inner model's."""
        return self.model.phases

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        """The inner model's."""
        return self.model.cut_rules(cut)
