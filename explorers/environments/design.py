"""Any space as an environment: what makes one, for gymnasium, for its vectors, and for Stable-Baselines3."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from explorers.environments.game import Game, Score, middle
from explorers.environments.games import game_class
from explorers.environments.reward import make_reward
from explorers.space.catalog import find_space
from explorers.space.space import DesignSpace, Scores
from magnitudes.arrays import Column
from magnitudes.errors import InputError

STARTS = ("random", "middle", "best")  # of walks


def make_game(
    space: DesignSpace | str,
    kind: str = "build",
    count: int = 1,
    reward: str | Callable[[Scores], Column] = "monotone",
    targets: Mapping[str, float] | None = None,
    continuous: bool = False,
    steps: int = 16,
    start: str = "random",
    seed: int = 0,
    score: Score | None = None,
) -> Game:
    """Designs in the making, beside each other; it needs nothing but numpy.

    Parameters
    ----------
    space : DesignSpace or str
    kind : str
        ``build``, ``walk`` or ``bandit``.
    count : int
        Designs beside each other.
    reward : str or callable
        ``monotone``, a published one (see `explorers.environments.reward.REWARDS`), or one's own ``Scores -> Column``.
    targets : mapping of str to float, optional
        Objective -> target, for the published rewards that have one.
    continuous : bool
        Actions are numbers from -1 to 1, not choices.
    steps : int
        Of a walk.
    start : str
        Where walks begin: ``random``, ``middle``, or ``best``: where the best so far are.
    seed : int
    score : callable, optional
        What designs come to, in place of the space: to count them, or to answer from a proxy.

    Raises
    ------
    InputError
        If a name does not exist, or a setting is wrong.
    """
    space = find_space(space) if isinstance(space, str) else space
    cls = game_class(kind)
    if count < 1 or steps < 1:
        raise InputError(f"{count} environments and walks of {steps} steps; at least one of each is needed")
    if start not in STARTS:
        raise InputError(f"walks start at {', '.join(STARTS[:-1])} or {STARTS[-1]}, not {start!r}")
    scored = score or space.score
    reference = scored(middle(space)[None, :]).objectives[0]
    walking: dict[str, Any] = {"length": steps, "start": start} if kind == "walk" else {}
    return cls(space, make_reward(space, reference, reward, targets), count, scored, np.random.default_rng(seed), continuous, **walking)


def make_env(space: DesignSpace | str, kind: str = "build", reward: str | Callable[[Scores], Column] = "monotone", **settings: Any) -> Any:
    """A space as a `gymnasium.Env`.

    Parameters
    ----------
    space : DesignSpace or str
        A space, a shipped one's name, or the path of a file.
    kind : str
        ``build``: a design is set axis by axis; ``walk``: it is moved; ``bandit``: all axes at once, one step.
    reward, **settings
        As `make_game` takes them.

    Returns
    -------
    gymnasium.Env
        Observations are flat numbers from -20 to 20: the design, its objectives beside the middle design's, its violations, and how far
        the game is. ``info`` has the design's ``places``, ``figures`` and ``feasible``.

    Raises
    ------
    InputError
        If gymnasium is missing, or a setting is wrong.
    """
    return needed("explorers.environments.gymnasium_faces").DesignEnv(make_game(space, kind, 1, reward, **settings))


def make_vector_env(
    space: DesignSpace | str, kind: str = "build", count: int = 16, reward: str | Callable[[Scores], Column] = "monotone", **settings: Any
) -> Any:
    """Many environments as one `gymnasium.vector.VectorEnv`: a step of all of them is one evaluation of columns.

    Parameters
    ----------
    space, kind, reward, settings
        As in `make_env`.
    count : int
        Environments side by side.

    Raises
    ------
    InputError
    """
    return needed("explorers.environments.gymnasium_faces").DesignVectorEnv(make_game(space, kind, count, reward, **settings))


def make_vec_env(space: DesignSpace | str, kind: str = "build", count: int = 16, reward: str | Callable[[Scores], Column] = "monotone", **settings: Any) -> Any:
    """Many environments as one `stable_baselines3.common.vec_env.VecEnv`.

    Parameters
    ----------
    space, kind, reward, settings
        As in `make_env`.
    count : int
        Environments side by side.

    Raises
    ------
    InputError
    """
    return needed("explorers.environments.stable_faces").StableVectorEnv(make_game(space, kind, count, reward, **settings))


def needed(module: str) -> Any:
    """A module that the extra ``rl`` brings what it imports.

    Raises
    ------
    InputError
        Naming what is missing and the remedy.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] == "explorers":
            raise
        raise InputError(f"environments need {error.name}, which is not installed; `pip install 'roofscape[rl]'` brings it") from error
