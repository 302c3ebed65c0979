"""What a streaming chip offers its stages: units, memory on chip, bandwidths, the price of starting a section."""

from __future__ import annotations

from dataclasses import dataclass

from hardware_specs.schema import StreamingEngine
from magnitudes.arrays import Real, minimum
from magnitudes.names import nearest
from simulator.calibration import constant
from simulator.machine import Machine, MachineError

ORCHESTRATIONS = ("host", "hardware")


@dataclass(frozen=True, slots=True)
class Fabric:
    """A streaming engine as sections see it.

    Parameters
    ----------
    units : Real
        Compute units.
    capacity_byte, on_chip_byte_per_s : Real
        Memory on chip, all units together.
    memory_byte_per_s : Real
        What main memory sustains.
    stage_s : Real
        From the first input of a stage to its first output, arithmetic aside: memory units and mesh.
    memory_s : Real
        Latency of main memory, once a section.
    start_s : Real
        What each section pays to start.
    program_s : Real
        What each stage of a section adds to its start.
    once_s : Real
        What each call of a whole segment pays.
    keeps : bool
        Whether a section finds on chip what the one before it left.
    on_chip, memory : str
        Names of the tiers.
    """

    units: Real
    capacity_byte: Real
    on_chip_byte_per_s: Real
    memory_byte_per_s: Real
    stage_s: Real
    memory_s: Real
    start_s: Real
    program_s: Real
    once_s: Real
    keeps: bool
    on_chip: str
    memory: str


def fabric_of(machine: Machine) -> Fabric:
    """The fabric of a machine.

    Raises
    ------
    MachineError
        If nobody is known who starts sections.
    """
    engine = machine.engine
    assert isinstance(engine, StreamingEngine)
    _check(engine)
    launch_s = engine.launch_s
    if engine.orchestration == "hardware" and engine.hardware_launch_s is not None:
        launch_s = engine.hardware_launch_s
    keeps = engine.switch_s is not None
    near, memory = machine.nearest, machine.memory
    return Fabric(
        units=engine.compute_units,
        capacity_byte=_capacity_byte(engine, machine),
        on_chip_byte_per_s=near.bandwidth_byte_per_s,
        memory_byte_per_s=_sustained(machine) * memory.bandwidth_byte_per_s,
        stage_s=near.latency_s,
        memory_s=memory.latency_s,
        start_s=launch_s if engine.switch_s is None else engine.switch_s,
        program_s=engine.program_s if engine.orchestration == "host" and engine.switch_s is None else 0.0,
        once_s=launch_s if keeps else 0.0,
        keeps=keeps,
        on_chip=near.name,
        memory=memory.name,
    )


def _sustained(machine: Machine) -> float:
    """Share of main memory's bandwidth that a pipeline keeps: all of it where that is the memory on chip."""
    return 1.0 if machine.cache is None else constant("dataflow", "memory_sustained")


def _capacity_byte(engine: StreamingEngine, machine: Machine) -> Real:
    """The tier's capacity, or that of its units where they are counted and fewer."""
    capacity = machine.nearest.capacity_byte
    if isinstance(engine.memory_unit_byte, float) and engine.memory_unit_byte == 0.0:
        return capacity
    return minimum(capacity, engine.memory_units * engine.memory_unit_byte)


def _check(engine: StreamingEngine) -> None:
    if engine.orchestration not in ORCHESTRATIONS:
        near = nearest(engine.orchestration, ORCHESTRATIONS)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise MachineError(f"engine {engine.name}: orchestration is {engine.orchestration!r}{hint} (known: {', '.join(ORCHESTRATIONS)})")
