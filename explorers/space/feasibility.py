"""How much of a space can be built, and what each constraint leaves of it: from an even draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np

from explorers.space.space import DesignSpace
from magnitudes.errors import InputError

DRAWN = 10_000
ASKED = 64  # designs that tell whether all can be built
NORMAL_95 = 1.96  # standard deviations of a normal distribution on either side that hold 95 % of it


@dataclass(frozen=True, slots=True)
class Share:
    """A share of all designs, with its 95 % interval.

    Parameters
    ----------
    share, low, high : float
    """

    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Feasibility:
    """What an even draw says of a space.

    Parameters
    ----------
    drawn : int
        Designs looked at: a draw, or all of them where that is no more.
    exact : bool
        Whether they are all there are.
    feasible : Share
        Designs that keep every constraint, can be built and have figures.
    holds : mapping of str to Share
        For each constraint, the designs that keep it.
    """

    drawn: int
    exact: bool
    feasible: Share
    holds: Mapping[str, Share]


def feasibility(space: DesignSpace, designs: int = DRAWN, seed: int = 0) -> Feasibility:
    """The feasible share of a space, and each constraint's, by a draw of so many designs; exact where the space has no more.

    Raises
    ------
    InputError
        If no design is to be drawn.
    """
    if designs < 1:
        raise InputError(f"a draw of {designs} designs; at least one has to be looked at")
    exact = space.grid_size <= designs
    places = space.every() if exact else space.sample(designs, np.random.default_rng(seed))
    scores = space.score(places)
    kept = scores.violations <= 0.0
    holds = {c.text: _share(int(kept[:, i].sum()), len(places), exact=exact) for i, c in enumerate(space.constraints)}
    return Feasibility(len(places), exact, _share(int(scores.feasible.sum()), len(places), exact=exact), holds)


def all_built(space: DesignSpace) -> bool:
    """Whether constraints alone refuse designs, as far as a draw tells: elsewhere some cannot be built whatever the constraints say."""
    scores = space.score(space.sample(ASKED, np.random.default_rng(0)))
    return bool(scores.built.all())


def _share(hits: int, of: int, *, exact: bool) -> Share:
    """A share with its 95 % interval (Wilson 1927), which stays inside 0 and 1 and does not vanish where nothing was hit."""
    share = hits / of
    if exact:
        return Share(share, share, share)
    square = NORMAL_95 * NORMAL_95 / of
    middle, half = (share + square / 2.0) / (1.0 + square), sqrt(square * share * (1.0 - share) + square * square / 4.0) / (1.0 + square)
    return Share(share, max(middle - half, 0.0), min(middle + half, 1.0))
