"""Designs drawn without learning: evenly at random, and by a low-discrepancy sequence (Sobol 1967)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from explorers.space.space import DesignSpace, Places, Scores


@dataclass
class RandomSearch:
    """Designs drawn evenly from the grid: the baseline of every comparison."""

    about: ClassVar[str] = "designs drawn evenly at random"
    settings_tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {}

    space: DesignSpace
    seed: int = 0
    budget: int = 200
    generator: np.random.Generator = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.generator = np.random.default_rng(self.seed)

    def ask(self, count: int) -> Places:
        return self.space.sample(count, self.generator)

    def tell(self, places: Places, scores: Scores) -> None:
        """Nothing is learned."""


@dataclass
class SobolSearch:
    """Designs from a scrambled Sobol sequence: evenly spread over all axes together."""

    about: ClassVar[str] = "designs from a scrambled Sobol sequence"
    settings_tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {}

    space: DesignSpace
    seed: int = 0
    budget: int = 200
    sequence: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        from scipy.stats import qmc

        self.sequence = qmc.Sobol(len(self.space.axes), rng=np.random.default_rng(self.seed))

    def ask(self, count: int) -> Places:
        whole = 1 << (count - 1).bit_length()  # the sequence is balanced at powers of two
        points = self.sequence.random(whole)[:count] if whole <= 1 << 20 else self.sequence.random(count)
        return self.space.canonical(np.floor(points * np.array(self.space.sizes)).astype(np.int64))

    def tell(self, places: Places, scores: Scores) -> None:
        """Nothing is learned."""
