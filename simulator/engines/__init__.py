"""Execution models: how work becomes time on each kind of engine. One visible table."""

from __future__ import annotations

from collections.abc import Callable

from hardware_specs.schema import ENGINES
from magnitudes.names import nearest
from simulator.correction import with_correction
from simulator.engines.host import host_law
from simulator.engines.kernel import kernel_law
from simulator.engines.near_memory import near_memory_law
from simulator.engines.spatial import spatial_law
from simulator.engines.streaming import streaming_floor, streaming_law
from simulator.kernels.timing import Timing
from simulator.law import CostLaw
from simulator.machine import Machine, MachineError
from simulator.roofline import roofline_cost
from simulator.spatial.mappings import Mappings

FIDELITIES = ("roofline", "tile")
TIMINGS = ("kernel", "graph", "eager")

# execution model -> its law finer than the roofline, made for a machine and a timing context
TILE_LAWS: dict[str, Callable[[Machine, Timing, str], CostLaw]] = {
    "kernel": kernel_law,
    "host": host_law,
    "near_memory": near_memory_law,
    "spatial": spatial_law,
    "streaming": streaming_law,
}

# execution model -> its physical floor, where operators that run as one owe memory less than each alone
FLOORS: dict[str, Callable[[Machine], CostLaw]] = {"streaming": streaming_floor}


def cost_law(
    machine: Machine, fidelity: str, timing: str | Timing, library: str = "", *, correction: bool = True, mapping: Mappings | None = None
) -> CostLaw:  # fmt: skip
    """The law of an engine at the fidelity asked for; the roofline, with a note, where its execution model is not there yet.

    Parameters
    ----------
    timing : str or Timing
        A context by name, or one with its host's own pace.
    library : str
        The implementation of attention, experts or collectives that was chosen by name, or the library on a processor; empty for the usual one.
    correction : bool
        Whether the learned correction is applied on top of the physics, where there is one.
    mapping : Mappings, optional
        Mappings of an array's layers that are searched or given, instead of the closed form.

    Raises
    ------
    MachineError
        If the fidelity or the timing context is not known.
    """
    _check("fidelity", fidelity, FIDELITIES)
    timing = timing if isinstance(timing, Timing) else Timing(timing)
    _check("timing", timing.context, TIMINGS)
    execution = machine.engine.execution
    assert execution in ENGINES
    if fidelity == "tile" and execution in TILE_LAWS:
        law = TILE_LAWS[execution](machine, timing, library)
        if mapping is not None:
            from simulator.spatial.searched import searched_law

            return searched_law(machine, timing, library, mapping, law)
        return with_correction(law, machine, timing) if correction else law
    notes: tuple[str, ...] = ()
    if fidelity == "tile":
        notes = (f"no tile law for the execution model {execution!r} of {machine.chip.name} yet: this is its roofline, the physical floor",)
    if execution in FLOORS:
        return FLOORS[execution](machine)
    return CostLaw("roofline", lambda operator, count, _: roofline_cost(operator, count, machine), notes)


def _check(what: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        near = nearest(name, known)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise MachineError(f"unknown {what} {name!r}{hint} (known: {', '.join(known)})")
