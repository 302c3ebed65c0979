"""What one operator costs, and which resource sets it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from magnitudes.arrays import Reader, Real, minimum, where
from workloads.operator import Operator

TOGETHER = " + "  # between the names of engines that share an operator
NEVER_S = 1e30  # time of what a design cannot do at all: a number, so that sums and shares stay numbers


@dataclass(frozen=True, slots=True)
class Placed:
    """Where an operator runs on a chip with several engines, and what each other way would take.

    Parameters
    ----------
    ways : tuple of str
        Engines by name, and pairs that share the work: ``sm + logic_pim``.
    times_s : tuple of Real
        One call, each way.
    choice : Real
        Place in `ways` of the one that was taken.
    shares : mapping of str to Real
        Share of the work that each engine does.
    """

    ways: tuple[str, ...]
    times_s: tuple[Real, ...]
    choice: Real
    shares: Mapping[str, Real]

    @property
    def way(self) -> str | list[str]:
        """The name of the way that was taken; one a row for columns.

        Raises
        ------
        TypeError
            For regions and formulas, whose way is not one name.
        """
        if isinstance(self.choice, Reader):
            raise TypeError("a region or a formula has no single placement: ask for it of a design")
        return [self.ways[int(i)] for i in self.choice] if isinstance(self.choice, np.ndarray) else self.ways[int(self.choice)]


@dataclass(frozen=True, slots=True)
class Mapped:
    """How a layer lies on an array.

    Parameters
    ----------
    element, buffer, memory : tuple of (loop, iterations)
        Loops of each block, the innermost first.
    unrolled : mapping of str to float
        Iterations side by side in the array.
    tiers : (str, str)
        The buffer and the memory, by name.
    energy_j : mapping of str to float
        Of one call, by part.
    times_floor : float, optional
        By its goal, over a floor that no mapping is under; None of a mapping that was given.
    compared : int
        Mappings that it is the best of.
    goal : str
    """

    element: tuple[tuple[str, float], ...]
    buffer: tuple[tuple[str, float], ...]
    memory: tuple[tuple[str, float], ...]
    unrolled: Mapping[str, float]
    tiers: tuple[str, str]
    energy_j: Mapping[str, float]
    times_floor: float | None
    compared: int
    goal: str

    def to_dict(self) -> dict[str, Any]:
        """The documented keys."""
        blocks = {name: [[loop, n] for loop, n in getattr(self, name)] for name in ("element", "buffer", "memory")}
        return {
            **blocks, "unrolled": dict(self.unrolled), "tiers": list(self.tiers), "times_floor": self.times_floor, "compared": self.compared, "goal": self.goal,
        }  # fmt: skip


class MappedRows(tuple[Mapped, ...]):
    """Mappings: one for all designs, or one a design."""

    __slots__ = ()

    def of(self, index: int) -> dict[str, Any] | None:
        """One design's, as plain data; None where nothing was mapped."""
        return self[index if len(self) > 1 else 0].to_dict() if self else None

    def energy_j(self) -> dict[str, Real]:
        """Energy of one call by part: numbers, or columns."""
        if len(self) == 1:
            return dict(self[0].energy_j)
        return {name: np.array([m.energy_j[name] for m in self]) for name in self[0].energy_j}


@dataclass(frozen=True, slots=True)
class Cost:
    """Time of one call of an operator on one chip.

    Parameters
    ----------
    operator : Operator
    count : Real
        Calls in a pass.
    time_s : Real
        Time of one call.
    parts : mapping of str to Real
        Time that each resource alone would take: ``matrix`` and ``vector`` units, memory tiers by name, ``launch``, links by name.
        They overlap, so that they do not add to `time_s`; the largest is the bound.
    placed : Placed, optional
        Which engine runs it, where the chip has several.
    counts : mapping of str to Real
        Events of one call, where the law counts them: ``columns`` and ``rows`` that the fullest unit near memory accesses and opens, ``bus_byte``
        that its channels carry.
    mapped : MappedRows
        How it lies on an array, where that was searched or given.
    """

    operator: Operator
    count: Real
    time_s: Real
    parts: Mapping[str, Real]
    placed: Placed | None = None
    counts: Mapping[str, Real] = field(default_factory=dict)
    mapped: MappedRows = field(default_factory=MappedRows)

    @property
    def total_s(self) -> Real:
        """Time of all calls."""
        return self.count * self.time_s

    @property
    def bound(self) -> str | list[str]:
        """The resource that sets the time: a name, or one a row."""
        return largest_part(self.parts)


def fastest(options: Sequence[tuple[Real, Mapping[str, Real]]]) -> tuple[Real, dict[str, Real]]:
    """The fastest of several ways to do the same, row by row, with its parts.

    Parameters
    ----------
    options : sequence of (time, parts)
        All with the same parts.
    """
    best_s, parts = options[0][0], dict(options[0][1])
    for time_s, own in options[1:]:
        better = time_s < best_s
        parts = {name: where(better, own[name], part) for name, part in parts.items()}
        best_s = minimum(best_s, time_s)
    return best_s, parts


def largest_part(parts: Mapping[str, Real]) -> str | list[str]:
    """The name of the largest of several numbers; a list of names for columns.

    Raises
    ------
    TypeError
        For intervals and symbols, whose bound is not one name.
    """
    if any(isinstance(p, Reader) for p in parts.values()):
        raise TypeError("a region or a formula has no single bound: ask for it of a design")
    names, values = list(parts), list(parts.values())
    if not any(isinstance(v, np.ndarray) for v in values):
        return max(parts, key=lambda n: float(parts[n]))  # type: ignore[arg-type]
    rows = np.argmax(np.stack(np.broadcast_arrays(*values)), axis=0)  # type: ignore[arg-type]
    return [names[i] for i in rows]
