"""A recorded formula read again by another reader: intervals bound it, logarithms make it convex, at the cost of its operations alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from magnitudes.arrays import Reader
from magnitudes.program import last_uses, needed
from magnitudes.symbol import FUNCTIONS, Formula, Operation, Symbol


def replay(formula: Formula, outputs: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs of a formula for given inputs.

    Parameters
    ----------
    formula : Formula
    outputs : mapping of str to Symbol or number
    inputs : mapping of str to Real
        By name; any readers.
    """
    order = needed(formula, [o.number for o in outputs.values() if isinstance(o, Symbol)])
    last = last_uses(formula, order, outputs)
    values: dict[int, Any] = {}
    for step, number in enumerate(order):
        operation = formula.operations[number]
        if isinstance(operation, str):
            values[number] = inputs[operation]
            continue
        values[number] = _applied(operation, values)
        for operand, is_symbol in zip(operation.operands, operation.is_symbol, strict=True):
            if is_symbol and last[int(operand)] == step:
                values.pop(int(operand), None)
    return {name: values[o.number] if isinstance(o, Symbol) else o for name, o in outputs.items()}


def _applied(operation: Operation, values: Mapping[int, Any]) -> Any:
    operands = [values[int(o)] if s else o for o, s in zip(operation.operands, operation.is_symbol, strict=True)]
    reader = next((o for o in operands if isinstance(o, Reader)), None)
    return FUNCTIONS[operation.function](*operands) if reader is None else reader.apply(operation.function, *operands)
