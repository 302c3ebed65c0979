"""The reader types of a formula, and the few functions that Python spells differently for each.

A law is written once over `Real`. Its reader decides what comes out:

- `float`: one design, explained;
- `Column` (float64, leading axis = designs): a batch of designs, evaluated at once;
- `magnitudes.interval.Interval`: a region of the design space, bounded from below and above;
- `magnitudes.symbol.Symbol`: the formula itself, to be compiled and run over a billion designs.

Arithmetic operators work on all of them. Counts are floats throughout: an int64 wraps silently at 2**63, and a training
run is 1e24 flop.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from magnitudes.errors import InputError

Column: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]


class Reader:
    """A reader that is no plain number: it says what each function of a formula means to it.

    Subclasses implement `apply`; the operators of Python and the functions of this module all lead there.
    """

    __slots__ = ()
    __array_ufunc__ = None  # `column * reader` must come here, not broadcast over objects

    def apply(self, function: str, *operands: Any) -> Any:
        """The result of a function, named as in numpy, of which at least one operand is this kind of reader."""
        raise NotImplementedError

    def __neg__(self) -> Any:
        return self.apply("negative", self)

    def __add__(self, other: Any) -> Any:
        return self.apply("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return self.apply("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return self.apply("subtract", self, other)

    def __rsub__(self, other: Any) -> Any:
        return self.apply("subtract", other, self)

    def __mul__(self, other: Any) -> Any:
        return self.apply("multiply", self, other)

    def __rmul__(self, other: Any) -> Any:
        return self.apply("multiply", other, self)

    def __truediv__(self, other: Any) -> Any:
        return self.apply("divide", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self.apply("divide", other, self)

    def __pow__(self, other: Any) -> Any:
        return self.apply("power", self, other)

    def __rpow__(self, other: Any) -> Any:
        return self.apply("power", other, self)

    def __lt__(self, other: Any) -> Any:
        return self.apply("less", self, other)

    def __le__(self, other: Any) -> Any:
        return self.apply("less_equal", self, other)

    def __gt__(self, other: Any) -> Any:
        return self.apply("less", other, self)

    def __ge__(self, other: Any) -> Any:
        return self.apply("less_equal", other, self)

    def __and__(self, other: Any) -> Any:
        return self.apply("logical_and", self, other)

    __rand__ = __and__

    def __or__(self, other: Any) -> Any:
        return self.apply("logical_or", self, other)

    __ror__ = __or__


Real: TypeAlias = float | Column | Reader
Condition: TypeAlias = bool | Mask | Reader


def minimum(a: Real, b: Real) -> Real:
    """The smaller of two numbers, row by row."""
    if isinstance(a, Reader):
        return a.apply("minimum", a, b)  # type: ignore[no-any-return]
    if isinstance(b, Reader):
        return b.apply("minimum", a, b)  # type: ignore[no-any-return]
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.minimum(a, b)
    return a if a <= b else b


def maximum(a: Real, b: Real) -> Real:
    """The larger of two numbers, row by row."""
    if isinstance(a, Reader):
        return a.apply("maximum", a, b)  # type: ignore[no-any-return]
    if isinstance(b, Reader):
        return b.apply("maximum", a, b)  # type: ignore[no-any-return]
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.maximum(a, b)
    return a if a >= b else b


def largest(numbers: Iterable[Real]) -> Real:
    """The largest of several numbers, row by row."""
    return reduce(maximum, numbers)


def smallest(numbers: Iterable[Real]) -> Real:
    """The smallest of several numbers, row by row."""
    return reduce(minimum, numbers)


def clip(x: Real, low: Real, high: Real) -> Real:
    """`x` held between `low` and `high`."""
    return minimum(maximum(x, low), high)


def _function(name: str, of_float: Callable[[float], float]) -> Callable[[Real], Real]:
    """A function of one number for all readers."""
    of_column = getattr(np, name)

    def apply(x: Real) -> Real:
        if isinstance(x, Reader):
            return x.apply(name, x)  # type: ignore[no-any-return]
        return of_column(x) if isinstance(x, np.ndarray) else of_float(x)

    apply.__doc__ = f"`numpy.{name}`, for all readers."
    return apply


# Scalars go through numpy where its result may differ from libm's in the last bit, so that a row equals its scalar call.
ceil = _function("ceil", lambda x: float(math.ceil(x)) if math.isfinite(x) else x)
floor = _function("floor", lambda x: float(math.floor(x)) if math.isfinite(x) else x)
sqrt = _function("sqrt", math.sqrt)
exp = _function("exp", lambda x: float(np.exp(x)))
log = _function("log", lambda x: float(np.log(x)))


def power(x: Real, exponent: Real) -> Real:
    """`x` to a power, row by row: not ``x**exponent``, which for floats is another library's and may differ in the last bit."""
    for operand in (x, exponent):
        if isinstance(operand, Reader):
            return operand.apply("power", x, exponent)  # type: ignore[no-any-return]
    raised = np.power(x, exponent)  # type: ignore[arg-type]
    return raised if isinstance(raised, np.ndarray) else float(raised)


def equal(a: Real, b: Real) -> Condition:
    """Whether two numbers are the same, row by row."""
    if isinstance(a, Reader):
        return a.apply("equal", a, b)  # type: ignore[no-any-return]
    if isinstance(b, Reader):
        return b.apply("equal", a, b)  # type: ignore[no-any-return]
    return a == b


def both(a: Condition, b: Condition) -> Condition:
    """Whether two conditions hold, row by row; a plain truth leaves the other as it is."""
    if isinstance(a, bool):
        return b if a else False
    if isinstance(b, bool):
        return a if b else False
    return a & b


def either(a: Condition, b: Condition) -> Condition:
    """Whether one of two conditions holds, row by row."""
    if isinstance(a, bool):
        return True if a else b
    if isinstance(b, bool):
        return True if b else a
    return a | b


def where(condition: Condition, a: Real, b: Real) -> Real:
    """`a` where the condition holds, else `b`."""
    for operand in (condition, a, b):
        if isinstance(operand, Reader):
            return operand.apply("where", condition, a, b)  # type: ignore[no-any-return]
    if isinstance(condition, np.ndarray):
        return np.where(condition, a, b)  # type: ignore[arg-type]
    return a if condition else b


def choose(index: Real, options: Sequence[Real]) -> Real:
    """``options[index]`` row by row, for a column of small whole numbers.

    Parameters
    ----------
    index : Real
        Whole numbers in ``[0, len(options))``; a float picks one option.
    options : sequence of Real
    """
    if isinstance(index, float):
        return options[int(index)]
    chosen = options[0]
    for number, option in enumerate(options[1:], start=1):
        chosen = where(equal(index, float(number)), option, chosen)
    return chosen


def total(numbers: Iterable[Real]) -> Real:
    """The sum of several numbers, row by row; 0.0 of none."""
    result: Real | None = None
    for number in numbers:
        result = number if result is None else result + number
    return 0.0 if result is None else result


def as_real(x: object) -> Real:
    """A number of the outside world as a reader type: the only cast from lists, ints and integer arrays.

    Raises
    ------
    InputError
        If it is no number and no array of numbers.
    """
    if isinstance(x, Reader):
        return x
    try:
        array = np.asarray(x, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise InputError(f"{x!r} is no number and no array of numbers; numbers from outside are in base units, without a unit behind them") from error
    return float(array) if array.ndim == 0 else array


def as_float(x: Real) -> float:
    """A number that is one design's: what a table or a file shows.

    Raises
    ------
    TypeError
        For columns, regions and formulas.
    """
    if not isinstance(x, float | int):
        raise TypeError(f"one number expected, not {type(x).__name__}: pick a row first")
    return float(x)
