"""What the simulator needs of any model, whatever its family."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from magnitudes.arrays import Condition, Real, either, equal, floor
from magnitudes.errors import InputError
from magnitudes.interval import Interval
from workloads.graph import Workload
from workloads.passes import Pass
from workloads.scenario import Scenario
from workloads.sharding import Parallelism, Precision


class ModelError(InputError):
    """A model that cannot be built, cut or run as asked."""


@dataclass(frozen=True, slots=True)
class DivisionRule:
    """A degree of parallelism must divide a size (or be a multiple of it, where copies are made).

    Parameters
    ----------
    what : str
        What is divided, for messages.
    size, degree : Real
    option : str
        The option that sets the degree.
    or_multiple : bool
    """

    what: str
    size: Real
    degree: Real
    option: str
    or_multiple: bool = False

    def holds(self) -> Condition:
        """Whether the degree divides the size, row by row; regions (intervals) are not judged."""
        if isinstance(self.size, Interval) or isinstance(self.degree, Interval):
            return True
        quotient = self.size / self.degree
        divides = equal(quotient, floor(quotient))
        if not self.or_multiple:
            return divides
        times = self.degree / self.size
        return either(divides, equal(times, floor(times)))

    def check(self) -> None:
        """Refuse a single degree that breaks the rule.

        Raises
        ------
        ModelError
            Naming the divisors.
        """
        if not isinstance(self.degree, float) or not isinstance(self.size, float):
            return
        if self.degree < 1 or self.degree != int(self.degree) or not self.holds():
            divisors = ", ".join(str(d) for d in range(1, int(self.size) + 1) if self.size % d == 0)
            more = " or a multiple of all" if self.or_multiple else ""
            raise ModelError(f"{self.option} {self.degree:g} does not divide the {self.size:g} {self.what}; use one of {divisors}{more}")


class Model(Protocol):
    """A configuration that can be turned into operators.

    Attributes
    ----------
    name : str
    parameters : float
        Weights in all.
    phases : tuple of str
        Phases of `workloads.scenario` that make sense for it.
    """

    @property
    def name(self) -> str: ...

    @property
    def parameters(self) -> float: ...

    @property
    def phases(self) -> tuple[str, ...]: ...

    def workload(self, run: Pass, cut: Parallelism, formats: Precision) -> Workload:
        """The operators of one micro-batch of a pass, as one chip sees them."""
        ...

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        """What the degrees of parallelism must divide."""
        ...


@runtime_checkable
class GraphModel(Protocol):
    """What a model knows besides, whose graph another program traced.

    Attributes
    ----------
    scenario : Scenario
        One pass at the sizes that the graph has, or that the user bound.
    native : str
        The format of most of its weights.
    """

    @property
    def scenario(self) -> Scenario: ...

    @property
    def native(self) -> str: ...

    def bound(self, size: str) -> tuple[str, float] | None:
        """The symbol behind a size of the scenario (batch, prompt), and what the user bound it to; nothing, where it is open."""
        ...


def notes_of(model: Model) -> tuple[str, ...]:
    """What the reader of an estimate must know of a model: what an import did not understand, or had to assume."""
    return tuple(getattr(model, "notes", ()))
