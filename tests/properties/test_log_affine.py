"""Affine functions of logarithms bound what they should, over all of their box: rule by rule, and through whole formulas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnitudes.affine import Box
from magnitudes.arrays import ceil, equal, floor, maximum, minimum, power, sqrt, where
from magnitudes.log_affine import LogAffine, Plain, inputs_of
from magnitudes.replay import replay
from magnitudes.symbol import Formula

RULES: dict[str, Callable[[Any, Any], Any]] = {
    "product": lambda x, y: 3.0 * x * y,
    "quotient": lambda x, y: x / y + y / x,
    "sum": lambda x, y: x + 2.0 * y + 5.0,
    "maximum": lambda x, y: maximum(x / 3.0, y),
    "minimum": lambda x, y: minimum(x, y * 2.0) + 1.0,
    "power": lambda x, y: power(x, 1.7) + power(y, -0.5),
    "root": lambda x, y: sqrt(x * y) + y,
    "ceil": lambda x, y: ceil(x / y) * y,
    "floor": lambda x, y: maximum(floor(x / y), 1.0) * y,
    "branch": lambda x, y: where(x < y, x * 2.0, y * y),
    "equality": lambda x, y: where(equal(x, y), x, x + y),
    "difference": lambda x, y: maximum(x - y, 0.0) + x,
    "moved": lambda x, y: (x + 1.0) - 1.0 + (y + 2.0 - 1.0),
    "roofline": lambda x, y: maximum(1e3 / x, 5e2 / y) + maximum(2e2 / x, 4e3 / y) + 0.1,
}
EDGE = st.floats(0.5, 500.0)


@pytest.mark.parametrize("rule", RULES)
@given(edges=st.tuples(EDGE, EDGE, EDGE, EDGE), seed=st.integers(0, 2**16))
def test_bounds_hold_over_the_box(rule: str, edges: tuple[float, float, float, float], seed: int) -> None:
    low, high = np.array([min(edges[:2]), min(edges[2:])]), np.array([max(edges[:2]), max(edges[2:])])
    generator = np.random.default_rng(seed)
    points = np.exp(generator.uniform(np.log(low), np.log(high), (3, 2)))
    box = Box(low, high, np.log(points))
    read = RULES[rule](*inputs_of(box))
    x, y = np.exp(generator.uniform(np.log(low), np.log(high), (200, 2))).clip(low, high).T
    true = RULES[rule](x, y)
    assert (true >= np.min(read.interval.low) * (1 - 1e-9)).all()
    assert (true <= np.max(read.interval.high) * (1 + 1e-9)).all()
    if isinstance(read, Plain):
        return
    assert isinstance(read, LogAffine)
    offsets = np.log(np.stack([x, y], axis=1))[None, :, :] - box.point[:, None, :]
    under = read.under.value[:, None] + np.einsum("pd,pnd->pn", read.under.gradient, offsets)
    over = read.over.value[:, None] + np.einsum("pd,pnd->pn", read.over.gradient, offsets)
    assert (under <= np.log(true) + 1e-9).all()
    assert (over >= np.log(true) - 1e-9).all()


@pytest.mark.parametrize("rule", ["product", "sum", "maximum", "power", "root", "roofline", "moved"])
def test_convex_formulas_are_touched(rule: str) -> None:
    low, high = np.array([1.0, 2.0]), np.array([300.0, 500.0])
    point = np.log(np.array([[17.0, 40.0]]))
    read = RULES[rule](*inputs_of(Box(low, high, point)))
    assert read.under.value[0] == pytest.approx(np.log(RULES[rule](np.array([17.0]), np.array([40.0]))[0]), rel=1e-12)


def test_a_recorded_formula_reads_as_itself() -> None:
    formula = Formula()
    x, y = formula.input("x"), formula.input("y")
    outputs = {name: rule(x, y) for name, rule in RULES.items()} | {"constant": 2.0}
    columns = {"x": np.linspace(1.0, 9.0, 7), "y": np.linspace(8.0, 2.0, 7)}
    again = replay(formula, outputs, columns)
    for name, rule in RULES.items():
        np.testing.assert_array_equal(again[name], rule(columns["x"], columns["y"]))
    assert again["constant"] == 2.0
