"""Whole served models: time to first token and per output token behind a serving framework, of which one constant is known.

A framework of 2023 builds each step in Python: it takes so long whatever the model, the batch or the chips. In steady decoding it prepares
a step while the device works on the last, so that a step lasts as long as the slower of the two; both jitter, so that a device which its
framework hides is felt all the same (as behind an eager call). The first token has nothing to hide
behind: its device pass and one step of the framework add up. The constant is fitted on one model at one degree of tensor parallelism,
whose rows are then left out of the scores.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from magnitudes.arrays import Column
from magnitudes.errors import InputError
from simulator.calibration import constant
from simulator.kernels.timing import later_s
from simulator.validation.tidy import Table
from workloads.catalog import find_model
from workloads.operator import Calls
from workloads.scenario import Decode, Prefill
from workloads.sharding import Parallelism, precision

if TYPE_CHECKING:
    import pandas as pd

    from simulator.validation.rows import Rows

FIRST, STEP = "served_ttft", "served_tpot"
FITTED_MODEL, FITTED_TP = "llama-2-70b", 8.0
CANDIDATES_S = np.geomspace(1e-4, 1.0, 4000)  # steps of 0.2 %
ENOUGH_ROWS = 5


@dataclass(frozen=True, slots=True)
class Fitted:
    """A constant that was fitted on some rows of what is validated; they are not scored.

    Attributes
    ----------
    what : str
    value : float
        In SI units.
    rows : int
        Rows that it was fitted on.
    """

    what: str
    value: float
    rows: int
    file: str
    source: str
    device: str


def served_calls(rows: Rows, *, decode: bool) -> Calls:
    """The operators of a prefill, or of the decode step in the middle of the answer, on one chip."""
    model, cut, f = find_model(rows.names["served_model"]), Parallelism(tp=rows["tp"]), rows.formats
    middle = rows["prompt"] + 0.5 * rows["output"]
    scenario = Decode(batch=rows["batch"], context=middle) if decode else Prefill(batch=rows["batch"], prompt=rows["prompt"])
    (run,) = scenario.passes()
    return tuple((node.operator, node.count) for node in model.workload(run, cut, precision(f.b, f.a)).nodes)


def model_problem(name: str) -> str:
    """Why a served model cannot be predicted; empty where it can."""
    try:
        model = find_model(name)
    except InputError as error:
        return str(error)
    return "" if "decode" in model.phases else f"{model.name} generates no tokens"


def with_framework(op: str, pass_s: Column, framework_s: float | Column) -> Column:
    """Time of a first token, or of a step, behind a framework [s]."""
    return pass_s + framework_s if op == FIRST else np.asarray(later_s(pass_s, framework_s), dtype=np.float64)


def usual_framework_s() -> float:
    """The framework's time a step where a table has no rows to fit it on."""
    return constant("serving", "framework_s")


def fitted_rows(frame: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """The rows on which the constant is fitted."""
    served = frame["op"].isin((FIRST, STEP)).to_numpy()
    if not served.any():
        return served
    names = {name: find_model(name).name == FITTED_MODEL for name in frame.loc[served, "served_model"].unique()}
    return served & frame["served_model"].map(names).eq(True).to_numpy() & (frame["tp"] == FITTED_TP).to_numpy()


def fit_frameworks(table: Table, pass_times: Callable[[Table], Column]) -> tuple[Table, tuple[Fitted, ...]]:
    """The framework's constant of each source and device that served the fitted model, and the table without the rows that it was fitted on.

    Parameters
    ----------
    pass_times : callable
        Times of a table's rows on the device alone, in order [s].
    """
    chosen, found = fitted_rows(table.frame), []
    for (source, device), rows in table.frame[chosen].groupby(["source", "device"], observed=True):
        if len(rows) < ENOUGH_ROWS:
            chosen &= ~table.frame.index.isin(rows.index)
            continue
        value = best_framework_s(rows, pass_times(replace(table, frame=rows)))
        found.append(Fitted("time of the serving framework a step [s]", value, len(rows), table.file, str(source), str(device)))
    reason = f"the framework's constant is fitted on them ({FITTED_MODEL} at tp {FITTED_TP:g})"
    return table.without(chosen, reason), tuple(found)


def best_framework_s(rows: pd.DataFrame, pass_s: Column) -> float:
    """The constant with the smallest mean |ln| over some rows."""
    measured_s, first = rows["measured_us"].to_numpy(np.float64) * 1e-6, (rows["op"] == FIRST).to_numpy()
    added, slower = pass_s + CANDIDATES_S[:, None], np.asarray(later_s(pass_s, CANDIDATES_S[:, None]))
    errors = np.abs(np.log(np.where(first, added, slower) / measured_s)).mean(axis=1)
    return float(CANDIDATES_S[np.argmin(errors)])


def frameworks(fitted: tuple[Fitted, ...]) -> Mapping[tuple[str, str], float]:
    """The fitted constants by source and device."""
    return {(f.source, f.device): f.value for f in fitted}
