"""Every row of a table with a predicted time: rows that the same operators describe are evaluated together, as columns."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from hardware_specs.catalog import find_system
from hardware_specs.schema import FabricLevel, System
from magnitudes.arrays import Column, Real
from magnitudes.errors import InputError
from simulator.calibration import left_out
from simulator.cost import Cost
from simulator.engines import cost_law
from simulator.kernels.timing import Timing, eager_host_s
from simulator.law import CostLaw
from simulator.machine import machine_of
from simulator.validation.formats import formats_of
from simulator.validation.operations import OPERATIONS, Calls, Operation, Rows, operation_name
from simulator.validation.replay import WEIGHT_COPIES, inside, replay
from simulator.validation.tidy import Table, as_numbers

if TYPE_CHECKING:
    import pandas as pd

KEYS = ("source", "device", "op", "dtype", "timing", "kernel")
STRUCTURE = ("kv_dtype", "windowed", "gated", "distribution", "ranks_per_node", "model", "option")
ABSENT = {"windowed": "False", "gated": "False"}


@dataclass(frozen=True, slots=True)
class Prediction:
    """Times of some rows, and what set them.

    Parameters
    ----------
    time_s, flop, byte : Column
        One call.
    parts : mapping of str to Column
        Time that each resource alone would take [s].
    """

    time_s: Column
    flop: Column
    byte: Column
    parts: Mapping[str, Column]

    @property
    def bound(self) -> np.ndarray[Any, np.dtype[np.object_]]:
        """Name of the largest part of each row."""
        names = np.array(list(self.parts), dtype=object)
        return np.asarray(names[np.argmax(np.stack(list(self.parts.values())), axis=0)], dtype=object)


@dataclass(frozen=True, slots=True)
class Context:
    """What a prediction takes for granted beside the rows.

    Parameters
    ----------
    fidelity : str
    hosts : mapping of (source, device) to float
        Time of the cheapest eager operator where it is known [s].
    timing : str, optional
        Instead of what the table says.
    left_out : bool
        Judge each device by coefficients that were fitted without it and its relatives.
    """

    fidelity: str = "tile"
    hosts: Mapping[tuple[str, str], float] | None = None
    timing: str | None = None
    left_out: bool = False


def checked(table: Table) -> Table:
    """The table without rows that no law can predict, each with its reason: unknown device, operator, data type, or a dimension that is missing."""
    frame = table.frame.assign(op=table.frame["op"].map(operation_name))
    for name in STRUCTURE:
        used = any(name in OPERATIONS[op].structure for op in frame["op"].unique() if op in OPERATIONS) or name == "kv_dtype"
        frame[name] = frame[name].astype(str) if used and name in frame.columns else ABSENT.get(name, "")
    frame["windowed"] = _flag(frame["window"] > 0.0) if "window" in frame.columns else "False"
    by_kernel = frame["op"].map({name: o.by_kernel for name, o in OPERATIONS.items()})
    frame["kernel"] = frame["kernel"].where(by_kernel.eq(True), "")  # elsewhere it is the library's choice: an outcome
    table = replace(table, frame=frame)
    for device in frame["device"].unique():
        reason = _device_problem(device)
        if reason:
            table = table.without(table.frame["device"] == device, reason)
    for op in table.frame["op"].unique():
        if op not in OPERATIONS:
            table = table.without(table.frame["op"] == op, f"no law for the operator {op!r} yet")
    for dtype in table.frame["dtype"].unique():
        if formats_of(dtype) is None:
            table = table.without(table.frame["dtype"] == dtype, f"unknown data type {dtype!r}")
    return _with_dimensions(table)


def _flag(truth: pd.Series[bool]) -> pd.Series[str]:
    return truth.map({True: "True", False: "False"})


def _with_dimensions(table: Table) -> Table:
    """The table without rows that lack a dimension, or have one that is not positive; dimensions are float64."""
    for op in table.frame["op"].unique():
        needed = OPERATIONS[op].dimensions
        missing = [d for d in needed if d not in table.frame.columns]
        if missing:
            table = table.without(table.frame["op"] == op, f"{op} needs the column {', '.join(map(repr, missing))}")
            continue
        table = replace(table, frame=as_numbers(table.frame, needed))
        rows = table.frame[list(needed)]
        bad = (table.frame["op"] == op) & ~((rows > 0.0) & np.isfinite(rows)).all(axis=1)
        table = table.without(bad, f"{op}: one of {', '.join(needed)} is missing or not positive")
    return table


@cache
def _device_problem(device: str) -> str:
    """Why a device cannot be predicted; empty where it can."""
    try:
        find_system(device)
    except InputError as error:
        return str(error)
    return ""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that the same operators describe on one machine: one call of each law predicts them all.

    Parameters
    ----------
    index : array
        Their row numbers in the table's frame.
    key : mapping of str to Any
        What they have in common: source, device, op, data type, timing, implementation, structure.
    calls : tuple of (Operator, count)
    """

    index: np.ndarray[Any, np.dtype[np.int64]]
    key: Mapping[str, Any]
    calls: Calls

    def predict(self, context: Context) -> Prediction | str:
        """Their times; or why the machine's execution model has no law at that fidelity."""
        timing = _timing(self.key, context)
        with left_out(family_of(self.key["device"])) if context.left_out else nullcontext():
            law = _law(self.key, context, timing)
            if law.fidelity != context.fidelity:
                return "; ".join(law.notes)
            copies = WEIGHT_COPIES.get(self.key["source"], 1.0)
            reuse = inside(self.calls, busy=OPERATIONS[self.key["op"]].is_model) if len(self.calls) > 1 else None
            costs = [law.cost(operator, count, reuse or replay(operator, copies)) for operator, count in self.calls]
            return _added(costs, len(self.index), timing)


def batches_of(table: Table) -> Iterator[Batch]:
    """A checked table's rows, batch by batch."""
    frame = table.frame
    for key, rows in _groups(frame):
        yield Batch(frame.index[rows].to_numpy(), key, _calls(key, frame.iloc[rows]))


def predict(table: Table, context: Context) -> tuple[Table, list[tuple[np.ndarray[Any, np.dtype[np.int64]], Prediction]]]:
    """Predictions of a checked table, batch by batch: the row numbers of each batch and their times.

    Returns
    -------
    Table
        Without rows whose engine has no execution model at that fidelity.
    list of (rows, Prediction)
    """
    done = []
    for batch in batches_of(table):
        prediction = batch.predict(context)
        if isinstance(prediction, str):
            table = table.without(table.frame.index.isin(batch.index), prediction)
        else:
            done.append((batch.index, prediction))
    return table, done


@cache
def family_of(device: str) -> str:
    """The die behind a device's name: its chips in all their packages are left out of a fit together."""
    return find_system(device).chip.name.partition("-")[0]


def _groups(frame: pd.DataFrame) -> Iterator[tuple[dict[str, Any], np.ndarray[Any, np.dtype[np.int64]]]]:
    """Positions of rows that have the same keys and structure."""
    by = [*KEYS, *STRUCTURE, *(["host_us"] if "host_us" in frame.columns else [])]
    grouped: Mapping[Hashable, Any] = frame.groupby(by, sort=False, dropna=False, observed=True).indices
    for values, rows in grouped.items():
        assert isinstance(values, tuple)
        yield dict(zip(by, values, strict=True)), rows


def _timing(key: Mapping[str, Any], context: Context) -> Timing:
    """The timing context of a batch, with its host."""
    host_us = key.get("host_us", float("nan"))
    known = (context.hosts or {}).get((key["source"], key["device"]), eager_host_s())
    return Timing(context.timing or key["timing"], known if np.isnan(host_us) else host_us * 1e-6)


def _law(key: Mapping[str, Any], context: Context, timing: Timing) -> CostLaw:
    """The law of a batch: its machine and its implementation. Kernels of a model that runs eagerly queue behind each other as in a graph."""
    operation = OPERATIONS[key["op"]]
    if operation.is_model and timing.context == "eager":
        timing = Timing("graph")
    system = system_of_rows(key["device"], key["ranks_per_node"])
    return cost_law(machine_of(system), context.fidelity, timing, key["kernel"] if operation.by_kernel else "")


@cache
def system_of_rows(device: str, ranks_per_node: str = "") -> System:
    """The system that a device's name means, with a node of that many chips where it is said."""
    system = find_system(device)
    if not ranks_per_node or not system.fabric:
        return system
    node = float(ranks_per_node)
    inside, between = (system.fabric[:-1], system.fabric[-1:]) if len(system.fabric) > 1 else (system.fabric, ())
    return replace(system, fabric=(*(FabricLevel(level.link, min(level.chips, node)) for level in inside), *between))


def _calls(key: Mapping[str, Any], frame: pd.DataFrame) -> Calls:
    """The operators of a batch, with columns for sizes."""
    operation: Operation = OPERATIONS[key["op"]]
    formats = formats_of(key["dtype"])
    assert formats is not None
    state = formats_of(key["kv_dtype"]) if key["kv_dtype"] else None
    columns = {c: frame[c].to_numpy() for c in frame.columns if frame[c].dtype == np.float64}
    names = {name: key[name] for name in operation.structure}
    return operation.build(Rows(key["op"], formats, state.a if state else formats.a, columns, names))


def _added(costs: list[Cost], size: int, timing: Timing) -> Prediction:
    """Several operators one after another, as one; in an eager model the host launches ahead, and sets the pace where kernels are shorter."""
    parts: dict[str, Column] = {}
    for cost in costs:
        for name, part in cost.parts.items():
            parts[name] = parts.get(name, 0.0) + _column(cost.count * part, size)
    time_s = sum((_column(c.total_s, size) for c in costs), np.zeros(size))
    if len(costs) > 1 and timing.context == "eager":
        parts["host"] = timing.host_s * sum((_column(c.count, size) for c in costs), np.zeros(size))
        time_s = np.maximum(time_s, parts["host"])
    flop = sum((_column(c.count * c.operator.flop, size) for c in costs), np.zeros(size))
    byte = sum((_column(c.count * c.operator.byte, size) for c in costs), np.zeros(size))
    return Prediction(time_s, flop, byte, parts)


def _column(x: Real, size: int) -> Column:
    return np.broadcast_to(np.asarray(x, dtype=np.float64), (size,))
