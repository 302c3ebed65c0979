"""Rows picked by index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from magnitudes.arrays import Real, minimum
from magnitudes.datatypes import AnyDataType
from workloads.operators.base import BF16, LoopNest, Operand, Operator, Residency


@dataclass(frozen=True, slots=True, kw_only=True)
class Gather(Operator):
    """Rows of a table by index: an embedding, or a bag of them summed.

    Parameters
    ----------
    rows, width : Real
        Rows that are read, and elements of each.
    table_rows : Real, optional
        Rows of the table, where more may be read than it has: the rest comes from a cache.
    pooled : Real
        Rows that are summed into one.
    """

    kind: ClassVar[str] = "gather"

    rows: Real
    width: Real
    table_rows: Real | None = None
    pooled: Real = 1.0
    table: AnyDataType = BF16
    output: AnyDataType = BF16
    index_byte: float = 8.0

    @property
    def vector_flop(self) -> Real:
        """Sums within bags."""
        return 0.0 if isinstance(self.pooled, float) and self.pooled == 1.0 else self.rows * (1.0 - 1.0 / self.pooled) * self.width

    @property
    def operands(self) -> tuple[Operand, ...]:
        distinct = self.rows if self.table_rows is None else minimum(self.rows, self.table_rows)
        return (
            Operand("index", self.rows * self.index_byte, Residency.ACTIVATION),
            Operand("table", distinct * self.width * self.table.byte, Residency.WEIGHT),
            Operand("output", self.rows / self.pooled * self.width * self.output.byte, Residency.OUTPUT),
        )

    @property
    def nest(self) -> LoopNest:
        return LoopNest({"row": self.rows, "col": self.width}, {"table": ("row", "col"), "output": ("row", "col")})
