"""Symbols: a formula read as itself. What comes out is the graph of operations, to be compiled once and run many times.

Equal subformulas become one node (hash-consing), and what can be computed from constants alone is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from magnitudes.arrays import Reader

FUNCTIONS = {
    name: getattr(np, name)
    for name in (
        "add", "subtract", "multiply", "divide", "power", "negative", "minimum", "maximum", "ceil", "floor", "sqrt", "exp", "log",
        "less", "less_equal", "equal", "logical_and", "logical_or", "where",
    )
}  # fmt: skip
COMMUTATIVE = {"add", "multiply", "equal", "logical_and", "logical_or"}  # to the bit; extremes are not, of zeros with either sign
LOGICAL = {"less", "less_equal", "equal", "logical_and", "logical_or"}
_NEUTRAL = {("add", 0.0), ("multiply", 1.0)}  # x + 0, x * 1, either way round


@dataclass(frozen=True, slots=True, eq=False)
class Symbol(Reader):
    """One value of a formula: an input, or a function of other symbols and numbers.

    Parameters
    ----------
    formula : Formula
        The formula that it belongs to.
    number : int
        Its place there.
    """

    formula: Formula
    number: int

    def apply(self, function: str, *operands: Any) -> Any:
        return self.formula.node(function, operands)

    def __bool__(self) -> bool:
        raise TypeError("a symbol has no truth of its own: branch with magnitudes.arrays.where, not with if")


@dataclass(frozen=True, slots=True)
class Operation:
    """A function of operands; each is the number of a symbol, or a constant."""

    function: str
    operands: tuple[int | float | bool, ...]
    is_symbol: tuple[bool, ...]


@dataclass
class Formula:
    """The operations of a formula in the making."""

    operations: list[Operation | str] = field(default_factory=list)  # a string is an input's name
    _known: dict[Operation, Symbol] = field(default_factory=dict)

    def input(self, name: str) -> Symbol:
        """A new input."""
        self.operations.append(name)
        return Symbol(self, len(self.operations) - 1)

    def node(self, function: str, operands: tuple[Any, ...]) -> Any:
        """The symbol (or constant) that a function of operands is."""
        if function == "where" and isinstance(operands[0], bool):
            return operands[1] if operands[0] else operands[2]
        kept = _without_neutral(function, operands)
        if kept is not None:
            return kept
        function, operands = _usual_spelling(function, operands)
        is_symbol = tuple(isinstance(o, Symbol) for o in operands)
        operation = Operation(function, tuple(o.number if s else o for o, s in zip(operands, is_symbol, strict=True)), is_symbol)
        if operation not in self._known:
            self.operations.append(operation)
            self._known[operation] = Symbol(self, len(self.operations) - 1)
        return self._known[operation]


def _without_neutral(function: str, operands: tuple[Any, ...]) -> Any:
    """The other operand where one changes nothing; None where both count."""
    if len(operands) != 2:
        return None
    a, b = operands
    if isinstance(b, float) and ((function, b) in _NEUTRAL or (function, b) in (("subtract", 0.0), ("divide", 1.0))):
        return a
    if isinstance(a, float) and (function, a) in _NEUTRAL:
        return b
    return None


def _usual_spelling(function: str, operands: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """The one way in which operations are written that give the same bits, so that they become one node; the quicker one where speeds differ."""
    if function == "divide" and isinstance(operands[1], float) and _is_power_of_two(operands[1]):
        function, operands = "multiply", (operands[0], 1.0 / operands[1])
    if function in COMMUTATIVE:
        operands = tuple(sorted(operands, key=lambda o: o.number if isinstance(o, Symbol) else math.inf))  # stable: a constant comes last
    return function, operands


def _is_power_of_two(value: float) -> bool:
    """Whether dividing by a number and multiplying by its reciprocal give the same bits."""
    return 2.0**-500 < abs(value) < 2.0**500 and abs(math.frexp(value)[0]) == 0.5
