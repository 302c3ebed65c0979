"""Formulas that a space's file may contain: arithmetic over axes, outputs and the machine's own numbers.

They are read by whatever reads the laws: floats, columns, intervals and symbols alike, so that a constraint written in a file is
compiled, bounded and proved just as the laws are.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from magnitudes.arrays import both, ceil, either, equal, exp, floor, log, maximum, minimum, power, sqrt, where
from magnitudes.errors import InputError
from magnitudes.names import NameMiss, nearest

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "min": lambda *a: reduce(minimum, a), "max": lambda *a: reduce(maximum, a),
    "ceil": ceil, "floor": floor, "sqrt": sqrt, "exp": exp, "log": log, "where": where,
}  # fmt: skip
ARGUMENTS = {"min": None, "max": None, "where": 3}
"""How many numbers a function takes; any, where it says None, and one where it says nothing."""
_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b, ast.Sub: lambda a, b: a - b, ast.Mult: lambda a, b: a * b, ast.Div: lambda a, b: a / b, ast.Pow: power,
}  # fmt: skip
_COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Lt: lambda a, b: a < b, ast.LtE: lambda a, b: a <= b, ast.Gt: lambda a, b: a > b, ast.GtE: lambda a, b: a >= b, ast.Eq: equal,
}  # fmt: skip


class ExpressionError(InputError):
    """A formula that cannot be read."""


@dataclass(frozen=True, slots=True)
class Named:
    """The value of a choice: which of some names, as a reader's value of its place, or as one name where it is fixed.

    Parameters
    ----------
    labels : tuple of str
    place : Real
        Row by row.
    """

    labels: tuple[str, ...]
    place: Any

    def is_name(self, name: str) -> Any:
        """Whether it is that name.

        Raises
        ------
        NameMiss
            If the choice has no such name.
        """
        if name not in self.labels:
            raise NameMiss("choice", name, nearest(name, self.labels), f"(choices: {', '.join(self.labels)})")
        return equal(self.place, float(self.labels.index(name)))


@dataclass(frozen=True, slots=True)
class Expression:
    """A formula as text and as a tree.

    Parameters
    ----------
    text : str
    tree : ast.expr
    """

    text: str
    tree: ast.expr = field(compare=False, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """What it reads, in order, each once."""
        return tuple(dict.fromkeys(_names(self.tree)))

    def value(self, read: Callable[[str], Any]) -> Any:
        """What it comes to, where `read` gives the value of a name.

        Raises
        ------
        NameMiss
            From `read`, if there is no such name.
        """
        return _value(self.tree, read)


def expression(text: object) -> Expression:
    """A formula from its text (or from a number).

    Raises
    ------
    ExpressionError
        Naming what is not understood, and what may be written.
    """
    written = str(text).strip()
    try:
        tree = ast.parse(written, mode="eval").body
    except SyntaxError as error:
        hint = "; a path with '-' or ':' in it needs an axis of a plain name: 'width: {of: \"sm.matrix:factor\", ...}'" if ":" in written else ""
        raise ExpressionError(f"{written!r} is no formula ({error.msg}); write one such as 'tpot_s < 0.02 and usd_per_h < 30'{hint}") from None
    if isinstance(tree, ast.Constant) and isinstance(tree.value, str):
        raise ExpressionError(f"{written!r} is a name, not a formula")
    _check(tree, written)
    return Expression(written, tree)


def _check(tree: ast.expr, text: str) -> None:
    """Refuse what has no meaning here, so that a formula can always be evaluated."""
    if isinstance(tree, ast.Attribute) and not isinstance(tree.value, ast.Name | ast.Attribute):
        raise ExpressionError(f"{text!r}: a dot only joins the parts of a path, such as hbm.bandwidth")
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id not in FUNCTIONS:
        raise NameMiss("function", tree.func.id, nearest(tree.func.id, FUNCTIONS), f"in {text!r} (known: {', '.join(FUNCTIONS)})")
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
        _check_count(tree.func.id, len(tree.args), text)
    parts = _parts(tree)
    if parts is None:
        allowed = f"names, numbers, + - * / **, comparisons, and, or, {', '.join(FUNCTIONS)}"
        raise ExpressionError(f"{text!r}: {ast.unparse(tree)!r} is not understood; write {allowed}")
    for part in parts:
        if (
            isinstance(part, ast.Constant)
            and isinstance(part.value, str)
            and not (isinstance(tree, ast.Compare) and all(isinstance(o, ast.Eq) for o in tree.ops))
        ):
            raise ExpressionError(f"{text!r}: a name such as {part.value!r} can only be compared, by == with a choice")
        _check(part, text)


def _check_count(function: str, given: int, text: str) -> None:
    """Refuse a function of fewer or more numbers than it takes."""
    wanted = ARGUMENTS.get(function, 1)
    if given != wanted and not (wanted is None and given):
        raise ExpressionError(f"{text!r}: {function} takes {wanted or 'at least 1'} number{'s' * (wanted != 1)}, not {given}")


def _parts(tree: ast.expr) -> list[ast.expr] | None:
    """The formulas inside a formula; None where its kind is not one of ours."""
    match tree:
        case ast.Constant(value=bool() | int() | float() | str()) | ast.Name() | ast.Attribute():
            return []
        case ast.BinOp(left=a, op=op, right=b) if type(op) in _ARITHMETIC:
            return [a, b]
        case ast.UnaryOp(op=ast.USub(), operand=a):
            return [a]
        case ast.BoolOp(values=parts):
            return parts
        case ast.Compare(left=a, ops=ops, comparators=others) if all(type(o) in _COMPARISONS for o in ops):
            return [a, *others]
        case ast.Call(func=ast.Name(), args=parts, keywords=[]):
            return parts
    return None


def _names(tree: ast.expr) -> Iterator[str]:
    if isinstance(tree, ast.Name | ast.Attribute):
        yield ast.unparse(tree)
        return
    for part in _parts(tree) or ():
        yield from _names(part)


def _value(tree: ast.expr, read: Callable[[str], Any]) -> Any:
    match tree:
        case ast.Constant(value=value):
            return value if isinstance(value, bool | str) else float(value)  # type: ignore[arg-type]
        case ast.BinOp(left=a, op=op, right=b):
            return _ARITHMETIC[type(op)](_value(a, read), _value(b, read))
        case ast.UnaryOp(operand=a):
            return -_value(a, read)
        case ast.BoolOp(op=op, values=parts):
            return reduce(both if isinstance(op, ast.And) else either, [_value(p, read) for p in parts])
        case ast.Compare(left=a, ops=ops, comparators=others):
            values = [_value(v, read) for v in (a, *others)]
            return reduce(both, [_compared(o, x, y) for o, x, y in zip(ops, values, values[1:], strict=False)])
        case ast.Call(func=ast.Name(id=name), args=parts):
            return FUNCTIONS[name](*(_value(p, read) for p in parts))
    return read(ast.unparse(tree))


def _compared(operator: ast.cmpop, a: Any, b: Any) -> Any:
    if isinstance(a, Named) or isinstance(b, Named):
        choice, name = (a, b) if isinstance(a, Named) else (b, a)
        if not isinstance(name, str) or not isinstance(operator, ast.Eq):
            raise ExpressionError(f"a choice ({', '.join(choice.labels)}) can only be compared by == with one of its names")
        return choice.is_name(name)
    return _COMPARISONS[type(operator)](a, b)
