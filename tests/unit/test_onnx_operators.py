"""What single operators of ONNX, and small graphs of them, become: one line of arithmetic each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workloads.graph import Workload
from workloads.importers.onnx import read_onnx
from workloads.importers.traced.model import TracedModel
from workloads.operator import Attention, Contraction, Convolution, Elementwise, Gather, Normalization, Operator, Softmax
from workloads.sharding import Parallelism, Precision

onnx = pytest.importorskip("onnx", reason="reading ONNX files is an extra: pip install 'roofscape[onnx]'")
TensorProto, helper = onnx.TensorProto, onnx.helper
KINDS = {"f": TensorProto.FLOAT, "i": TensorProto.INT64, "b": TensorProto.BOOL, "u": TensorProto.UINT8, "s": TensorProto.INT8, "w": TensorProto.INT32}
Shape = tuple[int, ...]


class Build:
    """A small graph in the making."""

    def __init__(self, path: Path) -> None:
        self.path, self.nodes, self.stored, self.inputs = path / "g.onnx", list[Any](), list[Any](), list[Any]()

    def given(self, name: str, *shape: int | str, kind: str = "f") -> str:
        self.inputs.append(helper.make_tensor_value_info(name, KINDS[kind], list(shape)))
        return name

    def weight(self, name: str, *shape: int, kind: str = "f") -> str:
        """Stored, but its elements lie in a file that is not there."""
        tensor = TensorProto(name=name, dims=shape, data_type=KINDS[kind], data_location=TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value="none")
        self.stored.append(tensor)
        return name

    def constant(self, name: str, value: Any) -> str:
        self.stored.append(onnx.numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str = "", domain: str = "", outputs: list[str] | None = None, **attributes: Any) -> str:
        made = outputs or [output or f"t{len(self.nodes)}"]
        self.nodes.append(helper.make_node(kind, inputs, made, domain=domain, **attributes))
        return made[0]

    def model(self, *outputs: str, opset: int = 21) -> TracedModel:
        made = [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs]
        graph = helper.make_graph(self.nodes, "g", self.inputs, made, initializer=self.stored)
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
        self.path.write_bytes(helper.make_model(graph, opset_imports=opsets).SerializeToString())
        return read_onnx(self.path)

    def work(self, *outputs: str, opset: int = 21) -> Workload:
        return load(self.model(*outputs, opset=opset))


@pytest.fixture
def build(tmp_path: Path) -> Build:
    return Build(tmp_path)


def load(model: TracedModel) -> Workload:
    return model.workload(model.scenario.passes()[0], Parallelism(), Precision())


def only(work: Workload, kind: type[Operator]) -> Any:
    (found,) = [n.operator for n in work.nodes if isinstance(n.operator, kind)]
    return found


def kinds(work: Workload) -> list[str]:
    return [n.operator.kind for n in work.nodes]


# Products ----------------------------------------------------------------------------------------------------------------------------------


def test_a_product_with_a_matrix_is_one_of_all_rows(build: Build) -> None:
    build.node("MatMul", [build.given("x", 4, 8, 32), build.weight("w", 32, 64)], "y")
    c = only(build.work("y"), Contraction)
    assert (c.batch, c.m, c.n, c.k, c.b_residency) == (1.0, 32.0, 64.0, 32.0, "weight")


def test_a_product_of_activations_is_a_batch(build: Build) -> None:
    build.node("MatMul", [build.given("x", 4, 8, 32), build.given("z", 4, 32, 16)], "y")
    c = only(build.work("y"), Contraction)
    assert (c.batch, c.m, c.n, c.k, c.b_residency) == (4.0, 8.0, 16.0, 32.0, "activation")


def test_weights_on_the_left_are_weights(build: Build) -> None:
    build.node("MatMul", [build.weight("w", 64, 32), build.given("x", 4, 32, 8)], "y")
    work = build.work("y")
    assert work.weight_byte == 64 * 32 * 2 and work.flop == 2 * 4 * 64 * 32 * 8


def test_gemm_turns_its_operands_and_starts_with_its_bias(build: Build) -> None:
    build.node("Gemm", [build.given("x", 8, 32), build.weight("w", 64, 32), build.weight("b", 64)], "y", transB=1)
    work = build.work("y")
    c = only(work, Contraction)
    assert (c.m, c.n, c.k, work.flop) == (8.0, 64.0, 32.0, 2 * 8 * 64 * 32)
    assert work.byte == 2 * (8 * 32 + 64 * 32 + 64 + 8 * 64)


def test_a_sum_with_a_row_is_a_bias_too(build: Build) -> None:
    product = build.node("MatMul", [build.given("x", 4, 8, 32), build.weight("w", 32, 64)])
    build.node("Add", [product, build.weight("b", 64)], "y")
    work = build.work("y")
    assert kinds(work) == ["contraction"] and work.flop == 2 * 32 * 64 * 32


@pytest.mark.parametrize(
    ("equation", "a", "b", "batch", "m", "n", "k"),
    [
        ("bij,bjk->bik", (4, 8, 16), (4, 16, 32), 4, 8, 32, 16),
        ("bhqd,bhkd->bhqk", (2, 4, 8, 16), (2, 4, 32, 16), 8, 8, 32, 16),
        ("...ij,jk->...ik", (3, 8, 16), (16, 32), 1, 24, 32, 16),
        ("btd,dhk->bthk", (2, 8, 64), (64, 4, 16), 1, 16, 64, 64),
    ],
)
def test_einstein_sums_are_products(build: Build, equation: str, a: Shape, b: Shape, batch: int, m: int, n: int, k: int) -> None:
    build.node("Einsum", [build.given("x", *a), build.given("z", *b)], "y", equation=equation)
    c = only(build.work("y"), Contraction)
    assert (c.batch, c.m, c.n, c.k) == (batch, m, n, k)


def test_products_of_one_tensor_run_side_by_side(build: Build) -> None:
    x = build.given("x", 8, 32)
    for name in "qkv":
        build.node("MatMul", [x, build.weight(f"w{name}", 32, 16)], name)
    work = build.work("q", "k", "v")
    assert only(work, Contraction).n == 48.0 and work.byte == 2 * (8 * 32 + 32 * 48 + 8 * 48)


@pytest.mark.parametrize(("groups", "cin_of_group"), [(1, 16), (4, 4), (16, 1)])
def test_convolutions_whole_grouped_and_depthwise(build: Build, groups: int, cin_of_group: int) -> None:
    build.node("Conv", [build.given("x", 2, 16, 8, 8), build.weight("w", 32, cin_of_group, 3, 3)], "y", group=groups, pads=[1] * 4, strides=[2, 2])
    c = only(build.work("y"), Convolution)
    assert (c.groups, c.out_h, c.stride, c.matrix_flop) == (groups, 4.0, 2.0, 2 * 2 * 32 * 16 * cin_of_group * 9)


def test_a_convolution_in_one_dimension(build: Build) -> None:
    build.node("Conv", [build.given("x", 2, 16, 100), build.weight("w", 32, 16, 3)], "y", pads=[1, 1])
    assert only(build.work("y"), Convolution).matrix_flop == 2 * 2 * 32 * 100 * 16 * 3


def test_a_transposed_convolution_is_a_product_and_the_sum_of_what_overlaps(build: Build) -> None:
    build.node("ConvTranspose", [build.given("x", 1, 8, 4, 4), build.weight("w", 8, 16, 2, 2)], "y", strides=[2, 2])
    c = only(build.work("y"), Contraction)
    assert (c.m, c.n, c.k) == (16.0, 64.0, 8.0)
    other = Build(build.path.parent)
    other.node("ConvTranspose", [other.given("x", 1, 8, 4, 4), other.weight("w", 8, 16, 4, 4)], "y", strides=[2, 2], pads=[1] * 4)
    assert kinds(other.work("y")) == ["contraction", "elementwise"]


def test_what_runs_behind_a_convolution_is_fused(build: Build) -> None:
    x = build.given("x", 1, 8, 4, 4)
    a = build.node("Conv", [x, build.weight("w", 8, 8, 3, 3)], pads=[1] * 4)
    statistics = [build.weight(n, 8) for n in ("scale", "shift", "mean", "var")]
    b = build.node("BatchNormalization", [a, *statistics])
    c = build.node("Add", [b, x])
    build.node("Relu", [c], "y")
    model = build.model("y")
    assert kinds(load(model)) == ["convolution"] and len(only(load(model), Convolution).epilogue) == 2
    assert model.parameters == 8 * 8 * 9 + 2 * 8


# Attention and norms -----------------------------------------------------------------------------------------------------------------------


def _spelled_attention(build: Build, mask: str | None, *, opset: int = 21) -> Workload:
    q, k, v = (build.given(n, 2, 4, 16, 32) for n in "qkv")
    scores = build.node("MatMul", [q, build.node("Transpose", [k], perm=[0, 1, 3, 2])])
    scaled = build.node("Div", [scores, build.constant("root", np.float32(32**0.5))])
    seen = build.node("Add", [scaled, mask]) if mask else scaled
    build.node("MatMul", [build.node("Softmax", [seen], axis=-1), v], "y")
    return build.work("y", opset=opset)


def test_attention_that_is_spelled_out(build: Build) -> None:
    work = _spelled_attention(build, None)
    a = only(work, Attention)
    assert kinds(work) == ["attention"]
    assert (a.batch, a.heads, a.kv_heads, a.q_len, a.kv_len, a.head_dim, a.causal) == (2, 4, 4, 16, 16, 32, False)


def test_masks_are_read(build: Build) -> None:
    causal = np.triu(np.full((16, 16), -1e9, np.float32), 1)
    assert only(_spelled_attention(build, build.constant("m", causal)), Attention).causal
    other = Build(build.path.parent)
    window = np.where(np.tril(np.ones((16, 16))) * np.triu(np.ones((16, 16)), -3) > 0, 0, -np.inf).astype(np.float32)
    a = only(_spelled_attention(other, other.constant("m", window)), Attention)
    assert (a.causal, a.window) == (True, 4.0)
    third = Build(build.path.parent)
    assert not only(_spelled_attention(third, third.constant("m", np.zeros((1, 1, 1, 16), np.float32))), Attention).causal


def test_a_bias_of_positions_is_read_beside_keys_and_values(build: Build) -> None:
    work = _spelled_attention(build, build.weight("bias", 1, 4, 16, 16))
    assert kinds(work) == ["elementwise", "attention"] and not only(work, Attention).causal
    assert only(work, Elementwise).byte == 2 * (4 * 16 * 16 + 1)


@pytest.mark.parametrize(("mask", "weights"), [
    ("causal", 0), ("of windows", 0), ("hidden by -100", 0), ("relative", 4 * 31), ("learned", 4 * 16 * 16), ("relative, unread", 4 * 7 * 7),
    ("an odd bias, unread", 4 * 16),
])  # fmt: skip
def test_masks_are_no_weights_and_tables_of_relative_positions_count_once(build: Build, mask: str, weights: int) -> None:
    """Four heads of 16 tokens; a table of relative positions in a row has 31 entries a head, in a window of 4 x 4 tokens 7 x 7."""
    rng = np.random.default_rng(0)
    place = np.arange(16)[:, None] - np.arange(16)[None, :] + 15
    stored = {
        "causal": lambda: build.constant("m", np.triu(np.full((16, 16), -1e9, np.float32), 1)),
        "of windows": lambda: build.constant("m", rng.choice(np.float32([0, -3, -100]), (2, 1, 16, 16))),
        "hidden by -100": lambda: build.constant("m", rng.choice(np.float32([0, -100]), (1, 4, 16, 16))),
        "relative": lambda: build.constant("m", rng.random((4, 31), np.float32)[:, place][None]),
        "learned": lambda: build.constant("m", rng.random((1, 4, 16, 16), np.float32)),
        "relative, unread": lambda: build.weight("m", 1, 4, 16, 16),
        "an odd bias, unread": lambda: build.weight("m", 1, 4, 1, 16),
    }[mask]()  # fmt: skip
    _spelled_attention(build, stored)
    assert read_onnx(build.path).parameters == weights


def test_a_constant_that_is_added_elsewhere_too_is_a_weight(build: Build) -> None:
    bias = build.weight("m", 16, 16)
    other = build.node("Add", [build.given("x", 16, 16), bias], "z")
    q, k, v = (build.given(n, 2, 4, 16, 32) for n in "qkv")
    scores = build.node("Add", [build.node("MatMul", [q, build.node("Transpose", [k], perm=[0, 1, 3, 2])]), bias])
    build.node("MatMul", [build.node("Softmax", [scores], axis=-1), v], "y")
    assert build.model("y", other).parameters == 256


def test_grouped_heads_are_seen_through_their_copies(build: Build) -> None:
    q, k, v = build.given("q", 2, 8, 16, 32), build.given("k", 2, 2, 16, 32), build.given("v", 2, 2, 16, 32)
    wide = []
    for t in (k, v):
        apart = build.node("Unsqueeze", [t, build.constant(f"{t}axis", np.array([2]))])
        spread = build.node("Expand", [apart, build.constant(f"{t}five", np.array([2, 2, 4, 16, 32]))])
        wide.append(build.node("Reshape", [spread, build.constant(f"{t}four", np.array([2, 8, 16, 32]))]))
    scores = build.node("MatMul", [q, build.node("Transpose", [wide[0]], perm=[0, 1, 3, 2])])
    build.node("MatMul", [build.node("Softmax", [scores], axis=-1), wide[1]], "y")
    a = only(build.work("y"), Attention)
    assert (a.heads, a.kv_heads) == (8.0, 2.0)


def test_scores_that_somebody_else_wants_are_written(build: Build) -> None:
    q, k, v = (build.given(n, 2, 4, 16, 32) for n in "qkv")
    scores = build.node("MatMul", [q, build.node("Transpose", [k], perm=[0, 1, 3, 2])])
    weights = build.node("Softmax", [scores], "weights", axis=-1)
    build.node("MatMul", [weights, v], "y")
    assert kinds(build.work("y", "weights")) == ["contraction", "softmax", "contraction"]


def test_onnx_has_attention_of_its_own(build: Build) -> None:
    q, k, v = build.given("q", 2, 16, 256), build.given("k", 2, 16, 64), build.given("v", 2, 16, 64)
    build.node("Attention", [q, k, v], "y", q_num_heads=8, kv_num_heads=2, is_causal=1)
    a = only(build.work("y", opset=23), Attention)
    assert (a.batch, a.heads, a.kv_heads, a.q_len, a.head_dim, a.causal) == (2, 8, 2, 16, 32, True)


def test_a_layer_norm_that_is_spelled_out(build: Build) -> None:
    x = build.given("x", 4, 8, 32)
    mean = build.node("ReduceMean", [x, build.constant("last", np.array([-1]))], keepdims=1)
    centred = build.node("Sub", [x, mean])
    square = build.node("Pow", [centred, build.constant("two", np.float32(2))])
    variance = build.node("ReduceMean", [square, "last"], keepdims=1)
    root = build.node("Sqrt", [build.node("Add", [variance, build.constant("eps", np.float32(1e-5))])])
    scaled = build.node("Mul", [build.node("Div", [centred, root]), build.weight("g", 32)])
    build.node("Add", [scaled, build.weight("h", 32)], "y")
    model = build.model("y")
    n = only(load(model), Normalization)
    assert (n.flavour, n.rows, n.cols, model.parameters) == ("layer", 32.0, 32.0, 64.0)


def test_an_rms_norm_that_is_spelled_out_takes_in_the_sum_before_it(build: Build) -> None:
    x = build.node("Add", [build.given("a", 4, 8, 32), build.given("b", 4, 8, 32)])
    square = build.node("Pow", [x, build.constant("two", np.float32(2))])
    mean = build.node("ReduceMean", [square, build.constant("last", np.array([-1]))], keepdims=1)
    root = build.node("Sqrt", [build.node("Add", [mean, build.constant("eps", np.float32(1e-6))])])
    normed = build.node("Mul", [x, build.node("Reciprocal", [root])])
    build.node("Mul", [build.weight("g", 32), normed], "y")
    work = build.work("y", x)
    n = only(work, Normalization)
    assert kinds(work) == ["normalization"] and (n.flavour, len(n.prologue)) == ("rms", 1)


def test_a_root_of_something_else_is_no_norm(build: Build) -> None:
    x = build.given("x", 4, 8, 32)
    cube = build.node("Pow", [x, build.constant("three", np.float32(3))])
    mean = build.node("ReduceMean", [cube, build.constant("last", np.array([-1]))], keepdims=1)
    root = build.node("Sqrt", [build.node("Add", [mean, build.constant("eps", np.float32(1e-6))])])
    build.node("Div", [x, root], "y")
    assert "normalization" not in kinds(build.work("y"))


def test_gelu_that_is_spelled_out_runs_behind_its_product(build: Build) -> None:
    x = build.node("MatMul", [build.given("x", 8, 32), build.weight("w", 32, 64)])
    error = build.node("Erf", [build.node("Div", [x, build.constant("r", np.float32(2**0.5))])])
    half = build.node("Mul", [x, build.node("Add", [error, build.constant("one", np.float32(1))])])
    build.node("Mul", [half, build.constant("h", np.float32(0.5))], "y")
    work = build.work("y")
    assert kinds(work) == ["contraction"] and work.flop == 2 * 8 * 64 * 32 + 10 * 8 * 64


# Data that moves, and data that does not ---------------------------------------------------------------------------------------------------


def test_constants_are_computed_once_and_not_counted(build: Build) -> None:
    turned = build.node("Transpose", [build.weight("w", 64, 32)], perm=[1, 0])
    doubled = build.node("Mul", [turned, build.constant("two", np.float32(2))])
    build.node("MatMul", [build.given("x", 8, 32), doubled], "y")
    model = build.model("y")
    assert kinds(load(model)) == ["contraction"] and model.parameters == 64 * 32 and model.trace.nodes == 1


def test_sizes_are_computed_and_not_counted(build: Build) -> None:
    x = build.given("x", "batch", 8, 32)
    shape = build.node("Slice", [build.node("Shape", [x]), build.constant("s", np.array([0])), build.constant("e", np.array([1]))])
    flat = build.node("Reshape", [x, build.node("Concat", [shape, build.constant("minus", np.array([-1]))], axis=0)])
    build.node("MatMul", [flat, build.weight("w", 256, 16)], "y")
    model = build.model("y")
    model = read_onnx(build.path, {"batch": 5})
    assert only(load(model), Contraction).m == 5.0 and len(load(model).nodes) == 1


def test_views_are_free_and_copies_are_not(build: Build) -> None:
    x = build.given("x", 4, 8, 32)
    viewed = build.node("Reshape", [x, build.constant("s", np.array([32, 32]))])
    build.node("Tile", [viewed, build.constant("r", np.array([1, 3]))], "y")
    work = build.work("y")
    assert kinds(work) == ["elementwise"] and (work.flop, work.byte) == (0.0, 2 * (4 * 8 * 32 + 3 * 4 * 8 * 32))


def test_an_exchange_of_axes_is_taken_in_by_a_kernel_and_else_a_copy(build: Build) -> None:
    x = build.given("x", 4, 8, 32)
    turned = build.node("Transpose", [x], perm=[0, 2, 1])
    build.node("MatMul", [turned, build.weight("w", 8, 16)], "y")
    assert kinds(build.work("y")) == ["contraction"]
    other = Build(build.path.parent)
    other.node("Transpose", [other.given("x", 4, 8, 32)], "y", perm=[0, 2, 1])
    assert other.work("y").byte == 2 * 2 * 4 * 8 * 32


def test_what_is_put_side_by_side_is_written_there_at_once(build: Build) -> None:
    x = build.given("x", 1, 8, 4, 4)
    parts = [build.node("Conv", [x, build.weight(f"w{i}", 8, 8, 1, 1)]) for i in range(2)]
    build.node("Concat", parts, "y", axis=1)
    assert [(n.operator.kind, n.count) for n in build.work("y").nodes] == [("convolution", 2.0)]
    other = Build(build.path.parent)
    other.node("Concat", [other.given("a", 4, 8), other.given("b", 4, 8)], "y", axis=1)
    assert other.work("y").byte == 2 * 2 * 2 * 4 * 8


def test_rows_of_a_table(build: Build) -> None:
    build.node("Gather", [build.weight("table", 1000, 64), build.given("ids", 2, 8, kind="i")], "y")
    g = only(build.work("y"), Gather)
    assert (g.rows, g.width, g.table_rows, g.byte) == (16.0, 64.0, 1000.0, 16 * (8 + 2 * 64 * 2))


def test_an_update_writes_what_is_new(build: Build) -> None:
    cache, new = build.given("cache", 1000, 64), build.given("new", 4, 64)
    build.node("ScatterND", [cache, build.given("at", 4, 1, kind="i"), new], "y")
    assert build.work("y").byte == pytest.approx(2 * 2 * 4 * 64 + 4 * 8)


def test_pools_and_reductions(build: Build) -> None:
    x = build.given("x", 1, 8, 16, 16)
    p = build.node("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2])
    build.node("GlobalAveragePool", [p], "y")
    work = build.work("y")
    assert work.flop == 8 * 64 * 4 + 8 * 64 and work.byte == 2 * (8 * 256 + 8 * 64 + 8 * 64 + 8)


def test_pointwise_steps_are_one_kernel_that_reads_each_input_once(build: Build) -> None:
    x, z = build.given("x", 64, 64), build.given("z", 64, 64)
    gate = build.node("Mul", [x, build.node("Sigmoid", [x])])
    build.node("Mul", [gate, z], "y")
    work = build.work("y")
    assert kinds(work) == ["elementwise"] and work.byte == 2 * 3 * 64 * 64 and work.flop == 6 * 64 * 64


def test_a_kernel_between_keeps_pointwise_steps_apart(build: Build) -> None:
    x = build.given("x", 64, 64)
    a = build.node("Relu", [x])
    b = build.node("Softmax", [a], axis=-1)
    build.node("Add", [a, b], "y")
    assert kinds(build.work("y")) == ["elementwise", "softmax", "elementwise"]


def test_a_softmax_of_its_own(build: Build) -> None:
    build.node("Softmax", [build.given("x", 4, 8, 32)], "y", axis=-1)
    s = only(build.work("y"), Softmax)
    assert (s.rows, s.cols) == (32.0, 32.0)


def test_upsampling_copies_or_weighs(build: Build) -> None:
    x = build.given("x", 1, 8, 4, 4)
    build.node("Resize", [x, "", build.constant("s", np.array([1, 1, 2, 2], np.float32))], "y", mode="nearest")
    assert build.work("y").flop == 0.0
    other = Build(build.path.parent)
    other.node("Resize", [other.given("x", 1, 8, 4, 4), "", other.constant("s", np.array([1, 1, 2, 2], np.float32))], "y", mode="linear")
    assert other.work("y").flop == 7 * 8 * 64


# Few bits ----------------------------------------------------------------------------------------------------------------------------------


def test_weights_of_four_bits_with_a_scale_a_block(build: Build) -> None:
    x = build.given("x", 2, 16, 256)
    build.node("MatMulNBits", [x, build.weight("b", 512, 8, 16, kind="u"), build.weight("s", 4096)], "y", "com.microsoft", K=256, N=512, bits=4, block_size=32)
    model = build.model("y")
    c = only(load(model), Contraction)
    assert (c.m, c.n, c.k, model.parameters) == (32.0, 512.0, 256.0, 512 * 256)
    assert c.b.byte == (4 + 16 / 32) / 8 and c.a.name == "bf16"
    assert load(model).weight_byte == 512 * 256 * (4 + 16 / 32) / 8


def test_integers_in_and_out(build: Build) -> None:
    scale, zero = build.constant("scale", np.float32(0.1)), build.constant("zero", np.uint8(0))
    x = build.node("QuantizeLinear", [build.given("x", 1, 16, 8, 8), scale, zero])
    w, ws, wz = build.weight("w", 32, 16, 3, 3, kind="s"), build.weight("ws", 32), build.constant("wz", np.zeros(32, np.int8))
    y = build.node("QLinearConv", [x, scale, zero, w, ws, wz, scale, zero, build.weight("b", 32, kind="w")], pads=[1] * 4)
    build.node("DequantizeLinear", [y, scale, zero], "y")
    model = build.model("y")
    c = only(load(model), Convolution)
    assert (c.a.name, c.b.name, c.c.name) == ("int8", "int8", "int8") and model.parameters == 32 * 16 * 9 + 32


def test_quantised_and_widened_around_a_convolution_is_a_convolution_of_integers(build: Build) -> None:
    scale, zero = build.constant("scale", np.float32(0.1)), build.constant("zero", np.int8(0))
    x = build.node("DequantizeLinear", [build.node("QuantizeLinear", [build.given("x", 1, 16, 8, 8), scale, zero]), scale, zero])
    w = build.node("DequantizeLinear", [build.weight("w", 32, 16, 3, 3, kind="s"), build.weight("ws", 32), build.constant("wz", np.zeros(32, np.int8))], axis=0)
    y = build.node("Conv", [x, w], pads=[1] * 4)
    build.node("DequantizeLinear", [build.node("QuantizeLinear", [y, scale, zero]), scale, zero], "y")
    model = build.model("y")
    c = only(load(model), Convolution)
    assert (c.a.name, c.b.name, c.epilogue[-1].output.name) == ("int8", "int8", "int8") and model.parameters == 32 * 16 * 9


def test_weights_alone_in_eight_bits(build: Build) -> None:
    w = build.node("DequantizeLinear", [build.weight("w", 256, 64, kind="s"), build.weight("ws", 64)], axis=1)
    build.node("MatMul", [build.given("x", 8, 256), w], "y")
    c = only(build.work("y"), Contraction)
    assert (c.a.name, c.b.name) == ("bf16", "w8a16") and c.b.byte == pytest.approx(1 + 2 / 64)


# ONNX Runtime's own --------------------------------------------------------------------------------------------------------------------------


def test_grouped_query_attention_writes_its_cache(build: Build) -> None:
    q, k, v = build.given("q", 2, 1, 256), build.given("k", 2, 1, 64), build.given("v", 2, 1, 64)
    past = [build.given(n, 2, 2, 100, 32) for n in ("pk", "pv")]
    lengths = [build.given("seqlens", 2, kind="w"), build.given("total", 1, kind="w")]
    build.node("GroupQueryAttention", [q, k, v, *past, *lengths], domain="com.microsoft", outputs=["y", "nk", "nv"], num_heads=8, kv_num_heads=2, do_rotary=1)
    work = build.work("y")
    a = only(work, Attention)
    assert (a.heads, a.kv_heads, a.q_len, a.kv_len, a.head_dim, a.decoding) == (8, 2, 1, 101, 32, True)
    assert work.state_byte == 2 * 2 * 101 * 2 * 32 * 2
    written = [n.operator for n in work.nodes if isinstance(n.operator, Elementwise) and n.operator.state_elements]
    assert [w.state_elements for w in written] == [2 * 2 * 64.0]


def test_multi_head_attention(build: Build) -> None:
    q, k, v = build.given("q", 2, 16, 256), build.given("k", 2, 24, 256), build.given("v", 2, 24, 256)
    build.node("MultiHeadAttention", [q, k, v], "y", "com.microsoft", num_heads=8)
    a = only(build.work("y"), Attention)
    assert (a.batch, a.heads, a.q_len, a.kv_len, a.head_dim, a.causal) == (2, 8, 16, 24, 32, False)


def test_attention_with_its_product_inside(build: Build) -> None:
    build.node("Attention", [build.given("x", 2, 16, 64), build.weight("w", 64, 192), build.weight("b", 192)], "y", "com.microsoft", num_heads=4)
    work = build.work("y")
    assert kinds(work) == ["contraction", "attention"] and only(work, Contraction).n == 192.0


def test_a_sum_and_its_norm(build: Build) -> None:
    inputs = [build.given("a", 2, 16, 64), build.given("b", 2, 16, 64), build.weight("g", 64)]
    build.node("SkipSimplifiedLayerNormalization", inputs, domain="com.microsoft", outputs=["y", "", "", "sum"])
    n = only(build.work("y", "sum"), Normalization)
    assert (n.flavour, n.rows, n.cols, len(n.prologue)) == ("rms", 32.0, 64.0, 1)


@pytest.mark.parametrize(("kind", "flop"), [("Gelu", 10), ("FastGelu", 10), ("QuickGelu", 5)])
def test_activations_of_its_own(build: Build, kind: str, flop: int) -> None:
    build.node(kind, [build.given("x", 8, 64)], "y", "com.microsoft")
    assert build.work("y").flop == flop * 8 * 64


def test_fused_products(build: Build) -> None:
    a = build.node("FusedMatMul", [build.given("x", 2, 8, 32), build.given("z", 2, 16, 32)], domain="com.microsoft", transB=1)
    b = build.node("FusedConv", [build.given("i", 1, 8, 4, 4), build.weight("w", 8, 8, 3, 3)], domain="com.microsoft", pads=[1] * 4, activation="Relu")
    work = build.work(a, b)
    assert only(work, Contraction).matrix_flop == 2 * 2 * 8 * 16 * 32 and len(only(work, Convolution).epilogue) == 1


# Control flow ------------------------------------------------------------------------------------------------------------------------------


def _body(nodes: list[Any], inputs: list[Any], outputs: list[Any]) -> Any:
    return helper.make_graph(nodes, "body", inputs, outputs)


def _info(name: str, *shape: int, kind: str = "f") -> Any:
    return helper.make_tensor_value_info(name, KINDS[kind], list(shape))


def test_a_loop_runs_its_body_so_often(build: Build) -> None:
    x, w = build.given("x", 8, 32), build.weight("w", 32, 32)
    nodes = [helper.make_node("MatMul", ["h", w], ["h2"]), helper.make_node("Identity", ["c"], ["c2"]), helper.make_node("Relu", ["h2"], ["row"])]
    body = _body(nodes, [_info("i", kind="i"), _info("c", kind="b"), _info("h", 8, 32)], [_info("c2", kind="b"), _info("h2", 8, 32), _info("row", 8, 32)])
    trips, on = build.constant("trips", np.array(7)), build.constant("on", np.array(True))
    build.node("Loop", [trips, on, x], outputs=["y", "rows"], body=body)
    model = build.model("y", "rows")
    work = load(model)
    assert [n.count for n in work.nodes if isinstance(n.operator, Contraction)] == [7.0]
    assert model.trace.tensors["rows"].shape == (7, 8, 32) and model.parameters == 32 * 32


def test_a_scan_runs_along_its_axis(build: Build) -> None:
    w = build.weight("w", 32, 32)
    nodes = [helper.make_node("Add", ["h", "x_in"], ["s"]), helper.make_node("MatMul", ["s", w], ["h2"]), helper.make_node("Identity", ["h2"], ["o"])]
    body = _body(nodes, [_info("h", 8, 32), _info("x_in", 8, 32)], [_info("h2", 8, 32), _info("o", 8, 32)])
    build.node("Scan", [build.given("start", 8, 32), build.given("xs", 12, 8, 32)], outputs=["y", "ys"], body=body, num_scan_inputs=1)
    assert [n.count for n in build.work("y", "ys").nodes if isinstance(n.operator, Contraction)] == [12.0]


def test_a_branch_is_the_one_that_is_taken(build: Build) -> None:
    x = build.given("x", 8, 32)
    build.weight("big", 32, 32)
    then = _body([helper.make_node("MatMul", [x, "big"], ["a"])], [], [_info("a", 8, 32)])
    other = _body([helper.make_node("Relu", [x], ["b"])], [], [_info("b", 8, 32)])
    build.node("If", [build.constant("no", np.array(False))], "y", then_branch=then, else_branch=other)
    assert kinds(build.work("y")) == ["elementwise"]


def test_recurrent_layers(build: Build) -> None:
    x, w, r = build.given("x", 10, 3, 32), build.weight("w", 2, 256, 32), build.weight("r", 2, 256, 64)
    build.node("LSTM", [x, w, r, build.weight("b", 2, 512)], "y", hidden_size=64, direction="bidirectional")
    products = [(n.operator.m, n.operator.n, n.operator.k, n.count) for n in build.work("y").nodes if isinstance(n.operator, Contraction)]
    assert products == [(30.0, 512.0, 32.0, 1.0), (3.0, 256.0, 64.0, 20.0)]


def test_functions_of_the_file_are_taken_apart(tmp_path: Path) -> None:
    body = [helper.make_node("Relu", ["a"], ["r"]), helper.make_node("Mul", ["r", "r"], ["s"])]
    function = helper.make_function("mine", "Squared", ["a"], ["s"], body, [helper.make_opsetid("", 21)])
    graph = helper.make_graph([helper.make_node("Squared", ["x"], ["y"], domain="mine")], "g", [_info("x", 4, 8)], [_info("y", 4, 8)])
    model = helper.make_model(graph, functions=[function], opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid("mine", 1)])
    (tmp_path / "f.onnx").write_bytes(model.SerializeToString())
    assert load(read_onnx(tmp_path / "f.onnx")).flop == 2 * 4 * 8
