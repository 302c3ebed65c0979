"""The bounds of a region hold every design inside: what lets a search prove that no better design exists."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from explorers.question import FACTOR, Question
from hardware_specs.catalog import find_system
from hardware_specs.fields import field_values
from magnitudes.interval import Interval, as_interval, as_truth
from tests.properties.strategies import sizes
from workloads.catalog import find_model
from workloads.scenario import Decode, Images, Inference, MixedBatch, Prefill
from workloads.sharding import Parallelism

ASKED = (
    ("llama-3-8b", Decode()), ("llama-3-8b", Prefill()), ("llama-3-8b", Inference()), ("llama-3-8b", MixedBatch()), ("mixtral-8x7b", Decode()),
    ("mixtral-8x7b", Prefill()), ("resnet-50", Images()), ("bert-large", Prefill()),
)  # fmt: skip
SYSTEMS = ("8xh100-sxm", "8xa100-sxm-80gb", "8xv100-sxm2", "8xmi300x")
ROUNDING = 1e-9
DESIGNS = 24


@st.composite
def boxes(draw: Any, question: Question) -> dict[str, tuple[float, float]]:
    """Lowest and highest value of some hardware factors, of the scenario's sizes and of the cut."""
    box: dict[str, tuple[float, float]] = {}
    for path in draw(st.lists(st.sampled_from(sorted(field_values(question.system))), max_size=4, unique=True)):
        low = draw(st.floats(0.25, 4.0))
        box[path + FACTOR] = (low, low * draw(st.sampled_from([1.0, 1.01, 1.5, 4.0])))
    cached = "decode" in question.model.phases
    for f in fields(question.scenario):
        if f.name in ("speculate", "acceptance") or (f.name == "cached_prompt" and not cached):
            continue  # they need a draft, or a cache
        low = draw(st.floats(0.01, 0.1) if f.name == "cached_prompt" else sizes(1, 2048))
        if draw(st.booleans()):
            box[f.name] = (low, low * draw(st.sampled_from([1.0, 2.0, 8.0])))
    if draw(st.booleans()):
        box["tp"] = draw(st.sampled_from([(1.0, 8.0), (2.0, 4.0), (1.0, 2.0)]))
    return box


@settings(max_examples=50)
@given(data=st.data(), asked=st.sampled_from(ASKED), system=st.sampled_from(SYSTEMS), fidelity=st.sampled_from(["roofline", "tile"]))
def test_every_design_of_a_box_is_within_its_bounds(data: st.DataObject, asked: Any, system: str, fidelity: str) -> None:
    model, scenario = asked
    question = Question(find_model(model), find_system(system), scenario, Parallelism(), fidelity=fidelity, spill=data.draw(st.booleans()))
    box = data.draw(boxes(question))
    if not box:
        return
    bounds = question.estimate({path: Interval(low, high) for path, (low, high) in box.items()})
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    corners = rng.integers(0, 2, (DESIGNS // 2, len(box)))
    shares = np.concatenate([corners, rng.random((DESIGNS - len(corners), len(box)))])
    inside = {path: low + shares[:, i] * (high - low) for i, (path, (low, high)) in enumerate(box.items())}
    if "tp" in inside:
        low, high = box["tp"]
        inside["tp"] = rng.choice([d for d in (1.0, 2.0, 4.0, 8.0) if low <= d <= high], DESIGNS)
    designs = question.estimate(inside)
    for name in ("time_s", "throughput_token_per_s"):
        held = as_interval(getattr(bounds, name))
        values = np.asarray(getattr(designs, name))
        assert np.all(held.low <= values * (1.0 + ROUNDING)), name
        assert np.all(values <= held.high * (1.0 + ROUNDING)), name
    fits, known = np.broadcast_to(designs.fits, DESIGNS), as_truth(bounds.fits)
    assert not known.certain or fits.all()
    assert known.possible or not fits.any()
    total = as_interval(bounds.memory.total_byte)
    assert np.all(total.low <= np.asarray(designs.memory.total_byte) * (1.0 + ROUNDING))
    assert np.all(np.asarray(designs.memory.total_byte) <= total.high * (1.0 + ROUNDING))


@given(asked=st.sampled_from(ASKED), system=st.sampled_from(SYSTEMS), fidelity=st.sampled_from(["roofline", "tile"]))
@settings(max_examples=16)
def test_a_box_that_is_a_point_is_the_design(asked: Any, system: str, fidelity: str) -> None:
    model, scenario = asked
    question = Question(find_model(model), find_system(system), scenario, fidelity=fidelity)
    point = question.estimate({"batch": Interval(4.0, 4.0), "l2.bandwidth:factor": Interval(1.0, 1.0)})
    alone = question.estimate({"batch": 4.0})
    held = as_interval(point.time_s)
    np.testing.assert_allclose([held.low, held.high], alone.time_s, rtol=1e-9)
