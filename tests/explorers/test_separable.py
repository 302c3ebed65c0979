"""Where figures are sums or products over axes, integer programming finds the optimum of all designs from tables that few designs fill."""

from __future__ import annotations

import numpy as np
import pytest

from explorers.search.exhaustive import solve as try_all
from explorers.search.separable import learned, one_hot, penalty, readings
from explorers.space.catalog import read_space
from explorers.space.space import DesignSpace
from explorers.study import explore

HEAD = """
space: separable
model: llama-3-8b
machine: h100-sxm
scenario: {phase: decode, batch: 4}
estimator: {fidelity: roofline}
axes:
  hbm.bandwidth: {log: [1 TB/s, 4 TB/s, 8]}
  hbm.capacity: {log: [20 GB, 90 GB, 9]}
  l2.capacity: {log: [10 MB, 90 MB, 9]}
  sm.multiprocessors: {range: [60, 200, 20]}
  dtype: {choice: [bf16, fp8, int8]}
"""
SUMS = """
let:
  cost: hbm.bandwidth / 1e12 + sqrt(l2.capacity / 1e6) + sm.multiprocessors / 50
  gain: hbm.bandwidth / 2e12 + log(hbm.capacity) + l2.capacity / 5e7 + sm.multiprocessors / 90
constraints: [cost <= 9, hbm.capacity <= 6e10]
objectives: [maximise gain]
"""
PRODUCTS = """
let:
  cost: hbm.bandwidth / 1e12 * sqrt(l2.capacity / 1e6) * sm.multiprocessors / 50
  gain: hbm.bandwidth ** 0.5 * log(hbm.capacity) * l2.capacity ** 0.2 * sm.multiprocessors
constraints: [cost <= 20]
objectives: [maximise gain]
"""


def space_of(formulas: str) -> DesignSpace:
    return read_space(HEAD + formulas, "separable")


@pytest.mark.parametrize("formulas", [SUMS, PRODUCTS], ids=["sums", "products"])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_optimum_of_fifteen_thousand_designs_is_among_fifty(formulas: str, seed: int) -> None:
    space = space_of(formulas)
    best = try_all(space).best
    found = explore(space, "integer-program", 50, seed)
    drawn = explore(space, "random", 50, seed)
    assert best is not None and found.best is not None and drawn.best is not None
    assert found.evaluations == 50 and space.size > 15_000
    assert found.best["objective"] == pytest.approx(best["objective"], rel=1e-12)
    assert drawn.best["objective"] < best["objective"]


@pytest.mark.parametrize(("formulas", "in_logs"), [(SUMS, False), (PRODUCTS, True)], ids=["sums", "products"])
def test_tables_say_what_values_add(formulas: str, in_logs: bool) -> None:
    space = space_of(formulas)
    places = space.sample(80, np.random.default_rng(0))
    gains = space.score(places).figures["gain"]
    table = learned(one_hot(places, space.sizes), np.ones(len(places)), penalty(space), readings(gains))
    other = space.sample(500, np.random.default_rng(1))
    told = one_hot(other, space.sizes) @ table.adds + table.mean
    true = space.score(other).figures["gain"]
    true = np.log(true) if in_logs else true
    scale = (np.log(gains) if in_logs else gains).std()
    np.testing.assert_allclose(told * scale, true, rtol=1e-2 if in_logs else 2e-2)
