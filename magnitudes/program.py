"""A compiled formula: a list of instructions over a few buffers that stay in cache, run block by block.

The formula is the one that floats read: compiling only drops what the outputs do not need, computes equal subformulas once
and reuses buffers. A row of the result is bit for bit what the same operations on floats give.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from magnitudes.arrays import Column, Mask
from magnitudes.errors import InputError
from magnitudes.symbol import FUNCTIONS, LOGICAL, Formula, Operation, Symbol

BLOCK = 32768  # rows evaluated together: long enough that two threads seldom wait for the interpreter, short enough for the caches


@dataclass(frozen=True, slots=True)
class Instruction:
    """``buffers[target] = function(operands)``; an operand is an input's name, a buffer's number or a constant."""

    function: str
    target: int
    operands: tuple[str | int | float | bool, ...]
    kinds: tuple[str, ...]  # 'input', 'buffer', 'mask' or 'constant', one an operand


@dataclass(frozen=True, slots=True)
class Program:
    """Instructions and where their results are.

    Parameters
    ----------
    inputs : tuple of str
        Columns that a run needs.
    instructions : tuple of Instruction
    buffers, masks : int
        Buffers of numbers and of truths that a run needs.
    outputs : mapping of str to (kind, place)
        Where each output is when a block is done.
    """

    inputs: tuple[str, ...]
    instructions: tuple[Instruction, ...]
    buffers: int
    masks: int
    outputs: Mapping[str, tuple[str, Any]]

    def run(self, columns: Mapping[str, Column], block: int = BLOCK) -> dict[str, Column | Mask]:
        """The outputs for all rows.

        Parameters
        ----------
        columns : mapping of str to Column, shape (designs,)
            At least the program's inputs, of one length.

        Returns
        -------
        dict of str to array, shape (designs,)

        Raises
        ------
        InputError
            If an input is not there, or the columns differ in length.
        """
        rows = self.rows(columns)
        results: dict[str, Column | Mask] = {n: np.empty(rows, dtype=bool if _is_truth(*place) else np.float64) for n, place in self.outputs.items()}
        for start, outputs in self.blocks(columns, block):
            for name, values in outputs.items():
                results[name][start : start + block] = values
        return results

    def blocks(self, columns: Mapping[str, Column], block: int = BLOCK) -> Iterator[tuple[int, dict[str, Any]]]:
        """(first row, outputs) of each block; the arrays are overwritten by the next."""
        rows = self.rows(columns)
        size = max(1, min(block, rows))
        bench = _Bench(self, size)
        for start in range(0, rows, size):
            if rows - start < size:
                bench = _Bench(self, rows - start)
            yield start, bench.run(columns, start)

    def rows(self, columns: Mapping[str, Column]) -> int:
        """How many rows some columns have.

        Raises
        ------
        InputError
            If an input is not there, or the columns differ in length.
        """
        missing = [name for name in self.inputs if name not in columns]
        if missing or not columns:
            raise InputError(f"no column {', '.join(missing) or 'at all'}; the program's inputs: {', '.join(self.inputs) or 'none, one column tells the rows'}")
        lengths = {name: len(columns[name]) for name in self.inputs or columns}
        if len(set(lengths.values())) > 1:
            raise InputError(f"columns of one length expected, not {', '.join(f'{name}: {n}' for name, n in lengths.items())}")
        return next(iter(lengths.values()))


def _is_truth(kind: str, place: Any) -> bool:
    """Whether an output is true or false rather than a number."""
    return kind == "mask" or isinstance(place, bool)


class _Bench:
    """A program's buffers for blocks of one size, with every instruction bound to its arrays."""

    def __init__(self, program: Program, size: int) -> None:
        self.size = size
        self.inputs = {name: np.empty(size) for name in program.inputs}
        self.places: dict[str, Any] = {
            "input": self.inputs, "buffer": np.empty((program.buffers, size)), "mask": np.empty((program.masks, size), dtype=bool),
        }  # fmt: skip
        self.steps = [self._bound(i) for i in program.instructions]
        self.outputs = {n: self._place(k, p) for n, (k, p) in program.outputs.items()}

    def run(self, columns: Mapping[str, Column], start: int) -> dict[str, Any]:
        """Evaluate the rows from `start` on."""
        for name, buffer in self.inputs.items():
            buffer[:] = columns[name][start : start + self.size]
        for step in self.steps:
            step()
        return self.outputs

    def _place(self, kind: str, key: Any) -> Any:
        return self.places[kind][key] if kind in self.places else key

    def _bound(self, instruction: Instruction) -> Callable[[], Any]:
        target = self.places["mask" if instruction.function in LOGICAL else "buffer"][instruction.target]
        operands = [self._place(k, o) for o, k in zip(instruction.operands, instruction.kinds, strict=True)]
        function: Callable[..., Any] = select if instruction.function == "where" else FUNCTIONS[instruction.function]
        return partial(function, *operands, out=target)


def select(condition: Mask, a: Any, b: Any, out: Column) -> None:
    """`numpy.where` into an array that is there, which may be `a` or `b`: a copy under a mask is slower where the mask has no pattern."""
    out[:] = np.where(condition, a, b)


def compiled(formula: Formula, outputs: Mapping[str, Any]) -> Program:
    """A program for some values of a formula.

    Parameters
    ----------
    formula : Formula
    outputs : mapping of str to Symbol or number
        What a run shall return, by name.
    """
    order = needed(formula, [o.number for o in outputs.values() if isinstance(o, Symbol)])
    last_use = last_uses(formula, order, outputs)
    place: dict[int, tuple[str, Any]] = {}
    free: dict[str, list[int]] = {"buffer": [], "mask": []}
    count = {"buffer": 0, "mask": 0}
    instructions = []
    for step, number in enumerate(order):
        operation = formula.operations[number]
        if isinstance(operation, str):
            place[number] = ("input", operation)
            continue
        kind = "mask" if operation.function in LOGICAL else "buffer"
        symbols = {o for o, s in zip(operation.operands, operation.is_symbol, strict=True) if s}
        operands = [place[int(o)] if s else ("constant", o) for o, s in zip(operation.operands, operation.is_symbol, strict=True)]
        _release(symbols, place, last_use, step, free)  # first: a result may take the place of what it is made of
        target = free[kind].pop() if free[kind] else count[kind]
        count[kind] = max(count[kind], target + 1)
        place[number] = (kind, target)
        instructions.append(Instruction(operation.function, target, tuple(p for _, p in operands), tuple(k for k, _ in operands)))
    results = {name: place[o.number] if isinstance(o, Symbol) else ("constant", o) for name, o in outputs.items()}
    inputs = tuple(dict.fromkeys(p for k, p in place.values() if k == "input"))
    return Program(inputs, tuple(instructions), count["buffer"], count["mask"], results)


def _release(symbols: set[Any], place: Mapping[int, tuple[str, Any]], last_use: Mapping[int, int], step: int, free: dict[str, list[int]]) -> None:
    """Return the buffers of operands that are not needed after this step."""
    for symbol in symbols:
        kind, target = place[symbol]
        if kind in free and last_use[symbol] == step:
            free[kind].append(target)


def needed(formula: Formula, wanted: Sequence[int]) -> list[int]:
    """The symbols that the wanted ones depend on, in order of evaluation: depth first, so that values are used soon."""
    order: list[int] = []
    seen: set[int] = set()
    stack = [(w, False) for w in reversed(wanted)]
    while stack:
        number, ready = stack.pop()
        if ready:
            order.append(number)
            continue
        if number in seen:
            continue
        seen.add(number)
        stack.append((number, True))
        operation = formula.operations[number]
        if isinstance(operation, Operation):
            stack.extend((int(o), False) for o, s in zip(reversed(operation.operands), reversed(operation.is_symbol), strict=True) if s)
    return order


def last_uses(formula: Formula, order: Sequence[int], outputs: Mapping[str, Any]) -> dict[int, int]:
    """The step in which each symbol is read last; outputs are read at the end."""
    last: dict[int, int] = {}
    for step, number in enumerate(order):
        operation = formula.operations[number]
        if isinstance(operation, Operation):
            last |= {int(o): step for o, s in zip(operation.operands, operation.is_symbol, strict=True) if s}
    return last | {o.number: len(order) for o in outputs.values() if isinstance(o, Symbol)}
