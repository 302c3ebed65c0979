"""One axis of a design space: the values that one parameter may take, numbered from zero."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from explorers.space.expression import Expression
from magnitudes.arrays import Column


@dataclass(frozen=True, slots=True)
class Axis:
    """A named parameter and its possible values, in order.

    Parameters
    ----------
    name : str
        As formulas and tables call it.
    path : str
        The field that it sets, as the space's evaluator spells it (``hbm.bandwidth``, ``batch``, ``tp``, ``dtype``, ``machine``).
    kind : str
        ``grid`` (values as listed), ``range`` (evenly spaced), ``log`` (evenly spaced in the logarithm) or ``choice`` (names).
    values : tuple of float
        In base units; the places of the names where it is a choice.
    labels : tuple of str
        The names of a choice; empty for numbers.
    unit : str
        Name of the field that `path` sets, whose suffix is the unit.
    when : Expression, optional
        The axis counts only where this holds; elsewhere it stands at `otherwise`.
    otherwise : int
        The place where it stands then.
    """

    name: str
    path: str
    kind: str = field(compare=False)
    values: tuple[float, ...]
    labels: tuple[str, ...] = ()
    unit: str = ""
    when: Expression | None = None
    otherwise: int = 0
    column: Column = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "column", np.array(self.values, dtype=np.float64))

    @property
    def size(self) -> int:
        """How many values there are."""
        return len(self.values)

    @property
    def ordered(self) -> bool:
        """Whether values are numbers: neighbours are alike then."""
        return not self.labels

    def shown(self, place: int) -> float | str:
        """The value at a place: a number in base units, or a name."""
        return self.labels[place] if self.labels else self.values[place]
