"""How fast, at what cost and limited by what a model would run on a machine, existing or imagined.

>>> import roofscape as rs
>>> rs.estimate("llama-3-8b", on="h100-sxm", scenario=rs.Decode(batch=32, context=2048)).tpot_s  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# public name -> where it is; imported on first use, so that help is instant
_PUBLIC = {
    "estimate": "roofscape.api", "compare": "roofscape.api", "elasticities": "roofscape.api", "question": "roofscape.api",
    "model": "roofscape.named", "system": "roofscape.named",
    "Prefill": "workloads.scenario", "Decode": "workloads.scenario", "Inference": "workloads.scenario",
    "MixedBatch": "workloads.scenario", "Images": "workloads.scenario", "Diffusion": "workloads.scenario", "Samples": "workloads.scenario",
    "Train": "workloads.scenario",
    "Estimate": "simulator.result", "Question": "explorers.question", "evaluate": "explorers.stream", "stream": "explorers.stream",
    "DesignSpace": "explorers.space.space", "Study": "explorers.study", "explore": "explorers.study",
    "sweep": "explorers.sweep", "query": "explorers.query",
    "make_env": "explorers.environments.design", "make_vector_env": "explorers.environments.design",
    "make_multi_agent_env": "explorers.environments.multi_agent",
    "InputError": "magnitudes.errors", "validate": "roofscape.measured", "measure": "roofscape.measured", "calibrate": "roofscape.measured",
    "reproduce": "roofscape.reproductions",
}  # fmt: skip
__all__ = [*_PUBLIC, "__version__"]  # noqa: PLE0604

if TYPE_CHECKING:
    from explorers.environments.design import make_env as make_env
    from explorers.environments.design import make_vector_env as make_vector_env
    from explorers.environments.multi_agent import make_multi_agent_env as make_multi_agent_env
    from explorers.query import query as query
    from explorers.question import Question as Question
    from explorers.space.space import DesignSpace as DesignSpace
    from explorers.stream import evaluate as evaluate
    from explorers.stream import stream as stream
    from explorers.study import Study as Study
    from explorers.study import explore as explore
    from explorers.sweep import sweep as sweep
    from magnitudes.errors import InputError as InputError
    from roofscape.api import compare as compare
    from roofscape.api import elasticities as elasticities
    from roofscape.api import estimate as estimate
    from roofscape.api import question as question
    from roofscape.measured import calibrate as calibrate
    from roofscape.measured import measure as measure
    from roofscape.measured import validate as validate
    from roofscape.named import model as model
    from roofscape.named import system as system
    from roofscape.reproductions import reproduce as reproduce
    from simulator.result import Estimate as Estimate
    from workloads.scenario import Decode as Decode
    from workloads.scenario import Diffusion as Diffusion
    from workloads.scenario import Images as Images
    from workloads.scenario import Inference as Inference
    from workloads.scenario import MixedBatch as MixedBatch
    from workloads.scenario import Prefill as Prefill
    from workloads.scenario import Samples as Samples
    from workloads.scenario import Train as Train


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'roofscape' has no attribute {name!r}")
    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
