"""A backward pass: twice the work of products, what is kept in memory read again, and bad input named."""

import pytest

from magnitudes.errors import InputError
from workloads.backward import backward, gradients
from workloads.catalog import find_model
from workloads.operator import Attention, Collective, Contraction, Convolution, Elementwise, GroupedContraction, Normalization, Softmax, Transfer
from workloads.scenario import Images, Prefill, Samples
from workloads.sharding import Parallelism, Precision

CONVOLUTION = Convolution(name="c", batch=8.0, cin=64.0, cout=128.0, in_h=56.0, in_w=56.0, out_h=28.0, out_w=28.0, kernel_h=3.0, kernel_w=3.0, stride=2.0)


def work(calls: object) -> float:
    return sum(operator.matrix_flop * count for operator, count in calls)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "product",
    [
        Contraction(name="p", m=96.0, n=512.0, k=256.0),
        Contraction(name="p", m=96.0, n=512.0, k=256.0, batch=12.0),
        GroupedContraction(name="p", rows=4096.0, groups=8.0, active=8.0, n=512.0, k=256.0),
        CONVOLUTION,
    ],
)
def test_a_product_has_two_gradients_of_its_own_size(product: Contraction) -> None:
    assert work(gradients(product)) == 2.0 * product.matrix_flop


def test_the_two_gradients_of_a_product_are_as_large_as_its_operands() -> None:
    of_input, of_weight = (operator for operator, _ in gradients(Contraction(name="p", m=96.0, n=512.0, k=256.0)))
    assert isinstance(of_input, Contraction) and isinstance(of_weight, Contraction)
    assert (of_input.m, of_input.n) == (96.0, 256.0)
    assert {of_weight.m, of_weight.n} == {256.0, 512.0}


def test_gradients_of_a_convolution_move_its_three_tensors() -> None:
    for gradient, _ in gradients(CONVOLUTION):
        assert gradient.byte == CONVOLUTION.byte
        assert gradient.matrix_flop == CONVOLUTION.matrix_flop


def test_a_backward_pass_runs_from_the_last_operator_to_the_first() -> None:
    forward = ((Contraction(name="first", m=8.0, n=8.0, k=8.0), 1.0), (Softmax(name="last", rows=8.0, cols=8.0), 3.0))
    names = [(operator.name, count) for operator, count in backward(forward)]
    assert names[0] == ("last_gradient", 3.0)
    assert [name for name, _ in names[1:]] == ["first_input_gradient", "first_weight_gradient"]


def test_a_function_reads_its_input_besides_the_gradient() -> None:
    forward = Elementwise(name="gelu", elements=1024.0, flop_per_element=25.0)
    ((gradient, _),) = gradients(forward)
    assert gradient.byte == pytest.approx(1.5 * forward.byte)


def test_a_norm_reads_twice() -> None:
    forward = Normalization(name="norm", rows=512.0, cols=1024.0, flavour="layer")
    assert sum(operator.byte * count for operator, count in gradients(forward)) > 2.0 * forward.byte


def test_fused_attention_computes_its_scores_again() -> None:
    forward = Attention(name="a", batch=2.0, heads=16.0, kv_heads=16.0, q_len=512.0, kv_len=512.0, head_dim=64.0)
    assert work(gradients(forward)) == 2.5 * forward.matrix_flop


def test_what_has_no_gradient_is_named() -> None:
    with pytest.raises(InputError, match=r"swap.*transfer.*no backward pass"):
        gradients(Transfer(name="swap", moved_byte=1.0, source="ddr", target="hbm"))
    decoding = Attention(name="a", batch=2.0, heads=16.0, kv_heads=16.0, q_len=1.0, kv_len=512.0, head_dim=64.0, decoding=True)
    with pytest.raises(InputError, match="decoding step"):
        gradients(decoding)


@pytest.mark.parametrize(
    ("model", "scenario"),
    [
        ("llama-2-7b", Prefill(batch=2.0, prompt=256.0)), ("mixtral-8x7b", Prefill(batch=2.0, prompt=256.0)), ("mamba-2.8b", Prefill(batch=2.0, prompt=256.0)),
        ("resnet-50", Images(batch=8.0)), ("mobilenet-v2", Images(batch=8.0)), ("bert-base", Samples(batch=2.0)),
    ],
)  # fmt: skip
def test_whole_models_have_a_backward_pass_of_about_twice_their_products(model: str, scenario: Prefill | Images | Samples) -> None:
    nodes = find_model(model).workload(scenario.passes()[0], Parallelism(), Precision()).nodes
    forward = [(node.operator, node.count) for node in nodes]
    assert 1.9 < work(backward(forward)) / work(forward) < 2.6


def test_chips_sum_gradients_of_what_they_all_read() -> None:
    """The sum of a block's outputs has none behind it; that of its inputs stands behind their gradient, before that of the first product's weights."""
    sums = Collective(name="sums", pattern="all_reduce", message_byte=128.0, ranks=2.0)
    forward = (
        (Normalization(name="norm", rows=8.0, cols=8.0), 2.0), (Contraction(name="up", m=8.0, n=16.0, k=8.0), 2.0),
        (Elementwise(name="act", elements=128.0), 2.0), (Contraction(name="down", m=8.0, n=8.0, k=16.0), 2.0), (sums, 2.0),
    )  # fmt: skip
    names = [operator.name for operator, _ in backward(forward)]
    assert names == [
        "down_input_gradient", "down_weight_gradient", "act_gradient", "up_input_gradient", "sums_gradient", "up_weight_gradient", "norm_input_gradient",
        "norm_scale_gradient",
    ]  # fmt: skip
    assert [o.name for o, _ in backward(forward[-1:])] == ["sums_gradient"]  # without a product before it, it stays
