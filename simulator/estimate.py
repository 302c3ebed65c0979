"""The spine: a model, a system and a scenario become an estimate. Read this first.

Model + Scenario -> Workload --+
                               +-> placement: Cost of each operator, where it finishes first -> schedule -> Estimate
System ---------> Places ------+
"""

from __future__ import annotations

from hardware_specs.schema import System
from simulator.composition import expert_memory, switched, with_experts_behind
from simulator.confidence.of_estimate import Confidence
from simulator.cost import Cost
from simulator.feasibility import check_phase, check_sizes, legal_cut
from simulator.figures import PassEstimate
from simulator.kernels.timing import Timing
from simulator.memory import memory_use
from simulator.offload.choice import Offload
from simulator.placement.place import placed_costs
from simulator.placement.places import Place, places_of
from simulator.placement.residency import homes_of
from simulator.result import Estimate
from simulator.schedule import brought, chain_s, exposed, fetched, step_s
from simulator.spatial.mappings import Mappings, check_given
from simulator.training.exchange import beside
from simulator.training.step import prepared
from simulator.unserved import unserved_notes
from workloads.composition import Composition, passes_of
from workloads.graph import Workload
from workloads.model import Model, notes_of
from workloads.passes import Pass
from workloads.scenario import Scenario, Train
from workloads.sharding import Parallelism, Precision


def estimate(
    model: Model,
    system: System,
    scenario: Scenario,
    cut: Parallelism | None = None,
    formats: Precision | None = None,
    *,
    fidelity: str = "tile",
    timing: str | Timing = "graph",
    spill: bool = False,
    offload: Offload | None = None,
    correction: bool = True,
    coprocess: bool = True,
    overlap: bool = False,
    mapping: Mappings | None = None,
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
    timing : str or Timing
        How kernels are started: ``kernel`` (their own time alone), ``graph`` (replayed from a graph) or ``eager`` (one by one).
    spill : bool
        Whether what does not fit main memory may lie in the tier behind it, read once a pass while the engine computes.
    offload : Offload, optional
        Which weights and caches lie behind main memory, whatever room there is; instead of `spill`.
    correction : bool
        Whether the learned correction is applied on top of the tile law's physics.
    coprocess : bool
        Whether two engines of a chip may share the experts or heads of an operator.
    overlap : bool
        Whether the sums behind a product are exchanged while it is computed: hardware or kernels that fuse both, without contention.
    mapping : Mappings, optional
        Mappings of layers on a spatial array that are searched or given, instead of the closed form of folds.

    Raises
    ------
    ModelError
        If the model cannot run that scenario or be cut so.
    MachineError
        If the system has too few chips, or the fidelity is not known.
    """
    cut, formats = cut or Parallelism(), formats or Precision()
    model, cut = prepared(model, system, scenario, cut, behind=spill or offload is not None)
    check_phase(model, scenario)
    check_sizes(scenario)
    legal = legal_cut(model, system, cut)
    places = places_of(system, fidelity, timing, correction=correction, mapping=mapping)
    law, machine = places[0].law, places[0].machine
    runs = passes_of(model, scenario)
    loads = tuple(model.workload(run, cut, formats) for run in runs)
    check_given(mapping, {node.operator.name for load in loads for node in load.nodes})
    costs = tuple(placed_costs(load, places, coprocess=coprocess) for load in loads)
    costs = tuple(exposed(own) for own in costs) if overlap else costs
    memory = memory_use(loads, machine, spill=spill and not isinstance(model, Composition), homes=homes_of(loads, costs, places), offload=offload)
    waits = tuple((*fetched(own, memory, machine), *brought(load, machine)) for load, own in zip(loads, costs, strict=True))
    costs = beside(costs[0], costs[1], scenario.hidden_exchange, cut) if isinstance(scenario, Train) else costs
    passes = tuple(_pass(run, load, own, wait, cut) for run, load, own, wait in zip(runs, loads, costs, waits, strict=True))
    notes = _told(model, places, costs)
    if isinstance(model, Composition):
        experts = expert_memory(model, loads, memory, machine, cut.chips)
        memory, passes, notes = with_experts_behind(memory, experts), switched(passes, model, experts), (*notes, *experts.notes)
    context = timing if isinstance(timing, Timing) else Timing(timing)
    confidence, how = Confidence(tuple(p.machine for p in places), context, law.fidelity), context.context
    return Estimate(model.name, system.name, system.chip.name, cut.chips, scenario, cut, law.fidelity, how, passes, memory, legal, notes, confidence)


def _told(model: Model, places: tuple[Place, ...], costs: tuple[tuple[Cost, ...], ...]) -> tuple[str, ...]:
    """What a reader should know: of the laws, of what an engine cannot multiply, of the model."""
    of_laws = dict.fromkeys(note for p in places for note in p.law.notes)
    return (*of_laws, *unserved_notes((c for own in costs for c in own), tuple(p.machine for p in places)), *notes_of(model))


def _pass(run: Pass, load: Workload, costs: tuple[Cost, ...], fetch: tuple[Cost, ...], cut: Parallelism) -> PassEstimate:
    """One pass: what each operator costs, one after another, and what is waited for from memory behind, over the stages of the pipeline."""
    everything = (*costs, *fetch)
    latency_s = chain_s(everything)
    if run.phase == "update":  # once a step, on all stages beside each other
        return PassEstimate(run, load, everything, latency_s)
    return PassEstimate(run, load, everything, step_s(latency_s, cut, steady=run.phase == "decode"))
