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
UNITS = ("multiprocessors", "cores", "arrays", "units", "compute_units")  # counts that bring their own arithmetic along
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
    bring their share of the matrix and vector rates along; the rates by themselves are faster units.

    Parameters
    ----------
    question : Question
    design : mapping of str to float, optional
        Values by path, where they differ from the question's.

    Returns
    -------
    dict of str to float, largest effect first
    """
    up, down = _varied(question, design, 1 + SMALL, output), _varied(question, design, 1 - SMALL, output)
    span = math.log((1 + SMALL) / (1 - SMALL))
    values = {path: math.log(up[path] / down[path]) / span for path in up}
    return dict(sorted(values.items(), key=lambda item: -abs(item[1])))


def gains(question: Question, factor: float = 1.1, design: Mapping[str, Any] | None = None, output: str = "time_s") -> dict[str, float]:
    """Relative change of `output` when each hardware parameter alone is multiplied by `factor`, largest first."""
    base = float(output_of(question.estimate(design or {}), output))  # type: ignore[arg-type]
    values = {path: value / base - 1.0 for path, value in _varied(question, design, factor, output).items()}
    return dict(sorted(values.items(), key=lambda item: -abs(item[1])))


def _varied(question: Question, design: Mapping[str, Any] | None, factor: float, output: str) -> dict[str, float]:
    """The output with each parameter multiplied in turn: one row a parameter."""
    paths = parameters(question)
    columns: dict[str, Column] = {path + FACTOR: np.array([factor if path in _together(paths, p) else 1.0 for p in paths]) for path in paths}
    values = output_of(question.estimate({**(design or {}), **columns}), output)
    return dict(zip(paths, np.broadcast_to(values, len(paths)).tolist(), strict=True))  # type: ignore[arg-type]


def _together(paths: Sequence[str], varied: str) -> set[str]:
    """What changes with a parameter: itself, and with a count of units the rates that they add up to."""
    owner, _, key = varied.partition(".")
    rates = {f"{owner}.matrix", f"{owner}.vector"} if key in UNITS else set()
    return {varied} | (rates & set(paths))
