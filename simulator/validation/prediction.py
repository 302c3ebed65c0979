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
from magnitudes.arrays import Column, Mask, Real, where
from magnitudes.errors import InputError
from simulator.calibration import constant, left_out
from simulator.confidence.of_estimate import Confidence
from simulator.cost import Cost
from simulator.engines import cost_law
from simulator.kernels.timing import Timing, eager_host_s
from simulator.law import CostLaw
from simulator.machine import MachineError, machine_of
from simulator.reuse import Reuse
from simulator.validation.builders import stored
from simulator.validation.checks import FLAGS, rows_of
from simulator.validation.operations import OPERATIONS
from simulator.validation.replay import inside, replay, replay_of, replayed
from simulator.validation.served import FIRST, STEP, usual_framework_s, with_framework
from simulator.validation.sources import source_of
from simulator.validation.structures import STRUCTURES
from simulator.validation.tidy import Table
from workloads.operator import Attention, Calls, Collective, Operator

if TYPE_CHECKING:
    import pandas as pd

KEYS = ("source", "device", "op", "dtype", "timing", "kernel", "library")
STRUCTURE = (*FLAGS, *(name for name in STRUCTURES if name not in FLAGS))


@dataclass(frozen=True, slots=True)
class Prediction:
    """Times of some rows, and what set them.

    Parameters
    ----------
    time_s, flop, byte : Column
        One call.
    parts : mapping of str to Column
        Time that each resource alone would take [s].
    low_s, high_s : Column
        Ends of the 90 % interval.
    extrapolated : mask
        Rows that are like nothing measured.
    notes : tuple of str
        What a reader of the times should know of the law behind them.
    """

    time_s: Column
    flop: Column
    byte: Column
    parts: Mapping[str, Column]
    low_s: Column
    high_s: Column
    extrapolated: Mask
    notes: tuple[str, ...] = ()

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
    hosts : mapping of (source, device) or (source, device, op) to float
        Time of the cheapest eager operator where it is known [s]; an operator's own where it was timed in another run.
    timing : str, optional
        Instead of what the table says.
    left_out : bool
        Judge each device by coefficients that were fitted without it and its relatives.
    correction : bool
        Whether the learned correction is applied.
    frameworks : mapping of (source, device) to float
        Time of the serving framework a step where it is known [s].
    """

    fidelity: str = "tile"
    hosts: Mapping[tuple[str, ...], float] | None = None
    timing: str | None = None
    left_out: bool = False
    correction: bool = True
    frameworks: Mapping[tuple[str, str], float] | None = None


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
    host_s : Column, optional
        Pace of the host behind each row, where the table says it; NaN where it does not.
    copies : Column, optional
        Sets of buffers that each row took in turn, where the table says it of all.
    """

    index: np.ndarray[Any, np.dtype[np.int64]]
    key: Mapping[str, Any]
    calls: Calls
    host_s: Column | None = None
    copies: Column | None = None

    def predict(self, context: Context) -> Prediction:
        """Their times.

        Raises
        ------
        InputError
            If the machine cannot do what is asked of it.
        """
        timing = self.timing(context)
        with left_out(family_of(self.key["device"])) if context.left_out else nullcontext(), np.errstate(over="ignore", invalid="ignore"):
            law = _law(self.key, context, timing)
            machine = machine_of(system_of_rows(self.key["device"], self.key["ranks_per_node"]))
            joined = any(level.chips > 1.0 for level in machine.system.fabric)
            costs = [
                law.cost(operator, count, self._reuse(operator)) if joined or not isinstance(operator, Collective) else _unjoined(operator, count)
                for operator, count in self.calls
            ]
            served, own_host = self.key["op"] in (FIRST, STEP), machine.engine.execution == "host"
            timing = Timing("graph") if served or own_host else timing
            at_once = not OPERATIONS[self.key["op"]].is_model
            done = replace(_added(costs, len(self.index), timing, Confidence((machine,), timing, law.fidelity), at_once), notes=law.notes)
            return self._served(done, context) if served else done

    def _reuse(self, operator: Operator) -> Reuse:
        """What was touched since an operator's operands were."""
        if isinstance(self.calls[0][0], Attention):
            return replay_of(self.calls, 1.0 if self.copies is None else self.copies)
        if len(self.calls) > 1:
            machine = machine_of(system_of_rows(self.key["device"], self.key["ranks_per_node"]))
            return inside(self.calls, machine, 1.0 if self.copies is None else self.copies)
        if self.copies is not None:
            return replay(operator, self.copies, whole=True)
        return replayed(operator, source_of(self.key["source"]))

    def _served(self, alone: Prediction, context: Context) -> Prediction:
        """What the device does alone, behind a serving framework."""
        framework_s = (context.frameworks or {}).get((self.key["source"], self.key["device"]), usual_framework_s())
        time_s, low_s, high_s = (with_framework(self.key["op"], t, framework_s) for t in (alone.time_s, alone.low_s, alone.high_s))
        own = "first" if self.key["op"] == FIRST else "step"
        # The framework errs by itself, the device's pass by itself: their logarithms add as independent ones do.
        low_s = time_s * np.exp(-np.hypot(np.log(time_s / low_s), np.log(constant("serving", f"{own}_fast"))))
        high_s = time_s * np.exp(np.hypot(np.log(high_s / time_s), np.log(constant("serving", f"{own}_slow"))))
        parts = {**alone.parts, "host": np.full(len(self.index), framework_s)}
        return replace(alone, time_s=time_s, low_s=low_s, high_s=high_s, parts=parts)

    def timing(self, context: Context) -> Timing:
        """The timing context, with the host's pace."""
        hosts, place = context.hosts or {}, (self.key["source"], self.key["device"])
        known: Real = hosts.get((*place, self.key["op"]), hosts.get(place, eager_host_s()))
        if self.host_s is not None:
            known = where(np.isnan(self.host_s), known, self.host_s)
        call = constant("timing", f"host_path.{OPERATIONS[self.key['op']].call}")
        return Timing(context.timing or self.key["timing"], call * known)


def _unjoined(operator: Collective, count: Real) -> Cost:
    """An exchange inside a model on a machine without a fabric: nothing for one chip, and never done for more."""
    time_s = where(operator.ranks > 1.0, np.inf, 0.0)
    return Cost(operator, count, time_s, {"fabric": time_s})


def batches_of(table: Table) -> Iterator[Batch]:
    """A checked table's rows, batch by batch."""
    frame = table.frame
    for key, places in _groups(frame):
        rows = frame.iloc[places]
        host_s = rows["host_us"].to_numpy(np.float64) * 1e-6 if "host_us" in rows.columns else None
        calls = OPERATIONS[key["op"]].build(rows_of(key["op"], rows, key["dtype"], key["kv_dtype"], key))
        if isinstance(prompt := calls[0][0], Attention) and not prompt.decoding and source_of(key["source"]).stores_keys:
            calls = (*calls, *stored(prompt))
        copies = rows["copies"].to_numpy(np.float64) if "copies" in rows.columns else None
        yield Batch(rows.index.to_numpy(), key, calls, host_s, None if copies is None or np.isnan(copies).any() else copies)


def predict(table: Table, context: Context) -> tuple[Table, list[tuple[np.ndarray[Any, np.dtype[np.int64]], Prediction]]]:
    """Predictions of a checked table, batch by batch: the row numbers of each batch and their times.

    Returns
    -------
    Table
        Without rows that their machine's law refuses, or has no finite time for.
    list of (rows, Prediction)
    """
    done = []
    for batch in batches_of(table):
        try:
            done.append((batch.index, batch.predict(context)))
        except InputError as error:
            table = table.without(table.frame.index.isin(batch.index), str(error))
    return table, done


def times_of(table: Table, context: Context) -> Column:
    """Predicted times in the order of the table's rows [s]; infinite where there is no law."""
    times = np.full(len(table.frame), np.inf)
    place = {row: i for i, row in enumerate(table.frame.index)}
    for rows, prediction in predict(table, context)[1]:
        times[[place[r] for r in rows]] = prediction.time_s
    return times


@cache
def family_of(device: str) -> str:
    """The die behind a device's name: its chips in all their packages are left out of a fit together."""
    return find_system(device).chip.name.partition("-")[0]


def _groups(frame: pd.DataFrame) -> Iterator[tuple[dict[str, Any], np.ndarray[Any, np.dtype[np.int64]]]]:
    """Positions of rows that have the same keys and structure."""
    by = [*KEYS, *STRUCTURE]
    grouped: Mapping[Hashable, Any] = frame.groupby(by, sort=False, dropna=False, observed=True).indices
    for values, rows in grouped.items():
        assert isinstance(values, tuple)
        yield dict(zip(by, values, strict=True)), rows


def _law(key: Mapping[str, Any], context: Context, timing: Timing) -> CostLaw:
    """The law of a batch: its machine and its implementation. Kernels of a model that runs eagerly queue behind each other as in a graph.

    Raises
    ------
    InputError
        If the machine cannot do what is asked.
    """
    operation = OPERATIONS[key["op"]]
    if operation.is_model and timing.context == "eager":
        timing = Timing("graph")
    system = system_of_rows(key["device"], key["ranks_per_node"])
    if operation.family == "collective" and not any(level.chips > 1.0 for level in system.fabric):
        raise MachineError(f"no fabric joins the chips of {system.name}" + (", one a node" if key["ranks_per_node"] else ""))
    library = (key["kernel"] if operation.by_kernel else operation.library) or key["library"]
    if operation.family == "softmax_norm":
        library = library or source_of(key["source"]).softmax.get(system.chip.vendor, "")
    # What was learned on replayed kernels does not carry over to the short ones of a step that a framework launches one by one.
    return cost_law(machine_of(system), context.fidelity, timing, library, correction=context.correction and key["op"] != STEP)


@cache
def system_of_rows(device: str, ranks_per_node: str = "") -> System:
    """The system that a device's name means, with a node of that many chips where it is said."""
    system = find_system(device)
    if not ranks_per_node or not system.fabric:
        return system
    node = float(ranks_per_node)
    inside, between = (system.fabric[:-1], system.fabric[-1:]) if len(system.fabric) > 1 else (system.fabric, ())
    return replace(system, fabric=(*(FabricLevel(level.link, min(level.chips, node)) for level in inside), *between))


def _added(costs: list[Cost], size: int, timing: Timing, confidence: Confidence, at_once: bool) -> Prediction:
    """Several operators one after another, as one; in an eager model the host launches ahead, and sets the pace where kernels are shorter.

    `at_once`: what is one kernel or layer to those who time it.
    """
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
    if len(costs) == 1:
        own, share = confidence.of_cost(costs[0]), costs[0].count
    elif at_once:  # errors of such rows were learned whole, as those of their first operator
        own, share = confidence.of_cost(replace(costs[0], time_s=time_s)), 1.0
    else:
        own, share = confidence.of_costs(time_s, [(c, c.total_s) for c in costs]), 1.0
    low_s, high_s = _column(share * own.low_s, size), _column(share * own.high_s, size)
    return Prediction(time_s, flop, byte, parts, low_s, high_s, np.broadcast_to(np.asarray(own.extrapolated, dtype=bool), (size,)))


def _column(x: Real, size: int) -> Column:
    return np.broadcast_to(np.asarray(x, dtype=np.float64), (size,))
