"""Residuals of measured kernels with all that corrections and intervals are learned from; each device judged by a fold without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hardware_specs.schema import Engine, KernelEngine
from magnitudes.arrays import Column
from magnitudes.datatypes import DataType
from simulator.calibration import left_out
from simulator.confidence.kinds import NEAR_MEMORY, kind_of, kind_on
from simulator.correction import features
from simulator.machine import Machine, machine_of, matrix_format
from simulator.validation.checks import checked
from simulator.validation.files import read_tables
from simulator.validation.host import hosts_of, paces
from simulator.validation.operations import OPERATIONS
from simulator.validation.prediction import Batch, Context, batches_of, family_of, system_of_rows
from simulator.validation.run import sampled
from simulator.validation.tidy import TableError
from workloads.operator import Contraction, Operator


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one batch under one set of coefficients.

    Parameters
    ----------
    kind, family, generation, format : str
        Of the operator, the die, its generation, and the arithmetic.
    learned : str
        Kind of correction that is learned from them; empty for none.
    group : tuple of str
        What is scored together.
    residual : Column
        Logarithm of predicted over measured; of a roofline's prediction with a launch on top.
    size, flop, byte : Column
        Predicted time beside a launch; work and traffic of one call.
    features : dict of str to Column
    """

    kind: str
    family: str
    generation: str
    format: str
    learned: str
    group: tuple[str, ...]
    residual: Column
    size: Column
    flop: Column
    byte: Column
    features: dict[str, Column]

    @property
    def device(self) -> str:
        """The device's name in the table: one die may have several."""
        return self.group[2]


@dataclass(frozen=True, slots=True)
class Item:
    """A batch of a file with its measurements and its hosts."""

    file: str
    batch: Batch
    context: Context
    log_s: Column

    @property
    def family(self) -> str:
        """The die that it was measured on."""
        return family_of(self.batch.key["device"])


def items_of(data: Path, rows: int) -> list[Item]:
    """All single operators of a folder's tables (and fused expert layers), at most `rows` a group."""
    found = []
    for table in read_tables(data):
        if isinstance(table, TableError) or table.frame.empty:
            continue
        whole = checked(table)
        context = Context(hosts=paces(hosts_of(whole, Context())))
        some = sampled(whole, rows)
        for batch in batches_of(some):
            operation = OPERATIONS[batch.key["op"]]
            if not operation.is_model and _engine(batch).execution in ("kernel", NEAR_MEMORY):
                us = some.frame.loc[batch.index, "measured_us"].to_numpy(np.float64)
                found.append(Item(table.file, batch, context, np.log(us * 1e-6)))
    return found


def _engine(batch: Batch) -> Engine:
    return system_of_rows(batch.key["device"], batch.key["ranks_per_node"]).chip.engine


def rows_under(items: Sequence[Item], fold: str, *, correction: bool, fidelity: str = "tile") -> list[Rows]:
    """Residuals of batches under the coefficients that were fitted without a family (empty: under those of everything)."""
    with left_out(fold):
        return [_rows(item, replace(item.context, correction=correction, fidelity=fidelity)) for item in items]


def _rows(item: Item, context: Context) -> Rows:
    batch, key = item.batch, item.batch.key
    prediction = batch.predict(context)
    machine = machine_of(system_of_rows(key["device"], key["ranks_per_node"]))
    operator, element = batch.calls[0][0], batch.calls[0][0].arithmetic
    assert isinstance(element, DataType)
    timing = batch.timing(context)
    size = len(batch.index)
    told = features(operator, prediction.time_s, machine, timing) if isinstance(machine.engine, KernelEngine) else {}
    known = {name: np.broadcast_to(np.asarray(x, dtype=np.float64), (size,)) for name, x in told.items()}
    start_s = timing.start_s if context.fidelity == "roofline" else 0.0
    group = (item.file, *(str(key[k]) for k in ("source", "device", "op", "dtype", "kernel")))
    return Rows(
        kind_on(operator, element, machine.engine.execution, timing.context),
        item.family, machine.chip.generation, element.name, _learned(operator, element, machine), group,
        np.log(prediction.time_s + start_s) - item.log_s, prediction.time_s / timing.start_s, prediction.flop, prediction.byte, known,
    )  # fmt: skip


def _learned(operator: Operator, element: DataType, machine: Machine) -> str:
    """The kind of correction that rows teach: of products in few bits, those of matrix units."""
    if not isinstance(machine.engine, KernelEngine):
        return ""
    kind = kind_of(operator, element)
    if not isinstance(operator, Contraction) or kind.endswith("_fp32"):
        return kind
    return kind if matrix_format(machine.engine, element) is not None else ""
