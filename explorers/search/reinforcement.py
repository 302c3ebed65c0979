"""PPO and SAC through stable-baselines3 (extra rl): policies learn on many episodes at once, and every design that they meet counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from explorers.environments.design import library, make_vec_env
from explorers.environments.episode import Score
from explorers.space.space import DesignSpace


@dataclass
class Learner:
    """A policy that is trained until the budget is spent: the base of those below.

    A learner drives: `drive` is given a function that scores designs and raises when the budget is spent.
    """

    about: ClassVar[str] = ""
    settings_tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {}

    space: DesignSpace
    seed: int = 0
    budget: int = 200
    kind: str = "walk"
    environments: int = 16

    def drive(self, score: Score) -> None:
        """Train until `score` raises.

        Raises
        ------
        InputError
            If stable-baselines3 is missing.
        """
        library("torch").set_num_threads(1)  # small networks: threads only wait for each other
        count = max(1, min(self.environments, self.budget // 4))
        self.model(make_vec_env(self.space, count, self.kind, self.seed, score)).learn(total_timesteps=1 << 40)

    def model(self, environment: Any) -> Any:
        """The library's learner, with the settings of this explorer."""
        raise NotImplementedError


@dataclass
class Ppo(Learner):
    """Proximal policy optimisation (Schulman et al. 2017)."""

    about: ClassVar[str] = "stable-baselines3's PPO on episodes (extra rl)"
    settings_tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {"rate": (3e-4, 1e-3, 3e-3), "rollout": (8, 16, 32), "entropy": (0.0, 0.01)}

    rate: float = 1e-3
    rollout: int = 16
    entropy: float = 0.005

    def model(self, environment: Any) -> Any:
        sb3 = library("stable_baselines3")
        batch = max(16, environment.num_envs * self.rollout // 4)
        return sb3.PPO(
            "MlpPolicy", environment, learning_rate=self.rate, n_steps=self.rollout, batch_size=batch, ent_coef=self.entropy, gamma=1.0, seed=self.seed,
            device="cpu", policy_kwargs={"net_arch": [64, 64]},
        )  # fmt: skip


@dataclass
class Sac(Learner):
    """Soft actor-critic (Haarnoja et al. 2018)."""

    about: ClassVar[str] = "stable-baselines3's SAC on episodes (extra rl)"
    settings_tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {"rate": (3e-4, 1e-3), "updates": (1, 4, 8)}

    rate: float = 1e-3
    updates: int = 4

    def model(self, environment: Any) -> Any:
        sb3 = library("stable_baselines3")
        return sb3.SAC(
            "MlpPolicy", environment, learning_rate=self.rate, gradient_steps=self.updates, learning_starts=64, gamma=1.0, seed=self.seed, device="cpu",
            policy_kwargs={"net_arch": [64, 64]},
        )  # fmt: skip


@dataclass
class PpoBandit(Ppo):
    """PPO on episodes of one step, in which the design is named whole: a bandit, and called so."""

    about: ClassVar[str] = "stable-baselines3's PPO as a one-step bandit (extra rl)"

    kind: str = "bandit"
