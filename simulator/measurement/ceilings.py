"""Measured ceilings of a processor: the best that any kernel of a trace got out of each cache, out of memory, and out of the multipliers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hardware_specs.schema import Tier
from magnitudes.datatypes import data_type
from simulator.measurement.environment import MeasurementError

if TYPE_CHECKING:
    import pandas as pd

STREAMED = {"copy": 2.0, "triad": 3.0, "add": 3.0, "mul": 3.0, "addu": 2.0, "relu": 2.0}  # arrays that pass, of operators that only move bytes
WITHIN, BEYOND = 0.6, 1.5  # a working set belongs to a tier when it fills it so far, and the tier before it so far over
MEMORY_BEYOND = 2.5  # caches in front of memory keep a part of what is a little larger


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A rate, and the kernel that reached it."""

    per_s: float
    kernel: str
    rows: int


def bandwidth(frame: pd.DataFrame, tiers: tuple[Tier, ...]) -> dict[str, Ceiling]:
    """Bytes a second of each tier, nearest first, where the trace has rows that live in it.

    Parameters
    ----------
    frame : DataFrame
        Rows of a trace.
    tiers : tuple of Tier
        Of the spec that the system reports: their capacities count.
    """
    rows = frame[frame["op"].isin(STREAMED)]
    byte = rows["rows"] * rows["cols"] * rows["op"].map(STREAMED) * rows["dtype"].map(lambda name: data_type(name).byte)
    distance, rate = byte * rows["copies"], byte / (rows["measured_us"] * 1e-6)
    found = {}
    for place, tier in enumerate(tiers):
        below = float(tiers[place - 1].capacity_byte) if place else 0.0  # type: ignore[arg-type]
        last = place == len(tiers) - 1
        inside = (distance >= (MEMORY_BEYOND if last else BEYOND) * below) & (distance <= (np.inf if last else WITHIN * float(tier.capacity_byte)))  # type: ignore[arg-type]
        if inside.any():
            best = rows[inside].iloc[int(rate[inside].to_numpy().argmax())]
            found[tier.name] = Ceiling(float(rate[inside].max()), f"{best['library']} {best['op']}", int(inside.sum()))
    return found


def _flop(rows: pd.DataFrame) -> pd.Series[float]:
    """Work of products, and of convolutions by their sizes."""
    rows = rows.reindex(columns=list(dict.fromkeys((*rows.columns, "m", "n", "k"))))
    flop: pd.Series[float] = 2.0 * rows["m"] * rows["n"] * rows["k"]
    if "kernel_h" not in rows.columns:
        return flop
    side = np.floor((rows["in_h"] + 2.0 * rows["pad_h"] - rows["kernel_h"]) / rows["stride_h"]) + 1.0
    return flop.fillna(2.0 * rows["batch"] * rows["cin"] * rows["cout"] * side**2 * rows["kernel_h"] ** 2)


def product_rates(frame: pd.DataFrame) -> dict[str, Ceiling]:
    """Flop a second of the best product of each data type.

    Raises
    ------
    MeasurementError
        If the trace has no product in fp32: nothing can be told of the cores then.
    """
    rows = frame[frame["op"].isin(("gemm", "linear", "conv_fwd"))]
    if "kernel_h" in rows.columns:  # a 3 x 3 convolution may be done with fewer multiplications than it has (Winograd): it shows no rate
        rows = rows[rows["kernel_h"].fillna(0.0) != 3.0]
    rate = _flop(rows) / (rows["measured_us"] * 1e-6)
    found = {}
    for dtype, own in rate.groupby(rows["dtype"]):
        best = rows.loc[own.index].iloc[int(own.to_numpy().argmax())]
        found[str(dtype)] = Ceiling(float(own.max()), f"{best['library']} {best['op']}", len(own))
    if "fp32" not in found:
        raise MeasurementError("the trace has no product in fp32, so that the rate of the cores is not known; measure the suite quick or full")
    return found
