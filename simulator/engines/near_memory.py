"""Command by command: the execution model of units inside or beside a memory.

Products and attention run where the data lies; the companion chip does the rest.
"""

from __future__ import annotations

from hardware_specs.schema import NearMemoryEngine
from magnitudes.arrays import Real, largest, maximum, total
from magnitudes.names import nearest
from simulator.cost import Cost
from simulator.kernels.exchange import exchange_parts
from simulator.kernels.timing import Timing
from simulator.law import CostLaw
from simulator.machine import Machine, MachineError
from simulator.near_memory.attention import attention_parts
from simulator.near_memory.bus import bus_byte_per_s, crossing_byte, read_out_s
from simulator.near_memory.layout import COLUMNS, ROWS
from simulator.near_memory.product import product_parts
from simulator.near_memory.timeline import check_timing, refreshing_s
from simulator.reuse import Reuse
from simulator.roofline import roofs
from simulator.storage.flash import attention_parts as flash_attention_parts
from workloads.operator import Attention, Collective, Contraction, Convolution, GroupedContraction, Operator

PLACES = ("bank", "bank_group", "buffer_die", "logic_die", "channel", "flash_channel")
UNPAIRED = ("once", "chunks")


def near_memory_law(machine: Machine, timing: Timing, library: str = "") -> CostLaw:
    """The tile law of a near-memory engine.

    Raises
    ------
    MachineError
        If the engine's place is not known or its timing contradicts itself.
    """
    engine = machine.engine
    assert isinstance(engine, NearMemoryEngine)
    _check_word(engine, "at", engine.at, PLACES)
    _check_word(engine, "unpaired", engine.unpaired, UNPAIRED)
    check_timing(engine)

    def cost(operator: Operator, count: Real, reuse: Reuse) -> Cost:
        if isinstance(operator, Collective):
            time_s, parts = exchange_parts(operator, machine, timing, library)
            return Cost(operator, count, time_s, parts)
        time_s, parts = _busy(operator, engine, machine)
        counts = {name: parts.pop(name) for name in (COLUMNS, ROWS) if name in parts}
        if "bus" in parts:  # channels of flash have none
            counts["bus_byte"] = parts["bus"] * bus_byte_per_s(engine, machine)
        floor = roofs(operator, machine)
        least_s = largest(floor.values())
        if "bank" in parts:
            parts["bank"] = maximum(parts["bank"], floor.pop(machine.memory.name))  # one and the same resource
            parts["refresh"] = refreshing_s(time_s, engine, alone=timing.context == "kernel")
            time_s = time_s + parts["refresh"]
        return Cost(operator, count, maximum(time_s, least_s) + engine.start_s, {**parts, "launch": engine.start_s, **floor}, counts=counts)

    return CostLaw("tile", cost)


def _busy(operator: Operator, engine: NearMemoryEngine, machine: Machine) -> tuple[Real, dict[str, Real]]:
    """Time of an operator without refresh and start, and what each resource takes of it [s]."""
    if isinstance(operator, Attention) and engine.at == "flash_channel":
        return flash_attention_parts(operator, engine, machine)
    if isinstance(operator, Attention):
        return attention_parts(operator, engine, machine)
    if isinstance(operator, Contraction | GroupedContraction | Convolution):
        parts = product_parts(operator, engine, machine)
        return total(s for name, s in parts.items() if name not in (COLUMNS, ROWS)), parts
    parts = {
        "companion": operator.vector_flop / machine.vector_flop_per_s(operator.arithmetic),
        "bus": read_out_s(crossing_byte(operator, engine), engine, machine),
    }
    return total(parts.values()), parts


def _check_word(engine: NearMemoryEngine, name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        near = nearest(value, known)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise MachineError(f"engine {engine.name}: {name} is {value!r}{hint} (known: {', '.join(known)})")
