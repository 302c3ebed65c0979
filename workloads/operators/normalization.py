"""Operators that reduce a row before they scale it: norms and softmax."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from magnitudes.arrays import Real, total
from magnitudes.datatypes import AnyDataType
from workloads.operators.base import BF16, LoopNest, Operand, Operator, Residency
from workloads.operators.elementwise import Elementwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalization(Operator):
    """A norm over each row: ``rms``, ``layer``, or ``batch`` with its statistics fixed (inference).

    Parameters
    ----------
    prologue : tuple of Elementwise
        Fused before it: a residual sum whose result is normalised and also written on.
    """

    kind: ClassVar[str] = "normalization"

    rows: Real
    cols: Real
    flavour: str = "rms"
    element: AnyDataType = BF16
    prologue: tuple[Elementwise, ...] = ()

    @property
    def arithmetic(self) -> AnyDataType:
        return self.element

    @property
    def vector_flop(self) -> Real:
        own = {"rms": 4.0, "layer": 7.0, "batch": 2.0}[self.flavour] * self.rows * self.cols
        return own + total(e.vector_flop for e in self.prologue)

    @property
    def operands(self) -> tuple[Operand, ...]:
        row_byte = self.rows * self.cols * self.element.byte
        return (
            Operand("input", row_byte, Residency.ACTIVATION),
            Operand("scale", self.cols * self.element.byte * (2.0 if self.flavour == "layer" else 1.0), Residency.WEIGHT),
            *(Operand("side", (e.reads - 1.0) * row_byte, Residency.ACTIVATION) for e in self.prologue),
            *(Operand("sum", row_byte, Residency.OUTPUT) for _ in self.prologue),
            Operand("output", row_byte, Residency.OUTPUT),
        )

    @property
    def nest(self) -> LoopNest:
        return LoopNest({"row": self.rows, "col": self.cols}, {"input": ("row", "col"), "output": ("row", "col")}, ("col",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Softmax(Operator):
    """A softmax over each row, as its own kernel."""

    kind: ClassVar[str] = "softmax"

    rows: Real
    cols: Real
    element: AnyDataType = BF16

    @property
    def arithmetic(self) -> AnyDataType:
        return self.element

    @property
    def vector_flop(self) -> Real:
        return 5.0 * self.rows * self.cols

    @property
    def operands(self) -> tuple[Operand, ...]:
        byte = self.rows * self.cols * self.element.byte
        return (Operand("input", byte, Residency.ACTIVATION), Operand("output", byte, Residency.OUTPUT))

    @property
    def nest(self) -> LoopNest:
        return LoopNest({"row": self.rows, "col": self.cols}, {"input": ("row", "col"), "output": ("row", "col")}, ("col",))
