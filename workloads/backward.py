"""The operators of a backward pass: what each operator of a forward pass asks for once the gradient of its output is there.

A product asks for two of its own size (Rumelhart, Hinton and Williams 1986): the gradient of its input, and that of its weights. What works element by
element reads one tensor more, the gradient; sums over a row are read twice, since parameters have gradients of their own. Where chips sum the outputs of a
block, its inputs, which all of them read, have gradients to be summed (Shoeybi et al., Megatron-LM, 2019, section 3: the conjugate pair).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import singledispatch
from itertools import takewhile

from magnitudes.arrays import Real
from magnitudes.errors import InputError
from workloads.operator import (
    Attention,
    Calls,
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
)  # fmt: skip

# Fused attention computes scores again and has four more products behind them: five against the forward pass's two (Dao 2023, FlashAttention-2, section 3.1).
ATTENTION_PASSES = 2.5
INPUT = "_input_gradient"


def backward(calls: Iterable[tuple[Operator, Real]]) -> Calls:
    """The operators of a backward pass, last first.

    Parameters
    ----------
    calls : iterable of (Operator, Real)
        Operators of the forward pass with their number of calls.

    Raises
    ------
    InputError
        If an operator has no gradient here.
    """
    steps = [(operator, tuple((gradient, count * times) for gradient, times in gradients(operator))) for operator, count in reversed(tuple(calls))]
    summed = _sums_of_inputs([operator for operator, _ in steps])
    ordered: list[Calls] = []
    for place, (_, own) in enumerate(steps):
        if place in summed:  # between the gradient of the product's input and that of its weights
            first = next(i for i, (gradient, _) in enumerate(own, start=1) if gradient.name.endswith(INPUT))
            ordered.append((*own[:first], *steps[summed[place]][1], *own[first:]))
        elif place not in summed.values():
            ordered.append(own)
    return tuple(call for own in ordered for call in own)


def _sums_of_inputs(operators: Sequence[Operator]) -> dict[int, int]:
    """The product behind whose gradient of inputs these are summed -> the sum of the block's outputs, both by place in a pass that runs backwards."""
    found: dict[int, int] = {}
    for place, operator in enumerate(operators):
        if isinstance(operator, Collective) and operator.pattern == "all_reduce":
            block = takewhile(lambda i: not isinstance(operators[i], Collective | Normalization), range(place + 1, len(operators)))
            products = [i for i in block if isinstance(operators[i], Contraction | GroupedContraction)]
            if products:
                found[products[-1]] = place
    return found


@singledispatch
def gradients(operator: Operator) -> Calls:
    """The operators that turn the gradient of an operator's output into those of its inputs and weights, each with its calls."""
    raise InputError(f"the operator {operator.name!r} ({operator.kind}) has no backward pass here; leave it out of what is trained")


@gradients.register
def _product(operator: Contraction) -> Calls:
    of_input = replace(operator, name=operator.name + INPUT, n=operator.k, k=operator.n, a=operator.c, c=operator.a, epilogue=())
    of_weight = replace(
        operator, name=f"{operator.name}_weight_gradient", m=operator.n, n=operator.k, k=operator.m, a=operator.c, b=operator.a, c=operator.b,
        b_residency=Residency.ACTIVATION, epilogue=(),
    )  # fmt: skip
    return (*_behind(operator.epilogue), (of_input, 1.0), (of_weight, 1.0))


@gradients.register
def _experts(operator: GroupedContraction) -> Calls:
    of_input = replace(operator, name=operator.name + INPUT, n=operator.k, k=operator.n, a=operator.c, c=operator.a)
    of_weight = Contraction(
        name=f"{operator.name}_weight_gradient", batch=operator.active, m=operator.n, n=operator.k, k=operator.rows / operator.active,
        a=operator.c, b=operator.a, c=operator.b, b_residency=Residency.ACTIVATION,
    )  # fmt: skip
    return ((of_input, 1.0), (of_weight, 1.0))


@gradients.register
def _convolution(operator: Convolution) -> Calls:
    plain = replace(operator, epilogue=())
    own: Calls = tuple((replace(plain, name=f"{operator.name}_{of}_gradient", gradient=of), 1.0) for of in ("input", "filter"))
    return (*_behind(operator.epilogue), *own)


def _behind(epilogue: tuple[Elementwise, ...]) -> Calls:
    """Of what was fused behind a product: kernels of their own, since a gradient comes from the other side."""
    return tuple(call for fused in reversed(epilogue) for call in gradients(fused))


@gradients.register
def _attention(operator: Attention) -> Calls:
    if operator.decoding:
        raise InputError(f"{operator.name}: a decoding step has no backward pass; train on whole sequences (--phase prefill)")
    return ((replace(operator, name=f"{operator.name}_gradient"), ATTENTION_PASSES),)


@gradients.register
def _map(operator: Elementwise) -> Calls:
    """A function of one tensor reads its input and the gradient; a sum of two passes the gradient on, and sums what comes from two users."""
    reads = operator.reads + 1.0 if isinstance(operator.reads, float) and operator.reads == 1.0 and operator.flop_per_element > 1.0 else operator.reads
    return ((replace(operator, name=f"{operator.name}_gradient", reads=reads, element=operator.output, state_elements=0.0, fuses=""), 1.0),)


@gradients.register
def _softmax(operator: Softmax) -> Calls:
    """The result and its gradient are read together: one row at a time, like the softmax itself."""
    other = Elementwise(
        name=f"{operator.name}_gradient", elements=operator.rows * operator.cols, reads=2.0, flop_per_element=4.0, element=operator.element,
        output=operator.element,
    )  # fmt: skip
    return ((other, 1.0),)


@gradients.register
def _norm(operator: Normalization) -> Calls:
    """Two kernels: one for the input's gradient, one that sums over rows for the scale's and the shift's."""
    elements, element = operator.rows * operator.cols, operator.element
    of_input = Elementwise(name=operator.name + INPUT, elements=elements, reads=2.0, flop_per_element=10.0, element=element, output=element)
    of_scale = Elementwise(
        name=f"{operator.name}_scale_gradient", elements=operator.cols, reads=2.0 * operator.rows, flop_per_element=2.0, element=element,
        output=element,
    )  # fmt: skip
    return ((of_input, 1.0), (of_scale, 1.0))


@gradients.register
def _gather(operator: Gather) -> Calls:
    """Gradients are added to the rows that were read: those are read and written once more."""
    return ((replace(operator, name=f"{operator.name}_gradient"), 2.0),)


@gradients.register
def _exchange(operator: Collective) -> Calls:
    """What was summed is handed to all, what was gathered is summed: as many bytes the other way."""
    return ((replace(operator, name=f"{operator.name}_gradient"), 1.0),)


@gradients.register
def _routing(operator: Routing) -> Calls:
    """Rows go back to their places."""
    return ((replace(operator, name=f"{operator.name}_gradient"), 1.0),)


@gradients.register
def _scan(operator: Scan) -> Calls:
    """Backwards along the sequence, with the states computed again."""
    return ((replace(operator, name=f"{operator.name}_gradient"), 2.0),)
