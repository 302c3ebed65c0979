"""What a forward pass keeps for the backward pass: of each operator, the tensors without which it has no gradient.

Summed over a transformer's layer this is Korthikanti et al. (Reducing Activation Recomputation in Large Transformer Models, MLSys 2023,
section 4.1) where attention is one kernel, which keeps no scores, and there is no dropout: 32 bytes for each token and element of width at 16 bits.
"""

from __future__ import annotations

from functools import singledispatch

from magnitudes.arrays import Real, total
from workloads.operator import (
    Attention,
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

ROTATION_FLOP = 3.0  # of an element that is turned by its position
SUM_BYTE = 4.0  # of a row of attention: the logarithm of its sum, from which scores are computed again


@singledispatch
def kept_byte(operator: Operator) -> Real:
    """Bytes that one call keeps for its gradient; nothing for what is linear in what it reads and has no weights, such as sums and exchanges."""
    return 0.0


@kept_byte.register
def _product(operator: Contraction) -> Real:
    """The activations, which the weights' gradient needs; both sides, where both are activations."""
    return operator.byte_of(Residency.ACTIVATION) - _side(operator.epilogue) + total(kept_byte(e) for e in operator.epilogue)


def _side(epilogue: tuple[Elementwise, ...]) -> Real:
    """What a fused follower reads besides: counted by itself."""
    return total((e.reads - 1.0) * e.elements * e.element.byte for e in epilogue)


@kept_byte.register
def _experts(operator: GroupedContraction) -> Real:
    return operator.byte_of(Residency.ACTIVATION)


@kept_byte.register
def _convolution(operator: Convolution) -> Real:
    return operator.operands[0].byte + total(kept_byte(e) for e in operator.epilogue)


@kept_byte.register
def _attention(operator: Attention) -> Real:
    """Queries, keys, values and the rows' sums; the product behind it keeps the output (Dao et al., FlashAttention, 2022)."""
    return total(o.byte for o in operator.operands if o.residency is not Residency.OUTPUT) + SUM_BYTE * operator.batch * operator.heads * operator.q_len


@kept_byte.register
def _norm(operator: Normalization) -> Real:
    """What is normalised: where a sum is fused in front, the sum alone."""
    return operator.rows * operator.cols * operator.element.byte


@kept_byte.register
def _map(operator: Elementwise) -> Real:
    """The inputs of a function that is curved or has weights; a sum, a copy and the rotation of keys on their way to the cache are linear and have none."""
    caches = not (isinstance(operator.state_elements, float) and operator.state_elements == 0.0)
    if isinstance(operator.reads, float) and operator.flop_per_element <= (ROTATION_FLOP if caches else operator.reads):
        return 0.0
    return operator.reads * operator.elements * operator.element.byte


@kept_byte.register
def _softmax(operator: Softmax) -> Real:
    return operator.byte_of(Residency.OUTPUT)


@kept_byte.register
def _scan(operator: Scan) -> Real:
    """The inputs: states are computed again."""
    return operator.byte_of(Residency.ACTIVATION)


@kept_byte.register
def _gather(operator: Gather) -> Real:
    return operator.rows * operator.index_byte


@kept_byte.register
def _routing(operator: Routing) -> Real:
    """The scores and where tokens went."""
    return operator.tokens * (operator.experts + operator.topk) * operator.element.byte
