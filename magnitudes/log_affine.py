"""Formulas bounded by affine functions of the logarithms of their inputs, over a box.

Laws are made of products, quotients, powers, sums and maxima of positive numbers. In logarithms a product is a sum, so that it is affine;
sums and maxima are convex (Boyd, Kim, Vandenberghe and Hassibi, *A tutorial on geometric programming*, 2007). A convex function lies above
each of its tangents, which are what `under` holds; a chord bounds it from above over a box. What is neither (a step, a difference) is
bounded by its interval over the box. So each value carries, for a point of the box, two affine functions that hold over all of the box:
as tight as the tangent where the formula is a generalised posynomial, and sound everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from magnitudes.affine import Affine, Box, chord, chosen, constant_over, relu, softplus
from magnitudes.arrays import Reader
from magnitudes.interval import Interval, Truth


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


def inputs_of(box: Box) -> list[LogAffine]:
    """The inputs themselves over a box, in order."""
    return [_input(box, i) for i in range(box.point.shape[1])]


def _input(box: Box, i: int) -> LogAffine:
    gradient = np.zeros_like(box.point)
    gradient[:, i] = 1.0
    affine = Affine(box.point[:, i].copy(), gradient)
    return LogAffine(box, affine, affine, Interval(box.least[..., i], box.most[..., i]))


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
        return LogAffine(box, constant_over(box, result.low), constant_over(box, result.high), result)
    return Plain(box, result)


def _plain(operand: Any) -> Any:
    if isinstance(operand, LogAffine | Plain):
        return operand.interval
    return operand.truth if isinstance(operand, BoxTruth) else operand


def _within(box: Box, bounds: tuple[Affine, Affine], interval: Interval) -> tuple[Affine, Affine]:
    """The bounds, or the interval's ends where these are tighter at the point."""
    under, over = bounds
    low, high = constant_over(box, np.maximum(interval.low, 0.0)), constant_over(box, interval.high)
    return chosen(low.value > under.value, low, under), chosen(high.value < over.value, high, over)


def _affine(box: Box, operand: Any) -> tuple[Affine, Affine] | None:
    """Bounds of an operand's logarithm; None where it may be negative."""
    if isinstance(operand, LogAffine):
        return operand.under, operand.over
    if isinstance(operand, Plain) and isinstance(operand.interval, Interval) and np.all(np.asarray(operand.interval.low) >= 0):
        return constant_over(box, operand.interval.low), constant_over(box, operand.interval.high)
    if isinstance(operand, float | int) and operand >= 0:
        constant = constant_over(box, operand)
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
    return tangent, chord(above_a, above_b, box, softplus)


def _maximum(box: Box, a: tuple[Affine, Affine], b: tuple[Affine, Affine]) -> tuple[Affine, Affine]:
    return chosen(a[0].value >= b[0].value, a[0], b[0]), chord(a[1], b[1], box, relu)


def _minimum(box: Box, a: tuple[Affine, Affine], b: tuple[Affine, Affine]) -> tuple[Affine, Affine]:
    upside_down = chord(a[0].times(-1.0), b[0].times(-1.0), box, relu)
    return upside_down.times(-1.0), chosen(a[1].value <= b[1].value, a[1], b[1])


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
    return bounds[0], chord(bounds[1], constant_over(box, 1.0), box, softplus)


def _floor(box: Box, operands: tuple[Any, ...]) -> Bounds:
    """``floor(x) <= x``; from below its interval is all that is kept."""
    bounds = _affine(box, operands[0])
    return None if bounds is None else (constant_over(box, 0.0), bounds[1])


def _where(box: Box, operands: tuple[Any, ...]) -> Bounds:
    condition, *sides = operands
    truth = _plain(condition)
    a, b = (_affine(box, o) for o in sides)
    if a is None or b is None or not isinstance(truth, Truth):
        return None
    low, high = _minimum(box, a, b)[0], _maximum(box, a, b)[1]
    under = chosen(truth.certain, a[0], chosen(truth.possible, low, b[0]))
    over = chosen(truth.certain, a[1], chosen(truth.possible, high, b[1]))
    return under, over


_RULES: dict[str, Callable[[Box, tuple[Any, ...]], Bounds]] = {
    "multiply": _of_two(_multiply), "divide": _of_two(_divide), "add": _unless_zero(_of_two(_add)),
    "maximum": _unless_zero(_of_two(_maximum)), "minimum": _of_two(_minimum),
    "power": _power, "sqrt": _sqrt, "ceil": _ceil, "floor": _floor, "where": _where,
}  # fmt: skip
