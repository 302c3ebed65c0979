"""Operators: flop, bytes by operand and class, and loop nests, each against one line of arithmetic."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from magnitudes.datatypes import DATA_TYPES
from workloads.feed_forward import fullest_rows
from workloads.operator import (
    Attention,
    Collective,
    Contraction,
    Convolution,
    Elementwise,
    Gather,
    GroupedContraction,
    Normalization,
    Operator,
    Residency,
    Routing,
    Scan,
    Softmax,
    Transfer,
    expected_active,
    with_epilogue,
)

FP8, FP32 = DATA_TYPES["fp8"], DATA_TYPES["fp32"]
W, A, S, OUT = Residency.WEIGHT, Residency.ACTIVATION, Residency.STATE, Residency.OUTPUT

CONTRACTION = Contraction(name="c", m=3.0, n=5.0, k=7.0, batch=2.0, a=FP8, c=FP32)
PRODUCT = Contraction(name="p", m=3.0, n=5.0, k=7.0, b_residency=A)
GROUPED = GroupedContraction(name="g", rows=12.0, groups=8.0, active=4.0, n=5.0, k=7.0, b=FP8)
ATTENTION = Attention(name="a", batch=2.0, heads=8.0, kv_heads=2.0, q_len=3.0, kv_len=10.0, head_dim=4.0, causal=False, state=FP8)
CONVOLUTION = Convolution(name="v", batch=2.0, cin=4.0, cout=6.0, in_h=8.0, in_w=10.0, out_h=4.0, out_w=5.0, kernel_h=3.0, kernel_w=3.0, stride=2.0)
DEPTHWISE = Convolution(name="d", batch=1.0, cin=6.0, cout=6.0, in_h=8.0, in_w=8.0, out_h=8.0, out_w=8.0, kernel_h=3.0, kernel_w=3.0, groups=6.0)
ELEMENTWISE = Elementwise(name="e", elements=10.0, reads=2.0, flop_per_element=3.0, output=FP8)
CACHING = Elementwise(name="w", elements=10.0, state_elements=6.0, state=FP8)
NORM = Normalization(name="n", rows=3.0, cols=8.0, flavour="layer")
SUM_AND_NORM = Normalization(name="s", rows=3.0, cols=8.0, prologue=(Elementwise(name="r", elements=24.0, reads=2.0, fuses="consumer"),))
SOFTMAX = Softmax(name="x", rows=3.0, cols=8.0)
GATHER = Gather(name="t", rows=3.0, width=8.0, table=FP8)
SCAN = Scan(name="z", batch=2.0, length=5.0, channels=6.0, state_dim=4.0)
ROUTING = Routing(name="r", tokens=5.0, experts=8.0, topk=2.0, width=16.0)
ALL_REDUCE = Collective(name="ar", pattern="all_reduce", message_byte=800.0, ranks=4.0)
TRANSFER = Transfer(name="tr", moved_byte=100.0, source="hbm", target="host")

ALL = (CONTRACTION, PRODUCT, GROUPED, ATTENTION, CONVOLUTION, DEPTHWISE, ELEMENTWISE, CACHING, NORM, SUM_AND_NORM, SOFTMAX, GATHER, SCAN, ROUTING, ALL_REDUCE,
       TRANSFER)  # fmt: skip


@pytest.mark.parametrize(
    ("operator", "matrix", "vector"),
    [
        (CONTRACTION, 2 * 2 * 3 * 5 * 7, 0), (PRODUCT, 2 * 3 * 5 * 7, 0), (GROUPED, 2 * 12 * 5 * 7, 0),
        (ATTENTION, 2 * 2 * (2 * 8 * 3 * 10 * 4), 5 * 2 * 8 * 3 * 10),  # scores and values, a multiply-add is two; softmax
        (CONVOLUTION, 2 * 2 * 6 * 4 * 5 * 4 * 3 * 3, 0), (DEPTHWISE, 2 * 6 * 8 * 8 * 1 * 3 * 3, 0),
        (ELEMENTWISE, 0, 3 * 10), (CACHING, 0, 10 + 6), (NORM, 0, 7 * 3 * 8), (SUM_AND_NORM, 0, 4 * 3 * 8 + 3 * 8), (SOFTMAX, 0, 5 * 3 * 8), (GATHER, 0, 0),
        (SCAN, 0, 6 * 2 * 5 * 6 * 4), (ROUTING, 0, 5 * 8 * (5 + 2)), (ALL_REDUCE, 0, 0), (TRANSFER, 0, 0),
    ],
    ids=lambda o: o.kind if isinstance(o, Operator) else "",
)  # fmt: skip
def test_flop(operator: Operator, matrix: float, vector: float) -> None:
    assert (operator.matrix_flop, operator.vector_flop) == (matrix, vector)
    assert operator.flop == matrix + vector


@pytest.mark.parametrize(
    ("operator", "operands"),
    [
        (CONTRACTION, {"a": (2 * 3 * 7 * 1, A), "b": (2 * 7 * 5 * 2, W), "c": (2 * 3 * 5 * 4, OUT)}),
        (PRODUCT, {"a": (3 * 7 * 2, A), "b": (7 * 5 * 2, A), "c": (3 * 5 * 2, OUT)}),
        (GROUPED, {"a": (12 * 7 * 2, A), "b": (4 * 7 * 5 * 1, W), "c": (12 * 5 * 2, OUT)}),  # weights of active groups only
        (ATTENTION, {"q": (2 * 8 * 3 * 4 * 2, A), "k": (2 * 2 * 10 * 4 * 1, S), "v": (2 * 2 * 10 * 4 * 1, S), "o": (2 * 8 * 3 * 4 * 2, OUT)}),
        (CONVOLUTION, {"a": (2 * 4 * 8 * 10 * 2, A), "b": (6 * 4 * 3 * 3 * 2, W), "c": (2 * 6 * 4 * 5 * 2, OUT)}),
        (DEPTHWISE, {"a": (6 * 8 * 8 * 2, A), "b": (6 * 1 * 3 * 3 * 2, W), "c": (6 * 8 * 8 * 2, OUT)}),
        (ELEMENTWISE, {"input": (2 * 10 * 2, A), "cached": (0, S), "output": (10 * 1, OUT)}),
        (CACHING, {"input": ((10 + 6) * 2, A), "cached": (6 * 1, S), "output": (10 * 2, OUT)}),
        (NORM, {"input": (3 * 8 * 2, A), "scale": (2 * 8 * 2, W), "output": (3 * 8 * 2, OUT)}),  # scale and shift
        (SUM_AND_NORM, {"input": (48, A), "scale": (16, W), "side": (48, A), "sum": (48, OUT), "output": (48, OUT)}),
        (SOFTMAX, {"input": (3 * 8 * 2, A), "output": (3 * 8 * 2, OUT)}),
        (GATHER, {"index": (3 * 8, A), "table": (3 * 8 * 1, W), "output": (3 * 8 * 2, OUT)}),
        (SCAN, {"input": (2 * 5 * (6 + 2 * 4) * 2, A), "state_in": (2 * 6 * 4 * 4, S), "state_out": (2 * 6 * 4 * 4, S), "output": (2 * 5 * 6 * 2, OUT)}),
        (ROUTING, {"scores": (5 * 8 * 2, A), "tokens": (5 * 16 * 2, A), "permuted": (2 * 5 * 16 * 2, OUT)}),
        (ALL_REDUCE, {"sent": (2 * 3 / 4 * 800, A), "received": (2 * 3 / 4 * 800, OUT)}),
        (TRANSFER, {"source": (100, A), "target": (100, OUT)}),
    ],
    ids=lambda o: o.kind if isinstance(o, Operator) else "",
)  # fmt: skip
def test_bytes_by_operand_and_class(operator: Operator, operands: dict[str, tuple[float, Residency]]) -> None:
    assert {o.name: (o.byte, o.residency) for o in operator.operands} == operands
    assert operator.byte == sum(byte for byte, _ in operands.values())
    for residency in Residency:
        assert operator.byte_of(residency) == sum(byte for byte, r in operands.values() if r is residency)


@pytest.mark.parametrize("operator", ALL, ids=lambda o: f"{o.kind}-{o.name}")
def test_loop_nest_indexes_with_its_own_dimensions(operator: Operator) -> None:
    nest = operator.nest
    used = {d for dimensions in nest.operands.values() for d in dimensions}
    assert used <= set(nest.extents)
    assert set(nest.reductions) <= set(nest.extents)
    assert used | set(nest.reductions) == set(nest.extents), "a loop that indexes nothing and reduces nothing does nothing"


@pytest.mark.parametrize(
    ("operator", "flop_an_iteration"), [(CONTRACTION, 2), (PRODUCT, 2), (GROUPED, 2), (ATTENTION, 4), (CONVOLUTION, 2), (DEPTHWISE, 2), (SCAN, 6)]
)
def test_loop_nest_does_all_the_work(operator: Operator, flop_an_iteration: float) -> None:
    iterations = math.prod(operator.nest.extents.values())  # type: ignore[type-var]
    work = operator.matrix_flop or operator.vector_flop
    assert flop_an_iteration * iterations == work


@pytest.mark.parametrize(("operator", "operand"), [(CONTRACTION, "b"), (GROUPED, "b"), (ATTENTION, "k"), (ATTENTION, "v"), (ATTENTION, "q"),
                                                   (CONVOLUTION, "b"), (CONVOLUTION, "c"), (DEPTHWISE, "b"),
    (SOFTMAX, "input"), (SCAN, "state_in")])  # fmt: skip
def test_loop_nest_counts_the_elements_of_an_operand(operator: Operator, operand: str) -> None:
    """The dimensions that index an operand span exactly its elements: keys of a grouped head count once."""
    elements = math.prod(operator.nest.extents[d] for d in operator.nest.operands[operand])  # type: ignore[type-var]
    byte = next(o.byte for o in operator.operands if o.name == operand)
    size = {"b": 2.0, "k": 1.0, "v": 1.0, "state_in": 4.0}.get(operand, 2.0) if operator is not GROUPED else 1.0
    assert elements * size == byte


def mask_of(q_len: int, kv_len: int, *, causal: bool, window: int | None) -> np.ndarray:
    """Which keys each query sees: query i stands at position kv_len - q_len + i."""
    mask = np.zeros((q_len, kv_len), dtype=bool)
    for i, key in product(range(q_len), range(kv_len)):
        position = kv_len - q_len + i
        mask[i, key] = (not causal or key <= position) and (window is None or key > position - window)
    return mask


@pytest.mark.parametrize("q_len", [1, 2, 5, 9])
@pytest.mark.parametrize("before", [0, 1, 6])
@pytest.mark.parametrize("window", [None, 1, 3, 5, 9, 100])
def test_causal_attention_counts_the_pairs_of_a_mask(q_len: int, before: int, window: int | None) -> None:
    """A whole prompt (nothing before), a chunk of one, and a single decoded token."""
    mask = mask_of(q_len, before + q_len, causal=True, window=window)
    operator = Attention(
        name="a", batch=1.0, heads=1.0, kv_heads=1.0, q_len=float(q_len), kv_len=float(before + q_len), head_dim=1.0, window=float(window) if window else None
    )
    assert operator.pairs == mask.sum()
    assert operator.kv_read_len == mask.any(axis=0).sum()
    assert operator.matrix_flop == 4 * mask.sum()
    assert operator.byte_of(S) == 2 * 2 * mask.any(axis=0).sum()


def test_full_attention_sees_everything() -> None:
    assert ATTENTION.pairs == mask_of(3, 10, causal=False, window=None).sum() == 30


def test_columns_of_windows_are_their_rows() -> None:
    lengths = np.array([1.0, 4.0, 8.0, 20.0])
    operator = Attention(name="a", batch=1.0, heads=1.0, kv_heads=1.0, q_len=lengths, kv_len=lengths, head_dim=1.0, window=5.0)
    assert np.array_equal(operator.pairs, [mask_of(int(n), int(n), causal=True, window=5).sum() for n in lengths])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pattern", "ranks", "wire"),
    [
        ("all_reduce", 8, 2 * 7 / 8 * 800), ("all_gather", 8, 7 / 8 * 800), ("reduce_scatter", 8, 7 / 8 * 800), ("all_to_all", 8, 7 / 8 * 800),
        ("send", 2, 800), ("send", 8, 800), ("all_reduce", 1, 0), ("all_gather", 1, 0), ("all_to_all", 1, 0), ("send", 1, 0),
    ],
)  # fmt: skip
def test_wire_bytes_of_collectives(pattern: str, ranks: float, wire: float) -> None:
    assert Collective(name="c", pattern=pattern, message_byte=800.0, ranks=float(ranks)).wire_byte == wire


def test_an_epilogue_saves_the_tensor_between() -> None:
    bias = Elementwise(name="bias", elements=15.0, fuses="producer")
    residual = Elementwise(name="residual", elements=15.0, reads=2.0, output=FP32, fuses="producer")
    alone = Contraction(name="c", m=3.0, n=5.0, k=7.0)
    both = with_epilogue(with_epilogue(alone, bias), residual)  # type: ignore[arg-type]
    assert both.matrix_flop == alone.matrix_flop
    assert both.vector_flop == 15 + 15
    assert {o.name: o.byte for o in both.operands} == {"a": 42, "b": 70, "side": 15 * 2, "output": 15 * 4}  # the bias's row is not counted


def test_the_fullest_chip_is_what_a_draw_gives_on_average() -> None:
    rng = np.random.default_rng(3)
    for chips in (1, 2, 4, 8, 16):
        drawn = rng.multinomial(128, [1.0 / chips] * chips, 20_000).max(axis=1).mean()
        assert fullest_rows(128.0, float(chips)) == pytest.approx(drawn, rel=0.05)


def test_expected_active_experts() -> None:
    assert expected_active(8.0, 2.0, 1.0) == 2.0  # one token wakes its own two
    assert expected_active(8.0, 2.0, 2.0) == pytest.approx(8 * (1 - 0.75**2))
    assert expected_active(8.0, 2.0, 1e6) == 8.0
    assert expected_active(8.0, 8.0, 1.0) == 8.0
    drawn = np.random.default_rng(0)
    counts = [len({int(e) for _ in range(5) for e in drawn.choice(16, 3, replace=False)}) for _ in range(4000)]
    assert expected_active(16.0, 3.0, 5.0) == pytest.approx(np.mean(counts), rel=0.01)
