"""Modules and exported programs of PyTorch: weights and multiply-adds as torch counts them, costs as the families have them."""

from __future__ import annotations

from typing import Any

import pytest

import roofscape as rs
from workloads.catalog import find_model
from workloads.graph import Workload
from workloads.importers.torch_export import read_module
from workloads.importers.traced.model import TracedModel
from workloads.model import ModelError
from workloads.operator import Attention, Contraction, Convolution, Elementwise, Gather, Normalization, Operator
from workloads.scenario import Images, Samples
from workloads.sharding import Parallelism, Precision

torch = pytest.importorskip("torch", reason="reading modules of PyTorch is an extra: pip install 'roofscape[torch]'")
NN = torch.nn


def load_of(model: TracedModel) -> Workload:
    return model.workload(model.scenario.passes()[0], Parallelism(), Precision())


def load(module: Any, *inputs: Any) -> Workload:
    return load_of(read_module(module, inputs))


def only(work: Workload, kind: type[Operator]) -> list[Any]:
    return [n.operator for n in work.nodes if isinstance(n.operator, kind)]


class Bottleneck(NN.Module):  # type: ignore[misc]
    """The block that a ResNet-50 is made of."""

    def __init__(self, cin: int, inner: int, stride: int = 1) -> None:
        super().__init__()
        cout = 4 * inner
        self.ways = NN.Sequential(
            NN.Conv2d(cin, inner, 1, bias=False), NN.BatchNorm2d(inner), NN.ReLU(inplace=True),
            NN.Conv2d(inner, inner, 3, stride, 1, bias=False), NN.BatchNorm2d(inner), NN.ReLU(inplace=True),
            NN.Conv2d(inner, cout, 1, bias=False), NN.BatchNorm2d(cout),
        )  # fmt: skip
        changes = stride != 1 or cin != cout
        self.shortcut = NN.Sequential(NN.Conv2d(cin, cout, 1, stride, bias=False), NN.BatchNorm2d(cout)) if changes else NN.Identity()

    def forward(self, x: Any) -> Any:
        return torch.relu_(self.ways(x) + self.shortcut(x))


def resnet50() -> Any:
    """As torchvision has it."""
    layers, cin = [NN.Conv2d(3, 64, 7, 2, 3, bias=False), NN.BatchNorm2d(64), NN.ReLU(inplace=True), NN.MaxPool2d(3, 2, 1)], 64
    for stage, count in enumerate((3, 4, 6, 3)):
        for block in range(count):
            layers.append(Bottleneck(cin, 64 * 2**stage, 2 if stage and not block else 1))
            cin = 256 * 2**stage
    return NN.Sequential(*layers, NN.AdaptiveAvgPool2d(1), NN.Flatten(), NN.Linear(2048, 1000))


class Llama(NN.Module):  # type: ignore[misc]
    """Llama as its paper has it, with rotary positions and grouped heads; it leaves keys and values for a cache."""

    def __init__(self, hidden: int, layers: int, heads: int, kv_heads: int, inner: int, vocabulary: int) -> None:
        super().__init__()
        head = hidden // heads
        self.heads, self.kv_heads, self.head = heads, kv_heads, head
        self.embedding = NN.Embedding(vocabulary, hidden)
        self.layers = NN.ModuleList(
            NN.ModuleDict(
                {
                    "norm": NN.RMSNorm(hidden), "q": NN.Linear(hidden, hidden, bias=False), "k": NN.Linear(hidden, kv_heads * head, bias=False),
                    "v": NN.Linear(hidden, kv_heads * head, bias=False), "out": NN.Linear(hidden, hidden, bias=False), "norm_2": NN.RMSNorm(hidden),
                    "gate": NN.Linear(hidden, inner, bias=False), "up": NN.Linear(hidden, inner, bias=False), "down": NN.Linear(inner, hidden, bias=False),
                }
            )
            for _ in range(layers)
        )  # fmt: skip
        self.norm, self.logits = NN.RMSNorm(hidden), NN.Linear(hidden, vocabulary, bias=False)
        self.register_buffer("frequencies", 1.0 / 10000 ** (torch.arange(0, head, 2) / head))

    def turn(self, x: Any, cos: Any, sin: Any) -> Any:
        first, second = x.chunk(2, -1)
        return x * cos + torch.cat((-second, first), -1) * sin

    def forward(self, ids: Any) -> Any:
        x, kept = self.embedding(ids), []
        angles = torch.outer(torch.arange(ids.shape[1], device=ids.device).float(), self.frequencies).repeat(1, 2)
        cos, sin = angles.cos(), angles.sin()
        for layer in self.layers:
            y = layer["norm"](x)
            q, k, v = (layer[n](y).unflatten(-1, (-1, self.head)).transpose(1, 2) for n in ("q", "k", "v"))
            q, k = self.turn(q, cos, sin), self.turn(k, cos, sin)
            kept += [k, v]
            y = NN.functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
            x = x + layer["out"](y.transpose(1, 2).flatten(2))
            y = layer["norm_2"](x)
            x = x + layer["down"](NN.functional.silu(layer["gate"](y)) * layer["up"](y))
        return self.logits(self.norm(x)[:, -1]), kept


def test_a_resnet_costs_what_the_family_costs() -> None:
    model = read_module(resnet50(), (torch.zeros(4, 3, 224, 224),))
    assert (model.parameters, model.phases, model.scenario) == (25_557_032, ("images",), Images(4))
    ours, theirs = load_of(model), find_model("resnet-50").workload(Images(4).passes()[0], Parallelism(), Precision())
    assert ours.flop == pytest.approx(theirs.flop, rel=1e-4)
    assert ours.byte == pytest.approx(theirs.byte, rel=0.002)
    assert ours.weight_byte == theirs.weight_byte


def test_a_llama_on_the_meta_device_costs_what_the_family_costs() -> None:
    """Llama-3.2-1B's shape without its memory; tied weights aside."""
    from workloads.importers.huggingface import model_of

    fields = {"hidden_size": 2048, "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 8192}
    family = model_of({"model_type": "llama", "vocab_size": 128256, **fields}, "l", "l")
    with torch.device("meta"):
        module = Llama(2048, 16, 32, 8, 8192, 128256)
    model = read_module(module, {"ids": torch.zeros(2, 256, dtype=torch.long, device="meta")})
    ours, theirs = load_of(model), family.workload(rs.Prefill(2, 256).passes()[0], Parallelism(), Precision())
    assert model.parameters == family.parameters
    assert ours.flop == pytest.approx(theirs.flop, rel=0.001)
    assert ours.byte == pytest.approx(theirs.byte, rel=0.005)
    assert ours.state_byte == theirs.state_byte
    assert len(ours.nodes) < 20 and max(n.count for n in ours.nodes) == 16.0


def test_multiply_adds_are_those_of_torch() -> None:
    """Of a module of many kinds of products, against torch's own counter."""
    from torch.utils.flop_counter import FlopCounterMode

    module = NN.Sequential(
        NN.Conv2d(3, 16, 3, 2, 1), NN.SiLU(), NN.Conv2d(16, 16, 3, 1, 1, groups=16), NN.ConvTranspose2d(16, 8, 4, 2, 1), NN.GroupNorm(2, 8), NN.Flatten(2),
        NN.Linear(1024, 64), NN.TransformerEncoderLayer(64, 4, 128, batch_first=True),
    ).eval()  # fmt: skip
    x = torch.zeros(2, 3, 32, 32)
    torch.backends.mha.set_fastpath_enabled(False)
    with torch.no_grad(), FlopCounterMode(display=False) as counter, torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        module(x)
    ours = load(module, x)
    assert sum(n.count * n.operator.matrix_flop for n in ours.nodes) == counter.get_total_flops()
    assert read_module(module, (x,)).parameters == sum(p.numel() for p in module.parameters())


def test_tied_weights_count_once() -> None:
    class Tied(NN.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.head = NN.Embedding(100, 16), NN.Linear(16, 100, bias=False)
            self.head.weight = self.embedding.weight

        def forward(self, ids: Any) -> Any:
            return self.head(self.embedding(ids))

    model = read_module(Tied(), (torch.zeros(2, 5, dtype=torch.long),))
    assert model.parameters == 1600
    assert [type(n.operator) for n in load_of(model).nodes] == [Gather, Contraction]


def test_attention_that_is_spelled_out_is_attention() -> None:
    class Spelled(NN.Module):  # type: ignore[misc]
        def forward(self, q: Any, k: Any, v: Any) -> Any:
            scores = q @ k.transpose(-2, -1) / 8.0
            seen = torch.ones(32, 32, dtype=torch.bool).tril()
            return scores.masked_fill(~seen, float("-inf")).softmax(-1) @ v

    (attention,) = only(load(Spelled(), *(torch.zeros(2, 4, 32, 64) for _ in range(3))), Attention)
    assert (attention.batch, attention.heads, attention.q_len, attention.kv_len, attention.head_dim, attention.causal) == (2, 4, 32, 32, 64, True)


def test_norms_that_are_spelled_out_are_norms() -> None:
    class Spelled(NN.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.scale, self.shift = NN.Parameter(torch.ones(64)), NN.Parameter(torch.zeros(64))

        def forward(self, x: Any) -> Any:
            centred = x - x.mean(-1, keepdim=True)
            y = centred * torch.rsqrt(centred.pow(2).mean(-1, keepdim=True) + 1e-5) * self.scale + self.shift
            return self.scale * (y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + 1e-6))

    norms = only(load(Spelled(), torch.zeros(3, 7, 64)), Normalization)
    assert [(n.flavour, n.rows, n.cols) for n in norms] == [("layer", 21.0, 64.0), ("rms", 21.0, 64.0)]


def test_recurrent_layers_run_step_by_step() -> None:
    work = load(NN.LSTM(32, 64, num_layers=2, bidirectional=True, batch_first=True), torch.zeros(3, 10, 32))
    products = [(n.operator.m, n.operator.n, n.operator.k, n.count) for n in work.nodes if isinstance(n.operator, Contraction)]
    assert products == [(30.0, 512.0, 32.0, 1.0), (3.0, 256.0, 64.0, 20.0), (30.0, 512.0, 128.0, 1.0), (3.0, 256.0, 64.0, 20.0)]


def test_branches_and_inner_graphs_are_walked() -> None:
    class Branches(NN.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.long, self.short = NN.Linear(16, 16), NN.Linear(16, 16)

        def forward(self, x: Any) -> Any:
            with torch.no_grad():
                x = self.short(x)
            return torch.cond(x.sum() > 0, lambda y: self.long(self.long(y)), self.short, (x,))

    model = read_module(Branches(), (torch.zeros(4, 16),))
    assert len(only(load_of(model), Contraction)) + sum(n.count - 1 for n in load_of(model).nodes if isinstance(n.operator, Contraction)) == 3
    assert any("longer branch" in note for note in model.notes)


def test_operators_that_are_not_understood_are_listed() -> None:
    model = read_module(_Eigen(), (torch.zeros(8, 8),))
    (unknown,) = model.unknown
    assert unknown.operator == "linalg_eigvalsh" or "eigh" in unknown.operator
    assert "not understood" in model.notes[0]


class _Eigen(NN.Module):  # type: ignore[misc]
    def forward(self, x: Any) -> Any:
        return torch.linalg.eigvalsh(x @ x).relu()


def test_convolutions_carry_what_runs_behind_them() -> None:
    module = NN.Sequential(NN.Conv2d(3, 8, 3, padding=1), NN.BatchNorm2d(8), NN.Hardswish(), NN.AvgPool2d(2))
    work = load(module, torch.zeros(1, 3, 8, 8))
    assert [type(n.operator) for n in work.nodes] == [Convolution, Elementwise]
    (convolution,) = only(work, Convolution)
    assert [e.flop_per_element for e in convolution.epilogue] == [0.0, 4.0]


def test_the_public_functions_take_modules_and_programs() -> None:
    module, x = NN.Sequential(NN.Linear(256, 512), NN.GELU(), NN.Linear(512, 256)), torch.zeros(64, 256)
    by_module = rs.estimate(module, on="h100-sxm", inputs=(x,))
    by_program = rs.estimate(torch.export.export(module, (x,)), on="h100-sxm")
    assert by_module.time_s == by_program.time_s > 0.0
    assert rs.estimate(module.half(), on="h100-sxm", inputs=x.half(), fidelity="roofline").time_s < by_module.time_s
    assert set(rs.compare(module.float(), ["h100-sxm", "l4"], inputs=x)) == {"h100-sxm", "l4"}
    assert module.training, "a module is left in the mode that it was in"
    assert rs.model(module, inputs=x).scenario == Samples(64)


def test_what_cannot_be_read_is_said() -> None:
    with pytest.raises(ModelError, match=r"Linear is a module.*give examples: inputs="):
        read_module(NN.Linear(4, 4))
    with pytest.raises(ModelError, match="Linear cannot be exported with these inputs"):
        read_module(NN.Linear(4, 4), (torch.zeros(2, 5),))
    with pytest.raises(ModelError, match="Sequential takes 64 at once"):
        rs.estimate(NN.Sequential(NN.Linear(4, 4)), on="h100-sxm", inputs=torch.zeros(64, 4), scenario=Samples(32))
