"""Whether an optimum of a space can be proved: its evaluator must give its formulas, so that they can be bounded over regions."""

from __future__ import annotations

from explorers.space.space import DesignSpace


def can_be_proved(space: DesignSpace) -> bool:
    """Whether `exact` takes a space: one objective, and formulas that can be read as intervals."""
    return len(space.objectives) == 1 and space.evaluator.symbolic
