"""Operators that run as one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from magnitudes.arrays import Real, total
from magnitudes.datatypes import AnyDataType
from workloads.operators.attention import Attention
from workloads.operators.base import LoopNest, Operand, Operator, Residency
from workloads.operators.contraction import Contraction
from workloads.operators.convolution import Convolution
from workloads.operators.elementwise import Elementwise
from workloads.operators.exchange import Collective
from workloads.operators.grouped import GroupedContraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Fused(Operator):
    """Operators that a machine runs as one: what passes between them is counted as neither read nor written.

    Parameters
    ----------
    operators : tuple of Operator
        In the order of execution.
    shares : tuple of Real
        Calls of each in one call of the whole.
    sections : Real
        Pieces that the machine runs one after another, each with several of the operators.
    """

    kind: ClassVar[str] = "fused"

    operators: tuple[Operator, ...]
    shares: tuple[Real, ...]
    sections: Real = 1.0

    @property
    def arithmetic(self) -> AnyDataType:
        """The format of the first product; of the first operator, where there is none."""
        products = (o for o in self.operators if isinstance(o, Contraction | GroupedContraction | Convolution | Attention))
        return next(products, self.operators[0]).arithmetic

    @property
    def matrix_flop(self) -> Real:
        return total(share * o.matrix_flop for o, share in zip(self.operators, self.shares, strict=True))

    @property
    def vector_flop(self) -> Real:
        return total(share * o.vector_flop for o, share in zip(self.operators, self.shares, strict=True))

    @property
    def operands(self) -> tuple[Operand, ...]:
        """Weights and state of all, what the first reads and what the last writes, exchanges aside."""
        own = [o for o in self.operators if not isinstance(o, Collective)] or self.operators
        kept = tuple(
            Operand(r.value, total(share * o.byte_of(r) for o, share in zip(self.operators, self.shares, strict=True)), r)
            for r in (Residency.WEIGHT, Residency.STATE)
        )
        first, last = own[0].byte_of(Residency.ACTIVATION), own[-1].byte_of(Residency.OUTPUT)
        return (Operand("input", first, Residency.ACTIVATION), *kept, Operand("output", last, Residency.OUTPUT))

    @property
    def nest(self) -> LoopNest:
        """One loop over the bytes that cross its boundary: the loops inside are those of its operators."""
        return LoopNest({"byte": self.byte}, {o.name: ("byte",) for o in self.operands})


def with_epilogue(operator: Contraction | Convolution, follower: Elementwise) -> Operator:
    """The operator with an elementwise follower fused behind it."""
    return replace(operator, epilogue=(*operator.epilogue, follower))
