"""Intervals: what a formula can give at least and at most over a region of designs.

Plain interval arithmetic (Moore 1966): sound, and exact where each operand occurs once. A formula that repeats an operand
gets a wider, still sound, bound. Bounds are not rounded outward: they hold to float64 rounding (about 1e-15 relative an
operation), far below any certificate that is claimed from them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from magnitudes import arrays
from magnitudes.arrays import Column, Condition, Mask, Reader, maximum, minimum, where


@dataclass(frozen=True, slots=True, eq=False)
class Interval(Reader):
    """All numbers between `low` and `high`.

    Parameters
    ----------
    low, high : float or Column
        Bounds of one shape, ``low <= high``; columns bound a region a row.
    """

    low: float | Column
    high: float | Column

    def apply(self, function: str, *operands: Any) -> Any:
        return _apply(function, operands)


@dataclass(frozen=True, slots=True, eq=False)
class Truth(Reader):
    """What is known of a comparison: whether it certainly holds, and whether it possibly does."""

    certain: bool | Mask
    possible: bool | Mask

    def apply(self, function: str, *operands: Any) -> Any:
        return _apply(function, operands)


def as_interval(x: Any) -> Interval:
    """`x` itself, or the degenerate interval around a number."""
    return x if isinstance(x, Interval) else Interval(x, x)


def as_truth(x: Any) -> Truth:
    """`x` itself, or a truth that is known."""
    return x if isinstance(x, Truth) else Truth(x, x)


def _apply(function: str, operands: tuple[Any, ...]) -> Any:
    if function in INCREASING:
        of = INCREASING[function]
        ends = [as_interval(o) for o in operands]
        return Interval(of(*(e.low for e in ends)), of(*(e.high for e in ends)))
    return OTHER[function](*operands)


def _negative(a: Any) -> Interval:
    return Interval(-as_interval(a).high, -as_interval(a).low)


def _subtract(a: Any, b: Any) -> Interval:
    x, y = as_interval(a), as_interval(b)
    return Interval(x.low - y.high, x.high - y.low)


def _multiply(a: Any, b: Any) -> Interval:
    x, y = as_interval(a), as_interval(b)
    products = (x.low * y.low, x.low * y.high, x.high * y.low, x.high * y.high)
    return Interval(reduce(minimum, products), reduce(maximum, products))  # type: ignore[arg-type]


def _divide(a: Any, b: Any) -> Interval:
    y = as_interval(b)
    if bool(np.any((np.asarray(y.low) <= 0) & (np.asarray(y.high) >= 0))):
        raise ZeroDivisionError("an interval that contains zero has no bounded reciprocal; keep the divisors of a law positive")
    return _multiply(a, Interval(1.0 / y.high, 1.0 / y.low))


def _power(a: Any, b: Any) -> Interval:
    """Powers of a base that is not negative: monotone in base and in exponent, so that the ends are at the corners."""
    x, y = as_interval(a), as_interval(b)
    if bool(np.any(np.asarray(x.low) < 0)):
        raise ArithmeticError("a power of an interval that reaches below zero has no bound here; keep the base of a law's power positive")
    corners = (x.low**y.low, x.low**y.high, x.high**y.low, x.high**y.high)
    return Interval(reduce(minimum, corners), reduce(maximum, corners))


def _less(a: Any, b: Any) -> Truth:
    x, y = as_interval(a), as_interval(b)
    return Truth(x.high < y.low, x.low < y.high)


def _less_equal(a: Any, b: Any) -> Truth:
    x, y = as_interval(a), as_interval(b)
    return Truth(x.high <= y.low, x.low <= y.high)


def _equal(a: Any, b: Any) -> Truth:
    x, y = as_interval(a), as_interval(b)
    certain = arrays.both(arrays.both(x.low == x.high, y.low == y.high), x.low == y.low)
    return Truth(certain, arrays.both(x.low <= y.high, y.low <= x.high))  # type: ignore[arg-type]


def _logical(of: Callable[[Condition, Condition], Condition]) -> Callable[[Any, Any], Truth]:
    def apply(a: Any, b: Any) -> Truth:
        x, y = as_truth(a), as_truth(b)
        return Truth(of(x.certain, y.certain), of(x.possible, y.possible))  # type: ignore[arg-type]

    return apply


def _where(condition: Any, a: Any, b: Any) -> Interval:
    """One of two, or the hull of both where the condition is open."""
    truth, x, y = as_truth(condition), as_interval(a), as_interval(b)
    low = where(truth.certain, x.low, where(truth.possible, minimum(x.low, y.low), y.low))
    high = where(truth.certain, x.high, where(truth.possible, maximum(x.high, y.high), y.high))
    return Interval(low, high)  # type: ignore[arg-type]


LEAST = 5e-324  # the smallest float above zero: what a logarithm or a root is taken of is not negative, though its interval may reach lower

INCREASING: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b, "minimum": minimum, "maximum": maximum,
    "ceil": arrays.ceil, "floor": arrays.floor, "sqrt": lambda a: arrays.sqrt(maximum(a, 0.0)),
    "exp": arrays.exp, "log": lambda a: arrays.log(maximum(a, LEAST)),
}  # fmt: skip
OTHER: dict[str, Callable[..., Any]] = {
    "negative": _negative, "subtract": _subtract, "multiply": _multiply, "divide": _divide, "power": _power,
    "less": _less, "less_equal": _less_equal, "equal": _equal, "where": _where,
    "logical_and": _logical(arrays.both), "logical_or": _logical(arrays.either),
}  # fmt: skip
