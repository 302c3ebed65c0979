"""Recurrences along a sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from magnitudes.arrays import Real
from magnitudes.datatypes import DATA_TYPES, AnyDataType
from workloads.operators.base import BF16, LoopNest, Operand, Operator, Residency


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan(Operator):
    """A recurrence along the sequence: each channel carries a state (state-space models, linear attention).

    One token costs 6 flop a channel and state element: decay, input and output products with their sums.
    """

    kind: ClassVar[str] = "scan"

    batch: Real
    length: Real
    channels: Real
    state_dim: Real
    element: AnyDataType = BF16
    state: AnyDataType = DATA_TYPES["fp32"]

    @property
    def arithmetic(self) -> AnyDataType:
        return self.element

    @property
    def vector_flop(self) -> Real:
        return 6.0 * self.batch * self.length * self.channels * self.state_dim

    @property
    def operands(self) -> tuple[Operand, ...]:
        tokens = self.batch * self.length * self.element.byte
        state = self.batch * self.channels * self.state_dim * self.state.byte
        return (
            Operand("input", tokens * (self.channels + 2.0 * self.state_dim), Residency.ACTIVATION),
            Operand("state_in", state, Residency.STATE),
            Operand("state_out", state, Residency.STATE),
            Operand("output", tokens * self.channels, Residency.OUTPUT),
        )

    @property
    def nest(self) -> LoopNest:
        extents = {"batch": self.batch, "t": self.length, "c": self.channels, "s": self.state_dim}
        return LoopNest(extents, {"input": ("batch", "t", "c"), "state_in": ("batch", "c", "s"), "output": ("batch", "t", "c")}, ("t", "s"))
