"""What can be asked at all: phases that a model has, degrees that divide it, chips that exist.

A single design that is wrong is refused with the remedy; a row of columns that is wrong is marked infeasible.
"""

from __future__ import annotations

from dataclasses import fields
from functools import reduce

import numpy as np

from hardware_specs.schema import System
from magnitudes.arrays import Condition, Reader, Real, both
from simulator.machine import MachineError
from workloads.model import Model, ModelError
from workloads.scenario import Scenario
from workloads.sharding import Parallelism
from workloads.speculation import Speculating

LARGEST = 1e12  # tokens, sequences, chips: more is a slip of the pen, and products of several leave the range of a float
FROM_ZERO = (
    "context",
    "chunk_context",
    "cached_prompt",
    "speculate",
    "acceptance",
    "zero",
    "recompute",
    "sequence_parallel",
    "optimizer_byte",
    "hidden_exchange",
)  # what may be nothing
MOST = {"acceptance": 1.0, "recompute": 1.0, "sequence_parallel": 1.0, "hidden_exchange": 1.0, "zero": 3.0}
WHOLE = ("zero", "sequence_parallel", "interleave", "micro_batch")


def check_phase(model: Model, scenario: Scenario) -> None:
    """Refuse a scenario that a model has no passes for.

    Raises
    ------
    ModelError
    """
    if scenario.phase not in model.phases:
        raise ModelError(f"{model.name} has no phase {scenario.phase!r}; it can run {', '.join(model.phases)}")
    if getattr(scenario, "speculate", None) is not None and not isinstance(model, Speculating):
        raise ModelError(f"{model.name} has no draft whose tokens could be verified; name one (draft=..., --draft), or leave speculate out")
    if isinstance(model, Speculating) and getattr(scenario, "speculate", None) is None:
        raise ModelError(f"{model.draft.name} is to draft, but not how many tokens: say speculate and acceptance (--speculate 4 --acceptance 0.7)")
    cached = getattr(scenario, "cached_prompt", 0.0)
    if "decode" not in model.phases and "inference" not in model.phases and not (isinstance(cached, float) and cached == 0.0):
        raise ModelError(f"{model.name} keeps no cache from which a prompt could be taken; leave cached_prompt out")


def check_sizes(scenario: Scenario) -> None:
    """Refuse sizes that are not positive numbers.

    Raises
    ------
    ModelError
        Naming the size.
    """
    for name in (f.name for f in fields(scenario)):
        check_size(name, getattr(scenario, name))
    _check_cached(scenario)


def check_size(name: str, value: Real | None) -> None:
    """Refuse a size of a scenario that is out of its range, in any row.

    Raises
    ------
    ModelError
    """
    if value is None or isinstance(value, Reader):
        return
    least, most = (0.0 if name in FROM_ZERO else 1.0), MOST.get(name, LARGEST)
    numbers = np.atleast_1d(np.asarray(value, dtype=np.float64))
    wrong = numbers[~((numbers >= least) & (numbers <= most))]
    if wrong.size:
        raise ModelError(f"{name} is {wrong[0]:g}; it should be a finite number from {least:g} to {most:g}")
    if name in WHOLE and np.any(numbers != np.floor(numbers)):
        raise ModelError(f"{name} is {numbers[numbers != np.floor(numbers)][0]:g}; it should be a whole number from {least:g} to {most:g}")


def check_degree(name: str, degree: Real) -> None:
    """Refuse a degree of parallelism that is no whole number above zero, in any row.

    Raises
    ------
    ModelError
    """
    if isinstance(degree, Reader):
        return
    numbers = np.atleast_1d(np.asarray(degree, dtype=np.float64))
    wrong = numbers[~((numbers >= 1) & (numbers <= LARGEST) & (numbers == np.floor(numbers)))]
    if wrong.size:
        raise ModelError(f"{name} is {wrong[0]:g}; a degree of parallelism is a whole number from 1 to {LARGEST:g}")


def _check_cached(scenario: Scenario) -> None:
    """Refuse a cached prompt that leaves nothing to compute.

    Raises
    ------
    ModelError
    """
    cached, prompt = getattr(scenario, "cached_prompt", 0.0), getattr(scenario, "prompt", 0.0)
    if isinstance(cached, Reader) or isinstance(prompt, Reader):
        return
    cached, prompt = np.broadcast_arrays(np.asarray(cached, dtype=np.float64), np.asarray(prompt, dtype=np.float64))
    wrong = (cached >= 1.0) & (cached >= prompt)
    if np.any(wrong):
        raise ModelError(
            f"cached_prompt is {cached[wrong][0]:g} of a prompt of {prompt[wrong][0]:g}; at least the last token is computed: "
            "cache fewer, or say a share below one"
        )


def legal_cut(model: Model, system: System, cut: Parallelism) -> Condition:
    """Whether a model can be cut so on that many chips, row by row.

    Raises
    ------
    ModelError, MachineError
        If a single design cannot.
    """
    for option, degree in (("--tp", cut.tp), ("--pp", cut.pp), ("--ep", cut.ep), ("--dp", cut.dp)):
        check_degree(option, degree)
    rules = model.cut_rules(cut)
    for rule in rules:
        rule.check()
    if isinstance(cut.chips, float) and cut.chips > system.chips:
        raise MachineError(
            f"tp x pp x dp = {cut.chips:g} chips, but {system.name} has {system.chips:g}; use {cut.chips:g}x{system.chip.name} or smaller degrees"
        )
    return reduce(both, [*(rule.holds() for rule in rules), cut.chips <= system.chips])
