"""Graphs of real models, as torch exports them: weights and multiply-adds as counted there, flop and bytes as in the built-in families."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import roofscape as rs
from workloads.catalog import find_model
from workloads.graph import Workload
from workloads.importers.huggingface import model_of
from workloads.importers.onnx import read_onnx
from workloads.model import Model
from workloads.operator import Attention
from workloads.scenario import Images, Prefill, Samples, Scenario
from workloads.sharding import Parallelism, Precision

pytest.importorskip("onnx", reason="reading ONNX files is an extra: pip install 'roofscape[onnx]'")
GRAPHS = Path(__file__).parent / "graphs"
COUNTED: dict[str, Any] = json.loads((GRAPHS / "counted.json").read_text())
# torchvision 0.28, `weights.meta["_ops"]` of each: 1e9 multiply-adds of one image
PUBLISHED_GMACS = {
    "resnet50": 4.089, "mobilenet_v2": 0.301, "vgg16": 15.47, "efficientnet_b0": 0.386, "vit_b_16": 17.564, "convnext_tiny": 4.456, "squeezenet1_1": 0.349,
    "densenet121": 2.834, "swin_t": 4.491,
}  # fmt: skip
SMOLLM2 = {
    "model_type": "llama", "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3,
    "vocab_size": 49152, "tie_word_embeddings": True,
}  # fmt: skip
FAMILIES = {
    "resnet50": "resnet-50", "mobilenet_v2": "mobilenet-v2", "vgg16": "vgg-16", "efficientnet_b0": "efficientnet-b0", "vit_b_16": "vit-base-patch16",
    "convnext_tiny": "convnext-tiny", "bert": "bert-base", "gpt2": "gpt2", "smollm2": SMOLLM2,
}  # fmt: skip


@dataclass(frozen=True)
class Counted:
    """One graph, at the sizes of its example inputs."""

    name: str

    @property
    def scenario(self) -> Scenario:
        model = read_onnx(GRAPHS / f"{self.name}.onnx")
        batch, *rest = next(iter(COUNTED[self.name]["inputs"].values()))
        return {"images": Images(batch), "samples": Samples(batch), "prefill": Prefill(batch, *rest[:1])}[model.phases[0]]

    def workload(self) -> Workload:
        return read_onnx(GRAPHS / f"{self.name}.onnx").workload(self.scenario.passes()[0], Parallelism(), Precision())


def macs(load: Workload) -> float:
    """Multiply-adds of all products; of attention, as if nothing were masked, which is how torch counts."""

    def whole(o: Any) -> float:
        return float(o.q_len * o.kv_len / o.pairs) if isinstance(o, Attention) else 1.0

    return float(sum(n.count * n.operator.matrix_flop * whole(n.operator) for n in load.nodes)) / 2.0


def test_weights_and_multiply_adds_are_those_of_torch(capsys: pytest.CaptureFixture[str]) -> None:
    """The table: weights within 0.5 %, multiply-adds within 1 %."""
    rows = []
    for name in sorted(COUNTED):
        parameters, counted = read_onnx(GRAPHS / f"{name}.onnx").parameters, COUNTED[name]
        rows.append((name, parameters / counted["parameters"] - 1.0, macs(Counted(name).workload()) / counted["macs"] - 1.0))
    with capsys.disabled():
        print("\ngraph             weights  multiply-adds")
        for name, weights, products in rows:
            print(f"{name:16s} {weights:+8.3%} {products:+9.3%}")
    assert len(rows) >= 10
    assert max(abs(weights) for _, weights, _ in rows) < 0.005
    assert max(abs(products) for _, _, products in rows) < 1e-6


@pytest.mark.parametrize("name", sorted(PUBLISHED_GMACS))
def test_multiply_adds_are_those_that_torchvision_publishes(name: str) -> None:
    batch = COUNTED[name]["inputs"]["x"][0]
    assert macs(Counted(name).workload()) / batch / 1e9 == pytest.approx(PUBLISHED_GMACS[name], abs=0.0006)


@pytest.mark.parametrize("name", sorted(FAMILIES))
@pytest.mark.parametrize("batch", [1.0, 4.0])
def test_a_graph_of_a_known_model_costs_what_the_family_costs(name: str, batch: float) -> None:
    graph, known = read_onnx(GRAPHS / f"{name}.onnx"), FAMILIES[name]
    family: Model = model_of(known, name, name) if isinstance(known, dict) else find_model(known)
    if graph.sizes.batch is None and batch > 1.0:
        pytest.skip("this graph was exported for one image")
    run = (Images(batch) if graph.sizes.images else Prefill(batch, 128.0)).passes()[0]
    ours, theirs = (m.workload(run, Parallelism(), Precision()) for m in (graph, family))
    assert ours.flop == pytest.approx(theirs.flop, rel=0.01)
    assert ours.byte == pytest.approx(theirs.byte, rel=0.01)
    assert ours.weight_byte == pytest.approx(theirs.weight_byte, rel=0.005)
    assert ours.state_byte == pytest.approx(theirs.state_byte, rel=1e-9)


def test_every_operator_of_real_graphs_is_understood() -> None:
    assert {name: read_onnx(GRAPHS / f"{name}.onnx").unknown for name in COUNTED} == dict.fromkeys(COUNTED, ())


def test_equal_layers_are_counted_instead_of_copied() -> None:
    nodes = Counted("gpt2").workload().nodes
    assert len(nodes) < 15 and {n.count for n in nodes} == {1.0, 12.0}
    assert Counted("gpt2").workload().to_networkx().number_of_edges() >= len(nodes) - 2


def test_a_decoder_is_seen_to_be_causal_and_to_keep_what_it_writes() -> None:
    attention = [n.operator for n in Counted("smollm2").workload().nodes if isinstance(n.operator, Attention)]
    assert [(a.heads, a.kv_heads, a.head_dim, a.causal) for a in attention] == [(9.0, 3.0, 64.0, True)]
    assert Counted("smollm2").workload().state_byte == 2 * 30 * 64 * 2 * 3 * 64 * 2  # sequences, layers, tokens, keys and values, heads, width, bytes


def test_a_long_prompt_is_as_causal_as_a_short_one() -> None:
    model = read_onnx(GRAPHS / "smollm2.onnx")
    load = model.workload(Prefill(8, 4096).passes()[0], Parallelism(), Precision())
    family = model_of(SMOLLM2, "s", "s").workload(Prefill(8, 4096).passes()[0], Parallelism(), Precision())
    assert load.flop == pytest.approx(family.flop, rel=0.01)


def test_columns_of_sizes_are_the_single_estimates() -> None:
    batch, prompt = np.array([1.0, 2.0, 8.0, 5.0]), np.array([100.0, 200.0, 300.0, 32.0])
    file = str(GRAPHS / "smollm2.onnx")
    together = rs.estimate(file, on="h100-sxm", scenario=rs.Prefill(batch=batch, prompt=prompt))
    single = [rs.estimate(file, on="h100-sxm", scenario=rs.Prefill(batch=b, prompt=p)).time_s for b, p in zip(batch, prompt, strict=True)]
    assert together.time_s == pytest.approx(single, rel=1e-6)


def test_a_compiled_question_is_the_estimate() -> None:
    program = rs.question(str(GRAPHS / "mobilenet_v2.onnx"), "h100-sxm", rs.Images(1)).compiled(("batch", "hbm.bandwidth"))
    answer = rs.evaluate(program, {"batch": np.array([2.0, 16.0]), "hbm.bandwidth": np.array([3.35e12, 3.35e12])})["time_s"]
    single = [rs.estimate(str(GRAPHS / "mobilenet_v2.onnx"), on="h100-sxm", scenario=rs.Images(b), dtype="bf16").time_s for b in (2, 16)]
    assert answer == pytest.approx(single, rel=1e-6)


def test_the_format_is_the_graphs_unless_said() -> None:
    file = str(GRAPHS / "vgg16.onnx")
    own, said, narrow = (rs.estimate(file, on="h100-sxm", dtype=d, fidelity="roofline") for d in (None, "fp32", "bf16"))
    assert own.time_s == said.time_s > narrow.time_s
    assert own.memory.weight_byte == pytest.approx(2 * narrow.memory.weight_byte)
