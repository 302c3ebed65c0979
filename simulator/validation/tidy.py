"""A tidy table: rows of measurements with the columns that predictions need, and the rows that cannot be used, with the reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from magnitudes.errors import InputError
from magnitudes.names import nearest
from simulator.validation.columns import first, numbers, texts
from simulator.validation.sources import source_of

if TYPE_CHECKING:
    import pandas as pd

REQUIRED = ("device", "op", "dtype", "measured_us")
TEXTS = ("source", "device", "op", "dtype", "timing", "kernel", "library")
TIMINGS = ("kernel", "graph", "eager")
TIMING_WORDS = {
    "cuda_graph": "graph", "cudagraph": "graph", "hip_graph": "graph", "profiler": "kernel", "kineto": "kernel", "nsys": "kernel", "events": "eager",
}  # fmt: skip

# Other units of the measured time: column -> microseconds of one.
TIMES = {"measured_ns": 1e-3, "measured_ms": 1e3, "measured_s": 1e6}


class TableError(InputError):
    """A table that cannot be used, why, and how many rows are lost with it (0 where they cannot be counted)."""

    def __init__(self, message: str, rows: int = 0) -> None:
        super().__init__(message)
        self.rows = rows


@dataclass(frozen=True, slots=True)
class Unscored:
    """Rows that get no prediction, and why."""

    reason: str
    rows: int
    file: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one file.

    Parameters
    ----------
    file : str
        Its name.
    frame : DataFrame
        The tidy columns; dimensions are float64, absent ones NaN.
    unscored : tuple of Unscored
        Rows of the file that are not in the frame.
    """

    file: str
    frame: pd.DataFrame
    unscored: tuple[Unscored, ...] = field(default=())

    def without(self, drop: Any, reason: str, column: str = "") -> Table:
        """The table without some rows, which are unscored for a reason; the first of them is named by what a column says there."""
        drop = np.asarray(drop, dtype=bool)
        rows = int(drop.sum())
        if not rows:
            return self
        if column:
            reason = f"{reason} ({first(drop, self.frame[column])})"
        return replace(self, frame=self.frame[~drop], unscored=(*self.unscored, Unscored(reason, rows, self.file)))


def tidy(file: str, frame: pd.DataFrame) -> Table:
    """A checked table from a frame that has the tidy columns. Its index says where a row stands in the file.

    Raises
    ------
    TableError
        If a column that every row needs is missing, naming it, or holds what is no name.
    """
    frame = _with_microseconds(frame)
    missing = [c for c in REQUIRED if c not in frame.columns]
    if missing:
        raise missing_columns(frame, missing)
    try:
        frame = frame.assign(**{name: texts(frame[name]) for name in TEXTS if name in frame.columns})
    except ValueError as error:
        raise TableError(f"a column of names {error}", len(frame)) from error
    stem = file.rpartition("/")[2].partition(".")[0]
    source = frame["source"].where(frame["source"] != "", stem) if "source" in frame.columns else stem
    frame = frame.assign(source=source)
    frame["timing"] = _timing(frame)
    for name in ("kernel", "library"):
        if name not in frame.columns:
            frame[name] = ""
    table = Table(file, frame)
    measured = numbers(frame["measured_us"])
    table = table.without(~((measured > 0.0) & np.isfinite(measured)), "measured_us is not a positive number", "measured_us")
    table = replace(table, frame=table.frame.assign(measured_us=measured))
    return table.without(~table.frame["timing"].isin(TIMINGS), f"timing is none of {', '.join(TIMINGS)}", "timing")


def _with_microseconds(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with ``measured_us``, where the time is there in another unit."""
    other = next((c for c in TIMES if c in frame.columns), None)
    if "measured_us" in frame.columns or other is None:
        return frame
    return frame.assign(measured_us=TIMES[other] * numbers(frame[other]))


def missing_columns(frame: pd.DataFrame, missing: list[str]) -> TableError:
    """What to say of columns that are not there, with those that come near."""
    near = {m: nearest(m, [str(c) for c in frame.columns], 1) for m in missing}
    hints = "; ".join(f"is {n[0]!r} meant as {m!r}?" for m, n in near.items() if n)
    return TableError(
        f"no column {', '.join(map(repr, missing))}{f' ({hints})' if hints else ''}; a tidy table has {', '.join(REQUIRED)} "
        "and the operator's dimensions (`roofscape validate --schema` lists them)",
        len(frame),
    )


def _timing(frame: pd.DataFrame) -> pd.Series[str]:
    """The timing context of each row: what the table says, else what its source is known for."""
    usual = frame["source"].map({name: source_of(name).timing for name in frame["source"].unique()})
    if "timing" not in frame.columns:
        return usual
    said = frame["timing"].str.lower().replace(TIMING_WORDS)
    return said.where(said != "", usual)


def summed(unscored: Iterable[Unscored]) -> list[Unscored]:
    """Rows added up by reason and file, most first."""
    rows: dict[tuple[str, str], int] = {}
    for u in unscored:
        rows[u.reason, u.file] = rows.get((u.reason, u.file), 0) + u.rows
    return sorted((Unscored(reason, n, file) for (reason, file), n in rows.items()), key=lambda u: -u.rows)
