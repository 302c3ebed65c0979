"""The pettingzoo face of any design space: groups of axes are agents that move together (extra rl)."""

from __future__ import annotations

from typing import Any

import numpy as np

from explorers.environments.design import library
from explorers.environments.episode import Episodes, merit
from explorers.space.axis import Axis
from explorers.space.catalog import find_space
from explorers.space.space import DesignSpace
from magnitudes.errors import InputError
from magnitudes.names import NameMiss, nearest

REWARDS = ("shared", "difference")
MEMORY = ("capacity", "bandwidth", "latency", "shared", "register", "row", "column", "refresh")
LINKS = ("nvlink", "infiniband", "xgmi", "ici", "pcie", "p2p", "ethernet")
MAPPING = ("tp", "pp", "ep", "dp", "batch", "prompt", "output", "context", "chunk", "dtype", "kv_dtype", "dataflow", "machine", "model")


def group_of(axis: Axis) -> str:
    """The part of a design that an axis belongs to: ``network``, ``memory``, ``mapping`` or ``compute``."""
    owner, _, rest = axis.path.rpartition(".")
    if any(axis.path.startswith(link) or owner.startswith(link) for link in LINKS) or "p2p" in owner:
        return "network"
    if axis.path in MAPPING or rest.partition(":")[0] in MAPPING or axis.path.startswith("model."):
        return "mapping"
    return "memory" if rest.partition(":")[0].startswith(MEMORY) else "compute"


def agents_of(space: DesignSpace, by: str = "group") -> dict[str, list[int]]:
    """The axes of each agent.

    Parameters
    ----------
    space : DesignSpace
    by : str
        ``group`` (compute, memory, network, mapping) or ``axis`` (one agent an axis).

    Raises
    ------
    NameMiss
    """
    if by not in ("group", "axis"):
        raise NameMiss("way to part axes among agents", by, nearest(by, ("group", "axis")), "(group or axis)")
    agents: dict[str, list[int]] = {}
    for i, axis in enumerate(space.axes):
        agents.setdefault(axis.name if by == "axis" else group_of(axis), []).append(i)
    return agents


def make_multi_agent_env(space: DesignSpace | str, by: str = "group", reward: str = "shared", steps: int = 16, seed: int = 0) -> Any:
    """A `pettingzoo.ParallelEnv` in which agents move their own axes of one design together.

    Parameters
    ----------
    space : DesignSpace or str
    by : str
        As in `agents_of`.
    reward : str
        ``shared``: what the design's worth grew by. ``difference``: what it grew by beyond what it would be worth had the agent stood still
        (Wolpert and Tumer 2002).
    steps : int
        Of an episode.
    seed : int

    Raises
    ------
    InputError
        If pettingzoo is missing, or there is no such space, parting or reward.
    """
    pettingzoo, gymnasium = library("pettingzoo"), library("gymnasium")
    if reward not in REWARDS:
        raise NameMiss("reward", reward, nearest(reward, REWARDS), f"(rewards: {', '.join(REWARDS)})")
    of = find_space(space) if isinstance(space, str) else space
    parts = agents_of(of, by)
    if not parts:
        raise InputError(f"{of.name} has no axes: nobody has anything to move")
    episodes = Episodes(of, 1, "walk", merit, None, steps, seed)
    sizes = {name: len(axes) for name, axes in parts.items()}

    class DesignParallelEnv(pettingzoo.ParallelEnv):  # type: ignore[misc, name-defined]
        """All agents see the whole design and move their own axes."""

        metadata: dict[str, Any] = {"name": f"{of.name}_v0", "render_modes": [], "is_parallelizable": True}  # noqa: RUF012

        def __init__(self) -> None:
            self.possible_agents = list(parts)
            self.agents: list[str] = []
            box = gymnasium.spaces.Box
            self.observation_spaces = {a: box(-1.0, 1.0, (episodes.observation_size,), np.float32) for a in parts}
            self.action_spaces = {a: box(-1.0, 1.0, (sizes[a],), np.float32) for a in parts}

        def observation_space(self, agent: str) -> Any:
            return self.observation_spaces[agent]

        def action_space(self, agent: str) -> Any:
            return self.action_spaces[agent]

        def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
            if seed is not None:
                episodes.generator = np.random.default_rng(seed)
            self.agents = list(parts)
            seen = episodes.begin()[0]
            return {a: seen.copy() for a in self.agents}, {a: {} for a in self.agents}

        def step(self, actions: dict[str, Any]) -> tuple[dict[str, Any], ...]:
            before = episodes.at.copy()
            whole = np.zeros((1, episodes.axes))
            for agent, action in actions.items():
                whole[0, parts[agent]] = action
            seen, earned, ended = episodes.act(whole)
            acting = list(self.agents)
            rewards = {a: float(earned[0]) for a in acting}
            if reward == "difference":
                rewards = dict(zip(acting, self._differences(acting, before), strict=True))
            if ended:
                self.agents = []
            told = {a: {"design": of.design(episodes.at[0])} for a in acting}
            return {a: seen[0].copy() for a in acting}, rewards, dict.fromkeys(acting, ended), dict.fromkeys(acting, False), told

        def _differences(self, acting: list[str], before: Any) -> list[float]:
            """What the design is worth beyond what it would be had each agent stood still: one evaluation for all agents."""
            still = np.repeat(episodes.at, len(acting), axis=0)
            for row, agent in enumerate(acting):
                still[row, parts[agent]] = before[0, parts[agent]]
            return [float(w) for w in episodes.worth[0] - merit(of.score(of.canonical(still)))]

        def state(self) -> Any:
            """What a central critic sees."""
            return episodes.observe()[0]

    return DesignParallelEnv()
