"""The choice of experts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from magnitudes.arrays import Real
from magnitudes.datatypes import AnyDataType
from workloads.operators.base import BF16, LoopNest, Operand, Operator, Residency


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing(Operator):
    """Scores to experts: softmax over the experts, the `topk` best, and the permutation of tokens to them."""

    kind: ClassVar[str] = "routing"

    tokens: Real
    experts: Real
    topk: Real
    width: Real
    element: AnyDataType = BF16

    @property
    def arithmetic(self) -> AnyDataType:
        return self.element

    @property
    def vector_flop(self) -> Real:
        return self.tokens * self.experts * (5.0 + self.topk)

    @property
    def operands(self) -> tuple[Operand, ...]:
        moved = self.tokens * self.width * self.element.byte
        return (
            Operand("scores", self.tokens * self.experts * self.element.byte, Residency.ACTIVATION),
            Operand("tokens", moved, Residency.ACTIVATION),
            Operand("permuted", self.topk * moved, Residency.OUTPUT),
        )

    @property
    def nest(self) -> LoopNest:
        extents = {"token": self.tokens, "expert": self.experts, "col": self.width}
        return LoopNest(extents, {"scores": ("token", "expert"), "tokens": ("token", "col"), "permuted": ("token", "col")}, ("expert",))
