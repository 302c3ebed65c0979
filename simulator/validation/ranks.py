"""How well predictions order a device's kernels, and how well anything could: measurements that repeat each other bound the rank.

Rows that are one kernel to every law (the same sizes, traffic and work; an addition and a multiplication of two tensors) are repeats of one
measurement. If they agree with a rank correlation of r, a prediction without error agrees with either with no more than the root of r
(Spearman's correction for attenuation, 1904). Where a host hides kernels, their times are its jitter, and r falls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from magnitudes.arrays import Column
from simulator.validation.scores import FEW_ROWS, spearman

if TYPE_CHECKING:
    import pandas as pd

ENOUGH_PAIRS = 100
ENOUGH_SHARE = 0.1  # of a device's rows: fewer repeats are not of its usual kernels
SAME = ["file", "source", "timing", "dtype", "kernel", "flop", "byte"]
NEAR_FLOOR = 1.02  # times the least prediction of an operator: what an eager call hides


@dataclass(frozen=True, slots=True)
class Rank:
    """Order of one device's rows of a class.

    Parameters
    ----------
    spearman : float
    ceiling : float or None
        What a prediction without error would reach, by repeats; None where too few rows are repeated.
    hidden : float
        Share of the rows that are eager and no longer than their operator's shortest prediction: their order is the host's jitter.
    above : float or None
        Rank correlation of the others.
    """

    device: str
    rows: int
    spearman: float
    ceiling: float | None
    hidden: float
    above: float | None


def ranks_of(frame: pd.DataFrame) -> list[Rank]:
    """Ranks of all devices with enough rows, the worst first.

    Parameters
    ----------
    frame : DataFrame
        Rows of one class, with ``predicted_us``, ``measured_us``, ``flop``, ``byte`` and the columns of `SAME`.
    """
    found = [rank for device, rows in frame.groupby("device", observed=True) if len(rows) >= FEW_ROWS and (rank := _rank(str(device), rows)) is not None]
    return sorted(found, key=lambda r: r.spearman)


def _rank(device: str, rows: pd.DataFrame) -> Rank | None:
    own = _spearman(rows)
    if own is None:
        return None
    least_us = rows["predicted_us"].astype(np.float64).groupby([rows["file"], rows["op"]], observed=True).transform("min")
    hidden = ((rows["timing"] == "eager") & (rows["predicted_us"] <= NEAR_FLOOR * least_us)).to_numpy()
    above = _spearman(rows[~hidden]) if (~hidden).sum() >= FEW_ROWS else None
    return Rank(device, len(rows), own, ceiling_of(rows), float(hidden.mean()), above)


def _spearman(rows: pd.DataFrame) -> float | None:
    return spearman(rows["predicted_us"].to_numpy(np.float64), rows["measured_us"].to_numpy(np.float64))


def ceiling_of(rows: pd.DataFrame) -> float | None:
    """Rank correlation with measurements that no prediction exceeds on average; None where too few rows are repeated."""
    one, other = _pairs(rows)
    if len(one) < max(ENOUGH_PAIRS, ENOUGH_SHARE * len(rows) / 2.0):
        return None
    repeated = spearman(np.concatenate([one, other]), np.concatenate([other, one]))
    return None if repeated is None else float(np.sqrt(max(repeated, 0.0)))


def _pairs(rows: pd.DataFrame) -> tuple[Column, Column]:
    """Measurements of the same kernel, two by two."""
    predicted = rows["predicted_us"].astype(np.float64).map("{:.9g}".format)
    grouped = rows["measured_us"].astype(np.float64).groupby([*(rows[name].astype(str) for name in SAME), predicted])
    place = grouped.cumcount()
    pairs = rows.assign(place=place % 2, pair=place // 2, predicted=predicted)
    wide = pairs.pivot_table(index=[*SAME, "predicted", "pair"], columns="place", values="measured_us", aggfunc="first", observed=True).dropna()
    if wide.shape[1] < 2:
        return np.zeros(0), np.zeros(0)
    return wide[0].to_numpy(np.float64), wide[1].to_numpy(np.float64)
