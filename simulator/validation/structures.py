"""The columns of text in a tidy table that choose other operators, and which values they take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulator.validation.eager_models import EAGER_MODELS
from simulator.validation.expert_loads import distribution_problem
from simulator.validation.formats import formats_of, unknown_format
from simulator.validation.served import model_problem


@dataclass(frozen=True, slots=True)
class Structure:
    """A column of text that chooses a structure.

    Parameters
    ----------
    meaning : str
    problem : callable
        Why a value cannot be used; empty where it can. An empty value is what a row does not say.
    """

    meaning: str
    problem: Callable[[str], str] = lambda _: ""


def _format_problem(name: str) -> str:
    return "" if not name or formats_of(name) else f"kv_dtype: {unknown_format(name)}"


def _node_problem(ranks: str) -> str:
    return "" if not ranks or (ranks.replace(".0", "").isdigit() and float(ranks) >= 1.0) else f"ranks_per_node is no count: {ranks!r}"


def _model_problem(model: str) -> str:
    return "" if model in EAGER_MODELS else f"whole model {model!r}, whose sizes the table does not say (known: {', '.join(EAGER_MODELS)})"


STRUCTURES = {
    "kv_dtype": Structure("data type of cached keys and values (default: as ``dtype``)", _format_problem),
    "gated": Structure("whether the activation multiplies the two halves of its input (default: no)"),
    "distribution": Structure("how tokens are dealt to experts: ``balanced``, ``power_law_ALPHA``, or evenly by chance (default)", distribution_problem),
    "ranks_per_node": Structure("chips that share a node, where it is not the machine's own number (default)", _node_problem),
    "model": Structure(f"a whole model: {', '.join(EAGER_MODELS)}", _model_problem),
    "served_model": Structure("a model of the catalogue, served by a framework", model_problem),
    "option": Structure("``fusion`` where a compiler has joined elementwise operators"),
}
