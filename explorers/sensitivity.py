"""What a change of hardware would buy: elasticities, and gains of a step, all parameters in one call over columns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from explorers.question import FACTOR, Question, output_of
from hardware_specs.fields import field_values
from magnitudes.arrays import Column

SMALL = 0.01  # one percent up and down
TIER_FIELDS = ("capacity", "bandwidth", "latency")
LINK_FIELDS = ("bandwidth", "latency")
UNITS = ("multiprocessors", "cores", "arrays", "units", "compute_units", "rows", "columns", "channels")  # counts that bring their own arithmetic along
# sides of an array, channels and units of a memory: work is dealt to them whole, so that a percent more leaves most of them empty; they are doubled and halved
DOUBLED = ("rows", "columns", "channels", "units")
DOUBLE = 2.0
CHANNEL = ("units", "bus", "internal")  # what comes with a channel
# counts of a layout of which a percent is none: half a bank group holds no data
WHOLE = ("pseudo_channels", "ranks", "bank_groups", "banks", "banks_at_once", "dies", "vectors", "held_vectors", "column", "row")


def parameters(question: Question) -> list[str]:
    """The hardware parameters that a question may depend on: rates of all formats together, tiers, links in use, power."""
    engines, engine = question.system.chip.engines, question.system.chip.engine
    beside = {tier for e in engines for tier in e.beside}
    used_links = {level.link.name for level in question.system.fabric} if float_or_one(question.cut.chips) > 1 else set()
    names_by_distance = [t.name for t in question.system.chip.tiers]
    behind = names_by_distance[names_by_distance.index(engine.beside[-1]) + 1 :]
    tiers = beside | set(behind if question.spill or question.offload else ())
    groups = {f"{e.name}.{g}" for e in engines for g in ("matrix", "vector")}
    names = {e.name for e in engines}
    kept: dict[str, None] = {}
    for path in field_values(question.system):
        owner, _, key = path.partition(".")
        group = ".".join(path.split(".")[:2])
        if group in groups:
            kept[group] = None
        elif (owner in tiers and key in TIER_FIELDS) or (owner in used_links and key in LINK_FIELDS) or (owner in names and key not in WHOLE) or path == "tdp":
            kept[path] = None
    return list(kept)


def float_or_one(x: Any) -> float:
    """A plain number as it is; 2 for anything that varies."""
    return float(x) if isinstance(x, float) else 2.0


def elasticities(question: Question, design: Mapping[str, Any] | None = None, output: str = "time_s") -> dict[str, float]:
    """Percent of `output` per percent of each hardware parameter, for one design.

    A central difference of logarithms over one percent up and down: -1 means that the time falls as the parameter grows, 0
    that it does not matter. Where waves are quantised the answer is that of the nearest whole wave. More units (multiprocessors, cores, arrays)
    bring their share of the matrix and vector rates along, channels of a memory their units and wires; the rates by themselves are faster units. Sides of an
    array, channels and units of a memory are doubled and halved.

    Parameters
    ----------
    question : Question
    design : mapping of str to float, optional
        Values by path, where they differ from the question's.

    Returns
    -------
    dict of str to float, largest effect first
    """
    up, down = (_varied(question, design, {path: _step(path, sign) for path in parameters(question)}, output) for sign in (1, -1))
    values = {path: math.log(up[path] / down[path]) / math.log(_step(path, 1) / _step(path, -1)) for path in up}
    return dict(sorted(values.items(), key=lambda item: -abs(item[1])))


def _step(path: str, sign: int) -> float:
    """The factor up, or down, by which a parameter is varied."""
    if path.partition(".")[2] in DOUBLED:
        return DOUBLE**sign
    return 1.0 + sign * SMALL


def gains(question: Question, factor: float = 1.1, design: Mapping[str, Any] | None = None, output: str = "time_s") -> dict[str, float]:
    """Relative change of `output` when each hardware parameter alone is multiplied by `factor`, largest first; of what is only doubled, nothing."""
    base = float(output_of(question.estimate(design or {}), output))  # type: ignore[arg-type]
    factors = {path: factor for path in parameters(question) if path.partition(".")[2] not in DOUBLED}
    values = {path: value / base - 1.0 for path, value in _varied(question, design, factors, output).items()}
    return dict(sorted(values.items(), key=lambda item: -abs(item[1])))


def _varied(question: Question, design: Mapping[str, Any] | None, factors: Mapping[str, float], output: str) -> dict[str, float]:
    """The output with each parameter multiplied in turn: one row a parameter."""
    every = parameters(question)
    together = {path: _together(every, path, question) for path in factors}
    columns: dict[str, Column] = {path + FACTOR: np.array([f if path in together[p] else 1.0 for p, f in factors.items()]) for path in every}
    values = output_of(question.estimate({**(design or {}), **columns}), output)
    return dict(zip(factors, np.broadcast_to(values, len(factors)).tolist(), strict=True))  # type: ignore[arg-type]


def _together(paths: Sequence[str], varied: str, question: Question) -> set[str]:
    """What changes with a parameter: itself, with a count of units the rates that they add up to, and with channels what comes with one."""
    owner, _, key = varied.partition(".")
    rates = ("matrix",) if key in ("rows", "columns", "channels") else ("matrix", "vector") if key in UNITS else ()
    more = {f"{owner}.{name}" for name in (*rates, *(CHANNEL if key == "channels" else ()))}
    if key in ("channels", "units"):  # whose reading of their memory is all of its bandwidth, where nothing else is said
        engine = next(e for e in question.system.chip.engines if e.name == owner)
        more |= set() if engine.internal_byte_per_s is not None else {f"{engine.beside[-1]}.bandwidth"}
    return {varied} | (more & set(paths))
