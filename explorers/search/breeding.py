"""Explorers that keep a population: a genetic algorithm and an ant colony, as ArchGym ships them (Krishnan et al. 2023)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from explorers.base import worth
from explorers.search.walking import neighbours
from explorers.space.space import DesignSpace, Places, Scores
from magnitudes.arrays import Column

LEAST = 0.02  # pheromone that never goes: a way that nobody took stays open (Stuetzle and Hoos 2000)


@dataclass
class Genetic:
    """A genetic algorithm: tournaments, uniform crossover, mutation to a neighbour, elders kept."""

    about: ClassVar[str] = "a genetic algorithm"
    settings_tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "population": (10, 20, 40), "mutation": (0.1, 0.3, 0.6), "tournament": (2, 4), "reach": (0.1, 0.3),
    }  # fmt: skip

    space: DesignSpace
    seed: int = 0
    budget: int = 200
    population: int = 20
    mutation: float = 0.5
    tournament: int = 3
    reach: float = 0.2
    generator: np.random.Generator = field(init=False, repr=False)
    places: Places | None = field(init=False, default=None, repr=False)
    height: Column = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.generator = np.random.default_rng(self.seed)

    def ask(self, count: int) -> Places:
        size = min(count, self.population)
        if self.places is None:
            return self.space.sample(size, self.generator)
        mothers, fathers = self._parents(size), self._parents(size)
        mixed = np.where(self.generator.random(mothers.shape) < 0.5, mothers, fathers)
        mutated = neighbours(self.space, mixed, self.reach, self.generator)
        changed = (self.generator.random(size) < self.mutation) | (mixed == mothers).all(axis=1)
        return self.space.canonical(np.where(changed[:, None], mutated, mixed))

    def _parents(self, count: int) -> Places:
        assert self.places is not None
        drawn = self.generator.integers(0, len(self.places), (count, self.tournament))
        parents: Places = self.places[drawn[np.arange(count), self.height[drawn].argmin(axis=1)]]
        return parents

    def tell(self, places: Places, scores: Scores) -> None:
        height = worth(scores)
        if self.places is not None:
            places, height = np.concatenate([self.places, places]), np.concatenate([self.height, height])
        places, first = np.unique(places, axis=0, return_index=True)
        best = np.argsort(height[first], kind="stable")[: self.population]
        self.places, self.height = places[best], height[first][best]


@dataclass
class AntColony:
    """An ant colony (Dorigo and Gambardella 1997): each axis' values are chosen by their pheromone, which good designs lay and time takes."""

    about: ClassVar[str] = "an ant colony"
    settings_tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {"ants": (5, 10, 20), "evaporation": (0.05, 0.1, 0.3), "greediness": (0.0, 0.2, 0.5)}

    space: DesignSpace
    seed: int = 0
    budget: int = 200
    ants: int = 10
    evaporation: float = 0.2
    greediness: float = 0.1
    generator: np.random.Generator = field(init=False, repr=False)
    pheromone: list[Column] = field(init=False, repr=False)
    best: Places | None = field(init=False, default=None, repr=False)
    height: float = field(init=False, default=np.inf, repr=False)

    def __post_init__(self) -> None:
        self.generator = np.random.default_rng(self.seed)
        self.pheromone = [np.ones(size) for size in self.space.sizes]

    def ask(self, count: int) -> Places:
        ants = min(count, self.ants)
        chosen = [self._choose(trail, ants) for trail in self.pheromone]
        return self.space.canonical(np.stack(chosen, axis=1))

    def _choose(self, trail: Column, ants: int) -> Places:
        drawn = self.generator.choice(len(trail), ants, p=trail / trail.sum())
        return np.where(self.generator.random(ants) < self.greediness, trail.argmax(), drawn).astype(np.int64)

    def tell(self, places: Places, scores: Scores) -> None:
        if len(places) == 0:
            return
        height = worth(scores)
        order = np.argsort(height, kind="stable")
        if height[order[0]] < self.height:
            self.best, self.height = places[order[0]], float(height[order[0]])
        laying = [places[order[0]], *([self.best] if self.best is not None else [])]
        for axis, trail in enumerate(self.pheromone):
            left = trail * (1.0 - self.evaporation)
            for design in laying:
                left[design[axis]] += self.evaporation * len(trail) / len(laying)
            self.pheromone[axis] = np.maximum(left, LEAST)
