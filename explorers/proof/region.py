"""A region of a space in which names and choices are fixed: what remains are numbers, and formulas over them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from explorers.space.axis import Axis
from explorers.space.expression import Named
from explorers.space.space import DesignSpace, Places
from explorers.space.statement import FEASIBLE
from magnitudes.arrays import Column, Mask
from magnitudes.symbol import Formula, Operation, Symbol


@dataclass(frozen=True)
class Region:
    """All designs with some axes fixed.

    Parameters
    ----------
    space : DesignSpace
    fixed : mapping of str to int
        Places of the axes that are fixed.
    """

    space: DesignSpace
    fixed: Mapping[str, int]

    @cached_property
    def free(self) -> tuple[Axis, ...]:
        """The axes that vary: ordered and positive."""
        return tuple(a for a in self.space.axes if a.name not in self.fixed)

    @cached_property
    def formula(self) -> tuple[Formula, dict[str, Any]]:
        """Its figures as symbols of the free axes."""
        problem: Any = self.space.problem
        values = {a.name: a.values[self.fixed[a.name]] for a in self.space.axes if a.name in self.fixed}
        structure = tuple(values[a.name] for a in problem.structural)
        numbers = {a.name: values[a.name] for a in problem.numeric if a.name in values}
        formula, outputs = problem.formula(structure, numbers, sides=True)
        return formula, outputs

    @cached_property
    def limits(self) -> list[tuple[Any, Any]]:
        """Pairs (low, high) of which ``low <= high`` must hold, from constraints and from what makes a design possible.

        Conditions that are no comparison of numbers are left out: a relaxation may do without them.
        """
        formula, outputs = self.formula
        pairs = [(outputs[f"low:{i}"], outputs[f"high:{i}"]) for i in range(len(self.space.constraints)) if f"low:{i}" in outputs]
        conditions = [outputs[f"condition:{i}"] for i in range(len(self.space.constraints)) if f"condition:{i}" in outputs]
        for condition in (*conditions, outputs[FEASIBLE]):
            pairs += _comparisons(formula, condition)
        return pairs

    @cached_property
    def _order(self) -> list[Places]:
        """The places of each free axis' values, growing, without those that a limit on the axis alone excludes."""
        places = [np.flatnonzero(allowed(self.space, a)) for a in self.free]
        return [p[np.argsort(a.column[p], kind="stable")] for a, p in zip(self.free, places, strict=True)]

    @cached_property
    def columns(self) -> list[Column]:
        """The values of each free axis, growing: ranks count along them."""
        return [a.column[order] for a, order in zip(self.free, self._order, strict=True)]

    @cached_property
    def size(self) -> int:
        """Designs of the region."""
        return math.prod(len(v) for v in self.columns)

    def places(self, ranks: Places) -> Places:
        """Whole designs from the ranks of the free axes' values, shape (designs, axes)."""
        result = np.empty((len(ranks), len(self.space.axes)), dtype=np.int64)
        columns = {a.name: self._order[i][ranks[:, i]] for i, a in enumerate(self.free)}
        for i, axis in enumerate(self.space.axes):
            result[:, i] = self.fixed[axis.name] if axis.name in self.fixed else columns[axis.name]
        return result


def _comparisons(formula: Formula, condition: Any) -> Iterator[tuple[Any, Any]]:
    """The comparisons of numbers that a condition asks to hold together."""
    if not isinstance(condition, Symbol):
        if not bool(condition):
            yield 1.0, 0.5  # never holds
        return
    operation = formula.operations[condition.number]
    if not isinstance(operation, Operation):
        return
    sides = [Symbol(formula, int(o)) if s else o for o, s in zip(operation.operands, operation.is_symbol, strict=True)]
    if operation.function == "logical_and":
        for side in sides:
            yield from _comparisons(formula, side)
    elif operation.function in ("less", "less_equal"):
        yield _without_difference(formula, sides[0], sides[1])


def _without_difference(formula: Formula, low: Any, high: Any) -> tuple[Any, Any]:
    """``a <= b`` for ``a - b <= 0`` and ``max(a - b, 0) <= 0``: both sides have logarithms then, which a difference may not have."""
    while isinstance(low, Symbol) and isinstance(high, float | int) and high >= 0.0:
        operation = formula.operations[low.number]
        if not isinstance(operation, Operation):
            break
        sides = [Symbol(formula, int(o)) if s else o for o, s in zip(operation.operands, operation.is_symbol, strict=True)]
        if operation.function == "maximum" and 0.0 in [s for s in sides if not isinstance(s, Symbol)]:
            low = next(s for s in sides if isinstance(s, Symbol))
        elif operation.function == "subtract":
            low, high = sides[0], sides[1] + high
        else:
            break
    return low, high


def cut_axes(space: DesignSpace) -> list[Axis]:
    """Axes along which a space is cut into regions: names, choices, what conditions read, and numbers that have no logarithm."""
    read = {name for a in space.axes if a.when is not None for name in (*a.when.names, a.name)}
    problem: Any = space.problem
    structural = {a.name for a in problem.structural}
    return [a for a in space.axes if a.name in structural or a.labels or a.name in read or min(a.values) <= 0.0]


def allowed(space: DesignSpace, axis: Axis) -> Mask:
    """Which values of an axis the constraints that read it alone leave, so that a proof need not find that out design by design."""
    left = np.ones(axis.size, dtype=bool)
    value: Any = Named(axis.labels, axis.column) if axis.labels else axis.column
    for constraint in space.constraints:
        names = {name for formula in constraint.parts.values() for name in formula.names}
        if names == {axis.name} and axis.name not in space.derived:
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                left &= np.asarray(constraint.violation(lambda _: value)) <= 0.0
    return left


def regions(space: DesignSpace) -> list[Region]:
    """The regions of a space, those whose designs conditions make equal to others left out."""
    cut = cut_axes(space)
    left = {a.name: np.flatnonzero(allowed(space, a)) for a in space.axes}
    if any(len(places) == 0 for places in left.values()):
        return []
    single = {name: int(places[0]) for name, places in left.items() if len(places) == 1}
    result = []
    for places in product(*(left[a.name].tolist() for a in cut)):
        fixed = single | {a.name: p for a, p in zip(cut, places, strict=True)}
        row = np.array([[fixed.get(a.name, 0) for a in space.axes]], dtype=np.int64)
        if (space.canonical(row) == row).all():
            result.append(Region(space, fixed))
    return result
