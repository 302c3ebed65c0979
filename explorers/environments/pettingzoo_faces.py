"""A team as pettingzoo knows it."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv

from explorers.environments.game import LIMIT
from explorers.environments.team import Team


class DesignParallelEnv(ParallelEnv):  # type: ignore[misc]
    """Agents that choose their own axes of one design at once."""

    metadata: dict[str, Any] = {"name": "roofscape_design_v0", "render_modes": []}  # noqa: RUF012 - as the library has it

    def __init__(self, team: Team) -> None:
        self.team = team
        self.render_mode = None
        self.possible_agents = list(team.agents)
        self.agents: list[str] = []
        self.observation_spaces = {a: spaces.Box(-LIMIT, LIMIT, (team.observe(axes).shape[1],), np.float32) for a, axes in team.agents.items()}
        self.action_spaces = {a: spaces.MultiDiscrete(team.choices[list(axes)]) for a, axes in team.agents.items()}
        self.state_space = spaces.Box(-LIMIT, LIMIT, (team.state().shape[1],), np.float32)

    def observation_space(self, agent: str) -> Any:
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Any:
        return self.action_spaces[agent]

    def state(self) -> Any:
        """All that there is to see, for a central critic."""
        return self.team.state()[0]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        if seed is not None:
            self.team.generator = np.random.default_rng(seed)
        self.team.reset()
        self.agents = list(self.possible_agents)
        return self._seen(), {a: {} for a in self.agents}

    def step(self, actions: dict[str, Any]) -> tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], dict[str, Any]]:
        chosen = np.zeros_like(self.team.places)
        for agent, axes in self.team.agents.items():
            chosen[0, list(axes)] = actions[agent]
        rewards, over = self.team.step(chosen)
        agents = self.agents
        figures = {name: float(column[0]) for name, column in self.team.scores.figures.items()}
        told = {"places": self.team.places[0].copy(), "figures": figures, "feasible": bool(self.team.scores.feasible[0])}
        result = (
            self._seen(), {a: float(r) for a, r in zip(agents, rewards[0], strict=True)}, dict.fromkeys(agents, over), dict.fromkeys(agents, False),
            {a: dict(told) for a in agents},
        )  # fmt: skip
        if over:
            self.agents = []
        return result

    def _seen(self) -> dict[str, Any]:
        return {agent: self.team.observe(axes)[0] for agent, axes in self.team.agents.items()}
