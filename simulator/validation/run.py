"""Validation: tables in, predictions and scores out. The order of work, in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.validation.checks import checked
from simulator.validation.files import read_table, table_files
from simulator.validation.host import Host, hosts_of, paces
from simulator.validation.prediction import Context, Prediction, predict, times_of
from simulator.validation.scores import GROUP, Headline, Score, group_scores, headlines
from simulator.validation.served import Fitted, fit_frameworks, frameworks
from simulator.validation.tidy import Table, TableError, Unscored, summed

if TYPE_CHECKING:
    import pandas as pd

SHOWN = ("predicted_us", "low_us", "high_us", "extrapolated", "bound", "flop", "byte")

Progress = Callable[[int, int, str], None]  # files done, files in all, the file that is next


@dataclass(frozen=True, slots=True)
class Options:
    """How to validate.

    Parameters
    ----------
    fidelity : str
        ``tile`` or ``roofline``.
    timing : str, optional
        Timing context instead of what the tables say.
    host_s : float, optional
        Time of the cheapest eager operator of all hosts; read off tiny kernels, host by host, if not said.
    sample : int, optional
        Rows of each group at most, evenly spread.
    left_out : bool
        Whether each device is judged by coefficients that were fitted without it and its relatives.
    correction : bool
        Whether the learned correction is applied.
    on : str
        A machine instead of the devices that the tables name; empty for those.
    """

    fidelity: str = "tile"
    timing: str | None = None
    host_s: float | None = None
    sample: int | None = None
    left_out: bool = False
    correction: bool = True
    on: str = ""


@dataclass(frozen=True, slots=True)
class Validation:
    """All rows that were predicted, their scores, and the rows that were not, with the reason.

    Parameters
    ----------
    frame : DataFrame
        The tidy rows with ``file`` and the columns of `SHOWN`; empty where nothing could be predicted.
    notes : tuple of str
        What a reader of the scores should know.
    fitted : tuple of Fitted
        Constants that were fitted on some of the rows, which are then not scored.
    """

    frame: pd.DataFrame
    scores: tuple[Score, ...]
    headline: dict[str, Headline]
    unscored: tuple[Unscored, ...]
    hosts: tuple[Host, ...]
    options: Options
    notes: tuple[str, ...] = ()
    fitted: tuple[Fitted, ...] = ()


def validate(path: Path | str, options: Options | None = None, progress: Progress = lambda *_: None) -> Validation:
    """Predict every row of a table, or of all tables of a folder, and score every group.

    Parameters
    ----------
    path : Path or str
        A table, or a folder of tables.
    options : Options, optional
        What is predicted, and how; all of it as the tables say, if not said.
    progress : callable
        Told how many files are done, of how many, and which is next.

    Raises
    ------
    TableError
        If there is no such path, or no table in it. A table that cannot be read is unscored, with the reason.
    """
    import pandas as pd

    options, path = options or Options(), Path(path)
    files = table_files(path)
    frames: list[pd.DataFrame] = []
    unscored: list[Unscored] = []
    hosts: list[Host] = []
    fitted: list[Fitted] = []
    notes: dict[str, None] = {}
    for place, file in enumerate(files):
        name = file.relative_to(path).as_posix() if path.is_dir() else file.name
        progress(place, len(files), name)
        try:
            done = predicted(read_table(file, name), options)
        except TableError as error:
            unscored.append(Unscored(str(error), error.rows, name))
            continue
        frames.append(done.table.frame)
        unscored.extend(done.table.unscored)
        hosts.extend(done.hosts)
        notes |= dict.fromkeys(done.notes)
        fitted.extend(done.fitted)
    progress(len(files), len(files), "scores")
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    scores = tuple(group_scores(frame)) if len(frame) else ()
    return Validation(frame, scores, headlines(scores), tuple(summed(unscored)), tuple(hosts), options, tuple(notes), tuple(fitted))


@dataclass(frozen=True, slots=True)
class Predicted:
    """One table with predictions, the hosts behind its eager rows, what a reader should know, and what was fitted on some of its rows."""

    table: Table
    hosts: tuple[Host, ...] = ()
    notes: tuple[str, ...] = ()
    fitted: tuple[Fitted, ...] = ()


def predicted(table: Table, options: Options) -> Predicted:
    """Predictions for every row of a table that can have one."""
    if options.on:
        table = replace(table, frame=table.frame.assign(device=options.on))
    table = checked(table)
    context = Context(options.fidelity, timing=options.timing, left_out=options.left_out, correction=options.correction)
    table, fitted = fit_frameworks(table, lambda rows: times_of(rows, replace(context, frameworks=_known(rows, 0.0))))
    context = replace(context, frameworks=frameworks(fitted))
    some = sampled(table, options.sample)
    if options.host_s is not None:
        return replace(with_predictions(some, replace(context, hosts=dict.fromkeys(_known(table, 0.0), options.host_s))), fitted=fitted)
    hosts = hosts_of(table, context)
    done = with_predictions(some, replace(context, hosts=paces(hosts)))
    return replace(done, hosts=hosts, fitted=fitted)


def _known(table: Table, value: float) -> dict[tuple[str, str], float]:
    """One value for every source and device of a table."""
    return dict.fromkeys(zip(table.frame["source"], table.frame["device"], strict=True), value)


def sampled(table: Table, rows: int | None) -> Table:
    """At most so many rows of each group, evenly spread over the table's order: the same rows every time."""
    if rows is None or table.frame.empty:
        return table
    keys = [k for k in GROUP if k in table.frame.columns]
    place = table.frame.groupby(keys, observed=True).cumcount().to_numpy()
    size = table.frame.groupby(keys, observed=True)["measured_us"].transform("size").to_numpy()
    step = np.maximum(1.0, size / rows)
    kept = np.floor(place / step) > np.floor((place - 1) / step)
    return replace(table, frame=table.frame[kept])


def _shown(p: Prediction) -> dict[str, Any]:
    """The columns of a prediction, as `SHOWN` names them."""
    us = {"predicted_us": p.time_s * 1e6, "low_us": p.low_s * 1e6, "high_us": p.high_s * 1e6}
    return us | {"extrapolated": p.extrapolated, "bound": p.bound, "flop": p.flop, "byte": p.byte}


def with_predictions(table: Table, context: Context) -> Predicted:
    """A checked table whose rows have predictions: ``predicted_us``, ``low_us``, ``high_us``, ``extrapolated``, ``bound``, ``flop``, ``byte``."""
    import pandas as pd

    table, batches = predict(table, context)
    new = [pd.DataFrame(_shown(p), index=rows) for rows, p in batches]
    columns = pd.concat(new) if new else pd.DataFrame({name: pd.Series(dtype=object) for name in SHOWN}, index=table.frame.index[:0])
    table = replace(table, frame=table.frame.join(columns, how="inner").assign(file=table.file))
    time_us = table.frame["predicted_us"].to_numpy(np.float64)
    table = table.without(~(np.isfinite(time_us) & (time_us > 0.0)), "the law has no finite time for such sizes")
    return Predicted(table, notes=tuple(dict.fromkeys(note for _, p in batches for note in p.notes)))


def breakdown(frame: pd.DataFrame, validation: Validation) -> list[dict[str, Any]]:
    """What each resource alone would need [s], for some rows of a validation: what the worst rows show."""
    if "parts" in frame.columns:
        return list(frame["parts"])
    options = validation.options
    parts: dict[Any, dict[str, Any]] = {}
    for file, rows in frame.groupby("file", sort=False):
        known = paces(h for h in validation.hosts if h.file == file)
        if options.host_s is not None:
            known = dict.fromkeys(zip(rows["source"], rows["device"], strict=True), options.host_s)
        context = Context(options.fidelity, known, options.timing, options.left_out, options.correction, frameworks(validation.fitted))
        for index, p in predict(Table(str(file), rows), context)[1]:
            for place, row in enumerate(index):
                parts[row] = {name: float(part[place]) for name, part in p.parts.items()}
    return [parts[i] for i in frame.index]
