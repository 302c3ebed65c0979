"""Any space as an environment of several agents, for pettingzoo."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from explorers.environments.design import STARTS, needed
from explorers.environments.game import Score, middle
from explorers.environments.reward import make_reward
from explorers.environments.team import Team, groups_of, team_class
from explorers.space.catalog import find_space
from explorers.space.space import DesignSpace, Scores
from magnitudes.arrays import Column
from magnitudes.errors import InputError
from magnitudes.names import NameMiss, nearest

SHARING = ("shared", "difference")


def make_team(
    space: DesignSpace | str,
    by: str | Mapping[str, Sequence[str]] = "group",
    reward: str = "shared",
    rounds: int = 2,
    count: int = 1,
    worth: str | Callable[[Scores], Column] = "monotone",
    targets: Mapping[str, float] | None = None,
    seed: int = 0,
    score: Score | None = None,
    kind: str = "choose",
    start: str = "best",
) -> Team:
    """Agents that design together, many teams beside each other; it needs nothing but numpy.

    Parameters
    ----------
    space : DesignSpace or str
    by : str or mapping
        ``group`` (compute, memory, network, mapping), ``axis`` (an agent an axis), or agents with their axes.
    reward : str
        ``shared``, or ``difference``: what the design is worth less what it were worth with this agent's axes at their middle.
    rounds, count : int
    worth : str or callable
        What a design is worth: the `reward` of `explorers.environments.design.make_game`.
    targets, seed, score
        As `make_game` takes them.
    kind : str
        ``choose``: every round the agents name the values of their axes; ``walk``: they move them.
    start : str
        Where walks begin: ``random``, ``middle``, or ``best``: where the best designs so far are.

    Raises
    ------
    InputError
    """
    space = find_space(space) if isinstance(space, str) else space
    if reward not in SHARING:
        raise NameMiss("reward", reward, nearest(reward, SHARING), f"(rewards: {', '.join(SHARING)})")
    cls = team_class(kind)
    if start not in STARTS:
        raise InputError(f"walks start at {', '.join(STARTS[:-1])} or {STARTS[-1]}, not {start!r}")
    if rounds < 1 or count < 1:
        raise InputError(f"{rounds} rounds of {count} teams; at least one of each is needed")
    scored = score or space.score
    rewarded = make_reward(space, scored(middle(space)[None, :]).objectives[0], worth, targets)
    return cls(space, rewarded, groups_of(space, by), count, scored, np.random.default_rng(seed), rounds, reward == "shared", start)


def make_multi_agent_env(space: DesignSpace | str, by: str | Mapping[str, Sequence[str]] = "group", reward: str = "shared", **settings: Any) -> Any:
    """A space as a `pettingzoo.ParallelEnv`: every agent chooses the values of its own axes at once.

    Parameters
    ----------
    space : DesignSpace or str
    by, reward, **settings
        As `make_team` takes them.

    Raises
    ------
    InputError
        If pettingzoo is missing, or a setting is wrong.
    """
    return needed("explorers.environments.pettingzoo_faces").DesignParallelEnv(make_team(space, by, reward, count=1, **settings))
