"""A tidy table: rows of measurements with the columns that predictions need, and the rows that cannot be used, with the reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from magnitudes.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

REQUIRED = ("device", "op", "dtype", "measured_us")
TEXTS = ("source", "device", "op", "dtype", "timing", "kernel")
TIMINGS = ("kernel", "graph", "eager")

# How the sources that we know have timed their kernels (README of the data set); a table may say it itself in a column `timing`.
TIMING_OF_SOURCE = {"aiconfigurator": "graph", "vidur": "kernel", "neusight": "eager", "llmcompass": "eager", "deepbench": "graph"}
USUAL_TIMING = "graph"


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

    def without(self, drop: pd.Series[bool], reason: str) -> Table:
        """The table without some rows, which are unscored for a reason."""
        rows = int(drop.sum())
        if not rows:
            return self
        return replace(self, frame=self.frame[~drop], unscored=(*self.unscored, Unscored(reason, rows, self.file)))


def tidy(file: str, frame: pd.DataFrame) -> Table:
    """A checked table from a frame that has the tidy columns.

    Raises
    ------
    TableError
        If a column that every row needs is missing, naming it.
    """
    missing = [c for c in REQUIRED if c not in frame.columns]
    if missing:
        raise TableError(
            f"{file}: no column {', '.join(map(repr, missing))}; a tidy table has {', '.join(REQUIRED)} and the operator's dimensions "
            "(`roofscape validate --schema` lists them)",
            len(frame),
        )
    frame = frame.reset_index(drop=True)
    frame = frame.assign(**{name: _texts(frame[name]) for name in TEXTS if name in frame.columns})
    if "source" not in frame.columns:
        frame["source"] = file.rpartition("/")[2].partition(".")[0]
    if "timing" not in frame.columns:
        frame["timing"] = frame["source"].map(TIMING_OF_SOURCE).fillna(USUAL_TIMING)
    if "kernel" not in frame.columns:
        frame["kernel"] = ""
    frame["measured_us"] = _numbers(frame["measured_us"])
    table = Table(file, frame)
    table = table.without(~(frame["measured_us"] > 0.0) | (frame["measured_us"] == float("inf")), "measured_us is not a positive number")
    return table.without(~table.frame["timing"].isin(TIMINGS), f"timing is none of {', '.join(TIMINGS)}")


def _texts(column: pd.Series[str]) -> pd.Series[str]:
    """A column of names as plain text; absent ones empty."""
    return column.astype(object).where(column.notna(), "").astype(str)


def _numbers(column: pd.Series[float]) -> pd.Series[float]:
    """A column of numbers as float64: an int32 would wrap when multiplied. What is no number is NaN."""
    import pandas as pd

    return pd.to_numeric(column.astype(object).where(column.notna(), float("nan")), errors="coerce").astype("float64")


def as_numbers(frame: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """The frame with some of its columns cast to float64, once."""
    casts = {n: _numbers(frame[n]) for n in names if n in frame.columns and frame[n].dtype != "float64"}
    return frame.assign(**casts) if casts else frame


def summed(unscored: Iterable[Unscored]) -> list[Unscored]:
    """Rows added up by reason and file, most first."""
    rows: dict[tuple[str, str], int] = {}
    for u in unscored:
        rows[u.reason, u.file] = rows.get((u.reason, u.file), 0) + u.rows
    return sorted((Unscored(reason, n, file) for (reason, file), n in rows.items()), key=lambda u: -u.rows)
