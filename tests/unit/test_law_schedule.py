"""One kernel after another, stages beside each other."""

from __future__ import annotations

import pytest

from simulator.cost import Cost
from simulator.schedule import chain_s, step_s
from workloads.operator import Elementwise
from workloads.sharding import Parallelism

OPERATOR = Elementwise(name="e", elements=1.0)


def test_operators_run_one_after_another() -> None:
    assert chain_s([Cost(OPERATOR, 2.0, 3.0, {}), Cost(OPERATOR, 1.0, 0.5, {})]) == 6.5


def test_a_pipeline_fills_and_drains_once_a_pass() -> None:
    assert step_s(8.0, Parallelism(pp=4), steady=False) == 8.0 + 3 * 8.0 / 4
    assert step_s(8.0, Parallelism(pp=4, microbatches=8.0), steady=False) == 8.0 + 7 * 8.0 / 4
    assert step_s(8.0, Parallelism(), steady=False) == 8.0


def test_a_decoding_pipeline_never_drains() -> None:
    assert step_s(8.0, Parallelism(pp=4), steady=True) == 8.0
    assert step_s(8.0, Parallelism(pp=4, microbatches=8.0), steady=True) == 16.0
    assert step_s(8.0, Parallelism(pp=4, microbatches=2.0), steady=True) == pytest.approx(8.0)
