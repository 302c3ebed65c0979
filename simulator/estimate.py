"""The spine: a model, a system and a scenario become an estimate. Read this first.

Model + Scenario -> Workload --+
                               +-> Cost of each operator -> schedule -> Estimate
System ---------> Machine -----+
"""

from __future__ import annotations

from hardware_specs.schema import System
from magnitudes.arrays import Real, maximum
from simulator.confidence.of_estimate import Confidence
from simulator.engines import cost_law
from simulator.feasibility import check_phase, check_sizes, legal_cut
from simulator.kernels.timing import Timing
from simulator.law import CostLaw
from simulator.machine import machine_of
from simulator.memory import memory_use, spill_s
from simulator.result import Estimate, PassEstimate
from simulator.reuse import reuse_in_model
from simulator.schedule import chain_s, step_s
from workloads.graph import Workload
from workloads.model import Model
from workloads.scenario import Pass, Scenario
from workloads.sharding import Parallelism, Precision


def estimate(
    model: Model,
    system: System,
    scenario: Scenario,
    cut: Parallelism | None = None,
    formats: Precision | None = None,
    *,
    fidelity: str = "tile",
    timing: str = "graph",
    spill: bool = False,
    correction: bool = True,
) -> Estimate:
    """Time, bound and fit of a model on a system.

    Parameters
    ----------
    model : Model
    system : System
    scenario : Scenario
    cut : Parallelism, optional
        One chip, if not said.
    formats : Precision, optional
        bf16 throughout, if not said. Any number in these five may be a column: a row is a design.
    fidelity : str
        ``roofline`` (the physical floor) or ``tile`` (kernel by kernel).
    timing : str
        How kernels are started: ``kernel`` (their own time alone), ``graph`` (replayed from a graph) or ``eager`` (one by one).
    spill : bool
        Whether what does not fit main memory may lie in the tier behind it, read once a pass while the engine computes.
    correction : bool
        Whether the learned correction is applied on top of the tile law's physics.

    Raises
    ------
    ModelError
        If the model cannot run that scenario or be cut so.
    MachineError
        If the system has too few chips, or the fidelity is not known.
    """
    cut, formats = cut or Parallelism(), formats or Precision()
    check_phase(model, scenario)
    check_sizes(scenario)
    legal = legal_cut(model, system, cut)
    machine = machine_of(system)
    law = cost_law(machine, fidelity, timing, correction=correction)
    runs = scenario.passes()
    loads = tuple(model.workload(run, cut, formats) for run in runs)
    memory = memory_use(loads, machine, spill=spill)
    hidden_s = spill_s(memory, machine)
    passes = tuple(_pass(run, load, law, cut, hidden_s) for run, load in zip(runs, loads, strict=True))
    confidence = Confidence(machine, Timing(timing), law.fidelity)
    return Estimate(model.name, system.name, system.chip.name, cut.chips, scenario, cut, law.fidelity, timing, passes, memory, legal, law.notes, confidence)


def _pass(run: Pass, load: Workload, law: CostLaw, cut: Parallelism, hidden_s: Real | None) -> PassEstimate:
    """One pass: what each operator costs, one after another, over the stages of the pipeline."""
    reuse = reuse_in_model(load)
    costs = tuple(law.cost(node.operator, node.count, reuse) for node in load.nodes)
    latency_s = chain_s(costs)
    if hidden_s is not None:
        latency_s = maximum(latency_s, hidden_s)
    return PassEstimate(run, load, costs, step_s(latency_s, cut, steady=run.phase == "decode"))
