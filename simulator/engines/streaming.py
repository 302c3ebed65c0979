"""Section by section: the execution model of streaming dataflow. What an operator costs depends on what it is fused with, so that the law sees a whole pass.

The parts of the law are in `simulator.streaming`: stages, sections in closed form, and the search for the cuts between them.
"""

from __future__ import annotations

from magnitudes.arrays import Real
from simulator.cost import Cost
from simulator.kernels.timing import Timing
from simulator.law import CostLaw
from simulator.machine import Machine
from simulator.reuse import Reuse
from simulator.streaming.fabric import fabric_of
from simulator.streaming.plan import floor_costs, pass_costs
from workloads.graph import Node, Workload
from workloads.operator import Operator


def streaming_law(machine: Machine, timing: Timing, library: str = "") -> CostLaw:
    """The tile law of a streaming engine.

    Parameters
    ----------
    library : str
        How sections may be made: ``pipelined`` (as long as fit), ``sequential`` (each operator one), empty for the fastest mixture.

    Raises
    ------
    MachineError
        If the engine lacks memory on chip, or a word of it is not known.
    """
    fabric_of(machine)

    def cost(operator: Operator, count: Real, reuse: Reuse) -> Cost:
        return pass_costs(Workload((Node(operator, count),)), machine, library)[0]

    return CostLaw("tile", cost, of_pass=lambda load: pass_costs(load, machine, library))


def streaming_floor(machine: Machine) -> CostLaw:
    """The physical floor of a streaming engine: results that pass from stage to stage never see main memory."""

    def cost(operator: Operator, count: Real, reuse: Reuse) -> Cost:
        return floor_costs(Workload((Node(operator, count),)), machine)[0]

    return CostLaw("roofline", cost, of_pass=lambda load: floor_costs(load, machine))
