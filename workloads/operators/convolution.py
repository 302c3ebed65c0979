"""Convolutions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from magnitudes.arrays import Real, total
from magnitudes.datatypes import AnyDataType
from workloads.operators.base import BF16, LoopNest, Operand, Operator, Residency
from workloads.operators.elementwise import Elementwise, fused_operands
from workloads.operators.tiling import Tiling

# What the image, the filters and the product are: to the convolution, to the gradient of its input, to that of its filters.
OF_GRADIENT = {
    "": (Residency.ACTIVATION, Residency.WEIGHT, Residency.OUTPUT),
    "input": (Residency.OUTPUT, Residency.WEIGHT, Residency.ACTIVATION),
    "filter": (Residency.ACTIVATION, Residency.OUTPUT, Residency.ACTIVATION),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolution(Operator):
    """A 2-D convolution, grouped or depthwise where `groups` says so, or one of its two gradients.

    Parameters
    ----------
    gradient : str
        Empty for the convolution itself; ``input`` or ``filter`` for what its backward pass computes. All three have the same multiply-adds and the
        same three tensors, of which another one is the result: sizes are always those of the forward pass.
    """

    kind: ClassVar[str] = "convolution"

    batch: Real
    cin: Real
    cout: Real
    in_h: Real
    in_w: Real
    out_h: Real
    out_w: Real
    kernel_h: Real
    kernel_w: Real
    stride: Real = 1.0
    groups: Real = 1.0
    a: AnyDataType = BF16
    b: AnyDataType = BF16
    c: AnyDataType = BF16
    epilogue: tuple[Elementwise, ...] = ()
    tiling: Tiling | None = None
    gradient: str = ""

    @property
    def arithmetic(self) -> AnyDataType:
        return self.a

    @property
    def matrix_flop(self) -> Real:
        return 2.0 * self.batch * self.cout * self.out_h * self.out_w * self.cin / self.groups * self.kernel_h * self.kernel_w

    @property
    def vector_flop(self) -> Real:
        return total(e.vector_flop for e in self.epilogue)

    @property
    def operands(self) -> tuple[Operand, ...]:
        image, filters, product = OF_GRADIENT[self.gradient]
        result = Operand("c", self.batch * self.cout * self.out_h * self.out_w * self.c.byte, product)
        return (
            Operand("a", self.batch * self.cin * self.in_h * self.in_w * self.a.byte, image),
            Operand("b", self.cout * self.cin / self.groups * self.kernel_h * self.kernel_w * self.b.byte, filters),
            *fused_operands(result, self.epilogue),
        )

    @property
    def nest(self) -> LoopNest:
        extents = {
            "batch": self.batch, "g": self.groups, "cout": self.cout / self.groups, "cin": self.cin / self.groups,
            "h": self.out_h, "w": self.out_w, "r": self.kernel_h, "s": self.kernel_w,
        }  # fmt: skip
        operands = {"a": ("batch", "g", "cin", "h", "w", "r", "s"), "b": ("g", "cout", "cin", "r", "s"), "c": ("batch", "g", "cout", "h", "w")}
        return LoopNest(extents, operands, ("cin", "r", "s"))
