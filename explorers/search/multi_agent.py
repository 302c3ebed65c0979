"""Several learners that design together: IPPO, MAPPO and VDN, on many teams stepped at once.

Each agent decides of its own axes. As with the single learners a policy that has settled gives way to a new one, and the games drive.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from explorers.environments.game import Score
from explorers.environments.multi_agent import make_team
from explorers.environments.team import MOVES, Team
from explorers.search.learning import PATIENCE, Watched, policies
from explorers.search.team_learners import ProximalTeam, ValueTeam
from explorers.space.space import DesignSpace
from magnitudes.errors import InputError


class TeamLearner(Protocol):
    """What learns by playing."""

    def play(self) -> None:
        """Games of all teams beside each other, and the lessons of them."""
        ...


@dataclass
class TeamSearch:
    """A team of learners: the base of those below.

    Parameters
    ----------
    space : DesignSpace
    seed, budget : int
    by : str or mapping
        ``axis`` (an agent an axis), ``group`` (compute, memory, network, mapping), or agents with their axes.
    kind : str
        The game: ``choose`` or ``walk``.
    reward : str
        What a design is worth: see `explorers.environments.reward.REWARDS`.
    sharing : str
        ``shared``: all agents have the same reward; ``difference``: each has what its own choice did, for an evaluation more an agent.
    rounds : int
        Of a game.
    start : str
        Where walks begin: ``random``, ``middle``, or ``best``.
    beside : int
        Teams beside each other.
    rate : float
        Learning rate.
    discount : float
    """

    about: ClassVar[str] = ""
    settings_tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {}

    space: DesignSpace
    seed: int = 0
    budget: int = 200
    by: str | Mapping[str, Sequence[str]] = "axis"
    kind: str = "walk"
    reward: str = "monotone"
    sharing: str = "shared"
    rounds: int = 4
    start: str = "best"
    beside: int = 16
    rate: float = 1e-3
    discount: float = 1.0

    def drive(self, score: Score) -> None:
        """Learn until `score` says that the budget is spent."""
        count = max(1, min(self.beside, self.budget // 4))
        for seed, watched in policies(self.seed, score):
            team = make_team(self.space, self.by, self.sharing, self.rounds, count, self.reward, seed=seed, score=watched, kind=self.kind, start=self.start)
            watched.begin()
            learner = self.learner(team, seed, watched)
            while not watched.settled(PATIENCE * self.rounds):
                learner.play()

    def learner(self, team: Team, seed: int, watched: Watched) -> TeamLearner:
        """What plays and learns, with the settings of this explorer."""
        raise NotImplementedError


@dataclass
class Ippo(TeamSearch):
    """Independent PPO (de Witt et al. 2020): each agent has a policy and a critic of its own."""

    about: ClassVar[str] = "independent PPO of several agents (extra rl)"
    settings_tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "by": ("axis", "group"), "kind": ("choose", "walk"), "sharing": ("shared", "difference"), "rate": (3e-4, 1e-3, 3e-3), "beside": (8, 16, 32),
        "entropy": (0.0, 0.003, 0.01), "rounds": (1, 4, 8),
    }  # fmt: skip
    central: ClassVar[bool] = False
    may_be_zero: ClassVar[tuple[str, ...]] = ("passes",)  # teams that play and learn nothing

    entropy: float = 0.003
    games: int = 1  # between two updates, of each team beside the others
    passes: int = 8
    moving: float = 1.5  # axes that a walk's teams move in a round before they have learned anything

    def learner(self, team: Team, seed: int, watched: Watched) -> TeamLearner:
        return ProximalTeam(team, seed, self.central, self.games, self.passes, self.rate, self.entropy, self.discount, self.leaning(team))

    def leaning(self, team: Team) -> Any:
        """What choices begin with, as logarithms of their shares: a walk moves few of its axes."""
        if team.kind != "walk":
            return 0.0
        share = min(self.moving / len(team.sizes), 1.0 - 1.0 / MOVES)
        return np.log([1.0 - share, *[share / (MOVES - 1)] * (MOVES - 1)])


@dataclass
class Mappo(Ippo):
    """PPO of several agents with one central critic (Yu et al. 2022)."""

    about: ClassVar[str] = "PPO of several agents with a central critic: MAPPO (extra rl)"
    central: ClassVar[bool] = True


@dataclass
class Vdn(TeamSearch):
    """Value decomposition (Sunehag et al. 2018): the value of a design is a sum over the agents' choices; an agent an axis, one reward for all."""

    about: ClassVar[str] = "value decomposition of several agents: VDN (extra rl)"
    settings_tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "kind": ("choose", "walk"), "rate": (3e-4, 1e-3, 3e-3), "beside": (8, 16, 32), "updates": (2, 4, 8), "rounds": (1, 4, 8), "least": (0.02, 0.05, 0.1),
    }  # fmt: skip
    kind: str = "choose"
    rounds: int = 1
    updates: int = 4  # each round of all teams
    batch: int = 128
    memory: int = 50_000
    least: float = 0.05  # share of choices made at random in the end
    while_learning: float = 0.5  # share of the budget in which it falls from one to that

    def __post_init__(self) -> None:
        if self.sharing != "shared":
            raise InputError(f"values of several agents add up to one reward for all: sharing is shared, not {self.sharing!r}; use ippo or mappo")

    def learner(self, team: Team, seed: int, watched: Watched) -> TeamLearner:
        return ValueTeam(team, seed, self.updates, self.batch, self.memory, self.rate, self.discount, self.chance(watched))

    def chance(self, watched: Watched) -> Iterator[float]:
        """How much is left to chance, round after round."""
        begun = len(watched.seen)
        while True:
            spent = (len(watched.seen) - begun) / max(1.0, self.while_learning * (self.budget - begun))
            yield max(self.least, 1.0 - spent)
