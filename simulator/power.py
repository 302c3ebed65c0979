"""Does it stay within its power limit: mean power of a chip against what the part may draw."""

from __future__ import annotations

from magnitudes.arrays import Condition, Real
from magnitudes.units import show
from simulator.energy import EnergyUse


def within_limit(use: EnergyUse) -> Condition:
    """Whether the mean power of a chip keeps the part's limit; true where none is published."""
    return True if use.tdp_w is None else use.chip_power_w <= use.tdp_w


def headroom(use: EnergyUse) -> Real | None:
    """Share of the limit that is left; below zero where it is exceeded. None where no limit is published."""
    return None if use.tdp_w is None else 1.0 - use.chip_power_w / use.tdp_w


def limit_note(chip_power_w: float, tdp_w: float | None) -> str:
    """What a reader should know of one design's power; empty where it keeps the limit."""
    if tdp_w is None or chip_power_w <= tdp_w:
        return ""
    return f"a chip would draw {show(chip_power_w, 'w')} on average, over its limit of {show(tdp_w, 'w')}: it would run slower than estimated"
