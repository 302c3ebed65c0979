"""Two ways to learn as a team: PPO of several agents, with critics of their own or a central one, and value decomposition.

All agents' networks are one batch of matrices, so that a lesson is a handful of products, however many agents there are. (TorchRL's losses say the
same, which a test holds; its modules take several times as long for networks of this size.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from explorers.environments.team import Team
from explorers.space.space import Places

NEVER = -1e9  # figure of a choice that does not exist
CELLS = 64
SMALL = 0.01  # of what a policy's last layer begins with: at first all choices are nearly alike
CLIP, CRITIC, TRACE = 0.2, 0.5, 0.95  # of PPO: ratio, weight of the critic's error, and of what came later (Schulman et al. 2016, 2017)
BEHIND = 0.05  # share of the values that their slow copy takes over in an update


@dataclass(frozen=True)
class Seats:
    """What agents see and choose as tensors, agents first.

    Agents have unlike numbers of axes, and axes unlike numbers of choices: what is missing is filled up, and never chosen.

    Parameters
    ----------
    team : Team
    """

    team: Team

    @cached_property
    def axes(self) -> Any:
        """The axis behind each part of an agent's action, shape (agents, parts); -1 where it has fewer."""
        owned = self.team.agents.values()
        parts = max(len(axes) for axes in owned)
        return np.array([[*axes, *[-1] * (parts - len(axes))] for axes in owned])

    @cached_property
    def forbidden(self) -> Any:
        """`NEVER` where there is no such choice, else 0, shape (agents, 1, parts, choices). A part that is not there has one choice."""
        existing = np.where(self.axes >= 0, self.team.choices[self.axes], 1)
        never = np.where(np.arange(self.team.choices.max()) < existing[:, :, None], 0.0, NEVER)
        return torch.tensor(never, dtype=torch.float32)[:, None]

    def seen(self) -> tuple[Any, Any]:
        """What each agent sees, shape (agents, count, width), and all that there is to see, shape (1, count, width)."""
        state = self.team.state()
        there = self.axes >= 0
        own = np.where(there, state[:, self.axes], 0.0).transpose(1, 0, 2)
        rest = np.broadcast_to(state[:, len(self.team.sizes) :], (len(own), self.team.count, state.shape[1] - len(self.team.sizes)))
        return torch.tensor(np.concatenate([own, rest], axis=2), dtype=torch.float32), torch.tensor(state)[None]

    def chosen(self, actions: Any) -> Places:
        """An action for each axis, shape (count, axes), of those of agents, shape (agents, count, parts)."""
        result = np.zeros((self.team.count, len(self.team.sizes)), dtype=np.int64)
        there = self.axes >= 0
        result[:, self.axes[there]] = actions.numpy().transpose(1, 0, 2)[:, there]
        return result

    def step(self, actions: Any) -> tuple[Any, bool]:
        """A round: rewards, shape (agents, count), and whether the games are over."""
        rewards, over = self.team.step(self.chosen(actions))
        return torch.tensor(rewards.T, dtype=torch.float32), over


class Networks:
    """Networks of two hidden layers, one an agent, as one: maps (agents, rows, width) to (agents, rows, figures)."""

    def __init__(self, agents: int, width: int, figures: int, generator: Any, last: float = 1.0) -> None:
        sizes = [width, CELLS, CELLS, figures]
        self.parameters: list[Any] = []
        for layer, (before, after) in enumerate(pairwise(sizes)):
            far = (last if layer == 2 else 1.0) / before**0.5
            for rows in (before, 1):
                self.parameters.append(((2.0 * torch.rand(agents, rows, after, generator=generator) - 1.0) * far).requires_grad_())

    def __call__(self, seen: Any) -> Any:
        w1, b1, w2, b2, w3, b3 = self.parameters
        return torch.baddbmm(b3, torch.baddbmm(b2, torch.baddbmm(b1, seen, w1).tanh(), w2).tanh(), w3)

    def follow(self, other: Networks) -> None:
        """Move a little towards other networks."""
        with torch.no_grad():
            torch._foreach_lerp_(self.parameters, other.parameters, BEHIND)


def updated(optimizer: Any, loss: Any, parameters: list[Any]) -> None:
    """A step against a loss; steep ones are cut."""
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, 0.5)
    optimizer.step()


def advantages(rewards: Any, values: Any, discount: float) -> Any:
    """How much better each choice was than expected, by generalised advantage estimation; games end with their last round. All shapes (rounds, ...)."""
    result, later = torch.zeros_like(values), torch.zeros_like(values[0])
    for t in reversed(range(len(rewards))):
        following = values[t + 1] if t + 1 < len(rewards) else 0.0
        later = rewards[t] + discount * following - values[t] + discount * TRACE * later
        result[t] = later
    return result


def log_shares(figures: Any, forbidden: Any) -> Any:
    """Logarithms of the shares of choices, shape (agents, rows, parts, choices), of a policy's figures, shape (agents, rows, parts * choices)."""
    return (figures.reshape(*figures.shape[:2], *forbidden.shape[2:]) + forbidden).log_softmax(-1)


def of_chosen(figures: Any, actions: Any) -> Any:
    """The sum over parts of the figures of what was chosen, shape (agents, rows)."""
    return figures.gather(-1, actions[..., None])[..., 0].sum(-1)


def proximal_loss(shares: Any, actions: Any, before: Any, advantage: Any, entropy: float) -> Any:
    """PPO's clipped loss of all agents' policies: `shares` as `log_shares` has them, the rest of shape (agents, rows)."""
    normal = (advantage - advantage.mean(1, keepdim=True)) / advantage.std(1, keepdim=True).clamp_min(1e-4)
    ratio = (of_chosen(shares, actions) - before).exp()
    gained = torch.minimum(ratio * normal, ratio.clamp(1.0 - CLIP, 1.0 + CLIP) * normal)
    return -gained.mean() + entropy * (shares.exp() * shares).sum((-1, -2)).mean()


@dataclass
class ProximalTeam:
    """IPPO (de Witt et al. 2020), or with a central critic MAPPO (Yu et al. 2022): all policies learn from the games just played.

    Parameters
    ----------
    team : Team
    seed : int
    central : bool
    games, passes : int
        Between two updates, of each team beside the others, and how often they are gone through.
    rate, entropy, discount : float
    first : Column, shape (choices,)
        Logarithms of the shares that choices begin with.
    """

    team: Team
    seed: int
    central: bool
    games: int
    passes: int
    rate: float
    entropy: float
    discount: float
    first: Any = 0.0
    seats: Seats = field(init=False)

    def __post_init__(self) -> None:
        self.generator, self.seats = torch.Generator().manual_seed(self.seed), Seats(self.team)
        seen, state = self.seats.seen()
        self.base = self.seats.forbidden + torch.as_tensor(self.first, dtype=torch.float32)
        agents, _, parts, choices = self.base.shape
        self.policies = Networks(agents, seen.shape[2], parts * choices, self.generator, SMALL)
        self.critics = Networks(1, state.shape[2], agents, self.generator) if self.central else Networks(agents, seen.shape[2], 1, self.generator)
        self.parameters = [*self.policies.parameters, *self.critics.parameters]
        self.optimizer = torch.optim.Adam(self.parameters, self.rate, fused=True)

    def values(self, seen: Any, state: Any) -> Any:
        """What each agent's critic expects, shape (agents, rows)."""
        return self.critics(state)[0].T if self.central else self.critics(seen)[..., 0]

    def play(self) -> None:
        """Some games, then the lessons of them."""
        rounds = [r for _ in range(self.games) for r in self.game()]
        seen, state, actions, before, values, advantage = (torch.cat([r[k] for r in rounds], 1) for k in range(6))
        rows = seen.shape[1]
        for _ in range(self.passes):
            for part in torch.randperm(rows, generator=self.generator).chunk(4):
                shares = log_shares(self.policies(seen[:, part]), self.base)
                policy = proximal_loss(shares, actions[:, part], before[:, part], advantage[:, part], self.entropy)
                error = self.values(seen[:, part], state[:, part]) - (values + advantage)[:, part]
                updated(self.optimizer, policy + CRITIC * (error**2).mean(), self.parameters)

    def game(self) -> list[tuple[Any, ...]]:
        """A game of all teams: of each round what was seen, what was chosen at which odds, what was expected, and how much better it came."""
        self.team.reset()
        rounds, rewards, over = [], [], False
        while not over:
            with torch.no_grad():
                seen, state = self.seats.seen()
                shares = log_shares(self.policies(seen), self.base)
                chance = -torch.empty_like(shares).exponential_(generator=self.generator).log()
                actions = (shares + chance).argmax(-1)  # a draw by the shares (Gumbel)
                rounds.append((seen, state, actions, of_chosen(shares, actions), self.values(seen, state)))
            reward, over = self.seats.step(actions)
            rewards.append(reward)
        better = advantages(torch.stack(rewards), torch.stack([r[4] for r in rounds]), self.discount)
        return [(*r, b) for r, b in zip(rounds, better, strict=True)]


@dataclass
class ValueTeam:
    """VDN (Sunehag et al. 2018): what the team is worth is the sum of what each agent's choice is.

    Parameters
    ----------
    team : Team
        With a shared reward.
    seed : int
    updates, batch, memory : int
        Updates each round of all teams, the rounds that each learns from, and those that are remembered.
    rate, discount : float
    chance : iterator of float
        Share of choices made at random, from one round to the next.
    """

    team: Team
    seed: int
    updates: int
    batch: int
    memory: int
    rate: float
    discount: float
    chance: Iterator[float]
    past: list[Any] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.generator, self.seats = torch.Generator().manual_seed(self.seed), Seats(self.team)
        seen, _ = self.seats.seen()
        self.shape = self.seats.forbidden.shape
        self.worth, self.slow = (Networks(self.shape[0], seen.shape[2], self.shape[2] * self.shape[3], self.generator, SMALL) for _ in range(2))
        self.slow.parameters = [p.detach().clone() for p in self.worth.parameters]
        self.optimizer = torch.optim.Adam(self.worth.parameters, self.rate, fused=True)

    def figures(self, networks: Networks, seen: Any) -> Any:
        """What each choice is worth, shape (agents, rows, parts, choices)."""
        flat = networks(seen)
        return flat.reshape(*flat.shape[:2], *self.shape[2:]) + self.seats.forbidden

    def play(self) -> None:
        """A game, with lessons from all that is remembered after each round."""
        self.team.reset()
        seen, over = self.seats.seen()[0], False
        while not over:
            actions = self.choices(seen)
            reward, over = self.seats.step(actions)
            after = self.seats.seen()[0]
            self.past.append((seen, actions, reward.mean(0, keepdim=True), after, torch.full((1, self.team.count), float(over))))
            del self.past[: -max(1, self.memory // self.team.count)]
            self.learn()
            seen = after

    def choices(self, seen: Any) -> Any:
        """The best by what is known, or at random, shape (agents, count, parts)."""
        with torch.no_grad():
            figures = self.figures(self.worth, seen)
        drawn = (torch.rand(figures.shape, generator=self.generator) + self.seats.forbidden).argmax(-1)
        return torch.where(torch.rand(drawn.shape, generator=self.generator) < next(self.chance), drawn, figures.argmax(-1))

    def learn(self) -> None:
        """Some lessons from rounds that are remembered."""
        count = self.team.count
        rows = torch.randint(len(self.past) * count, (self.updates, self.batch), generator=self.generator)
        seen, actions, reward, after, ended = (torch.cat(column, 1) for column in zip(*self.past, strict=True))
        for part in rows:
            with torch.no_grad():
                later = self.figures(self.slow, after[:, part]).amax(-1).sum((0, 2))
                target = reward[0, part] + self.discount * (1.0 - ended[0, part]) * later
            error = of_chosen(self.figures(self.worth, seen[:, part]), actions[:, part]).sum(0) - target
            updated(self.optimizer, (error**2).mean(), self.worth.parameters)
            self.slow.follow(self.worth)
