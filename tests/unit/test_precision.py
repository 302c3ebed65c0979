"""Formats and degrees: the usual choices around one type of weights, and what the degrees make of chips."""

from __future__ import annotations

import numpy as np
import pytest

import roofscape as rs
from magnitudes.arrays import as_float
from magnitudes.datatypes import data_type, data_type_choice
from magnitudes.errors import InputError
from roofscape.defaults import default_cut
from roofscape.named import formats, system
from workloads.catalog import find_model
from workloads.model import DivisionRule, ModelError
from workloads.sharding import Parallelism, precision


@pytest.mark.parametrize(
    ("weight", "activation", "state", "stream"),
    [("bf16", "bf16", "bf16", "bf16"), ("fp16", "fp16", "fp16", "fp16"), ("fp32", "fp32", "fp32", "fp32"), ("fp8", "fp8", "bf16", "bf16"),
     ("int4", "int4", "bf16", "bf16"), ("nvfp4", "nvfp4", "bf16", "bf16")],
)  # fmt: skip
def test_the_usual_formats(weight: str, activation: str, state: str, stream: str) -> None:
    """Inputs of products follow the weights; norms, residuals, keys and values stay in 16 bits or wider."""
    p = precision(data_type(weight))
    assert (p.weight.name, p.activation.name, p.state.name, p.stream.name) == (weight, activation, state, stream)


def test_each_format_can_be_said() -> None:
    p = formats("int4", "fp16", "fp8")
    assert (p.weight.name, p.activation.name, p.state.name, p.stream.name) == ("int4", "fp16", "fp8", "bf16")


@pytest.mark.parametrize("weight", ["w8a16", "w4a16", "w2a16", "ternary", "w1a16", "w0.8a16", "vq0.8a16"])
def test_weights_alone_may_be_narrow(weight: str) -> None:
    p = formats(weight)
    assert (p.weight.name, p.activation.name, p.state.name, p.stream.name) == (weight, "bf16", "bf16", "bf16")
    assert formats([weight, "fp8"]).activation.byte.tolist() == [2, 1]  # type: ignore[union-attr]
    for where in ({"activation_dtype": weight}, {"kv_dtype": [weight, "bf16"]}):
        with pytest.raises(InputError, match=f"{weight} is a format of weights alone"):
            formats("bf16", **where)


@pytest.mark.parametrize("fidelity", ["roofline", "tile"])
def test_narrower_weights_decode_faster_and_prefill_no_faster(fidelity: str) -> None:
    """Decoding is bound by what it reads, and below four bits by the instructions that widen; products are made in 16 bits all the same."""
    names = ["bf16", "w8a16", "w4a16", "w2a16", "w1a16", "w0.8a16"]
    times = np.array([as_float(rs.estimate("llama-3-8b", "h100-sxm", rs.Decode(batch=1, context=100), dtype=n, fidelity=fidelity).time_s) for n in names])
    assert np.all(np.diff(times[: None if fidelity == "roofline" else 3]) < 0)
    assert times[2:].max() < 0.6 * times[0]
    prompt = [as_float(rs.estimate("llama-3-8b", "h100-sxm", rs.Prefill(batch=8, prompt=2048), dtype=n, fidelity="roofline").time_s) for n in names]
    assert prompt[1:] == pytest.approx([prompt[0]] * 5, rel=0.02)
    together = rs.estimate("llama-3-8b", "h100-sxm", rs.Decode(batch=1, context=100), dtype=names, fidelity=fidelity)
    assert np.asarray(together.time_s) == pytest.approx(times, rel=1e-12)
    held = [as_float(rs.estimate("llama-3-8b", "h100-sxm", rs.Decode(), dtype=n).memory.weight_byte) for n in ("bf16", "w4a16")]
    assert held[1] / held[0] == pytest.approx((4 + 20 / 128) / 16)


def test_a_column_of_formats() -> None:
    p = formats(["bf16", "fp8", "bf16"])
    assert p.weight.byte.tolist() == [2, 1, 2]  # type: ignore[union-attr]
    assert np.broadcast_to(p.stream.byte, 3).tolist() == [2, 2, 2]  # type: ignore[arg-type]
    wide = precision(data_type_choice(["fp32", "fp8"], [0, 1]))
    assert [t.byte.tolist() for t in (wide.weight, wide.activation, wide.stream, wide.state)] == [[4, 1], [4, 1], [4, 2], [4, 2]]  # type: ignore[union-attr]


def test_chips_of_a_cut() -> None:
    cut = Parallelism(tp=4, pp=2, ep=8, dp=3)
    assert (cut.chips, cut.parts, cut.expert_tp) == (24, 2, 4 * 3 / 8)
    assert Parallelism(pp=4, microbatches=8.0).parts == 8


@pytest.mark.parametrize(
    ("model", "machine", "tp", "dp"),
    [("llama-3-8b", "8xh100-sxm", 8, 1), ("llama-3-8b", "h100-sxm", 1, 1), ("gpt2-xl", "4xa100-sxm-80gb", 1, 4), ("llama-3-8b", "3xh100-sxm", 1, 3),
     ("resnet-50", "8xh100-sxm", 1, 8), ("llama-3-8b", "16xh100-sxm", 16, 1), ("qwen2.5-7b", "8xh100-sxm", 4, 2)],
)  # fmt: skip
def test_the_default_cut_is_as_much_tensor_parallelism_as_divides(model: str, machine: str, tp: float, dp: float) -> None:
    cut = default_cut(find_model(model), system(machine))
    assert (cut.tp, cut.dp, cut.pp) == (tp, dp, 1)


@pytest.mark.parametrize(
    ("size", "degree", "or_multiple", "holds"),
    [(32, 8, False, True), (32, 5, False, False), (8, 16, False, False), (8, 16, True, True), (8, 12, True, False), (1, 1, False, True)],
)
def test_division(size: float, degree: float, or_multiple: bool, holds: bool) -> None:
    rule = DivisionRule("heads", float(size), float(degree), "--tp", or_multiple)
    assert rule.holds() is holds
    if holds:
        rule.check()
    else:
        with pytest.raises(ModelError, match=rf"--tp {degree} does not divide the {size} heads; use one of 1"):
            rule.check()
