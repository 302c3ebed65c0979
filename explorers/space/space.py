"""A design space: the designs that a statement leaves open, counted, drawn and scored.

A design is a row of *places*: for each axis, the number of the value it takes. Explorers see places only; the evaluator of the
space turns their values into figures. Every axis is finite, so that sizes are exact and evaluations can be told apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorers.space.axis import Axis
from explorers.space.expression import Named
from explorers.space.file import read_file
from explorers.space.shipped import file_of
from explorers.space.statement import FEASIBLE, SpaceError, Statement
from magnitudes.arrays import Column, Mask
from magnitudes.names import NameMiss, nearest

Places = NDArray[np.int64]
"""Shape (designs, axes): for each axis the number of its value."""

REFERENCE_DESIGNS = 2048  # drawn to find where hypervolume is measured from, if the space does not say
MOST_MISSED = 1e9  # that a violation counts
MOST_COUNTED = 10_000_000  # combinations of conditioning axes that are counted one by one


@dataclass(frozen=True, slots=True)
class Scores:
    """What some designs come to.

    Parameters
    ----------
    objectives : Column, shape (designs, objectives)
        Small is good: figures to be maximised are negated.
    violations : Column, shape (designs, constraints)
        Zero or less where a constraint holds.
    feasible : Mask, shape (designs,)
        All constraints hold, the design can be built, and no objective is NaN.
    figures : dict of str to Column, shape (designs,)
        Derived figures, and those of objectives, as the space's file names them.
    """

    objectives: Column
    violations: Column
    feasible: Mask
    figures: dict[str, Column]

    def __len__(self) -> int:
        return len(self.feasible)

    @property
    def built(self) -> Mask:
        """Which designs can be built; of those that break a constraint it is not known, and they count as if."""
        result: Mask = self.feasible | (self.violations > 0.0).any(axis=1)
        return result

    @property
    def missed(self) -> Column:
        """Violations as numbers that every library takes: none beyond `MOST_MISSED`; where there is none at all, that of a condition."""
        result: Column = np.nan_to_num(self.violations, nan=1.0).clip(-MOST_MISSED, MOST_MISSED)
        return result

    def rows(self, which: Any) -> Scores:
        """Some of the designs."""
        return Scores(self.objectives[which], self.violations[which], self.feasible[which], {n: f[which] for n, f in self.figures.items()})


@dataclass(frozen=True)
class DesignSpace(Statement):
    """A statement whose designs can be counted, drawn and scored.

    Parameters
    ----------
    name, about : str
    axes : tuple of Axis
    objectives : tuple of Objective
    evaluator : Evaluator
    constraints : tuple of Constraint
    tied : mapping of str to Expression
        Fields that follow from axes, by path.
    derived : mapping of str to Expression
        Figures that formulas (and tables) use by name.
    report : tuple of str
        Figures of the evaluator that tables show beside derived ones and objectives.
    reference : mapping of str to float
        Objective -> the figure beyond which a design is worth nothing: where hypervolume is measured from.
    """

    @classmethod
    def from_yaml(cls, source: str | Path) -> DesignSpace:
        """A space from its file, or a shipped one by name.

        Raises
        ------
        InputError
            With all mistakes of the file, each with its place and the remedy.
        """
        return read_file(file_of(source), DesignSpace)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Values of each axis."""
        return tuple(a.size for a in self.axes)

    @cached_property
    def grid_size(self) -> int:
        """Rows of the full grid, those that conditions make equal counted apart."""
        return math.prod(self.sizes)

    @cached_property
    def size(self) -> int:
        """How many designs there are; rows that conditions make equal are one design."""
        conditional = [i for i, a in enumerate(self.axes) if a.when is not None]
        if not conditional:
            return self.grid_size
        read = {name for i in conditional for name in self.axes[i].when.names}  # type: ignore[union-attr]
        inner = [i for i, n in enumerate(self.names) if n in read]
        combinations = math.prod(self.sizes[i] for i in inner)
        if combinations > MOST_COUNTED:
            raise SpaceError(f"{self.name}: {combinations:,} combinations of axes that conditions read; at most {MOST_COUNTED:,} can be counted")
        places = np.zeros((combinations, len(self.axes)), dtype=np.int64)
        places[:, inner] = np.stack(np.unravel_index(np.arange(combinations), [self.sizes[i] for i in inner]), axis=1)
        kept = places[(self.canonical(places) == places)[:, inner].all(axis=1)]
        count = np.full(len(kept), 1, dtype=object)
        active = self.active(kept)
        for i in (i for i in range(len(self.axes)) if i not in inner):
            count = count * np.where(active[:, i], self.sizes[i], 1).astype(object)
        return int(count.sum())

    # designs as places, numbers and values

    def places(self, numbers: NDArray[np.int64]) -> Places:
        """Rows of the full grid by number, the last axis fastest."""
        return np.stack(np.unravel_index(numbers, self.sizes), axis=1).astype(np.int64)

    def every(self) -> Places:
        """Every design once, those that conditions make equal as one: for spaces that fit into memory."""
        places = self.places(np.arange(self.grid_size))
        one: Places = places[(self.canonical(places) == places).all(axis=1)]
        return one

    def sample(self, count: int, generator: np.random.Generator) -> Places:
        """Designs drawn evenly from the grid, with replacement."""
        drawn = np.stack([generator.integers(0, size, count) for size in self.sizes], axis=1)
        return self.canonical(drawn.astype(np.int64))

    def values(self, places: Places) -> dict[str, Column]:
        """The value of each axis, row by row: numbers in base units, and the places of choices."""
        return {a.name: a.column[places[:, i]] for i, a in enumerate(self.axes)}

    def active(self, places: Places) -> Mask:
        """Whether each axis counts, shape (designs, axes)."""
        active = np.ones(places.shape, dtype=bool)
        for i, axis in enumerate(self.axes):
            if axis.when is not None:
                active[:, i] = axis.when.value(self._reader(places))
        return active

    def canonical(self, places: Places) -> Places:
        """The designs with every axis that does not count at the place where it stands then."""
        if not any(a.when for a in self.axes):
            return places
        result = places.copy()
        for i, axis in enumerate(self.axes):  # a condition reads axes before its own only
            if axis.when is not None:
                holds = np.broadcast_to(np.asarray(axis.when.value(self._reader(result))), len(result))
                result[:, i] = np.where(holds, result[:, i], axis.otherwise)
        return result

    def _reader(self, places: Places) -> Callable[[str], Any]:
        values = self.values(places)
        by_name = {a.name: a for a in self.axes}

        def read(name: str) -> Any:
            if name not in by_name:
                raise NameMiss("axis", name, nearest(name, by_name), f"in a condition, which reads axes only (axes: {', '.join(by_name)})")
            axis = by_name[name]
            return Named(axis.labels, values[name]) if axis.labels else values[name]

        return read

    def design(self, places: Sequence[int] | Places) -> dict[str, float | str]:
        """One design as people read it: value by axis."""
        return {a.name: a.shown(int(p)) for a, p in zip(self.axes, np.asarray(places).ravel(), strict=True)}

    def place(self, design: Mapping[str, object]) -> Places:
        """The places of one design, shape (axes,).

        Raises
        ------
        InputError
            If an axis is missing, unknown, or has no such value.
        """
        for name in design:
            if name not in self.names:
                raise NameMiss("axis", name, nearest(name, self.names), f"(axes: {', '.join(self.names)})")
        return np.array([self._place_on(axis, design) for axis in self.axes], dtype=np.int64)

    def _place_on(self, axis: Axis, design: Mapping[str, object]) -> int:
        if axis.name not in design:
            raise SpaceError(f"the design says nothing of {axis.name}; give one of {_some(axis)}")
        given = design[axis.name]
        shown: Sequence[object] = axis.labels or axis.values
        number = isinstance(given, int | float) and axis.ordered
        for place, value in enumerate(shown):
            if value == given or (number and math.isclose(float(given), axis.values[place], rel_tol=1e-9)):  # type: ignore[arg-type]
                return place
        raise SpaceError(f"{axis.name} cannot be {given!r}; give one of {_some(axis)}")

    # figures

    @cached_property
    def reference_point(self) -> Column:
        """Where hypervolume is measured from (minimised): as the file says, or the worst of each objective among a fixed draw of feasible designs."""
        given = [self.reference.get(o.name) for o in self.objectives]
        worst = np.ones(len(given))
        if None in given:
            scores = self.score(self.sample(REFERENCE_DESIGNS, np.random.default_rng(0)))
            if scores.feasible.any():
                worst = scores.objectives[scores.feasible].max(axis=0)
        return np.array([w if g is None else g * o.sign for w, g, o in zip(worst, given, self.objectives, strict=True)])

    def score(self, places: Places) -> Scores:
        """What some designs come to.

        Parameters
        ----------
        places : Places, shape (designs, axes)

        Raises
        ------
        InputError
            If a design is outside the space.
        """
        self.check(places)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # a formula may have no number somewhere: such designs are not feasible
            result = self.problem.run(self.values(places))
        rows = len(places)
        objectives = _columns([result[f"objective:{i}"] for i in range(len(self.objectives))], rows)
        violations = _columns([result[f"violation:{i}"] for i in range(len(self.constraints))], rows)
        feasible = np.broadcast_to(np.asarray(result[FEASIBLE], dtype=bool), rows) & (violations <= 0.0).all(axis=1)
        feasible = feasible & np.isfinite(objectives).all(axis=1)
        figures = {name: np.broadcast_to(np.asarray(result[name], dtype=np.float64), rows) for name in (*self.derived, *self.report)}
        figures |= {o.name: objectives[:, i] * o.sign for i, o in enumerate(self.objectives)}
        return Scores(objectives, violations, feasible, figures)

    def check(self, places: Places) -> None:
        """Refuse designs that are outside the space.

        Raises
        ------
        SpaceError
        """
        if places.ndim != 2 or places.shape[1] != len(self.axes):
            raise SpaceError(f"designs of shape {places.shape}; {self.name} has {len(self.axes)} axes: a row a design, a place an axis")
        if len(places) and ((places < 0) | (places >= np.array(self.sizes))).any():
            row, axis = np.argwhere((places < 0) | (places >= np.array(self.sizes)))[0]
            raise SpaceError(f"{self.names[axis]} has places 0 to {self.sizes[axis] - 1}, not {places[row, axis]}")


def _columns(figures: list[Any], rows: int) -> Column:
    result = np.empty((rows, len(figures)))
    for i, figure in enumerate(figures):
        result[:, i] = figure
    return result


def _some(axis: Axis) -> str:
    shown = [str(axis.shown(i)) for i in range(axis.size)]
    return ", ".join(shown) if len(shown) <= 8 else f"{', '.join(shown[:4])}, ... {shown[-1]}"
