"""Designing together: several agents decide of their own axes at once, and see what the whole design comes to.

Two games. *Choose*: every round each agent names the values of its axes. *Walk*: every round each agent leaves each of its axes where it is,
or moves it a step or a quarter of its range, from the best designs so far or elsewhere.

Rewards are *shared* (what the design gained), or *difference* rewards (Wolpert and Tumer 2002): what the design is worth less what it
would be worth had this agent left its axes at their middle (in a walk: had it not moved them). The latter tells an agent what its own
choice did; it costs an evaluation an agent, all of them in one call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from explorers.environments.game import LIMIT, Observations, Score, middle, moved_by, squashed
from explorers.environments.pool import Pool
from explorers.environments.reward import Reward
from explorers.space.space import DesignSpace, Places, Scores
from magnitudes.arrays import Column
from magnitudes.errors import InputError
from magnitudes.names import NameMiss, check_known, nearest

ROOMS: Mapping[str, tuple[str, ...]] = {
    "memory": ("capacity", "bandwidth", "latency", "buffer", "hbm", "sram", "ddr", "l2", "flash", "page", "refresh", "postponed", "pulled", "kv"),
    "network": ("link", "nvlink", "fabric", "pcie", "bandwidth_between"),
    "mapping": ("tp", "pp", "dp", "ep", "batch", "dtype", "tile", "dataflow", "placement", "scheduler", "arbiter", "queue", "active", "context"),
}
"""Group of axes -> words of their paths; what has none of them is ``compute``."""

MOVES = 5  # of an axis of a walking team: stay, a step down or up, a quarter down or up


def groups_of(space: DesignSpace, by: str | Mapping[str, Sequence[str]] = "group") -> dict[str, tuple[int, ...]]:
    """Which agent chooses which axes.

    Parameters
    ----------
    space : DesignSpace
    by : str or mapping
        ``group`` (compute, memory, network and mapping, by the words of their paths), ``axis`` (an agent an axis), or names of agents
        with those of their axes.

    Raises
    ------
    InputError
        If an axis is unknown, in two groups or in none.
    """
    if by == "axis":
        return {name: (i,) for i, name in enumerate(space.names)}
    if by == "group":
        named: dict[str, list[int]] = {}
        for i, axis in enumerate(space.axes):
            named.setdefault(room_of(axis.path), []).append(i)
        return {name: tuple(axes) for name, axes in named.items()}
    if isinstance(by, str):
        raise NameMiss("way to part axes among agents", by, nearest(by, ("group", "axis")), "(group or axis, or a mapping of agents to axes)")
    result: dict[str, tuple[int, ...]] = {}
    for agent, axes in by.items():
        for name in axes:
            if name not in space.names:
                raise NameMiss("axis", name, nearest(name, space.names), f"of agent {agent} (axes: {', '.join(space.names)})")
        result[agent] = tuple(space.names.index(name) for name in axes)
    owned = [i for axes in result.values() for i in axes]
    if sorted(owned) != list(range(len(space.axes))):
        wrong = [n for i, n in enumerate(space.names) if owned.count(i) != 1]
        raise InputError(f"every axis belongs to exactly one agent; {', '.join(wrong)} to none or to several")
    return result


def room_of(path: str) -> str:
    """The group of an axis by the words of its path: links before tiers, for a link's bandwidth is the network's."""
    words = path.lower()
    parts = set(words.replace(".", " ").replace("_", " ").replace(":", " ").split())
    for room in ("network", "memory", "mapping"):
        if any(word in parts or (len(word) > 3 and word in words) for word in ROOMS[room]):
            return room
    return "compute"


@dataclass
class Team:
    """Rounds of choosing together, many teams beside each other; a round of all of them is one call of the space.

    Parameters
    ----------
    space : DesignSpace
    reward : Reward
    agents : mapping of str to tuple of int
        Agent -> its axes.
    count : int
        Teams beside each other.
    score : callable
    generator : numpy.random.Generator
    rounds : int
        Choices before a game ends; the design of a round is what the next one sees.
    shared : bool
        Whether agents share one reward; else each has its difference reward.
    start : str
        Where walks begin: ``random``, ``middle``, or ``best``: where the best designs so far are.
    """

    kind: ClassVar[str] = "choose"

    space: DesignSpace
    reward: Reward
    agents: Mapping[str, tuple[int, ...]]
    count: int
    score: Score
    generator: np.random.Generator
    rounds: int = 2
    shared: bool = True
    start: str = "middle"
    places: Places = field(init=False, repr=False)
    scores: Scores = field(init=False, repr=False)
    worth: Column = field(init=False, repr=False)
    weights: Column = field(init=False, repr=False)
    taken: int = field(init=False, default=0, repr=False)

    def __post_init__(self) -> None:
        self.sizes = np.array(self.space.sizes)
        self.reset()

    @property
    def choices(self) -> NDArray[np.int64]:
        """How many actions there are for each axis, shape (axes,)."""
        return self.sizes

    def begin(self) -> Places:
        """Designs that games start from."""
        return np.tile(middle(self.space), (self.count, 1))

    def made(self, chosen: Places) -> Places:
        """The designs after an action for each axis."""
        return self.space.canonical(chosen)

    def idle(self) -> Places:
        """What the axes of an agent that does nothing are at, shape (count, axes)."""
        return np.tile(middle(self.space), (self.count, 1))

    def reset(self) -> None:
        """All teams begin anew."""
        objectives = len(self.space.objectives)
        self.weights = self.generator.dirichlet(np.ones(objectives), self.count) if objectives > 1 else np.ones((self.count, 1))
        self.taken = 0
        self.places = self.space.canonical(self.begin())
        self.scores = self.score(self.places)
        self.worth = self.reward(self.scores, self.weights)

    def step(self, chosen: Places) -> tuple[Column, bool]:
        """A round: rewards, shape (count, agents), and whether the games are over.

        Parameters
        ----------
        chosen : Places, shape (count, axes)
            The agents' actions together.
        """
        before, designs = self.worth, self.made(chosen)
        without = [] if self.shared else [self.without(designs, axes) for axes in self.agents.values()]
        scores = self.score(np.concatenate([designs, *without]))
        worth = self.reward(scores, np.tile(self.weights, (1 + len(without), 1))).reshape(-1, self.count)
        self.places, self.scores, self.worth = designs, scores.rows(slice(self.count)), worth[0]
        self.taken += 1
        rewards = np.tile(worth[0] - before, (len(self.agents), 1)) if self.shared else worth[0] - worth[1:]
        return rewards.T, self.taken == self.rounds

    def without(self, designs: Places, axes: Sequence[int]) -> Places:
        """The designs had one agent done nothing."""
        result = designs.copy()
        result[:, axes] = self.idle()[:, axes]
        return self.space.canonical(result)

    def state(self) -> Observations:
        """All that there is to see, shape (count, width): the design, what it comes to, what matters, and how far the game is."""
        return self._seen(2.0 * self.places / np.maximum(self.sizes - 1, 1) - 1.0)

    def observe(self, axes: Sequence[int]) -> Observations:
        """What one agent sees, shape (count, any): its own axes, and what the whole design comes to."""
        own = list(axes)
        return self._seen(2.0 * self.places[:, own] / np.maximum(self.sizes[own] - 1, 1) - 1.0)

    def _seen(self, design: Column) -> Observations:
        far = np.full((self.count, 1), 1.0 - 2.0 * self.taken / self.rounds)
        parts = [design, self.reward.gains(self.scores), squashed(self.scores.violations), self.weights, far]
        result: Observations = np.clip(np.concatenate(parts, axis=1), -LIMIT, LIMIT).astype(np.float32)
        return result


@dataclass
class WalkingTeam(Team):
    """Rounds of moving together: each axis stays (0), or moves a step down or up (1, 2) or a quarter of its range (3, 4)."""

    kind: ClassVar[str] = "walk"

    start: str = "best"
    pool: Pool | None = field(init=False, default=None, repr=False)

    @property
    def choices(self) -> NDArray[np.int64]:
        return np.full(len(self.sizes), MOVES, dtype=np.int64)

    def begin(self) -> Places:
        if self.start == "middle":
            return super().begin()
        drawn = self.space.sample(self.count, self.generator)
        return drawn if self.pool is None else self.pool.starts(self.reward, self.weights, drawn, self.generator)

    def reset(self) -> None:
        super().reset()
        self._remember()

    def step(self, chosen: Places) -> tuple[Column, bool]:
        result = super().step(chosen)
        self._remember()
        return result

    def _remember(self) -> None:
        if self.start == "best":
            self.pool = Pool.of(self.reward, self.places, self.scores, self.pool)

    def made(self, chosen: Places) -> Places:
        quarter = np.maximum(self.sizes // 4, 1)
        far = np.where(chosen > 2, quarter, np.minimum(chosen, 1))
        return self.space.canonical(moved_by(self.space, self.places, np.where(chosen % 2 == 1, -far, far)))

    def idle(self) -> Places:
        return self.places


TEAMS: dict[str, type[Team]] = {"choose": Team, "walk": WalkingTeam}


def team_class(kind: str) -> type[Team]:
    """A game of several by name.

    Raises
    ------
    NameMiss
    """
    check_known("kind of team", kind, TEAMS)
    return TEAMS[kind]
