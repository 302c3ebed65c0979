"""The functions of a formula: one answer for a float, a column, an interval and a compiled symbol."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from magnitudes import arrays
from magnitudes.arrays import Real, as_float, as_real, both, choose, clip, either, equal, largest, maximum, minimum, smallest, total, where
from magnitudes.errors import InputError
from magnitudes.interval import Interval
from magnitudes.program import compiled
from magnitudes.symbol import Formula

A = np.array([0.5, 1.0, 2.5, 7.0])
B = np.array([3.0, 1.0, 0.25, 7.5])

FORMULAS: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda a, b: a + b, "radd": lambda a, b: 2.0 + a + b, "subtract": lambda a, b: a - b, "rsubtract": lambda a, b: 1.0 - a * b,
    "multiply": lambda a, b: a * b * 3.0, "divide": lambda a, b: a / b, "rdivide": lambda a, b: 1.0 / (a + b), "power": lambda a, b: a**b,
    "rpower": lambda a, b: 2.0**a + b, "negative": lambda a, b: -a + b, "minimum": minimum, "maximum": maximum,
    "largest": lambda a, b: largest([a, b, 2.0]), "smallest": lambda a, b: smallest([a, b, 2.0]), "clip": lambda a, b: clip(a * b, 1.0, 2.0),
    "ceil": lambda a, b: arrays.ceil(a * b), "floor": lambda a, b: arrays.floor(a * b), "sqrt": lambda a, b: arrays.sqrt(a) + b,
    "exp": lambda a, b: arrays.exp(a) + b, "log": lambda a, b: arrays.log(a) + b, "where": lambda a, b: where(a < b, a * 2.0, b),
    "where_le": lambda a, b: where(a <= b, a * 2.0, b), "where_gt": lambda a, b: where(a > b, a * 2.0, b), "where_ge": lambda a, b: where(a >= b, a, b + 1.0),
    "equal": lambda a, b: where(equal(a, b), 10.0, a), "both": lambda a, b: where(both(a < b, a < 0.75), a, b),
    "either": lambda a, b: where(either(a < b, a > 2.0), a, -b), "total": lambda a, b: total([a, b, a]),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMULAS)
def test_a_row_of_columns_is_the_scalar_call(name: str) -> None:
    of = FORMULAS[name]
    assert np.array_equal(of(A, B), [of(float(a), float(b)) for a, b in zip(A, B, strict=True)])


@pytest.mark.parametrize("name", FORMULAS)
def test_a_column_and_a_float_mix(name: str) -> None:
    of = FORMULAS[name]
    assert np.array_equal(of(A, 1.0), of(A, np.ones(4)))


@pytest.mark.parametrize("name", FORMULAS)
def test_a_compiled_formula_is_the_column_call(name: str) -> None:
    formula = Formula()
    program = compiled(formula, {"y": FORMULAS[name](formula.input("a"), formula.input("b"))})
    np.testing.assert_allclose(program.run({"a": A, "b": B})["y"], FORMULAS[name](A, B), rtol=1e-14)


@pytest.mark.parametrize("name", FORMULAS)
def test_an_interval_holds_every_value_of_its_region(name: str) -> None:
    of = FORMULAS[name]
    region = of(Interval(0.5, 2.0), Interval(0.75, 3.0))
    values = [of(a, b) for a in np.linspace(0.5, 2.0, 7).tolist() for b in np.linspace(0.75, 3.0, 10).tolist()]
    assert region.low <= min(values) + 1e-12
    assert region.high >= max(values) - 1e-12


@pytest.mark.parametrize("name", FORMULAS)
def test_a_point_interval_is_the_scalar_call(name: str) -> None:
    region = FORMULAS[name](Interval(0.5, 0.5), Interval(3.0, 3.0))
    assert region.low == region.high == FORMULAS[name](0.5, 3.0)


def test_rounding_leaves_infinities_alone() -> None:
    assert arrays.ceil(math.inf) == math.inf
    assert arrays.floor(-math.inf) == -math.inf
    assert math.isnan(float(arrays.ceil(math.nan)))  # type: ignore[arg-type]


def test_plain_truths_leave_columns_as_they_are() -> None:
    mask = np.array([True, False])
    assert both(True, mask) is mask
    assert both(mask, True) is mask
    assert both(False, mask) is False
    assert either(False, mask) is mask
    assert either(True, mask) is True
    assert both(True, True) is True
    assert either(False, False) is False


def test_choose_picks_by_row() -> None:
    assert np.array_equal(choose(np.array([2.0, 0.0, 1.0]), [10.0, 20.0, 30.0]), [30.0, 10.0, 20.0])  # type: ignore[arg-type]
    assert choose(1.0, [10.0, 20.0]) == 20.0


def test_the_sum_of_none_is_zero() -> None:
    assert total([]) == 0.0


def test_casts_from_outside() -> None:
    assert as_real(3) == 3.0
    assert type(as_real(3)) is float
    assert type(as_real(np.int64(3))) is float
    column = as_real([1, 2])
    assert isinstance(column, np.ndarray)
    assert column.dtype == np.float64
    interval = Interval(1.0, 2.0)
    assert as_real(interval) is interval


@pytest.mark.parametrize("wrong", ["x", "4 TB/s", [[1], [1, 2]], {}, object()])
def test_what_is_no_number_is_refused(wrong: object) -> None:
    with pytest.raises(InputError, match="is no number"):
        as_real(wrong)


def test_counts_do_not_wrap() -> None:
    """An int64 wraps at 2**63; a training run is 1e24 flop."""
    column = as_real(np.array([2**62], dtype=np.int64))
    assert (column * 8.0)[0] == 2.0**65  # type: ignore[index,operator]


@pytest.mark.parametrize("many", [np.ones(2), Interval(1.0, 2.0)])
def test_only_one_number_is_a_float(many: Real) -> None:
    with pytest.raises(TypeError, match="pick a row"):
        as_float(many)
    assert as_float(2) == 2.0
