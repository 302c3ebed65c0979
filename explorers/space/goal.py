"""What is wanted of a design: objectives and constraints, each over formulas."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from explorers.space.expression import Expression, ExpressionError, expression
from magnitudes.arrays import maximum, where

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
    """What must hold: ``low <= high``, or a condition that is true or false.

    Parameters
    ----------
    text : str
    low, high : Expression or None
        None, None where it is a condition.
    condition : Expression or None
    """

    text: str
    low: Expression | None
    high: Expression | None
    condition: Expression | None = None

    @property
    def parts(self) -> dict[str, Expression]:
        """Its formulas: ``low`` and ``high``, or ``condition``."""
        named = {"low": self.low, "high": self.high, "condition": self.condition}
        return {name: formula for name, formula in named.items() if formula is not None}

    def violation(self, read: Callable[[str], Any]) -> Any:
        """How far it is from holding: zero or less where it holds, relative to the limit where that is a number."""
        if self.condition is not None:
            return where(self.condition.value(read), 0.0, 1.0)
        assert self.low is not None and self.high is not None
        low, high = self.low.value(read), self.high.value(read)
        if isinstance(high, float) and high > 0.0:
            return (low - high) * (1.0 / high)
        if isinstance(low, float) and low > 0.0:
            return (low - high) * (1.0 / low)
        return low - high


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
    return Constraint(text, low, high)


def worst(violations: list[Any]) -> Any:
    """The largest of several violations."""
    result = violations[0]
    for violation in violations[1:]:
        result = maximum(result, violation)
    return result
