"""What an `op` of a tidy table is: its dimensions, what must hold between them, and how rows of it become operators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from magnitudes.arrays import Condition
from simulator.validation.rows import Rows
from workloads.operator import Calls


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold between the dimensions of a row, and what is said where it does not."""

    broken: str
    holds: Callable[[Rows], Condition]


@dataclass(frozen=True, slots=True)
class Operation:
    """One `op`.

    Parameters
    ----------
    family : str
        Class under which its groups are averaged, before the data type.
    dimensions : tuple of str
        Columns that a row must have.
    build : callable
        Rows to operators, each with its number of calls.
    optional : tuple of str
        Columns that a row may have.
    structure : tuple of str
        Columns of text or flags whose values make other operators.
    rules : tuple of Rule
    by_kernel : bool
        Whether the name of the implementation is an input.
    is_model : bool
        Whether it is a whole model: its weights come round once a pass, and the host runs ahead of the device.
    library : str
        The implementation that its name stands for, where it is not an input.
    call : str
        How a framework calls it: the length of that path in ``host_path`` of ``calibration/timing.json``.
    """

    family: str
    dimensions: tuple[str, ...]
    build: Callable[[Rows], Calls]
    optional: tuple[str, ...] = ()
    structure: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    by_kernel: bool = False
    is_model: bool = False
    library: str = ""
    call: str = "tensor"
