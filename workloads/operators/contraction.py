"""Matrix products."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from magnitudes.arrays import Real, total
from magnitudes.datatypes import AnyDataType
from workloads.operators.base import BF16, LoopNest, Operand, Operator, Residency
from workloads.operators.elementwise import Elementwise, fused_operands
from workloads.operators.tiling import Tiling


@dataclass(frozen=True, slots=True, kw_only=True)
class Contraction(Operator):
    """`batch` products of (m, k) by (k, n).

    Parameters
    ----------
    a, b, c : DataType
        Formats of the (m, k) activations, the (k, n) side and the (m, n) output. Arithmetic follows the activations:
        narrower weights are widened on their way to the matrix units.
    b_residency : Residency
        ``WEIGHT`` for a linear layer, ``ACTIVATION`` for a product of two activations.
    epilogue : tuple of Elementwise
        Operators fused behind it: their arithmetic is done on the tile, the tensor between is never written.
    tiling : Tiling, optional
        The mapping that it runs by, on an array that commands drive; chosen by the machine's law, if not said.
    """

    kind: ClassVar[str] = "contraction"

    m: Real
    n: Real
    k: Real
    batch: Real = 1.0
    a: AnyDataType = BF16
    b: AnyDataType = BF16
    c: AnyDataType = BF16
    b_residency: Residency = Residency.WEIGHT
    epilogue: tuple[Elementwise, ...] = ()
    tiling: Tiling | None = None

    @property
    def arithmetic(self) -> AnyDataType:
        return self.a

    @property
    def matrix_flop(self) -> Real:
        return 2.0 * self.batch * self.m * self.n * self.k

    @property
    def vector_flop(self) -> Real:
        return total(e.vector_flop for e in self.epilogue)

    @property
    def operands(self) -> tuple[Operand, ...]:
        product = Operand("c", self.batch * self.m * self.n * self.c.byte, Residency.OUTPUT)
        return (
            Operand("a", self.batch * self.m * self.k * self.a.byte, Residency.ACTIVATION),
            Operand("b", self.batch * self.k * self.n * self.b.byte, self.b_residency),
            *fused_operands(product, self.epilogue),
        )

    @property
    def nest(self) -> LoopNest:
        extents = {"batch": self.batch, "m": self.m, "n": self.n, "k": self.k}
        return LoopNest(extents, {"a": ("batch", "m", "k"), "b": ("batch", "k", "n"), "c": ("batch", "m", "n")}, ("k",))
