"""Compositions of experts: a router picks, for each request, one of many whole models.

Unlike a mixture's experts, which are parts of a layer, these are models of their own: most of them lie in a large memory, and one is copied to where it
runs before its request is served (Prabhakar et al., SambaNova SN40L, arXiv 2405.07518).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from magnitudes.arrays import Real
from magnitudes.names import check_known
from workloads.graph import Node, Workload
from workloads.model import DivisionRule, Model
from workloads.operator import Transfer
from workloads.passes import Pass, Sequences
from workloads.scenario import Inference, Scenario
from workloads.sharding import Parallelism, Precision

CHOICES = ("uniform", "new")


@runtime_checkable
class Planned(Protocol):
    """A model that makes its own passes of a scenario."""

    def passes(self, scenario: Scenario) -> tuple[Pass, ...]: ...


def passes_of(model: Model, scenario: Scenario) -> tuple[Pass, ...]:
    """The passes of a scenario through a model: the scenario's own, unless the model has others."""
    return model.passes(scenario) if isinstance(model, Planned) else scenario.passes()


@dataclass(frozen=True, slots=True)
class Composition:
    """A router and `experts` models of one shape.

    Parameters
    ----------
    name : str
    router, expert : Model
    experts : Real
    router_output : float
        Tokens in which the router says its choice.
    choice : str
        ``uniform``: each request asks any expert, independently; ``new``: one that none of the requests before it asked (the worst case).
    prefetch : bool
        Whether the next request's expert is copied while this one's runs.
    """

    name: str
    router: Model
    expert: Model
    experts: Real
    router_output: float = 1.0
    choice: str = "uniform"
    prefetch: bool = False

    def __post_init__(self) -> None:
        check_known("choice of experts", self.choice, CHOICES)

    @property
    def parameters(self) -> float:
        """Weights of the router and all experts."""
        return self.router.parameters + self.experts * self.expert.parameters  # type: ignore[return-value]

    @property
    def phases(self) -> tuple[str, ...]:
        return ("inference",)

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        """What the degrees must divide, in router and experts."""
        return (*self.router.cut_rules(cut), *self.expert.cut_rules(cut))

    def passes(self, scenario: Scenario) -> tuple[Pass, ...]:
        """The router once for the batch; then for each request a copy of its expert, a prefill and its decode steps.

        Returns
        -------
        tuple of Pass
            Phases ``route`` (the router), ``switch`` (a copy), ``prefill`` and ``decode``.
        """
        assert isinstance(scenario, Inference)
        batch, prompt = scenario.batch, scenario.prompt
        routing = Inference(batch, prompt, self.router_output).passes()
        route = [replace(run, phase="route") for run in routing if not (isinstance(run.repeats, float) and run.repeats == 0.0)]
        serving = [replace(run, repeats=run.repeats * batch) for run in Inference(1.0, prompt, scenario.output).passes()]
        return (*route, Pass("switch", (Sequences(1.0, 1.0, 1.0),), batch), *serving)

    def workload(self, run: Pass, cut: Parallelism, formats: Precision) -> Workload:
        """The operators of one pass; every pass holds the weights of all."""
        weight_byte = self.weight_byte(self.router, cut, formats) + self.experts * self.weight_byte(self.expert, cut, formats)
        if run.phase == "switch":
            copy = Transfer(name="expert_copy", moved_byte=self.weight_byte(self.expert, cut, formats), source="behind", target="memory")
            return Workload((Node(copy),), weight_byte)
        if run.phase == "route":
            phase = "decode" if run.groups[0].decoding else "prefill"
            return replace(self.router.workload(replace(run, phase=phase), cut, formats), weight_byte=weight_byte)
        return replace(self.expert.workload(run, cut, formats), weight_byte=weight_byte)

    def weight_byte(self, model: Model, cut: Parallelism, formats: Precision) -> Real:
        """Weights of the router or one expert on one chip."""
        one = Pass("prefill", (Sequences(1.0, 1.0, 1.0),))
        return model.workload(one, cut, formats).weight_byte
