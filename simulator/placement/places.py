"""The engines of a chip as places where operators may run, each with its law, and the way between their memories."""

from __future__ import annotations

from dataclasses import dataclass

from hardware_specs.schema import Chip, SpatialEngine, System
from magnitudes.arrays import Real, maximum, minimum
from magnitudes.names import nearest
from simulator.engines import cost_law
from simulator.kernels.timing import Timing
from simulator.law import CostLaw
from simulator.machine import Machine, MachineError, machines_of
from simulator.spatial.mappings import Mappings
from workloads.operator import (
    Attention,
    Collective,
    Contraction,
    Convolution,
    Elementwise,
    Gather,
    GroupedContraction,
    Normalization,
    Operator,
    Routing,
    Scan,
    Softmax,
    Transfer,
)  # fmt: skip

KINDS = tuple(o.kind for o in (
    Contraction, GroupedContraction, Convolution, Attention, Normalization, Softmax, Elementwise, Gather, Scan, Routing, Transfer,
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """An engine with its law."""

    machine: Machine
    law: CostLaw

    @property
    def name(self) -> str:
        """The engine's name."""
        return self.machine.engine.name

    @property
    def home(self) -> str:
        """The memory that holds the weights and caches of what runs here."""
        return self.machine.memory.name


def places_of(
    system: System, fidelity: str, timing: str | Timing, *, correction: bool, mapping: Mappings | None = None
) -> tuple[Place, ...]:  # fmt: skip
    """All engines of a system's chips with their laws, the first one first.

    Raises
    ------
    MachineError
        If the fidelity or the timing context is not known, or an engine's numbers contradict themselves.
    """
    for engine in system.chip.engines:
        for kind in engine.serves:
            if kind not in KINDS:
                near = nearest(kind, KINDS)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise MachineError(f"engine {engine.name} serves {kind!r}, which is no kind of operator{hint} (known: {', '.join(KINDS)})")
    machines = machines_of(system)
    if mapping is not None:
        _check_mapped(machines, fidelity)
    mapped = [mapping if isinstance(m.engine, SpatialEngine) else None for m in machines]
    return tuple(Place(m, cost_law(m, fidelity, timing, correction=correction, mapping=how)) for m, how in zip(machines, mapped, strict=True))


def _check_mapped(machines: tuple[Machine, ...], fidelity: str) -> None:
    """Refuse mappings where there is nothing to map, or nobody to ask for them."""
    if fidelity != "tile":
        raise MachineError(f"--mapping is of the tile law; the {fidelity} has no mapping: leave one of both out")
    if not any(isinstance(m.engine, SpatialEngine) for m in machines):
        chip, engine = machines[0].chip, machines[0].engine
        raise MachineError(
            f"{chip.name} runs {engine.execution}: mappings are searched for spatial arrays, such as gemmini, edge-tpu or eyeriss; leave --mapping out"
        )


def serving(operator: Operator, places: tuple[Place, ...]) -> tuple[Place, ...]:
    """The places that may run an operator, the first one of the chip first. Collectives go out from the first engine.

    Raises
    ------
    MachineError
        If no engine of the chip serves it.
    """
    if isinstance(operator, Collective):
        return places[:1]
    able = tuple(p for p in places if not p.machine.engine.serves or operator.kind in p.machine.engine.serves)
    if not able:
        each = "; ".join(f"{p.name} serves {', '.join(p.machine.engine.serves)}" for p in places)
        raise MachineError(f"no engine of {places[0].machine.chip.name} runs {operator.name} ({operator.kind}): {each}. Add it there, or an engine that does")
    return able


def path_s(byte: Real, source: str, target: str, chip: Chip) -> Real:
    """Time to move bytes between two memories of a chip, by name [s]: both as others see them, so that the slower port or link sets the pace."""
    if source == target:
        return 0.0 * byte
    a, b = chip.tier(source), chip.tier(target)
    return maximum(a.latency_s, b.latency_s) + byte / minimum(a.bandwidth_byte_per_s, b.bandwidth_byte_per_s)


def shared_byte_per_s(places: tuple[Place, ...]) -> Real:
    """What a memory delivers to several engines at once: no more than to the one that reads it the fastest."""
    rate = places[0].machine.memory.bandwidth_byte_per_s
    for place in places[1:]:
        rate = maximum(rate, place.machine.memory.bandwidth_byte_per_s)
    return rate
