"""Games as Stable-Baselines3 knows them: one vector environment, stepped as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env.base_vec_env import VecEnv

from explorers.environments.game import Game
from explorers.environments.gymnasium_faces import action_space, observation_space


class StableVectorEnv(VecEnv):  # type: ignore[misc]
    """Many designs in the making; they begin anew in the step in which they end."""

    def __init__(self, game: Game) -> None:
        self.game = game
        self.actions: Any = None
        self.render_mode = None
        super().__init__(game.count, observation_space(game), action_space(game))

    def reset(self) -> Any:
        return self.game.reset()

    def step_async(self, actions: Any) -> None:
        self.actions = actions

    def step_wait(self) -> Any:
        seen, rewards, over = self.game.step(np.asarray(self.actions))
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if over:
            for info, last in zip(infos, seen, strict=True):
                info |= {"terminal_observation": last, "TimeLimit.truncated": False}
            seen = self.game.reset()
        return seen, rewards.astype(np.float32), np.full(self.num_envs, over), infos

    def close(self) -> None:
        """Nothing is held."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [getattr(self, attr_name, getattr(self.game, attr_name, None))] * len(self._rows(indices))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        raise AttributeError("all designs share one game; make another one with other settings")

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        raise AttributeError("all designs share one game; call what it has on `game`")

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return [False] * len(self._rows(indices))

    def _rows(self, indices: Any) -> Sequence[int]:
        if indices is None:
            return range(self.num_envs)
        return [indices] if isinstance(indices, int) else list(indices)
