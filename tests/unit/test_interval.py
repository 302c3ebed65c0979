"""Intervals: bounds by hand, truths that are open, and refusals where no bound exists."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from magnitudes.arrays import equal, where
from magnitudes.interval import Interval, Truth

X = Interval(1.0, 3.0)
Y = Interval(2.0, 4.0)


@pytest.mark.parametrize(
    ("result", "low", "high"),
    [
        (X + Y, 3, 7), (X - Y, -3, 1), (10.0 - X, 7, 9), (X * Y, 2, 12), (-X, -3, -1), (X / Y, 1 / 4, 3 / 2), (12.0 / Y, 3, 6), (X**Y, 1, 81),
        (X**2.0, 1, 9), (2.0**X, 2, 8), (Interval(0.5, 2.0) ** Interval(-1.0, 2.0), 0.25, 4), (Interval(-2.0, 3.0) * X, -6, 9),
        (Interval(-2.0, 3.0) * Interval(-5.0, 4.0), -15, 12), (X / Interval(-4.0, -2.0), -3 / 2, -1 / 4), (where(True, X, Y), 1, 3), (where(False, X, Y), 2, 4),
        (where(X < Y, X, 9.0), 1, 9), (where(X < 5.0, X, 9.0), 1, 3), (where(X > 5.0, X, 9.0), 9, 9),
    ],
)  # fmt: skip
def test_bounds(result: Interval, low: float, high: float) -> None:
    assert (result.low, result.high) == (low, high)


@pytest.mark.parametrize(
    ("truth", "certain", "possible"),
    [
        (X < Y, False, True), (X < 5.0, True, True), (X < 1.0, False, False), (X <= 1.0, False, True), (X >= 1.0, True, True), (X > 3.0, False, False),
        (X >= 3.0, False, True), ((X < 5.0) & (X < Y), False, True), ((X < 5.0) | (X < Y), True, True), ((X < 1.0) | (X < Y), False, True),
        (equal(X, Y), False, True), (equal(X, 9.0), False, False), (equal(Interval(2.0, 2.0), 2.0), True, True),
    ],
)  # fmt: skip
def test_truths(truth: Truth, certain: bool, possible: bool) -> None:
    assert (truth.certain, truth.possible) == (certain, possible)


def test_a_region_a_row() -> None:
    many = Interval(np.array([1.0, 2.0]), np.array([3.0, 5.0])) * 2.0
    assert np.array_equal(many.low, [2, 4])
    assert np.array_equal(many.high, [6, 10])


@pytest.mark.parametrize("divisor", [Interval(-1.0, 1.0), Interval(0.0, 1.0), Interval(np.array([1.0, -1.0]), np.array([2.0, 1.0]))])
def test_no_reciprocal_of_zero(divisor: Any) -> None:
    with pytest.raises(ZeroDivisionError, match="contains zero"):
        1.0 / divisor


def test_no_power_of_a_negative_base() -> None:
    with pytest.raises(ArithmeticError, match="below zero"):
        Interval(-1.0, 2.0) ** 2.0
