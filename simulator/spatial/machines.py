"""A machine of the catalogue as a hierarchy to search mappings for: the tier before main memory is the buffer, energies are those of `simulator.prices`."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from hardware_specs.schema import SpatialEngine, Tier
from magnitudes.arrays import Real, as_float
from magnitudes.datatypes import DataType
from simulator.energy_tables import components
from simulator.machine import Machine, MachineError
from simulator.prices import multiply_add_j, node_of, tier_j_per_byte
from simulator.scaling import energy_factor
from simulator.spatial.hierarchy import UNROLLED, Hierarchy, Loops, Store, row_stationary
from simulator.spatial.overlap import spatial_engine
from simulator.spatial.tilings import ACCUMULATOR_BYTE

HELD = {"weight": "weight", "input": "input", "output": "output", "row": "weight"}  # what an element keeps, by dataflow


def hierarchies_of(machine: Machine, loops: Loops, element: DataType, clock_hz: Real | None = None) -> tuple[Hierarchy, ...]:
    """The hierarchies that a layer's mapping is searched for: one for each way to lay its loops along the array's sides.

    Parameters
    ----------
    clock_hz : Real, optional
        Steps of the array a second, where the format is not served once a clock.
    """
    first = hierarchy_of(machine, loops, element, clock_hz=clock_hz)
    return tuple(replace(first, unrolled=unrolled) for unrolled in _ways(spatial_engine(machine), loops))


def hierarchy_of(
    machine: Machine, loops: Loops, element: DataType, partial_byte: float = ACCUMULATOR_BYTE, clock_hz: Real | None = None
) -> Hierarchy:  # fmt: skip
    """The hierarchy that a layer's mapping is searched for, its loops along the array's sides as the dataflow is drawn.

    Parameters
    ----------
    loops : Loops
        A row-stationary array stacks as many filters as their rows let it.
    element : DataType
        Of inputs, weights and results.
    partial_byte : float
        Of a sum that is not complete.
    clock_hz : Real, optional
        Steps of the array a second; its clock, if not said.

    Raises
    ------
    MachineError
        If the machine is no array, has a single memory, or its registers hold not one number.
    """
    engine = spatial_engine(machine)
    if len(machine.tiers) < 2:
        raise MachineError(f"{machine.chip.name} has no memory behind {machine.memory.name}; a mapping is searched between a buffer and a memory: add a tier")
    byte, clock = as_float(element.byte), engine.clock_hz if clock_hz is None else clock_hz
    buffer, memory = _store(machine.tiers[-2], machine, clock, own_ports=len(machine.tiers) == 2), _store(machine.memory, machine, clock)
    return Hierarchy(
        _unrolled(engine, loops), multiply_add_j(machine, element), buffer, memory, _registers(engine, machine, byte, partial_byte), byte, byte, byte,
        partial_byte, as_float(engine.rows) + as_float(engine.columns) - 2.0,
    )  # fmt: skip


def _unrolled(engine: SpatialEngine, loops: Loops) -> dict[str, float]:
    """Loops side by side: several arrays share what lies along the columns."""
    rows, columns = as_float(engine.rows), as_float(engine.columns) * as_float(engine.arrays)
    return row_stationary(rows, columns, loops.s) if engine.dataflow == "row" else UNROLLED[engine.dataflow](rows, columns)


def _ways(engine: SpatialEngine, loops: Loops) -> list[dict[str, float]]:
    """Loops along the array's sides: as the dataflow is drawn; with filters beside channels; other results along a side, as products have them."""
    rows, columns = as_float(engine.rows), as_float(engine.columns) * as_float(engine.arrays)
    ways = [_unrolled(engine, loops)]
    if engine.dataflow in ("weight", "input"):
        (along,) = (name for name in ways[0] if name != "c")
        for filters in ({"r": loops.r, "s": loops.s}, {"s": loops.s}):
            taken = prod(filters.values())
            if 1.0 < taken <= rows:
                ways.append({"c": float(rows // taken), along: columns, **filters})
    if engine.dataflow == "row":
        ways += [{**{n: f for n, f in ways[0].items() if n != "y"}, along: columns} for along in ("x", "k")]
    if engine.dataflow == "output":
        ways += [{"x": rows, "k": columns}, {"k": rows, "x": columns}]
    return ways


def _store(tier: Tier, machine: Machine, clock: Real, *, own_ports: bool = False) -> Store:
    """A tier: one port for both ways, unless it writes at a rate of its own; the nearest has ports for each operand."""
    write = tier.write_bandwidth_byte_per_s
    j = tier_j_per_byte(tier, machine)
    own = tier.write_energy_j_per_byte
    return Store(
        j, j if own is None else own, tier.bandwidth_byte_per_s / clock, None if write is None else write / clock, tier.capacity_byte,
        name=tier.name, own_ports=own_ports,
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
