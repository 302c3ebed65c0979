"""Which rows of a table can be predicted: the machine, the operator, its data type and its dimensions must be known. Every other row says why not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from hardware_specs.catalog import find_system
from magnitudes.arrays import Mask
from magnitudes.errors import InputError
from simulator.validation.columns import as_numbers, first, flags, numbers, texts
from simulator.validation.dimensions import MAY_BE_ZERO, MEANINGS
from simulator.validation.formats import formats_of, unknown_format
from simulator.validation.names import operation_name, unknown_operation
from simulator.validation.operations import OPERATIONS
from simulator.validation.rows import Rows
from simulator.validation.structures import STRUCTURES
from simulator.validation.tidy import TEXTS, Table

if TYPE_CHECKING:
    import pandas as pd

FLAGS = ("windowed", "gated", "bidirectional")  # as text, "True" or "False"
LARGEST = 1e15  # beyond it a dimension is no dimension, and products overflow


def checked(table: Table) -> Table:
    """The table without rows that no law can predict, each with its reason.

    What is left has ``op`` by the name it has here and ``named`` as the file says it, its structure as text, and float64 dimensions.
    Columns that no operator reads are dropped.
    """
    frame = table.frame
    read = [c for c in (*TEXTS, "measured_us", "causal", *STRUCTURES, *MEANINGS) if c in frame.columns]
    table = replace(table, frame=frame[list(dict.fromkeys(read))].assign(named=frame["op"]))
    table = _without(table, "device", _device_problem)
    table = _without(table, "named", lambda op: "" if operation_name(op) else unknown_operation(op))
    table = replace(table, frame=table.frame.assign(op=table.frame["named"].map({op: operation_name(op) for op in table.frame["named"].unique()})))
    table = _without(table, "dtype", lambda dtype: "" if formats_of(dtype) else unknown_format(dtype))
    by_kernel = table.frame["op"].map({name: o.by_kernel for name, o in OPERATIONS.items()}).eq(True)
    table = replace(table, frame=table.frame.assign(kernel=table.frame["kernel"].where(by_kernel, "")))  # elsewhere the library's choice: an outcome
    table = _with_structure(table)
    used = sorted({d for op in table.frame["op"].unique() for d in (*OPERATIONS[op].dimensions, *OPERATIONS[op].optional)})
    given = table.frame
    table = replace(table, frame=as_numbers(given, [*used, "host_us", "copies"]))
    for op in table.frame["op"].unique():
        table = _with_dimensions(table, op, given)
        table = _within_rules(table, op)
    return table


def _without(table: Table, column: str, problem: Callable[[str], str], operation: str = "") -> Table:
    """The table without rows (of one operation, or all) whose name in a column has a problem."""
    for name in table.frame[column].unique():
        reason = problem(name)
        if reason:
            bad = table.frame[column] == name
            table = table.without(bad & (table.frame["op"] == operation) if operation else bad, reason)
    return table


@cache
def _device_problem(device: str) -> str:
    """Why a device cannot be predicted; empty where it can."""
    if not device:
        return "the device has no name"
    try:
        find_system(device)
    except InputError as error:
        return str(error)
    return ""


def _with_structure(table: Table) -> Table:
    """The table with every column of structure as text; rows of which one says what nobody knows are left out."""
    frame = table.frame
    said: dict[str, pd.Series[str] | str] = {name: texts(frame[name]) if name in frame.columns else "" for name in STRUCTURES}
    said["gated"] = flags(frame["gated"]) if "gated" in frame.columns else "False"
    said["bidirectional"] = flags(frame["causal"]).map({"True": "False", "False": "True"}) if "causal" in frame.columns else "False"
    said["windowed"] = (numbers(frame["window"]) > 0.0).map({True: "True", False: "False"}) if "window" in frame.columns else "False"
    table = replace(table, frame=frame.assign(**said))
    for op in table.frame["op"].unique():
        for name in OPERATIONS[op].structure:
            if name in STRUCTURES:
                table = _without(table, name, STRUCTURES[name].problem, op)
    return table


def _with_dimensions(table: Table, op: str, given: pd.DataFrame) -> Table:
    """The table without rows of one operation that lack a dimension, or whose dimension is no positive number."""
    operation = OPERATIONS[op]
    absent = [d for d in operation.dimensions if d not in table.frame.columns]
    if absent:
        return table.without(table.frame["op"] == op, f"{op} needs the column {', '.join(map(repr, absent))}")
    for name in (*operation.dimensions, *operation.optional, "host_us", "copies"):
        if name not in table.frame.columns:
            continue
        size = table.frame[name].to_numpy()
        good = ((size >= 0.0) if name in MAY_BE_ZERO else (size > 0.0)) & (size <= LARGEST)
        if name not in operation.dimensions:
            good |= given[name].loc[table.frame.index].isna().to_numpy()  # what is not said has its default
        what = "a number of zero or more" if name in MAY_BE_ZERO else "a positive number"
        table = _named(table, (table.frame["op"] == op).to_numpy() & ~good, f"{op}: {name} is not {what}", given[name])
    return table


def _named(table: Table, bad: Mask, reason: str, given: pd.Series[Any]) -> Table:
    """The table without bad rows; the reason names the first by what the file says there."""
    return table.without(bad, f"{reason} ({first(bad, given.loc[table.frame.index])})") if bad.any() else table


def _within_rules(table: Table, op: str) -> Table:
    """The table without rows whose dimensions contradict each other."""
    for rule in OPERATIONS[op].rules:
        own = (table.frame["op"] == op).to_numpy()
        if not own.any():
            return table
        holds = np.broadcast_to(np.asarray(rule.holds(rows_of(op, table.frame[own])), dtype=bool), (int(own.sum()),))
        bad = np.zeros(len(own), dtype=bool)
        bad[own] = ~holds
        table = table.without(bad, f"{op}: {rule.broken}")
    return table


def rows_of(op: str, frame: pd.DataFrame, dtype: str = "", kv_dtype: str = "", names: Mapping[str, str] | None = None) -> Rows:
    """Rows of one operation and structure, as its builder takes them."""
    formats = formats_of(dtype) or formats_of("bf16")
    assert formats is not None
    state = formats_of(kv_dtype) if kv_dtype else None
    operation = OPERATIONS[op]
    columns = {c: frame[c].to_numpy() for c in (*operation.dimensions, *operation.optional) if c in frame.columns}
    return Rows(op, formats, state.a if state else formats.a, columns, names or {})
