"""Games as gymnasium knows them: one environment, and a vector of them."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from explorers.environments.game import LIMIT, Game


def action_space(game: Game) -> Any:
    """What may be done in one game."""
    choices = game.choices
    if game.continuous:
        return spaces.Box(-1.0, 1.0, (len(choices),), np.float32)
    return spaces.Discrete(choices[0]) if len(choices) == 1 else spaces.MultiDiscrete(np.array(choices))


def observation_space(game: Game) -> Any:
    """What is seen of one game."""
    return spaces.Box(-LIMIT, LIMIT, (game.observe().shape[1],), np.float32)


def told(game: Game, row: int) -> dict[str, Any]:
    """What people want to know of one design: nothing before a bandit's choice."""
    if not hasattr(game, "scores"):
        return {}
    figures = {name: float(column[row]) for name, column in game.scores.figures.items()}
    return {"places": game.places[row].copy(), "figures": figures, "feasible": bool(game.scores.feasible[row])}


class DesignEnv(gymnasium.Env):  # type: ignore[misc]
    """One design in the making."""

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - as the library has it

    def __init__(self, game: Game) -> None:
        self.game = game
        self.render_mode = None
        self.action_space = action_space(game)
        self.observation_space = observation_space(game)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        if seed is not None:
            self.game.generator = np.random.default_rng(seed)
        return self.game.reset()[0], told(self.game, 0)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        seen, rewards, over = self.game.step(np.asarray(action)[None])
        return seen[0], float(rewards[0]), over, False, told(self.game, 0)


class DesignVectorEnv(VectorEnv):  # type: ignore[misc]
    """Many designs in the making; they begin anew in the step in which they end."""

    def __init__(self, game: Game) -> None:
        self.game = game
        self.num_envs = game.count
        self.metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.SAME_STEP}
        self.render_mode = None
        self.single_action_space = action_space(game)
        self.single_observation_space = observation_space(game)
        self.action_space = batch_space(self.single_action_space, game.count)
        self.observation_space = batch_space(self.single_observation_space, game.count)

    def reset(self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        if seed is not None:
            self.game.generator = np.random.default_rng(seed)  # type: ignore[arg-type]
        return self.game.reset(), {}

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        seen, rewards, over = self.game.step(np.asarray(actions))
        info: dict[str, Any] = {"places": self.game.places, "feasible": self.game.scores.feasible}
        if over:
            info |= {"final_obs": seen, "_final_obs": np.ones(self.num_envs, dtype=bool)}
            seen = self.game.reset()
        return seen, rewards, np.full(self.num_envs, over), np.zeros(self.num_envs, dtype=bool), info
