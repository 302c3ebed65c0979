"""A machine of the catalogue as a hierarchy to search mappings for: the tier before main memory is the buffer, energies are those of `simulator.energy`."""

from __future__ import annotations

from hardware_specs.schema import SpatialEngine, Tier
from magnitudes.arrays import Real, as_float
from magnitudes.datatypes import DataType
from simulator.energy import multiply_add_j, node_of, tier_j_per_byte
from simulator.energy_tables import components
from simulator.machine import Machine, MachineError
from simulator.scaling import energy_factor
from simulator.spatial.hierarchy import UNROLLED, Hierarchy, Loops, Store, row_stationary
from simulator.spatial.overlap import spatial_engine
from simulator.spatial.tilings import ACCUMULATOR_BYTE

HELD = {"weight": "weight", "input": "input", "output": "output", "row": "weight"}  # what an element keeps, by dataflow


def hierarchy_of(machine: Machine, loops: Loops, element: DataType, partial_byte: float = ACCUMULATOR_BYTE) -> Hierarchy:
    """The hierarchy that a layer's mapping is searched for.

    Parameters
    ----------
    loops : Loops
        A row-stationary array stacks as many filters as their rows let it.
    element : DataType
        Of inputs, weights and results.
    partial_byte : float
        Of a sum that is not complete.

    Raises
    ------
    MachineError
        If the machine is no array, has a single memory, or its registers hold not one number.
    """
    engine = spatial_engine(machine)
    if len(machine.tiers) < 2:
        raise MachineError(f"{machine.chip.name} has no memory behind {machine.memory.name}; a mapping is searched between a buffer and a memory: add a tier")
    byte = as_float(element.byte)
    return Hierarchy(
        _unrolled(engine, loops), multiply_add_j(machine, element), _store(machine.tiers[-2], machine), _store(machine.memory, machine),
        _registers(engine, machine, byte, partial_byte), byte, byte, byte, partial_byte, as_float(engine.rows) + as_float(engine.columns) - 2.0,
    )  # fmt: skip


def _unrolled(engine: SpatialEngine, loops: Loops) -> dict[str, float]:
    """Loops side by side: several arrays share what lies along the columns."""
    rows, columns = as_float(engine.rows), as_float(engine.columns) * as_float(engine.arrays)
    return row_stationary(rows, columns, loops.s) if engine.dataflow == "row" else UNROLLED[engine.dataflow](rows, columns)


def _store(tier: Tier, machine: Machine) -> Store:
    """A tier: one port for both ways, unless it writes at a rate of its own."""
    clock, write = machine.engine.clock_hz, tier.write_bandwidth_byte_per_s
    j = tier_j_per_byte(tier, machine)
    own = tier.write_energy_j_per_byte
    return Store(
        j, j if own is None else own, tier.bandwidth_byte_per_s / clock, None if write is None else write / clock, tier.capacity_byte
    )  # fmt: skip


def _registers(engine: SpatialEngine, machine: Machine, byte: float, partial_byte: float) -> dict[str, Store]:
    """Registers of one element: those that its spec names, and room for the number that its dataflow holds, twice where the next comes in meanwhile."""
    j: Real = components()["register"] * energy_factor(node_of(machine.chip))
    sizes: dict[str, Real | None] = {"weight": engine.element_weight_byte, "input": engine.element_input_byte, "output": engine.element_sum_byte}
    held = HELD[engine.dataflow]
    if sizes[held] is None:
        sizes[held] = partial_byte if held == "output" else 2.0 * byte
    copies = {"weight": 1.0 if engine.element_weight_byte is not None else 2.0, "input": 1.0 if engine.element_input_byte is not None else 2.0, "output": 1.0}
    return {name: Store(j, j, capacity_byte=size, copies=copies[name]) for name, size in sizes.items() if size is not None}
