"""Work element by element, and what is left to read and write where it is fused behind another operator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from magnitudes.arrays import Real, total
from magnitudes.datatypes import AnyDataType
from workloads.operators.base import BF16, LoopNest, Operand, Operator, Residency


@dataclass(frozen=True, slots=True, kw_only=True)
class Elementwise(Operator):
    """Each output element from the same place of one or more inputs: activations, residual sums, rotary embedding.

    Parameters
    ----------
    elements : Real
        Elements written.
    state_elements : Real
        Elements written to a cache besides, as `state`.
    reads : Real
        Elements read for each one written.
    flop_per_element : float
    cols : Real, optional
        Elements written of one row, where it is known that kernels take row by row.
    fuses : str
        ``producer``: may run in the epilogue of the operator before it; ``consumer``: in the prologue of the one after it; empty: its own kernel.
    """

    kind: ClassVar[str] = "elementwise"

    elements: Real
    state_elements: Real = 0.0
    reads: Real = 1.0
    flop_per_element: float = 1.0
    cols: Real | None = None
    element: AnyDataType = BF16
    output: AnyDataType = BF16
    state: AnyDataType = BF16
    fuses: str = ""

    @property
    def arithmetic(self) -> AnyDataType:
        return self.element

    @property
    def written(self) -> Real:
        """Elements written, to the output and to a cache."""
        return self.elements + self.state_elements

    @property
    def vector_flop(self) -> Real:
        return self.flop_per_element * self.written

    @property
    def operands(self) -> tuple[Operand, ...]:
        return (
            Operand("input", self.reads * self.written * self.element.byte, Residency.ACTIVATION),
            Operand("cached", self.state_elements * self.state.byte, Residency.STATE),
            Operand("output", self.elements * self.output.byte, Residency.OUTPUT),
        )

    @property
    def nest(self) -> LoopNest:
        return LoopNest({"e": self.elements}, {"input": ("e",), "output": ("e",)})


def fused_operands(product: Operand, epilogue: tuple[Elementwise, ...]) -> tuple[Operand, ...]:
    """What is still read and written at the end of an operator with fused followers: their other inputs, and the last output."""
    if not epilogue:
        return (product,)
    side = total((e.reads - 1.0) * e.elements * e.element.byte for e in epilogue)
    return (Operand("side", side, Residency.ACTIVATION), epilogue[-1].operands[-1])
