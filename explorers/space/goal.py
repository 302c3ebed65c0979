"""What is wanted of a design: objectives and constraints, each over formulas."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from explorers.space.expression import Expression, ExpressionError, expression
from magnitudes.arrays import maximum, where
from magnitudes.symbol import LOGICAL, Operation, Symbol

SOMETHING = 1e-12  # by which a design misses a limit that it meets and has to be below
DIRECTIONS = {"minimise": 1.0, "minimize": 1.0, "maximise": -1.0, "maximize": -1.0}


@dataclass(frozen=True, slots=True)
class Objective:
    """A figure that should be small or large.

    Parameters
    ----------
    figure : Expression
    sign : float
        1 where small is good, -1 where large is: explorers minimise ``sign * figure``.
    """

    figure: Expression
    sign: float

    @property
    def name(self) -> str:
        """The figure's formula."""
        return self.figure.text

    @property
    def text(self) -> str:
        """As a space's file writes it."""
        return f"{'minimise' if self.sign > 0 else 'maximise'} {self.name}"


@dataclass(frozen=True, slots=True)
class Constraint:
    """What must hold: ``low <= high``, ``low < high``, or a condition that is true or false.

    Parameters
    ----------
    text : str
    low, high : Expression or None
        None, None where it is a condition.
    condition : Expression or None
    strict : bool
        Whether `low` has to be below `high`: equal is not enough.
    """

    text: str
    low: Expression | None
    high: Expression | None
    condition: Expression | None = None
    strict: bool = False

    @property
    def parts(self) -> dict[str, Expression]:
        """Its formulas: ``low`` and ``high``, or ``condition``."""
        named = {"low": self.low, "high": self.high, "condition": self.condition}
        return {name: formula for name, formula in named.items() if formula is not None}

    @property
    def numeric(self) -> bool:
        """Whether one of its sides is a number: how far it is missed is told relative to that."""
        return self.condition is None and not all(formula.names for formula in self.parts.values())

    def violation(self, read: Callable[[str], Any]) -> Any:
        """How far it is from holding: zero or less where it holds, relative to the limit where that is a number."""
        if self.condition is not None:
            value = self.condition.value(read)
            if not _is_truth(value):
                raise ExpressionError(f"{self.text!r} is a number, not a condition; compare it, as in '{self.text} <= 1'")
            return where(value, 0.0, 1.0)
        assert self.low is not None and self.high is not None
        low, high = self.low.value(read), self.high.value(read)
        limit = next((side for side in (high, low) if isinstance(side, float) and side > 0.0), None)
        over = _over(low, high) if self.strict else low - high
        return over if limit is None else over * (1.0 / limit)


def _over(low: Any, high: Any) -> Any:
    """How far `low` is from being below `high`, equal or not: negative only where it is.

    A limit that is a number moves to the number before it, so that nothing is computed that ``<=`` would not.
    """
    if isinstance(high, float):
        return low - math.nextafter(high, -math.inf)
    if isinstance(low, float):
        return math.nextafter(low, math.inf) - high
    return where(low < high, low - high, maximum(low - high, SOMETHING))


def _is_truth(value: Any) -> bool:
    """Whether a value is true or false, row by row or once."""
    if isinstance(value, Symbol):
        operation = value.formula.operations[value.number]
        return isinstance(operation, Operation) and operation.function in LOGICAL
    return isinstance(value, bool) or (isinstance(value, np.ndarray) and value.dtype == bool) or isinstance(value, np.bool_)


def objective(text: str) -> Objective:
    """An objective from ``minimise FIGURE`` or ``maximise FIGURE``.

    Raises
    ------
    ExpressionError
    """
    word, _, figure = str(text).strip().partition(" ")
    if word not in DIRECTIONS or not figure.strip():
        raise ExpressionError(f"objective {text!r} should be 'minimise FIGURE' or 'maximise FIGURE', such as 'minimise tpot_s'")
    return Objective(expression(figure), DIRECTIONS[word])


def constraints(text: str) -> list[Constraint]:
    """The constraints that a comparison makes; one for each of its signs.

    Raises
    ------
    ExpressionError
    """
    whole = expression(text)
    tree = whole.tree
    if not isinstance(tree, ast.Compare) or any(isinstance(part, ast.Constant) and isinstance(part.value, str) for part in (tree.left, *tree.comparators)):
        return [Constraint(whole.text, None, None, whole)]
    sides = [Expression(ast.get_source_segment(whole.text, side) or ast.unparse(side), side) for side in (tree.left, *tree.comparators)]
    return [_one(op, a, b) for op, a, b in zip(tree.ops, sides, sides[1:], strict=False)]


def _one(operator: ast.cmpop, left: Expression, right: Expression) -> Constraint:
    sign = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "=="}[type(operator)]
    text = f"{left.text} {sign} {right.text}"
    if isinstance(operator, ast.Eq):
        return Constraint(text, None, None, expression(text))
    low, high = (left, right) if isinstance(operator, ast.Lt | ast.LtE) else (right, left)
    return Constraint(text, low, high, strict=isinstance(operator, ast.Lt | ast.Gt))
