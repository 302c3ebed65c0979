"""What a mapping is searched for: loops of a layer, and an array with registers in its elements, a buffer in front of it and a memory behind.

Loops are named as the field does: ``k`` output channels, ``c`` input channels, ``x`` and ``y`` results along a row and a column, ``r`` and ``s``
the filter's columns and rows, ``b`` images. Any energy, capacity or bandwidth may be a column, a row a design.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, inf

import numpy as np

from magnitudes.arrays import Column, Real, as_float
from simulator.machine import MachineError
from workloads.operator import Contraction, Convolution, GroupedContraction, Operator

OPERANDS = ("input", "weight", "output")
LOOPS = ("k", "c", "x", "y", "r", "s", "b")
MEETS = {"input": "cxyrsb", "weight": "kcrs", "output": "kxyb"}  # the loops that step through an operand


@dataclass(frozen=True, slots=True)
class Loops:
    """The extents of a layer's loops.

    Parameters
    ----------
    k, c, x, y, r, s, b : float
        Of one group.
    stride : float
        Between results next to each other, in inputs.
    in_x, in_y : float
        Columns and rows of the feature map, padding not counted.
    groups : float
        That do the same, one after another.
    """

    k: float
    c: float
    x: float = 1.0
    y: float = 1.0
    r: float = 1.0
    s: float = 1.0
    b: float = 1.0
    stride: float = 1.0
    in_x: float = inf
    in_y: float = inf
    groups: float = 1.0

    @property
    def multiply_add(self) -> float:
        """Of all groups."""
        return self.groups * self.k * self.c * self.x * self.y * self.r * self.s * self.b

    def window(self, results: Column, filter_side: Column) -> Column:
        """Inputs along one side that so many results next to each other read: windows overlap, or leave gaps where the stride is wider than the filter."""
        return np.minimum((results - 1.0) * self.stride + filter_side, results * filter_side)


def loops_of(operator: Operator) -> Loops:
    """The loops of a product or a convolution.

    Raises
    ------
    MachineError
        If the operator is neither.
    """
    if isinstance(operator, Contraction):
        m, n, k, batch = (as_float(v) for v in (operator.m, operator.n, operator.k, operator.batch))
        return Loops(n, k, x=m, in_x=m, in_y=1.0, groups=batch)
    if isinstance(operator, GroupedContraction):
        rows, active = as_float(operator.rows), as_float(operator.active)
        m = float(ceil(rows / active))
        return Loops(as_float(operator.n), as_float(operator.k), x=m, in_x=m, in_y=1.0, groups=active)
    if isinstance(operator, Convolution):
        o, groups = operator, as_float(operator.groups)
        return Loops(
            as_float(o.cout) / groups, as_float(o.cin) / groups, as_float(o.out_w), as_float(o.out_h), as_float(o.kernel_w), as_float(o.kernel_h),
            as_float(o.batch), as_float(o.stride), as_float(o.in_w), as_float(o.in_h), groups,
        )  # fmt: skip
    raise MachineError(f"{operator.name} is a {operator.kind}: mappings are searched for products and convolutions; cost it with simulator.estimate")


@dataclass(frozen=True, slots=True)
class Store:
    """A memory of the hierarchy.

    Parameters
    ----------
    read_j_per_byte, write_j_per_byte : Real
    read_byte_per_clock, write_byte_per_clock : Real
        Of its ports; where writing is None, reads and writes share one port.
    capacity_byte : Real
    word_byte : float
        Least that is read or written at once.
    holds : tuple of str
        Operands that are kept there; the others pass by.
    copies : float
        Tiles of an operand that lie there at once: two, where the next comes in while one is used. An operand that fits whole lies there once.
    name : str
        Of the tier, as messages say it.
    own_ports : bool
        Whether each operand has ports of its own, as wide as is said.
    """

    read_j_per_byte: Real
    write_j_per_byte: Real
    read_byte_per_clock: Real = inf
    write_byte_per_clock: Real | None = None
    capacity_byte: Real = inf
    word_byte: float = 1.0
    holds: tuple[str, ...] = OPERANDS
    copies: float = 2.0
    name: str = ""
    own_ports: bool = False


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """An array and its memories.

    Parameters
    ----------
    unrolled : mapping of str to float
        Loops whose iterations lie side by side in the array, and how many: ``{"k": 32, "c": 32}``.
    multiply_add_j : Real
        One multiply-add in an element.
    registers : mapping of str to Store
        Of one element, by operand; what has none comes from the buffer at each step, if the array does not hold it still.
    buffer, memory : Store
    input_byte, weight_byte, output_byte, partial_byte : float
        Of one number; sums not yet complete are wider.
    cross_clock : float
        Clocks that the last results take to leave the array.
    """

    unrolled: Mapping[str, float]
    multiply_add_j: Real
    buffer: Store
    memory: Store
    registers: Mapping[str, Store] = field(default_factory=dict)
    input_byte: float = 1.0
    weight_byte: float = 1.0
    output_byte: float = 1.0
    partial_byte: float = 2.0
    cross_clock: float = 0.0

    def __post_init__(self) -> None:
        wrong = [name for name in self.unrolled if name not in LOOPS]
        if wrong:
            raise MachineError(f"an array cannot unroll {wrong[0]!r}; loops are {', '.join(LOOPS)}")
        strange = [name for name in self.registers if name not in OPERANDS]
        if strange:
            raise MachineError(f"registers for {strange[0]!r}: operands are {', '.join(OPERANDS)}")

    def side_by_side(self, loops: Loops) -> dict[str, float]:
        """Iterations of each loop that lie in the array at once: no more than there are."""
        return {name: min(self.unrolled.get(name, 1.0), getattr(loops, name)) for name in LOOPS}


def weight_stationary(rows: float, columns: float) -> dict[str, float]:
    """A TPU's array: input channels down its rows, output channels along its columns."""
    return {"c": rows, "k": columns}


def output_stationary(rows: float, columns: float) -> dict[str, float]:
    """ShiDianNao's: each element makes one result."""
    return {"y": rows, "x": columns}


def input_stationary(rows: float, columns: float) -> dict[str, float]:
    """Each element keeps an input: channels down its rows, results along a row beside each other."""
    return {"c": rows, "x": columns}


def row_stationary(rows: float, columns: float, filter_rows: float) -> dict[str, float]:
    """Eyeriss's: filter rows down the array, rows of results along it; sets of filter rows for several channels one above another."""
    return {"s": min(filter_rows, rows), "c": max(rows // filter_rows, 1.0), "y": columns}


UNROLLED = {"weight": weight_stationary, "output": output_stationary, "input": input_stationary}
