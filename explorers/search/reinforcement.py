"""Reinforcement learning through Stable-Baselines3: PPO and SAC, on many designs stepped together.

The library's training loop drives, so these explorers have `drive` in place of `ask` and `tell`. When a policy has settled and its games
bring few new designs, a new one begins with a seed of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from stable_baselines3 import PPO, SAC
from stable_baselines3.common.callbacks import BaseCallback

from explorers.environments.design import make_game
from explorers.environments.game import Score
from explorers.environments.stable_faces import StableVectorEnv
from explorers.search.learning import PATIENCE, Watched, policies
from explorers.space.space import DesignSpace

FOREVER = 10**9  # steps: the budget of designs ends a run, not this
FEWEST, MOST, SHARE = 16, 64, 256  # designs beside each other: a share of the budget, so that large ones are spent in as many lessons as small ones are


class UntilSettled(BaseCallback):  # type: ignore[misc]
    """Ends the training of a policy whose games bring next to no new designs."""

    def __init__(self, watched: Watched, patience: int) -> None:
        super().__init__()
        self.watched, self.patience = watched, patience

    def _on_step(self) -> bool:
        return not self.watched.settled(self.patience)


@dataclass
class StableSearch:
    """A learner of Stable-Baselines3: the base of those below.

    Parameters
    ----------
    space : DesignSpace
    seed, budget : int
    kind : str
        The game: ``build``, ``walk`` or ``bandit``.
    reward : str
        See `explorers.environments.reward.REWARDS`.
    length : int
        Steps of a walk.
    start : str
        Where walks begin: ``random``, ``middle``, or ``best``.
    beside : int
        Designs beside each other; zero: as the budget is, from 16 (of up to 4,096 designs) to 64 (of 16,384 and more).
    rate : float
        Learning rate.
    discount : float
    """

    about: ClassVar[str] = ""
    settings_tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {}
    continuous: ClassVar[bool] = False

    space: DesignSpace
    seed: int = 0
    budget: int = 200
    kind: str = "walk"
    reward: str = "monotone"
    length: int = 8
    start: str = "best"
    beside: int = 0
    rate: float = 1e-3
    discount: float = 1.0

    @property
    def count(self) -> int:
        """Designs beside each other."""
        return max(1, min(self.beside or min(max(self.budget // SHARE, FEWEST), MOST), self.budget // 4))

    def drive(self, score: Score) -> None:
        """Learn until `score` says that the budget is spent."""
        for seed, watched in policies(self.seed, score):
            game = make_game(
                self.space, self.kind, self.count, self.reward, continuous=self.continuous, steps=self.length, start=self.start, seed=seed, score=watched
            )
            watched.begin()
            self.model(StableVectorEnv(game), seed).learn(FOREVER, callback=UntilSettled(watched, PATIENCE * game.steps))

    def model(self, environment: StableVectorEnv, seed: int) -> Any:
        """The library's learner, with the settings of this explorer."""
        raise NotImplementedError


@dataclass
class Ppo(StableSearch):
    """Proximal policy optimisation (Schulman et al. 2017)."""

    about: ClassVar[str] = "Stable-Baselines3's PPO, walking from the best so far (extra rl)"
    settings_tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "kind": ("build", "walk", "bandit"), "rate": (3e-4, 1e-3, 3e-3), "beside": (8, 16, 32), "entropy": (0.0, 0.003, 0.01),
        "length": (4, 8, 16), "start": ("random", "best"),
    }  # fmt: skip

    entropy: float = 0.003
    games: int = 2  # between two updates, of each design beside the others
    passes: int = 8

    def model(self, environment: StableVectorEnv, seed: int) -> Any:
        steps = max(self.games * environment.game.steps, 2)
        return PPO(
            "MlpPolicy", environment, learning_rate=self.rate, n_steps=steps, batch_size=max(steps * environment.num_envs // 4, 2), n_epochs=self.passes,
            gamma=self.discount, gae_lambda=0.95, ent_coef=self.entropy, seed=seed, device="cpu", policy_kwargs={"net_arch": [64, 64]},
        )  # fmt: skip


@dataclass
class Sac(StableSearch):
    """Soft actor-critic (Haarnoja et al. 2018): places are named by numbers from -1 to 1."""

    about: ClassVar[str] = "Stable-Baselines3's SAC, walking from the best so far (extra rl)"
    settings_tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "kind": ("build", "walk", "bandit"), "rate": (3e-4, 1e-3, 3e-3), "beside": (8, 16, 32), "updates": (2, 4, 8),
        "length": (4, 8, 16), "start": ("random", "best"),
    }  # fmt: skip
    continuous: ClassVar[bool] = True

    discount: float = 0.99
    updates: int = 4  # gradient steps each step of all designs
    memory: int = 50_000

    def model(self, environment: StableVectorEnv, seed: int) -> Any:
        return SAC(
            "MlpPolicy", environment, learning_rate=self.rate, buffer_size=self.memory, learning_starts=8 * self.count, batch_size=128,
            gamma=self.discount, train_freq=1, gradient_steps=self.updates, seed=seed, device="cpu", policy_kwargs={"net_arch": [64, 64]},
        )  # fmt: skip


@dataclass
class PpoBandit(Ppo):
    """PPO on games of one step, in which the design is named whole: a bandit, and called so."""

    about: ClassVar[str] = "Stable-Baselines3's PPO as a one-step bandit (extra rl)"
    settings_tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {"rate": (3e-4, 1e-3, 3e-3), "beside": (8, 16, 32), "entropy": (0.0, 0.003, 0.01)}

    kind: str = "bandit"
    games: int = 4
