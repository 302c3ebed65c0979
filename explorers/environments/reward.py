"""What a design is worth to a learner: a monotone figure for use, and published ones for comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from explorers.space.space import DesignSpace, Scores
from magnitudes.arrays import Column
from magnitudes.errors import InputError
from magnitudes.names import NameMiss, nearest

FARTHEST = 20.0  # |logarithm| of an objective beside its reference that is still told apart


@dataclass(frozen=True)
class Reward:
    """Worth of designs, large is good.

    Whatever the name, a design that breaks a constraint is worth -1 at best, less the more it violates, and never below -2.

    Parameters
    ----------
    space : DesignSpace
    reference : Column, shape (objectives,)
        What objectives (minimised) are compared with.
    name : str or callable
        One of `REWARDS`, or one's own ``Scores -> Column``, which says itself what violations are worth.
    targets : Column, shape (objectives,)
        What published rewards measure the distance to, as the space writes its objectives.
    """

    space: DesignSpace
    reference: Column
    name: str | Callable[[Scores], Column]
    targets: Column

    def gains(self, scores: Scores) -> Column:
        """Of each objective the logarithm of how much better than the reference it is, shape (designs, objectives).

        Where an objective and its reference have no common sign, the relative difference stands for the logarithm.
        """
        found, base = scores.objectives, self.reference
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.log(np.abs(found / base)) * -np.sign(base)
            linear = (base - found) / np.maximum(np.abs(base), np.finfo(float).tiny)
        gain = np.where(found * base > 0.0, ratio, linear)
        clipped: Column = np.clip(np.nan_to_num(gain, nan=-FARTHEST), -FARTHEST, FARTHEST)
        return clipped

    def __call__(self, scores: Scores, weights: Column) -> Column:
        """Worth of each design; `weights` of the objectives, shape (designs, objectives), sum to one and count in the monotone reward only."""
        if callable(self.name):
            return self.name(scores)
        worth = REWARDS[self.name](self, scores, weights)
        amount = np.maximum(np.nan_to_num(scores.violations, nan=1e9), 0.0).sum(axis=1)
        return np.where(scores.feasible, worth, -1.0 - amount / (1.0 + amount))

    def figures(self, scores: Scores) -> Column:
        """Objectives as the space writes them, shape (designs, objectives)."""
        written: Column = scores.objectives * np.array([o.sign for o in self.space.objectives])
        return written


def monotone(reward: Reward, scores: Scores, weights: Column) -> Column:
    """Weighted logarithms of how much better than the reference: better in any objective is always worth more.

    Below the reference the figure bends towards -1 (with slope one at the reference), so that every feasible design is worth more than
    any that is not.
    """
    gain = (reward.gains(scores) * weights).sum(axis=1)
    worth: Column = np.where(gain >= 0.0, gain, np.expm1(np.minimum(gain, 0.0)))
    return worth


def archgym(reward: Reward, scores: Scores, weights: Column) -> Column:
    """ArchGym's product of t/|x - t| (Krishnan et al., ISCA 2023): largest *at* the target, where it has a pole."""
    distance = np.abs(reward.figures(scores) - reward.targets)
    worth: Column = (np.abs(reward.targets) / np.maximum(distance, 1e-9 * np.abs(reward.targets))).prod(axis=1)
    return worth


def farsi(reward: Reward, scores: Scores, weights: Column) -> Column:
    """FARSI's distance (Boroujerdian et al. 2022): minus the sum of how far each figure is beyond its target, relative; targets met are worth zero."""
    worth: Column = -np.maximum((reward.figures(scores) - reward.targets) / np.abs(reward.targets), 0.0).sum(axis=1)
    return worth


def inverse(reward: Reward, scores: Scores, weights: Column) -> Column:
    """1/x of the first objective, as ArchGym rewards runtime in MAESTRO."""
    worth: Column = 1.0 / np.maximum(reward.figures(scores)[:, 0], np.finfo(float).tiny)
    return worth


def astra(reward: Reward, scores: Scores, weights: Column) -> Column:
    """1/sqrt(1 + sum (x - 1)^2), as ArchGym rewards ASTRA-sim."""
    worth: Column = 1.0 / np.sqrt(1.0 + ((reward.figures(scores) - 1.0) ** 2).sum(axis=1))
    return worth


REWARDS: dict[str, Callable[[Reward, Scores, Column], Column]] = {
    "monotone": monotone, "archgym": archgym, "farsi": farsi, "inverse": inverse, "astra": astra,
}  # fmt: skip
"""Name -> what a feasible design is worth."""


def make_reward(
    space: DesignSpace, reference: Column, name: str | Callable[[Scores], Column] = "monotone", targets: Mapping[str, float] | None = None
) -> Reward:
    """A reward of a space.

    Parameters
    ----------
    space : DesignSpace
    reference : Column, shape (objectives,)
    name : str or callable
    targets : mapping of str to float, optional
        Objective -> target, needed by ``archgym`` and ``farsi``.

    Raises
    ------
    InputError
        If there is no such reward or objective, or a target is missing.
    """
    if isinstance(name, str) and name not in REWARDS:
        raise NameMiss("reward", name, nearest(name, REWARDS), f"(known: {', '.join(REWARDS)})")
    names = [o.name for o in space.objectives]
    for given in targets or {}:
        if given not in names:
            raise NameMiss("objective", given, nearest(given, names), f"among the targets (objectives of {space.name}: {', '.join(names)})")
    missing = [n for n in names if not (targets or {}).get(n)]
    if name in ("archgym", "farsi") and missing:
        raise InputError(f"the reward {name} measures from a target other than zero, and {missing[0]} has none; give targets={{{missing[0]!r}: ...}}")
    reference = np.where(np.isfinite(reference) & (reference != 0.0), reference, 1.0)
    return Reward(space, reference, name, np.array([float((targets or {}).get(n, np.nan)) for n in names]))
