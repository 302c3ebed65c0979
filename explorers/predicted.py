"""A space whose figures a proxy of logged evaluations predicts: a lower fidelity for a slow evaluator."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from explorers.proxy import Proxy, learn
from explorers.space.file import space_tree
from explorers.space.space import DesignSpace, Places, Scores
from explorers.store import space_hash
from explorers.study import Study
from magnitudes.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Predicted(DesignSpace):
    """A space as a proxy of it says.

    Parameters
    ----------
    proxy : Proxy
        Of the objectives; of constraints it says nothing, so that none is taken to be broken.
    """

    proxy: Proxy

    def score(self, places: Places) -> Scores:
        """What the proxy says of some designs."""
        self.check(places)
        figures = self.proxy.predict(places)
        objectives = np.stack([figures[o.name] * o.sign for o in self.objectives], axis=1)
        return Scores(objectives, np.zeros((len(places), len(self.constraints))), np.ones(len(places), dtype=bool), figures)

    @property
    def told(self) -> str:
        """How good the proxy is: its errors, how often its intervals hold, how much faster it is."""
        quality = self.proxy.quality
        missed = ", ".join(f"{name} {error:.1%}" for name, error in quality.error.items())
        held = min(quality.covered.values())
        return (
            f"a {self.proxy.learner} of logged designs was asked first: it misses {missed} of the range of {quality.held_out} held out, "
            f"its intervals hold for {held:.0%}, {quality.speed_up:,.0f} times faster"
        )


def predicted(space: DesignSpace, log: Study | str | Path, learner: str) -> Predicted:
    """The space as a proxy learned from a log of it says.

    Parameters
    ----------
    space : DesignSpace
    log : Study, str or Path
        What an explorer evaluated, or the results folder of a sweep.
    learner : str
        As `explorers.proxy.learn` takes it.

    Raises
    ------
    InputError
        If the log is of another space, or nothing can be learned from it.
    """
    proxy = learn(log, learner)
    if space_hash(space_tree(proxy.space)) != space_hash(space_tree(space)):
        raise InputError(f"the log is of {proxy.space.name}, or of another state of its file; a lower fidelity of {space.name} is learned from designs of it")
    return Predicted(**{f.name: getattr(space, f.name) for f in fields(DesignSpace)}, proxy=proxy)
