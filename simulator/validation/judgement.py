"""The judgement of the laws: the same tables predicted in four ways, of which two know nothing of the device that they are judged on.

- the datasheet roofline;
- the laws with coefficients that were fitted on everything (*seen*);
- the laws' physics, each device by coefficients fitted without its die (*left out*);
- the same with the learned correction, which was learned without that die, too (*left out, corrected*).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simulator.validation.ranks import Rank, ranks_of
from simulator.validation.run import Options, Validation, validate
from simulator.validation.scores import FEW_ROWS, family_of

if TYPE_CHECKING:
    import pandas as pd

REPRODUCED = ("fusemax",)  # sources whose closed forms our laws repeat: neither a prediction's order nor its interval is judged by them
WAYS = {
    "roofline": Options(fidelity="roofline"),
    "seen": Options(),
    "left out": Options(left_out=True, correction=False),
    "left out, corrected": Options(left_out=True),
}


@dataclass(frozen=True, slots=True)
class Judged:
    """One class of operators, judged in the ways of `WAYS`.

    Parameters
    ----------
    mape, mean_abs_log : mapping of str to float
        By way.
    ranks : tuple of Rank
        Of all devices with at least `FEW_ROWS` rows, left out and corrected, the worst first.
    coverage90, width : float or None
        Of the 90 % interval there: mean over devices of the share of rows inside, and the median of high over low.
    """

    family: str
    groups: int
    rows: int
    mape: Mapping[str, float]
    mean_abs_log: Mapping[str, float]
    ranks: tuple[Rank, ...]
    coverage90: float | None
    width: float | None


def judge(path: Path, sample: int | None = None, progress: Callable[[str], None] = lambda _: None) -> tuple[list[Judged], dict[str, Validation]]:
    """Judge the laws by all tables of a folder.

    Parameters
    ----------
    path : Path
    sample : int, optional
        Rows of each group at most.
    progress : callable
        Told each way before it is worked on.

    Raises
    ------
    TableError
        If no row can be scored.
    """
    done: dict[str, Validation] = {}
    for way, options in WAYS.items():
        progress(way)
        done[way] = validate(path, Options(options.fidelity, sample=sample, left_out=options.left_out, correction=options.correction))
    last = done["left out, corrected"]
    frame = last.frame.assign(family=[family_of(*key) for key in zip(last.frame["op"], last.frame["dtype"], last.frame["timing"], strict=True)])
    return [_judged(family, done, rows) for family, rows in frame.groupby("family")], done


def _judged(family: object, done: Mapping[str, Validation], rows: pd.DataFrame) -> Judged:
    name = str(family)
    heads = {way: v.headline[name] for way, v in done.items()}
    predicted = rows[~rows["source"].isin(REPRODUCED)]
    return Judged(
        name, heads["seen"].groups, heads["seen"].rows, {way: h.mape for way, h in heads.items()}, {way: h.mean_abs_log for way, h in heads.items()},
        tuple(ranks_of(predicted)), _coverage(predicted), float(np.median(predicted["high_us"] / predicted["low_us"])) if len(predicted) else None,
    )  # fmt: skip


def _coverage(rows: pd.DataFrame) -> float | None:
    """Share of rows inside their interval: mean over devices, of the mean over each one's groups."""
    if rows.empty:
        return None
    inside = (rows["measured_us"] >= rows["low_us"]) & (rows["measured_us"] <= rows["high_us"])
    keys = [rows[name] for name in ("device", "source", "op", "dtype", "kernel")]
    large = inside.groupby(keys).transform("size") >= FEW_ROWS
    kept = large if large.any() else ~large
    return float(inside[kept].groupby([k[kept] for k in keys]).mean().groupby("device").mean().mean())
