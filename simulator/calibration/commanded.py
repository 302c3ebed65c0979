"""What commands wait for on an array with given mappings, where nobody publishes it: fitted to measured layers, and judged on layers left out.

Three constants: clocks by which a line from memory holds the bus longer, clocks of the host's call for one tile of a product, and clocks before
the first call of a layer. Each fit makes the mean absolute logarithm of predicted over measured least, one constant after another.

    python -m simulator.calibration.commanded --data ../shared/data --write
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware_specs.schema import SpatialEngine
from magnitudes.arrays import Column, as_float
from simulator.calibration import Values, overlaid, read
from simulator.calibration.command import learn_file
from simulator.machine import machine_of
from simulator.spatial.commanded.counts import Counts
from simulator.spatial.mapped import counts_clocks, counts_of
from simulator.spatial.overlap import spatial_engine
from simulator.validation.checks import checked
from simulator.validation.files import read_tables
from simulator.validation.prediction import batches_of, system_of_rows
from simulator.validation.tidy import Table, TableError
from workloads.operator import Contraction, Convolution

OPS = ("conv_mapped", "gemm_mapped")
FIRST = {"memory_clocks": 4.0, "product_call_clocks": 100.0, "start_clocks": 100.0}  # guesses: as the bus has it, and round numbers
LAYER = ("op", "cin", "cout", "out_h", "out_w", "kernel_h", "kernel_w", "stride_h", "m", "n", "k")
FOLDS = 10  # of layers: a layer's mappings are all in one
ROUNDS, WIDENING, STEPS = 4, 2.0, 12


@dataclass(frozen=True, slots=True)
class Measured:
    """Rows of one operation with their clocks.

    Parameters
    ----------
    counts : Counts
    engine : SpatialEngine
    product : bool
        Whether they are products.
    measured : Column
    fold : array
        In which fold the layer of each row is.
    """

    counts: Counts
    engine: SpatialEngine
    product: bool
    measured: Column
    fold: NDArray[np.int64]

    def residual(self) -> Column:
        """Logarithm of predicted over measured."""
        clocks, _ = counts_clocks(self.counts, self.engine, product=self.product)
        return np.asarray(np.log(np.asarray(clocks) / self.measured), dtype=np.float64)


def measured(data: Path) -> list[Measured]:
    """Rows of all tables with given mappings."""
    found: list[Measured] = []
    for read_table in read_tables(data):
        if isinstance(read_table, TableError) or not read_table.frame["op"].isin(OPS).any():
            continue
        table = checked(read_table)
        found.extend(_measured(table))
    return found


def _measured(table: Table) -> Iterable[Measured]:
    fold = folds_of(table)
    for batch in batches_of(table):
        operator = batch.calls[0][0]
        assert isinstance(operator, Contraction | Convolution)
        engine, product = spatial_engine(machine_of(system_of_rows(batch.key["device"]))), isinstance(operator, Contraction)
        us = table.frame.loc[batch.index, "measured_us"].to_numpy(np.float64)
        own = np.array([fold[row] for row in batch.index])
        yield Measured(counts_of(operator, engine), engine, product, 1e-6 * us * as_float(engine.clock_hz), own)


def folds_of(table: Table) -> dict[Any, int]:
    """The fold of each row, by its number: distinct layers, in the order of their sizes, are dealt out in turn."""
    frame = table.frame
    names = frame[[c for c in LAYER if c in frame.columns]].astype(str).agg(" ".join, axis=1)
    place = {name: i % FOLDS for i, name in enumerate(sorted(names.unique()))}
    return dict(zip(frame.index, names.map(place), strict=True))


def fit(rows: Sequence[Measured], kept: Callable[[NDArray[np.int64]], NDArray[np.bool_]]) -> dict[str, float]:
    """The constants that fit some folds' rows best."""
    values = dict(FIRST)

    def loss(some: Mapping[str, float]) -> float:
        with overlaid({"commanded": dict(some)}):
            return float(np.concatenate([np.abs(m.residual())[kept(m.fold)] for m in rows]).mean())

    width = 8.0
    for _ in range(ROUNDS):
        for name in FIRST:
            tried = values[name] * np.exp(np.linspace(-np.log(width), np.log(width), 2 * STEPS + 1))
            values[name] = float(min(tried, key=lambda x: loss({**values, name: float(x)})))
        width = max(width ** (1.0 / WIDENING), 1.02)
    return {name: float(f"{value:.4g}") for name, value in values.items()}


def learn(data: Path, _: int) -> dict[str, Any]:
    """The coefficient file: constants fitted on all layers, and those without each fold, with the error on what was left out."""
    rows = measured(data)
    values = fit(rows, lambda fold: np.ones(len(fold), dtype=bool))
    layers: dict[str, Values] = {}
    outside: list[Column] = []
    for left in range(FOLDS):
        layers[str(left)] = fit(rows, lambda fold, left=left: fold != left)  # type: ignore[misc]
        with overlaid({"commanded": layers[str(left)]}):
            outside.extend(m.residual()[m.fold == left] for m in rows)
    with overlaid({"commanded": values}):
        inside = [m.residual() for m in rows]
    with overlaid({"commanded": dict.fromkeys(FIRST)}):
        documented = [m.residual() for m in rows]
    error = {"documented": documented, "in_sample": inside, "layers_left_out": outside}
    return {
        "provenance": {
            "data": "DOSA's random mappings of layers on Gemmini arrays, RTL in FPGA-accelerated simulation (Hong et al., MICRO 2023)",
            "date": datetime.now(UTC).date().isoformat(),
            "method": "three constants by least mean absolute logarithm, one after another; all others are the machine's documented ones",
            "error": {"mapped": {f"{name}_mape": _mape(parts) for name, parts in error.items()}},
            "command": "python -m simulator.calibration.commanded",
        },
        "coefficients": values,
        "folds": {"gemmini": dict.fromkeys(FIRST)},
        "layers": layers,
    }


def left_out_residuals(data: Path) -> Column:
    """Logarithm of predicted over measured of every row, by the shipped constants that were fitted without its layer's fold."""
    rows, layers = measured(data), read("commanded")["layers"]
    found: list[Column] = []
    for left, values in layers.items():
        with overlaid({"commanded": values}):
            found.extend(m.residual()[m.fold == int(left)] for m in rows)
    return np.concatenate(found)


def _mape(residuals: Sequence[Column]) -> float:
    return round(float(np.abs(np.exp(np.concatenate(residuals)) - 1.0).mean()), 4)


if __name__ == "__main__":
    learn_file("commanded", __doc__, learn)
