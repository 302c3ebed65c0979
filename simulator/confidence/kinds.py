"""Which measured kernels an operator is like: errors of one kind come from one place."""

from __future__ import annotations

from magnitudes.datatypes import DataType
from workloads.operator import Attention, Collective, Contraction, Convolution, Gather, GroupedContraction, Normalization, Operator, Residency, Softmax

NEAR_MEMORY = "near_memory"
# Products that some have timed alone and others through a framework, which picks other kernels and hides the short ones: they err for other reasons.
EAGER_APART = ("gemm_fp32",)


def kind_on(operator: Operator, element: DataType, execution: str, context: str) -> str:
    """The kind of an operator on an engine, in a timing context.

    Near-memory units are told apart, whatever they compute, and eager calls of `EAGER_APART`.
    """
    if execution == NEAR_MEMORY:
        return NEAR_MEMORY
    kind = kind_of(operator, element)
    return f"{kind}_eager" if context == "eager" and kind in EAGER_APART else kind


def kind_of(operator: Operator, element: DataType) -> str:
    """The kind of an operator that computes in a format.

    Returns
    -------
    str
        ``gemm_``, ``bmm_``, ``prefill_``, ``decode_``, ``experts_`` or ``convolution_`` with the width of the format, ``rows``, ``gather``, ``collective``
        or ``elementwise`` (all that streams once).
    """
    if isinstance(operator, Collective):
        return "collective"
    if isinstance(operator, Softmax | Normalization):
        return "rows"
    if isinstance(operator, Gather):
        return "gather"
    name = _product(operator)
    return f"{name}_{width(element)}" if name else "elementwise"


def is_gradient(operator: Operator) -> bool:
    """Whether an operator is of a backward pass, by its name: no kernel of one was measured by itself."""
    return operator.name.endswith("_gradient")


def _product(operator: Operator) -> str:
    """The kind of product that an operator is; empty for none."""
    if isinstance(operator, Contraction):
        return "gemm" if operator.b_residency is Residency.WEIGHT else "bmm"
    if isinstance(operator, Attention):
        return "decode" if operator.decoding else "prefill"
    if isinstance(operator, GroupedContraction):
        return "experts"
    return "convolution" if isinstance(operator, Convolution) else ""


def width(element: DataType) -> str:
    """``fp32``, ``16bit`` or ``narrow``: libraries have other kernels for each."""
    bits = element.bits
    assert isinstance(bits, float)
    if bits >= 32.0:
        return "fp32"
    return "16bit" if bits == 16.0 else "narrow"
