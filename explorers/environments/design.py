"""The gymnasium face of any design space, alone or many at once (extra rl)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from explorers.environments.episode import Episodes, Score, merit
from explorers.space.catalog import find_space
from explorers.space.space import DesignSpace, Scores
from magnitudes.arrays import Column
from magnitudes.errors import InputError


def library(name: str) -> Any:
    """A library of the extra, or an error that names it.

    Raises
    ------
    InputError
    """
    from importlib import import_module

    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise InputError(f"this needs {name}, which is not installed; `pip install 'roofscape[rl]'` brings it") from None


def make_env(
    space: DesignSpace | str, kind: str = "build", reward: Callable[[Scores], Column] = merit, steps: int = 16, seed: int = 0, score: Score | None = None
) -> Any:
    """A `gymnasium.Env` of a space.

    Parameters
    ----------
    space : DesignSpace or str
    kind : str
        ``build`` (axis by axis), ``walk`` (moves) or ``bandit`` (whole, in one step).
    reward : callable
        ``Scores -> Column``: what designs are worth; a step earns the growth.
    steps : int
        Of a walk.
    seed : int
    score : callable, optional
        Evaluates designs in place of the space: to count them, or to answer from a proxy.

    Raises
    ------
    InputError
        If gymnasium is missing, or there is no such space or kind.
    """
    gymnasium = library("gymnasium")
    of = find_space(space) if isinstance(space, str) else space
    episodes = Episodes(of, 1, kind, reward, score, steps, seed)

    class DesignEnv(gymnasium.Env):  # type: ignore[misc, name-defined]
        """One design an episode."""

        metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - the library's own attribute
        observation_space = gymnasium.spaces.Box(-1.0, 1.0, (episodes.observation_size,), np.float32)
        action_space = gymnasium.spaces.Box(-1.0, 1.0, (episodes.action_size,), np.float32)

        def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Column, dict[str, Any]]:
            super().reset(seed=seed)
            if seed is not None:
                episodes.generator = np.random.default_rng(seed)
            return episodes.begin()[0], self.told()

        def step(self, action: Any) -> tuple[Column, float, bool, bool, dict[str, Any]]:
            observation, earned, ended = episodes.act(np.asarray(action)[None, :])
            return observation[0], float(earned[0]), ended, False, self.told()

        def told(self) -> dict[str, Any]:
            """The design as it stands."""
            return {"design": of.design(episodes.at[0]), "worth": float(episodes.worth[0]), "feasible": bool(episodes.feasible[0])}

    return DesignEnv()


def make_vec_env(space: DesignSpace | str, count: int, kind: str = "build", seed: int = 0, score: Score | None = None) -> Any:
    """Many environments of a space as one of stable-baselines3's: a step of all is one evaluation.

    Parameters
    ----------
    space, kind, seed, score
        As in `make_env`.
    count : int

    Raises
    ------
    InputError
    """
    vec_env = library("stable_baselines3.common.vec_env")
    gymnasium = library("gymnasium")
    of = find_space(space) if isinstance(space, str) else space
    episodes = Episodes(of, count, kind, score=score, seed=seed)

    class DesignVecEnv(vec_env.VecEnv):  # type: ignore[misc, name-defined]
        """All begin and end together."""

        def __init__(self) -> None:
            box = gymnasium.spaces.Box
            super().__init__(count, box(-1.0, 1.0, (episodes.observation_size,), np.float32), box(-1.0, 1.0, (episodes.action_size,), np.float32))
            self.waiting: Column = np.zeros((count, episodes.action_size))

        def reset(self) -> Column:
            return episodes.begin()

        def step_async(self, actions: Column) -> None:
            self.waiting = actions

        def step_wait(self) -> tuple[Column, Column, Any, list[dict[str, Any]]]:
            observation, earned, ended = episodes.act(self.waiting)
            infos: list[dict[str, Any]] = [{} for _ in range(count)]
            if ended:
                for info, last in zip(infos, observation, strict=True):
                    info["terminal_observation"] = last
                observation = episodes.begin()
            return observation, earned.astype(np.float32), np.full(count, ended), infos

        def close(self) -> None:
            """Nothing is held."""

        def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
            return [None] * count

        def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
            """There is nothing to set."""

        def env_method(self, method_name: str, *arguments: Any, indices: Any = None, **options: Any) -> list[Any]:
            return [None] * count

        def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
            return [False] * count

    return DesignVecEnv()
