"""What can be asked at all: phases that a model has, degrees that divide it, chips that exist.

A single design that is wrong is refused with the remedy; a row of columns that is wrong is marked infeasible.
"""

from __future__ import annotations

from dataclasses import fields
from functools import reduce

import numpy as np

from hardware_specs.schema import System
from magnitudes.arrays import Condition, Reader, both
from simulator.machine import MachineError
from workloads.model import Model, ModelError
from workloads.scenario import Scenario
from workloads.sharding import Parallelism

LARGEST = 1e12  # tokens, sequences, chips: more is a slip of the pen, and products of several leave the range of a float


def check_phase(model: Model, scenario: Scenario) -> None:
    """Refuse a scenario that a model has no passes for.

    Raises
    ------
    ModelError
    """
    if scenario.phase not in model.phases:
        raise ModelError(f"{model.name} has no phase {scenario.phase!r}; it can run {', '.join(model.phases)}")


def check_sizes(scenario: Scenario) -> None:
    """Refuse sizes that are not positive numbers.

    Raises
    ------
    ModelError
        Naming the size.
    """
    for name in (f.name for f in fields(scenario)):
        value = getattr(scenario, name)
        least = 0.0 if name in ("context", "chunk_context") else 1.0
        if isinstance(value, Reader):
            continue
        numbers = np.atleast_1d(np.asarray(value, dtype=np.float64))
        wrong = numbers[~((numbers >= least) & (numbers <= LARGEST))]
        if wrong.size:
            raise ModelError(f"{name} is {wrong[0]:g}; it should be a finite number from {least:g} to {LARGEST:g}")


def legal_cut(model: Model, system: System, cut: Parallelism) -> Condition:
    """Whether a model can be cut so on that many chips, row by row.

    Raises
    ------
    ModelError, MachineError
        If a single design cannot.
    """
    for option, degree in (("--tp", cut.tp), ("--pp", cut.pp), ("--ep", cut.ep), ("--dp", cut.dp)):
        if isinstance(degree, Reader):
            continue
        numbers = np.atleast_1d(np.asarray(degree, dtype=np.float64))
        wrong = numbers[~((numbers >= 1) & (numbers <= LARGEST) & (numbers == np.floor(numbers)))]
        if wrong.size:
            raise ModelError(f"{option} is {wrong[0]:g}; a degree of parallelism is a whole number from 1 to {LARGEST:g}")
    rules = model.cut_rules(cut)
    for rule in rules:
        rule.check()
    if isinstance(cut.chips, float) and cut.chips > system.chips:
        raise MachineError(
            f"tp x pp x dp = {cut.chips:g} chips, but {system.name} has {system.chips:g}; use {cut.chips:g}x{system.chip.name} or smaller degrees"
        )
    return reduce(both, [*(rule.holds() for rule in rules), cut.chips <= system.chips])
