"""How far predictions are from measurements: metrics of a group of rows, and means over groups."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from magnitudes.arrays import Column
from simulator.validation.formats import width_class
from simulator.validation.operations import OPERATIONS

if TYPE_CHECKING:
    import pandas as pd

FEW_ROWS = 30  # smaller groups are shown, not averaged
GROUP = ("file", "source", "device", "op", "dtype", "kernel")


@dataclass(frozen=True, slots=True)
class Score:
    """Errors of one group of rows, as fractions.

    Attributes
    ----------
    mape, median_ape : float
        Mean and median of ``|predicted - measured| / measured``.
    mean_abs_log, bias : float
        Mean of ``|ln(predicted / measured)|`` and of ``ln(predicted / measured)``: below zero is too fast.
    spearman : float or None
        Rank correlation; None where it is not defined (fewer than two different values).
    coverage90 : float or None
        Share of rows inside their 90 % interval; None where predictions have none.
    width90 : float or None
        Median of high over low of those intervals: an interval of a factor of ten covers much and says little.
    """

    file: str
    source: str
    device: str
    op: str
    dtype: str
    kernel: str
    family: str
    rows: int
    mape: float
    median_ape: float
    mean_abs_log: float
    bias: float
    spearman: float | None
    coverage90: float | None
    width90: float | None


@dataclass(frozen=True, slots=True)
class Headline:
    """Means over the groups of a class.

    Attributes
    ----------
    groups, rows : int
    few_rows : bool
        Whether the class has only groups under `FEW_ROWS` rows, which are then averaged nevertheless.
    """

    mape: float
    mean_abs_log: float
    bias: float
    spearman: float | None
    coverage90: float | None
    width90: float | None
    groups: int
    rows: int
    few_rows: bool


def mape(predicted: Column, measured: Column) -> float:
    """Mean absolute error as a share of what was measured."""
    return float(np.mean(np.abs(predicted / measured - 1.0)))


def median_ape(predicted: Column, measured: Column) -> float:
    """Median absolute error as a share of what was measured."""
    return float(np.median(np.abs(predicted / measured - 1.0)))


def mean_abs_log(predicted: Column, measured: Column) -> float:
    """Mean of ``|ln(predicted / measured)|``: half as fast and twice as fast weigh the same."""
    return float(np.mean(np.abs(np.log(predicted / measured))))


def bias(predicted: Column, measured: Column) -> float:
    """Mean of ``ln(predicted / measured)``: below zero is too fast."""
    return float(np.mean(np.log(predicted / measured)))


def spearman(predicted: Column, measured: Column) -> float | None:
    """Rank correlation with mean ranks for ties; None where one of the two does not vary."""
    import pandas as pd

    x, y = (pd.Series(v).rank().to_numpy() for v in (predicted, measured))
    spread = x.std() * y.std()
    return float(np.mean((x - x.mean()) * (y - y.mean())) / spread) if spread > 0.0 else None


def coverage(measured: Column, low: Column, high: Column) -> float | None:
    """Share of measurements between the ends of their intervals; None where no row has one."""
    known = ~(np.isnan(low) | np.isnan(high))
    return float(np.mean((measured[known] >= low[known]) & (measured[known] <= high[known]))) if known.any() else None


def interval_width(low: Column, high: Column) -> float | None:
    """Median of high over low; None where no row has an interval."""
    known = ~(np.isnan(low) | np.isnan(high))
    return float(np.median(high[known] / low[known])) if known.any() else None


def family_of(op: str, dtype: str, timing: str) -> str:
    """Class of a row: the operator's family, with the data type where libraries differ by it."""
    family = OPERATIONS[op].family if op in OPERATIONS else op
    width = width_class(dtype)
    if family not in ("gemm", "linear", "bmm", "convolution"):
        return family
    eager = "_eager" if family == "gemm" and timing == "eager" else ""
    return f"{family}_{width}{eager}"


def group_scores(frame: pd.DataFrame) -> list[Score]:
    """One score a group.

    Parameters
    ----------
    frame : DataFrame
        Columns of `GROUP` (``op`` by the name it has here, and ``named``, as the file says), ``timing``,
        ``measured_us``, ``predicted_us``, and ``low_us``, ``high_us`` where predictions have intervals.
    """
    grouped = frame.groupby(["named" if name == "op" else name for name in GROUP], sort=True, observed=True)
    return [_score(key, rows) for key, rows in grouped if isinstance(key, tuple)]


def _score(key: tuple[Hashable, ...], rows: pd.DataFrame) -> Score:
    predicted, measured = rows["predicted_us"].to_numpy(np.float64), rows["measured_us"].to_numpy(np.float64)
    spans = (rows["low_us"].to_numpy(np.float64), rows["high_us"].to_numpy(np.float64)) if "low_us" in rows.columns else None
    labels = {name: str(value) for name, value in zip(GROUP, key, strict=True)}
    return Score(
        **labels, family=family_of(str(rows["op"].iloc[0]), labels["dtype"], str(rows["timing"].iloc[0])), rows=len(rows), mape=mape(predicted, measured),
        median_ape=median_ape(predicted, measured), mean_abs_log=mean_abs_log(predicted, measured), bias=bias(predicted, measured),
        spearman=spearman(predicted, measured), coverage90=coverage(measured, *spans) if spans else None,
        width90=interval_width(*spans) if spans else None,
    )  # fmt: skip


def headlines(scores: Sequence[Score]) -> dict[str, Headline]:
    """Means over groups by class; groups under `FEW_ROWS` rows count only in a class that has no others."""
    return {family: _headline([s for s in scores if s.family == family]) for family in sorted({s.family for s in scores})}


def _headline(scores: Sequence[Score]) -> Headline:
    large = [s for s in scores if s.rows >= FEW_ROWS]
    used = large or scores
    return Headline(
        mape=_mean([s.mape for s in used]), mean_abs_log=_mean([s.mean_abs_log for s in used]), bias=_mean([s.bias for s in used]),
        spearman=_mean_known([s.spearman for s in used]), coverage90=_mean_known([s.coverage90 for s in used]),
        width90=_mean_known([s.width90 for s in used]),
        groups=len(used), rows=sum(s.rows for s in used), few_rows=not large,
    )  # fmt: skip


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _mean_known(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return _mean(known) if known else None
