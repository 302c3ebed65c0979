"""Formulas bounded by affine functions of the logarithms of their inputs, over a box.

Laws are made of products, quotients, powers, sums and maxima of positive numbers. In logarithms a product is a sum, so that it is affine;
sums and maxima are convex (Boyd, Kim, Vandenberghe and Hassibi, *A tutorial on geometric programming*, 2007). A convex function lies above
each of its tangents, which are what `under` holds; a chord bounds it from above over a box. What is neither (a step, a difference) is
bounded by its interval over the box. So each value carries, for a point of the box, two affine functions that hold over all of the box:
as tight as the tangent where the formula is a generalised posynomial, and sound everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from magnitudes.arrays import Column, Reader
from magnitudes.interval import Interval, Truth


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

    def inputs(self) -> list[LogAffine]:
        """The inputs themselves, in order."""
        return [self._input(i) for i in range(self.point.shape[1])]

    def _input(self, i: int) -> LogAffine:
        gradient = np.zeros_like(self.point)
        gradient[:, i] = 1.0
        affine = Affine(self.point[:, i].copy(), gradient)
        return LogAffine(self, affine, affine, Interval(self.least[..., i], self.most[..., i]))


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


def _chosen(mask: Any, a: Affine, b: Affine) -> Affine:
    """`a` where the mask holds, else `b`."""
    mask = np.broadcast_to(np.asarray(mask), a.value.shape)
    return Affine(np.where(mask, a.value, b.value), np.where(mask[:, None], a.gradient, b.gradient))


def _chord(a: Affine, b: Affine, box: Box, of: Callable[[Column], Column]) -> Affine:
    """An affine function above ``a + of(b - a)`` over the box, for a convex `of`: the chord of `of` over the range of ``b - a``."""
    difference = b - a
    low, high = difference.range(box)
    width = np.maximum(high - low, 1e-300)
    slope = np.where(high > low, (of(high) - of(low)) / width, 0.0)
    return a + difference.times(slope).plus(of(low) - slope * low)


def _relu(x: Column) -> Column:
    return np.maximum(x, 0.0)


def _softplus(x: Column) -> Column:
    return np.logaddexp(0.0, x)


@dataclass(frozen=True, slots=True, eq=False)
class LogAffine(Reader):
    """A positive number of a formula: affine functions below and above its logarithm over a box, and its interval there.

    Parameters
    ----------
    box : Box
    under, over : Affine
    interval : Interval
    base, constant : LogAffine, float
        It is ``base + constant``, where it came so: taking the constant away again leaves the base, as tight as it was.
    """

    box: Box
    under: Affine
    over: Affine
    interval: Interval
    base: LogAffine | None = None
    constant: float = 0.0

    def apply(self, function: str, *operands: Any) -> Any:
        if function in ("add", "subtract"):
            moved = _moved(self.box, function, operands)
            if moved is not None:
                return moved
        return _apply(self.box, function, operands)


@dataclass(frozen=True, slots=True, eq=False)
class Plain(Reader):
    """A number of which only the interval over the box is known: it may be zero or negative.

    Parameters
    ----------
    box : Box
    interval : Interval
    """

    box: Box
    interval: Interval

    def apply(self, function: str, *operands: Any) -> Any:
        return _apply(self.box, function, operands)


@dataclass(frozen=True, slots=True, eq=False)
class BoxTruth(Reader):
    """What is known of a comparison over the box."""

    box: Box
    truth: Truth

    def apply(self, function: str, *operands: Any) -> Any:
        return _apply(self.box, function, operands)


def _moved(box: Box, function: str, operands: tuple[Any, ...]) -> Any:
    """A number plus a constant, with what was added to it before put together with it; None where no operand is a constant."""
    number, constant = operands if isinstance(operands[0], LogAffine) else operands[::-1]
    if not isinstance(number, LogAffine) or not isinstance(constant, float | int) or (function == "subtract" and operands[0] is not number):
        return None
    base = number.base or number
    total = number.constant + (constant if function == "add" else -constant)
    if total == 0.0:
        return base
    result = _apply(box, "add", (base, total)) if total > 0.0 else _apply(box, "subtract", (base, -total))
    return replace(result, base=base, constant=total) if isinstance(result, LogAffine) else result


def _apply(box: Box, function: str, operands: tuple[Any, ...]) -> Any:
    plain = [_plain(o) for o in operands]
    reader = next((p for p in plain if isinstance(p, Interval | Truth)), Interval(0.0, 0.0))
    result = reader.apply(function, *plain)
    if isinstance(result, Truth):
        return BoxTruth(box, result)
    rule = _RULES.get(function)
    if isinstance(result, Interval) and np.all(result.low == 0.0) and np.all(result.high == 0.0):
        return 0.0
    if not isinstance(result, Interval) or not np.all(np.asarray(result.high) > 0):
        return Plain(box, result)
    if rule is not None:
        bounds = rule(box, operands)
        if bounds is not None:
            return LogAffine(box, *_within(box, bounds, result), result)
    if np.all(np.asarray(result.low) > 0):
        return LogAffine(box, _constant(box, result.low), _constant(box, result.high), result)
    return Plain(box, result)


def _plain(operand: Any) -> Any:
    if isinstance(operand, LogAffine | Plain):
        return operand.interval
    return operand.truth if isinstance(operand, BoxTruth) else operand


LEAST = 1e-290  # stands for zero, which has no logarithm: what is added to by it changes by nothing that a float can tell


def _constant(box: Box, value: Any) -> Affine:
    logarithm = np.log(np.maximum(np.asarray(value, dtype=np.float64), LEAST))
    return Affine(np.broadcast_to(logarithm, (len(box.point),)).astype(np.float64), np.zeros_like(box.point))


def _within(box: Box, bounds: tuple[Affine, Affine], interval: Interval) -> tuple[Affine, Affine]:
    """The bounds, or the interval's ends where these are tighter at the point."""
    under, over = bounds
    low, high = _constant(box, np.maximum(interval.low, 0.0)), _constant(box, interval.high)
    return _chosen(low.value > under.value, low, under), _chosen(high.value < over.value, high, over)


def _affine(box: Box, operand: Any) -> tuple[Affine, Affine] | None:
    """Bounds of an operand's logarithm; None where it may be negative."""
    if isinstance(operand, LogAffine):
        return operand.under, operand.over
    if isinstance(operand, Plain) and isinstance(operand.interval, Interval) and np.all(np.asarray(operand.interval.low) >= 0):
        return _constant(box, operand.interval.low), _constant(box, operand.interval.high)
    if isinstance(operand, float | int) and operand >= 0:
        constant = _constant(box, operand)
        return constant, constant
    return None


Bounds = tuple[Affine, Affine] | None


def _unless_zero(rule: Callable[[Box, tuple[Any, ...]], Bounds]) -> Callable[[Box, tuple[Any, ...]], Bounds]:
    """The other operand's bounds where one is zero: what is positive is neither less with it added nor less than it."""

    def apply(box: Box, operands: tuple[Any, ...]) -> Bounds:
        rest = [o for o in operands if not (isinstance(o, float | int) and o == 0.0)]
        return _affine(box, rest[0]) if len(rest) == 1 else rule(box, operands)

    return apply


def _of_two(law: Callable[[Box, tuple[Affine, Affine], tuple[Affine, Affine]], tuple[Affine, Affine]]) -> Callable[[Box, tuple[Any, ...]], Bounds]:
    def rule(box: Box, operands: tuple[Any, ...]) -> Bounds:
        a, b = (_affine(box, o) for o in operands)
        return None if a is None or b is None else law(box, a, b)

    return rule


def _multiply(box: Box, a: tuple[Affine, Affine], b: tuple[Affine, Affine]) -> tuple[Affine, Affine]:
    return a[0] + b[0], a[1] + b[1]


def _divide(box: Box, a: tuple[Affine, Affine], b: tuple[Affine, Affine]) -> tuple[Affine, Affine]:
    return a[0] - b[1], a[1] - b[0]


def _add(box: Box, a: tuple[Affine, Affine], b: tuple[Affine, Affine]) -> tuple[Affine, Affine]:
    (below_a, above_a), (below_b, above_b) = a, b
    total = np.logaddexp(below_a.value, below_b.value)
    share = np.exp(below_a.value - total)[:, None]
    tangent = Affine(total, share * below_a.gradient + (1.0 - share) * below_b.gradient)
    return tangent, _chord(above_a, above_b, box, _softplus)


def _maximum(box: Box, a: tuple[Affine, Affine], b: tuple[Affine, Affine]) -> tuple[Affine, Affine]:
    return _chosen(a[0].value >= b[0].value, a[0], b[0]), _chord(a[1], b[1], box, _relu)


def _minimum(box: Box, a: tuple[Affine, Affine], b: tuple[Affine, Affine]) -> tuple[Affine, Affine]:
    upside_down = _chord(a[0].times(-1.0), b[0].times(-1.0), box, _relu)
    return upside_down.times(-1.0), _chosen(a[1].value <= b[1].value, a[1], b[1])


def _power(box: Box, operands: tuple[Any, ...]) -> Bounds:
    base, exponent = operands
    bounds = _affine(box, base)
    if bounds is None or not isinstance(exponent, float | int):
        return None
    powers = bounds[0].times(float(exponent)), bounds[1].times(float(exponent))
    return powers if exponent >= 0 else (powers[1], powers[0])


def _sqrt(box: Box, operands: tuple[Any, ...]) -> Bounds:
    return _power(box, (operands[0], 0.5))


def _ceil(box: Box, operands: tuple[Any, ...]) -> Bounds:
    """``x <= ceil(x) < x + 1``."""
    bounds = _affine(box, operands[0])
    if bounds is None:
        return None
    return bounds[0], _chord(bounds[1], _constant(box, 1.0), box, _softplus)


def _floor(box: Box, operands: tuple[Any, ...]) -> Bounds:
    """``floor(x) <= x``; from below its interval is all that is kept."""
    bounds = _affine(box, operands[0])
    return None if bounds is None else (_constant(box, 0.0), bounds[1])


def _where(box: Box, operands: tuple[Any, ...]) -> Bounds:
    condition, *sides = operands
    truth = _plain(condition)
    a, b = (_affine(box, o) for o in sides)
    if a is None or b is None or not isinstance(truth, Truth):
        return None
    low, high = _minimum(box, a, b)[0], _maximum(box, a, b)[1]
    under = _chosen(truth.certain, a[0], _chosen(truth.possible, low, b[0]))
    over = _chosen(truth.certain, a[1], _chosen(truth.possible, high, b[1]))
    return under, over


_RULES: dict[str, Callable[[Box, tuple[Any, ...]], Bounds]] = {
    "multiply": _of_two(_multiply), "divide": _of_two(_divide), "add": _unless_zero(_of_two(_add)),
    "maximum": _unless_zero(_of_two(_maximum)), "minimum": _of_two(_minimum),
    "power": _power, "sqrt": _sqrt, "ceil": _ceil, "floor": _floor, "where": _where,
}  # fmt: skip
