"""What may stand behind a design space: each kind turns values of axes into figures. A new kind is one file and one line here."""

from __future__ import annotations

from importlib import import_module
from typing import Any

EVALUATORS = {
    "estimate": "explorers.evaluators.estimator:Estimator",
    "dram_controller": "explorers.evaluators.dram_controller:DramController",
}
"""Kind, as a space's file names it -> where its class is; a class reads its own keys of the file by ``read(tree, mistakes)``."""


def evaluator_class(kind: str) -> Any:
    """The class of a kind of evaluator."""
    module, _, name = EVALUATORS[kind].partition(":")
    return getattr(import_module(module), name)
