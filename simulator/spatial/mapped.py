"""A convolution or product by a mapping that is given with it, on an array that commands drive."""

from __future__ import annotations

from hardware_specs.schema import SpatialEngine
from magnitudes.arrays import Real, as_float
from simulator.machine import Machine, MachineError
from simulator.spatial.commanded.convolution import convolution_counts
from simulator.spatial.commanded.counts import Counts
from simulator.spatial.commanded.drive import drive_of
from simulator.spatial.commanded.product import product_counts
from simulator.spatial.commanded.queues import layer_clocks
from simulator.spatial.overlap import spatial_engine
from workloads.operator import Contraction, Convolution


def mapped_cost(operator: Contraction | Convolution, machine: Machine) -> tuple[Real, dict[str, Real]]:
    """Time of an operator by its mapping, and what host, loads, array and stores take of it alone [s]; images and products follow each other.

    Raises
    ------
    MachineError
        If the machine's spec does not say how commands are served, or elements are no bytes.
    """
    engine = spatial_engine(machine)
    if as_float(operator.a.byte) != 1.0:
        raise MachineError(f"a mapping given is followed with elements of one byte, not in {operator.a.name}: give the operator in int8")
    clocks, parts = counts_clocks(counts_of(operator, engine), engine, product=isinstance(operator, Contraction))
    return operator.batch * clocks / engine.clock_hz, {name: operator.batch * part / engine.clock_hz for name, part in parts.items()}


def counts_of(operator: Contraction | Convolution, engine: SpatialEngine) -> Counts:
    """What the mapping of an operator asks of an engine's queues, for one image or product.

    Raises
    ------
    MachineError
        If the engine does not say how commands are served.
    """
    assert operator.tiling is not None
    drive = drive_of(engine)
    if isinstance(operator, Convolution):
        return convolution_counts(operator, operator.tiling, drive)
    return product_counts(operator, operator.tiling, drive)


def counts_clocks(counts: Counts, engine: SpatialEngine, *, product: bool) -> tuple[Real, dict[str, Real]]:
    """Clocks of one image or product, and of each queue alone."""
    return layer_clocks(counts, drive_of(engine), product=product)
