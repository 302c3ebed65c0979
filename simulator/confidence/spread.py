"""The interval of a sum: errors of operators add neither as if they were independent nor as if they were one.

Two operators of one kind on one device share a part of their error (the library's, the device's), two of different kinds a smaller
one; both correlations were measured on left-out devices. The variance of a sum with those correlations needs three sums only:
of squares, of squares of each kind's sum, and the square of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from magnitudes.arrays import Column, Condition, Real, maximum, sqrt, total
from simulator.calibration import table
from simulator.confidence.band import Band


@dataclass(frozen=True, slots=True)
class Spread:
    """A 90 % interval.

    Parameters
    ----------
    low_s, high_s : Real
    extrapolated : bool or mask
        Whether a part of it that matters (over 10 % of the time) is like nothing measured.
    """

    low_s: Real
    high_s: Real
    extrapolated: Condition


MATTERS = 0.1  # share of the time from which on an extrapolated part makes the whole extrapolated


def spread(time_s: Real, parts: Sequence[tuple[Real, Band]]) -> Spread:
    """The interval of a time that consists of parts.

    Parameters
    ----------
    time_s : Real
        The whole; parts may add to less or more (overlap, pipelines): their shares count.
    parts : sequence of (Real, Band)
        Time of all calls of an operator, and its band. Repeats of one operator err together.
    """
    whole_s = total(t for t, _ in parts)
    below = _deviation([(t * (1.0 - b.fast), b.kind) for t, b in parts]) / whole_s
    above = _deviation([(t * (b.slow - 1.0), b.kind) for t, b in parts]) / whole_s
    strange = total(t * _number(b.extrapolated) for t, b in parts)
    return Spread(time_s * maximum(1.0 - below, 0.0), time_s * (1.0 + above), strange > MATTERS * whole_s)


def _deviation(parts: Sequence[tuple[Real, str]]) -> Real:
    """Half-widths of parts, added with the measured correlations."""
    c = table("intervals")["correlation"]
    kinds = dict.fromkeys(kind for _, kind in parts)
    sums = [total(d for d, kind in parts if kind == k) for k in kinds]
    squares = total(d * d for d, _ in parts)
    of_kinds, all_together = total(s * s for s in sums), total(sums)
    return sqrt((1.0 - c["same_kind"]) * squares + (c["same_kind"] - c["other_kind"]) * of_kinds + c["other_kind"] * all_together * all_together)


def _number(condition: Condition) -> Real:
    """A truth as a number."""
    if isinstance(condition, np.ndarray):
        column: Column = condition.astype(np.float64)
        return column
    return 1.0 if condition else 0.0
