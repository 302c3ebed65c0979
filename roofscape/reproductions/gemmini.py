"""Gemmini: layers by random mappings on its arrays, against RTL in FPGA-accelerated simulation; the published analytical model is the one to beat."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from magnitudes.arrays import Column
from roofscape.reproductions.claim import Claim, Found, Span, points
from roofscape.reproductions.shared import Shared
from simulator.calibration.commanded import FIRST, left_out_residuals
from simulator.validation.run import Options, validate

TITLE = "Hong et al., DOSA, MICRO 2023: random mappings of layers on Gemmini (Genc et al., DAC 2021), simulated cycle by cycle"

TABLE = "gemmini_rtl"
TIMELOOP = "Timeloop against the RTL on well-mapped layers: mean error 26 %, rank correlation 0.97, median ratio 0.80 (DOSA's data, as in our data's README)"
ASKED = "what a law of random mappings should reach, from documented constants alone and with three fitted"
HARDER = "on random mappings, which are harder than the well-mapped layers of the published figure"


@cache
def _ratios(path: Path, fitted: bool) -> tuple[Column, Column]:
    """Predicted and measured time of every row [us], with constants that were fitted on such rows or without."""
    frame = validate(path, Options(left_out=not fitted)).frame
    return frame["predicted_us"].to_numpy(np.float64), frame["measured_us"].to_numpy(np.float64)


@cache
def _left_out(path: Path) -> Column:
    """Ratio of predicted to measured of every row, by constants fitted on other layers."""
    return np.exp(left_out_residuals(path))


def _rank(a: Column, b: Column) -> float:
    """Spearman's correlation."""
    import pandas as pd

    return float(pd.Series(a).corr(pd.Series(b), method="spearman"))


Figure = Callable[[Column, Column], float]
FIGURES: dict[str, Figure] = {
    "mean": lambda predicted, measured: 100.0 * float(np.abs(predicted / measured - 1.0).mean()),
    "median": lambda predicted, measured: 100.0 * float(np.median(np.abs(predicted / measured - 1.0))),
    "rank": _rank,
    "ratio": lambda predicted, measured: float(np.median(predicted / measured)),
}


def _documented(figure: str) -> Callable[[Shared], Found]:
    def ours(shared: Shared) -> Found:
        predicted, measured = _ratios(shared.path(TABLE), False)
        return Found(FIGURES[figure](predicted, measured), f"{len(measured):,} rows; nothing fitted, but the 20 clocks assumed are the best of six tried")

    return ours


def _fitted(figure: str) -> Callable[[Shared], Found]:
    def ours(shared: Shared) -> Found:
        ratio = _left_out(shared.path(TABLE))
        return Found(FIGURES[figure](ratio, np.ones(len(ratio))), f"{len(ratio):,} rows, each by constants fitted on other layers")

    return ours


def _claim(claim: str, published: float | Span, unit: str, where: str, tolerance: float, ours: Callable[[Shared], Found], *, fit: bool = False) -> Claim:
    return Claim(
        "gemmini", claim, published, unit, where, "A", points(tolerance), "fit" if fit else "prediction", ours,
        latents=tuple(FIRST) if fit else (), needs=(TABLE,), remark=HARDER if where == TIMELOOP else "",
    )  # fmt: skip


CLAIMS = (
    _claim("mean error of ours, where Timeloop's is 26 %", 0.0, "%", TIMELOOP, 26.0, _documented("mean")),
    _claim("rank correlation of ours, where Timeloop's is 0.97", Span(0.97, 1.0), "", TIMELOOP, 0.0, _documented("rank")),
    _claim("median ratio to the RTL of ours, where Timeloop's is 0.80", Span(0.8, 1.25), "x", TIMELOOP, 0.0, _documented("ratio")),
    _claim("median error of ours on random mappings", 0.0, "%", ASKED, 30.0, _documented("median")),
    _claim("mean error of ours on layers left out of the fit", 0.0, "%", ASKED, 35.0, _fitted("mean"), fit=True),
    _claim("median error of ours on layers left out of the fit", 0.0, "%", ASKED, 30.0, _fitted("median"), fit=True),
)
