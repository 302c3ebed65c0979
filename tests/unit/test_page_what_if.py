"""The grid behind the sliders: every point is what the estimator returns there, and the design itself is one of them."""

from __future__ import annotations

import base64
import math
from dataclasses import replace

import numpy as np
import pytest

import roofscape as rs
from explorers.question import Question
from roofscape.report.what_if import FORMAT, LEAST, Axis, Grid, axes_of, grid, payload

QUESTIONS = {
    "decode": lambda: rs.question("llama-3-8b", "h100-sxm", rs.Decode(batch=24.0, context=3000.0)),
    "inference": lambda: rs.question("llama-3-70b", "8xh100-sxm", rs.Inference(batch=8.0, prompt=1000.0, output=200.0)),
    "mixed": lambda: rs.question("llama-3-8b", "mi300x", rs.MixedBatch()),
    "images": lambda: rs.question("resnet-50", "t4", rs.Images(batch=16.0), data_types=("fp16",)),
    "vector only": lambda: rs.question("bert-base", "p100-pcie", rs.Prefill(batch=2.0, prompt=384.0), data_types=("fp32",)),
}


def at(of: Grid, places: tuple[int, ...]) -> int:
    return int(np.ravel_multi_index(places, [len(a.values) for a in of.axes]))


def asked_alone(question: Question, axes: tuple[Axis, ...], places: tuple[int, ...]) -> rs.Estimate:
    values = {a.path: a.values[p] for a, p in zip(axes, places, strict=True)}
    return replace(question, data_types=(values.pop(FORMAT),)).estimate(values)


def assert_same_intervals(of: Grid, row: int, alone: rs.Estimate) -> None:
    spans = {n: alone.interval90(n) for n in ("ttft_s", "tpot_s", "time_s") if n in of.outputs}
    expected = {n: (s.low_s, s.high_s) for n, s in spans.items() if s is not None} | {"throughput_token_per_s": alone.rate90}
    assert of.ends.keys() == expected.keys()
    for name, ends in expected.items():
        assert [of.ends[name][i][row] for i in (0, 1)] == pytest.approx(ends, rel=1e-12), name
    whole = alone.interval90()
    assert whole is not None and of.extrapolated[row] == whole.extrapolated


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_design_itself_is_on_the_grid(name: str) -> None:
    question = QUESTIONS[name]()
    made = grid(question, axes_of(question, 2000))
    own, row = question.estimate({}), at(made, tuple(a.at for a in made.axes))
    for output, values in made.outputs.items():
        expected = own.memory.total_byte if output == "memory_byte" else getattr(own, output)
        assert math.isclose(values[row], expected, rel_tol=1e-12), output
    assert made.bound[row] == own.bound
    assert made.feasible[row] == own.feasible


@pytest.mark.parametrize("name", QUESTIONS)
def test_points_are_what_the_estimator_returns_alone(name: str) -> None:
    question = QUESTIONS[name]()
    made = grid(question, axes_of(question, 3000))
    rng = np.random.default_rng(7)
    for _ in range(12):
        places = tuple(int(rng.integers(len(a.values))) for a in made.axes)
        alone, row = asked_alone(question, made.axes, places), at(made, places)
        assert math.isclose(made.outputs["throughput_token_per_s"][row], alone.throughput_token_per_s, rel_tol=1e-12)
        assert math.isclose(made.outputs["memory_byte"][row], alone.memory.total_byte, rel_tol=1e-12)
        assert made.feasible[row] == alone.feasible
        assert_same_intervals(made, row, alone)
        assert math.isclose(sum(s[row] for s in made.shares.values()), 1.0, rel_tol=1e-9)


@pytest.mark.parametrize("points", [1, 500, 5000, 100_000])
def test_axes_are_thinned_to_the_points_allowed(points: int) -> None:
    question = QUESTIONS["inference"]()
    axes = axes_of(question, points)
    sizes = [len(a.values) for a in axes]
    assert math.prod(sizes) <= points or max(sizes) == LEAST
    assert min(sizes) >= LEAST
    own = {"batch": 8.0, "prompt": 1000.0, "output": 200.0, FORMAT: "bf16"}
    for axis in axes:
        assert axis.values[axis.at] == own.get(axis.path, 1.0)
        assert len(axis.texts) == len(axis.values)


def test_several_chips_have_a_slider_for_their_link_and_one_has_none() -> None:
    assert "nvlink4.bandwidth:factor" in [a.path for a in axes_of(QUESTIONS["inference"](), 5000)]
    assert not any("nvlink" in a.path for a in axes_of(QUESTIONS["decode"](), 5000))


def test_doubles_are_embedded_bit_by_bit() -> None:
    question = QUESTIONS["decode"]()
    made = grid(question, axes_of(question, 500))
    data = payload(made)
    unpacked = np.frombuffer(base64.b64decode(data["outputs"]["tpot_s"]), dtype="<f8")
    assert np.array_equal(unpacked, made.outputs["tpot_s"])
    below, above = (np.frombuffer(base64.b64decode(text), dtype="<u2") / 65535 for text in data["ends"]["tpot_s"])
    assert unpacked * below == pytest.approx(made.ends["tpot_s"][0], rel=1e-4)
    assert unpacked / above == pytest.approx(made.ends["tpot_s"][1], rel=1e-4)
    assert [data["resources"][i] for i in base64.b64decode(data["bound"])] == made.bound


def test_the_matrix_slider_names_the_rate_that_the_format_uses() -> None:
    by_format = {}
    for name in ("bf16", "nvfp4"):
        axes = axes_of(rs.question("llama-3-8b", "b200", rs.Prefill(), data_types=(name,)), 5000)
        axis = next(a for a in axes if a.label == "matrix rate")
        by_format[name] = axis.texts[axis.at]
    assert by_format == {"bf16": "2.25 PFLOP/s (×1)", "nvfp4": "9 PFLOP/s (×1)"}
