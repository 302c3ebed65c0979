"""Products over groups of uneven rows, and how many groups a batch uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from magnitudes.arrays import Real, maximum, minimum
from magnitudes.datatypes import AnyDataType
from workloads.operators.base import BF16, LoopNest, Operand, Operator, Residency


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedContraction(Operator):
    """One product a group, over groups of uneven rows: the experts of a mixture.

    Parameters
    ----------
    rows : Real
        Rows of all groups together (tokens times experts a token).
    groups : Real
        Groups that exist here.
    active : Real
        Groups that have at least one row: only their weights are read.
    """

    kind: ClassVar[str] = "grouped_contraction"

    rows: Real
    groups: Real
    active: Real
    n: Real
    k: Real
    a: AnyDataType = BF16
    b: AnyDataType = BF16
    c: AnyDataType = BF16

    @property
    def arithmetic(self) -> AnyDataType:
        return self.a

    @property
    def matrix_flop(self) -> Real:
        return 2.0 * self.rows * self.n * self.k

    @property
    def operands(self) -> tuple[Operand, ...]:
        return (
            Operand("a", self.rows * self.k * self.a.byte, Residency.ACTIVATION),
            Operand("b", self.active * self.k * self.n * self.b.byte, Residency.WEIGHT),
            Operand("c", self.rows * self.n * self.c.byte, Residency.OUTPUT),
        )

    @property
    def nest(self) -> LoopNest:
        extents = {"g": self.active, "m": self.rows / self.active, "n": self.n, "k": self.k}
        return LoopNest(extents, {"a": ("g", "m", "k"), "b": ("g", "k", "n"), "c": ("g", "m", "n")}, ("k",))


def expected_active(groups: Real, rows_per_token: Real, tokens: Real) -> Real:
    """Groups that get at least one token when each token picks `rows_per_token` of `groups` evenly and independently.

    The chance that a group is missed by one token is ``1 - topk / groups``; by all, its power.
    """
    miss = maximum(1.0 - rows_per_token / groups, 0.0)
    return maximum(groups * (1.0 - miss**tokens), minimum(rows_per_token, groups))
