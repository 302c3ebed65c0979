"""What every explorer is: it asks for designs to be evaluated, and is told what they come to.

An explorer is a dataclass: the space and the seed, the budget it may count on, and its hyperparameters as fields with defaults, so
that seeds and hyperparameters are never mixed up, and a table of settings is a table of keyword arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from importlib import import_module
from typing import Any, ClassVar, Protocol

import numpy as np

from explorers.space.space import DesignSpace, Places, Scores
from magnitudes.arrays import Column
from magnitudes.errors import InputError
from magnitudes.names import NameMiss, check_known, nearest

COMMON = ("space", "seed", "budget", "kept")

EXPLORERS = {
    "random": "explorers.search.sampling:RandomSearch",
    "sobol": "explorers.search.sampling:SobolSearch",
    "annealing": "explorers.search.walking:Annealing",
    "descent": "explorers.search.walking:Descent",
    "genetic": "explorers.search.breeding:Genetic",
    "ants": "explorers.search.breeding:AntColony",
    "pbt": "explorers.search.population_based:PopulationBased",
    "tpe": "explorers.search.optuna_samplers:Tpe",
    "nsga2": "explorers.search.optuna_samplers:Nsga2",
    "nsga3": "explorers.search.optuna_samplers:Nsga3",
    "cmaes": "explorers.search.optuna_samplers:CmaEs",
    "ppo": "explorers.search.reinforcement:Ppo",
    "ppo-bandit": "explorers.search.reinforcement:PpoBandit",
    "sac": "explorers.search.reinforcement:Sac",
    "ippo": "explorers.search.multi_agent:Ippo",
    "mappo": "explorers.search.multi_agent:Mappo",
    "vdn": "explorers.search.multi_agent:Vdn",
    "marl": "explorers.search.multi_agent:Mappo",
    "pymoo-nsga2": "explorers.search.pymoo_nsga2:PymooNsga2",
    "gp": "explorers.search.optuna_samplers:Gp",
    "qlognehvi": "explorers.search.botorch_qlognehvi:QLogNehvi",
    "proxy": "explorers.search.surrogate:ModelGuided",
    "fidelity": "explorers.search.fidelity:Fidelity",
    "integer-program": "explorers.search.separable:IntegerProgram",
}
"""Explorer, as the command line names it -> where it is. A new one is one file and one line here."""

SOLVERS = {
    "exact": "explorers.search.exact:solve",
    "exhaustive": "explorers.search.exhaustive:solve",
}
"""Those that end by themselves, with a proof: ``solve(space, budget, progress) -> Study``."""

EXTRAS = {"torch": "explore", "pymoo": "explore", "botorch": "botorch", "gpytorch": "botorch", "stable_baselines3": "rl", "gymnasium": "rl", "pettingzoo": "rl"}
"""Library -> the extra that brings it."""


class Explorer(Protocol):
    """Asks for designs, and learns from what they come to.

    Attributes
    ----------
    about : str
        One line.
    settings_tried : mapping of str to tuple
        Values of each hyperparameter that the study of settings goes through.
    """

    about: ClassVar[str]
    settings_tried: ClassVar[Mapping[str, tuple[Any, ...]]]

    def ask(self, count: int) -> Places:
        """At most `count` designs that should be evaluated next, at least one; they may have been seen before."""
        ...

    def tell(self, places: Places, scores: Scores) -> None:
        """What designs come to: those asked for, in order (fewer, where the budget ends)."""
        ...


def explorer_names() -> list[str]:
    """Names of all explorers, those with a proof first."""
    return [*SOLVERS, *EXPLORERS]


def check_names(names: Iterable[str]) -> None:
    """Refuse names that no explorer has.

    Raises
    ------
    NameMiss
    """
    for name in names:
        check_known("explorer", name, explorer_names())


def explorer_class(name: str) -> Any:
    """The class of an explorer.

    Raises
    ------
    NameMiss
    """
    if name not in EXPLORERS:
        raise NameMiss("explorer", name, nearest(name, explorer_names()), f"(known: {', '.join(explorer_names())})")
    return loaded(EXPLORERS[name])


def loaded(place: str) -> Any:
    """What ``module:name`` is; a missing extra is named with its remedy.

    Raises
    ------
    InputError
    """
    module, _, name = place.partition(":")
    with extras_named():
        return getattr(import_module(module), name)


@contextmanager
def extras_named() -> Iterator[None]:
    """A library that is missing is named, with the extra that brings it.

    Raises
    ------
    InputError
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in ("explorers", "magnitudes", "simulator"):
            raise
        extra = EXTRAS.get(missing, "explore,rl")
        raise InputError(f"this explorer needs {missing}, which is not installed; `pip install 'roofscape[{extra}]'` brings it") from error


def build(name: str, space: DesignSpace, seed: int, budget: int, settings: Mapping[str, Any] | None = None, kept: str = "") -> Explorer:
    """An explorer, ready to ask; `kept` says where its study is kept, if it has one.

    Raises
    ------
    InputError
        If there is no such explorer or hyperparameter, or it keeps no study.
    """
    cls = explorer_class(name)
    check_settings(name, settings or {}, hyperparameters(cls), getattr(cls, "may_be_zero", ()))
    if kept and "kept" not in {f.name for f in fields(cls) if f.init}:
        raise InputError(f"{name} keeps no study; those of Optuna's samplers do (tpe, nsga2, nsga3, cmaes, gp), and `roofscape sweep` keeps every design")
    place = {"kept": kept} if kept else {}
    with extras_named():  # some explorers import their library only when they begin
        try:
            return cls(space, seed=seed, budget=budget, **place, **(settings or {}))  # type: ignore[no-any-return]
        except (ValueError, TypeError) as error:
            if settings and not isinstance(error, InputError):  # a library refuses what it is given
                raise InputError(f"{name} cannot be set so ({', '.join(f'{k}={v}' for k, v in settings.items())}): {error}") from error
            raise


def check_settings(name: str, settings: Mapping[str, Any], known: Mapping[str, Any], may_be_zero: Iterable[str] = ()) -> None:
    """Refuse settings that an explorer does not have, and values that are not of their default's kind.

    Raises
    ------
    InputError
    """
    for key, value in settings.items():
        if key not in known:
            raise NameMiss(f"setting of {name}", key, nearest(key, known), f"(known: {', '.join(known) or 'none'})")
        default = known[key]
        if isinstance(default, bool):
            if not isinstance(value, bool):
                raise InputError(f"{key} of {name} is true or false, not {value!r}")
        elif isinstance(default, int):
            least = 0 if key in may_be_zero else min(1, default)  # some mean something by zero
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise InputError(f"{key} of {name} is a whole number, {least} or more (such as {default}), not {value!r}")
        elif isinstance(default, float) and (isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0.0):
            raise InputError(f"{key} of {name} is a number, 0 or more (such as {default:g}), not {value!r}")


def hyperparameters(cls: type) -> dict[str, Any]:
    """Name and default of each hyperparameter of an explorer."""
    return {f.name: f.default for f in fields(cls) if f.name not in COMMON and f.init}


def worth(scores: Scores) -> Column:
    """A number a design, small is good: what explorers for one figure minimise.

    Feasible designs count by their first objective, or where there are several by the sum of their logarithms (of their values, where
    some are not positive); infeasible ones are worse than all of these, by how far they violate (Deb 2000).
    """
    objectives = np.where(scores.feasible[:, None], scores.objectives, 0.0)
    figure = objectives[:, 0] if objectives.shape[1] == 1 else (np.sign(objectives) * np.log1p(np.abs(objectives) / SMALL)).sum(axis=1)
    amount = np.maximum(scores.missed, 0.0).sum(axis=1)
    amount = np.where(amount > 0.0, amount, 1.0)  # what cannot be built is as far off as what misses a condition
    return np.where(scores.feasible, figure, WORST * (1.0 + amount))


SMALL = 1e-12  # what a logarithm of an objective starts from
WORST = 1e30  # beyond every figure
