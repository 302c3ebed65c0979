"""Affine functions of the logarithms of some inputs over a box, a function a point: what bounds of formulas are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from magnitudes.arrays import Column

LEAST = 1e-290  # stands for zero, which has no logarithm: what is added to by it changes by nothing that a float can tell


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """A box in the logarithms of the inputs (or a box a point), and points in it at which formulas are touched.

    Parameters
    ----------
    least, most : Column, shape (inputs,) or (points, inputs)
        The ends of each input. Intervals start from them and not from their logarithms, whose rounding a step would magnify.
    point : Column, shape (points, inputs)
        In logarithms.
    low, high : Column
        Logarithms of the ends.
    """

    least: Column
    most: Column
    point: Column
    low: Column = field(init=False)
    high: Column = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "low", np.log(self.least))
        object.__setattr__(self, "high", np.log(self.most))


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """An affine function for each point: its value there, and its gradient.

    Parameters
    ----------
    value : Column, shape (points,)
    gradient : Column, shape (points, inputs)
    """

    value: Column
    gradient: Column

    def __add__(self, other: Affine) -> Affine:
        return Affine(self.value + other.value, self.gradient + other.gradient)

    def __sub__(self, other: Affine) -> Affine:
        return Affine(self.value - other.value, self.gradient - other.gradient)

    def times(self, factor: float | Column) -> Affine:
        """The function multiplied, each point by its own factor."""
        factor = np.asarray(factor, dtype=np.float64)
        return Affine(self.value * factor, self.gradient * (factor[:, None] if factor.ndim else factor))

    def plus(self, constant: float | Column) -> Affine:
        """The function moved."""
        return Affine(self.value + constant, self.gradient)

    def range(self, box: Box) -> tuple[Column, Column]:
        """Least and largest value over the box, a point a row."""
        to_low, to_high = self.gradient * (box.low - box.point), self.gradient * (box.high - box.point)
        return self.value + np.minimum(to_low, to_high).sum(axis=1), self.value + np.maximum(to_low, to_high).sum(axis=1)


def chosen(mask: Any, a: Affine, b: Affine) -> Affine:
    """`a` where the mask holds, else `b`."""
    mask = np.broadcast_to(np.asarray(mask), a.value.shape)
    return Affine(np.where(mask, a.value, b.value), np.where(mask[:, None], a.gradient, b.gradient))


def chord(a: Affine, b: Affine, box: Box, of: Callable[[Column], Column]) -> Affine:
    """An affine function above ``a + of(b - a)`` over the box, for a convex `of`: the chord of `of` over the range of ``b - a``."""
    difference = b - a
    low, high = difference.range(box)
    width = np.maximum(high - low, 1e-300)
    slope = np.where(high > low, (of(high) - of(low)) / width, 0.0)
    return a + difference.times(slope).plus(of(low) - slope * low)


def relu(x: Column) -> Column:
    return np.maximum(x, 0.0)


def softplus(x: Column) -> Column:
    return np.logaddexp(0.0, x)


def constant_over(box: Box, value: Any) -> Affine:
    logarithm = np.log(np.maximum(np.asarray(value, dtype=np.float64), LEAST))
    return Affine(np.broadcast_to(logarithm, (len(box.point),)).astype(np.float64), np.zeros_like(box.point))
