"""What a space's file states: named axes, what follows from them, what must hold, and what is wanted; and the evaluator that answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Protocol

from explorers.space.axis import Axis
from explorers.space.expression import Expression
from explorers.space.goal import Constraint, Objective
from magnitudes.arrays import Column
from magnitudes.errors import InputError

FEASIBLE = "feasible"


class SpaceError(InputError):
    """A space that cannot be used as it is."""


class Problem(Protocol):
    """What an evaluator makes of a space: its formulas, bound and ready to run."""

    def run(self, values: Mapping[str, Column]) -> dict[str, Column]:
        """Figures by name for the designs with these values of the axes: those that `Statement.formulas` yields, and ``feasible``."""
        ...

    def notes(self) -> tuple[str, ...]:
        """What a reader of the figures should know."""
        ...


class Evaluator(Protocol):
    """What is behind a space: it knows which fields there are, and what they lead to.

    Attributes
    ----------
    symbolic : bool
        Whether its problems give formulas that can be read as intervals, besides running them.
    """

    symbolic: ClassVar[bool]

    def unit(self, path: str) -> str:
        """Name of the field that a path sets, whose suffix is its unit.

        Raises
        ------
        NameMiss
            If there is no such field.
        """
        ...

    def problem(self, space: Statement) -> Problem:
        """The space's formulas, ready to run.

        Raises
        ------
        InputError
            If a formula reads a name that does not exist, or a value is refused.
        """
        ...

    def described(self) -> dict[str, Any]:
        """What a space's file says of it."""
        ...


@dataclass(frozen=True)
class Statement:
    """Axes, formulas over them, constraints and objectives, and the evaluator behind; `DesignSpace` says what each is."""

    name: str
    about: str
    axes: tuple[Axis, ...]
    objectives: tuple[Objective, ...]
    evaluator: Evaluator
    constraints: tuple[Constraint, ...] = ()
    tied: Mapping[str, Expression] = field(default_factory=dict)
    derived: Mapping[str, Expression] = field(default_factory=dict)
    report: tuple[str, ...] = ()
    reference: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the axes."""
        return tuple(a.name for a in self.axes)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of its figures should know, as the evaluator's law says."""
        return tuple(self.problem.notes())

    @cached_property
    def problem(self) -> Problem:
        """The formulas, ready to run."""
        return self.evaluator.problem(self)

    def formulas(self, read: Callable[[str], Any], *, sides: bool = False) -> dict[str, Any]:
        """All figures of the space, by whatever reader `read` gives names in.

        Keys are ``objective:N`` (minimised), ``violation:N``, and the names of reported figures; with `sides` also ``figure:N`` (an
        objective as it is written), and of constraints ``low:N`` and ``high:N``, or ``condition:N``.
        """
        known: dict[str, Any] = {}

        def resolve(name: str) -> Any:
            if name in self.derived:
                if name not in known:
                    known[name] = self.derived[name].value(resolve)
                return known[name]
            return read(name)

        result = {f"objective:{i}": o.figure.value(resolve) * o.sign for i, o in enumerate(self.objectives)}
        result |= {f"violation:{i}": c.violation(resolve) for i, c in enumerate(self.constraints)}
        result |= {name: resolve(name) for name in (*self.derived, *self.report)}
        if sides:
            result |= {f"figure:{i}": o.figure.value(resolve) for i, o in enumerate(self.objectives)}
            for i, constraint in enumerate(self.constraints):
                result |= {f"{side}:{i}": formula.value(resolve) for side, formula in constraint.parts.items()}
        return result
