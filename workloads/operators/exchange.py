"""Bytes that move: between chips, and between tiers of a chip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from magnitudes.arrays import Real, minimum
from workloads.operators.base import LoopNest, Operand, Operator, Residency


@dataclass(frozen=True, slots=True, kw_only=True)
class Collective(Operator):
    """An exchange among `ranks` chips.

    Parameters
    ----------
    pattern : str
        ``all_reduce``, ``all_gather``, ``reduce_scatter``, ``all_to_all`` or ``send``.
    message_byte : Real
        The whole buffer of one rank: what is reduced, the gathered result, what is scattered, or what is sent.
    ranks : Real
        Chips that take part; nothing moves where it is one.
    span : Real, optional
        Chips from the first to the last that take part, neighbours counted: it decides which levels of the fabric are crossed.
        As many as `ranks`, if not said.
    """

    kind: ClassVar[str] = "collective"

    pattern: str
    message_byte: Real
    ranks: Real
    span: Real | None = None

    @property
    def wire_byte(self) -> Real:
        """Bytes that each rank must send, by the bandwidth-optimal algorithm (Patarasuk and Yuan 2009)."""
        if self.pattern == "send":
            return self.message_byte * minimum(self.ranks - 1.0, 1.0)
        passes = 2.0 if self.pattern == "all_reduce" else 1.0
        return passes * (self.ranks - 1.0) / self.ranks * self.message_byte

    @property
    def operands(self) -> tuple[Operand, ...]:
        return (Operand("sent", self.wire_byte, Residency.ACTIVATION), Operand("received", self.wire_byte, Residency.OUTPUT))

    @property
    def nest(self) -> LoopNest:
        return LoopNest({"byte": self.message_byte}, {"sent": ("byte",), "received": ("byte",)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(Operator):
    """A copy between two tiers of a chip."""

    kind: ClassVar[str] = "transfer"

    moved_byte: Real
    source: str
    target: str

    @property
    def operands(self) -> tuple[Operand, ...]:
        return (Operand("source", self.moved_byte, Residency.ACTIVATION), Operand("target", self.moved_byte, Residency.OUTPUT))

    @property
    def nest(self) -> LoopNest:
        return LoopNest({"byte": self.moved_byte}, {"source": ("byte",), "target": ("byte",)})
