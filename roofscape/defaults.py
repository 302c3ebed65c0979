"""What is asked where nothing is said: the usual scenario of a model, and how a system's chips share it."""

from __future__ import annotations

from hardware_specs.schema import System
from workloads.model import GraphModel, Model
from workloads.scenario import Diffusion, Images, Inference, Prefill, Samples, Scenario
from workloads.sharding import Parallelism

MOST_TP = 1024  # no model has more heads to cut


def default_scenario(of: Model) -> Scenario:
    """What a model is usually asked: images, samples, one forward pass, or a request from prompt to last token."""
    if isinstance(of, GraphModel):
        return of.scenario
    if "inference" in of.phases:
        return Inference()
    for scenario in (Images(), Diffusion(), Samples()):
        if scenario.phase in of.phases:
            return scenario
    return Prefill(prompt=512.0)


def default_cut(of: Model, on: System) -> Parallelism:
    """The largest tensor parallelism that the chips of a system and the model allow; replicas for the rest."""
    chips = int(on.chips)
    for tp in (d for d in range(min(chips, MOST_TP), 0, -1) if chips % d == 0):
        cut = Parallelism(tp=float(tp), dp=float(chips // tp))
        if all(rule.holds() for rule in of.cut_rules(cut)):
            return cut
    return Parallelism()
