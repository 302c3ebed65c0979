"""A slow evaluator replaced by a model of its logged evaluations, with the error that it has on designs held out, and its intervals.

Two learners (extra ``proxy``: scikit-learn): ``boosting`` (gradient-boosted trees, the most exact) and ``network`` (two small layers over one input a
value of each axis, evaluated by numpy alone: a microsecond a design). Intervals are conformal: the quantile of what the model missed on designs that
it did not learn from (Vovk, Gammerman and Shafer, *Algorithmic Learning in a Random World*, 2005), and a third part of the log tells how often they
hold.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from explorers.space.space import DesignSpace, Places
from explorers.study import Study
from magnitudes.arrays import Column
from magnitudes.errors import InputError
from magnitudes.names import check_known

LEARNERS = ("boosting", "network")
LEAST = 60  # evaluations that a proxy is learned from
PARTS = (0.8, 0.9)  # of the log: learned from, then for intervals; the last tells the errors
COVERED = 0.9
HIDDEN = (64, 64)
EPOCHS = 60
ROWS = 1 << 13  # predicted together


@dataclass(frozen=True)
class Quality:
    """How good a proxy is, on designs that it never saw.

    Parameters
    ----------
    error : mapping of str to float
        Root of the mean squared error as a share of the figure's range, by figure.
    covered : mapping of str to float
        Share of designs within the interval; `COVERED` is meant.
    held_out : int
    proxy_s, evaluator_s : float
        Time a design, in batch.
    """

    error: Mapping[str, float]
    covered: Mapping[str, float]
    held_out: int
    proxy_s: float
    evaluator_s: float

    @property
    def speed_up(self) -> float:
        """How many designs the proxy predicts while the evaluator does one."""
        return self.evaluator_s / self.proxy_s


@dataclass(frozen=True)
class Network:
    """Layers of rectified sums; the first reads a row of its weights a value of each axis.

    Parameters
    ----------
    offsets : Places, shape (axes,)
        Where the rows of each axis begin.
    weights, shifts : tuple of Column
    mean, spread : Column, shape (figures,)
    """

    offsets: Places
    weights: tuple[Any, ...]
    shifts: tuple[Any, ...]
    mean: Column
    spread: Column

    def predict(self, places: Places) -> Column:
        """Figures, shape (designs, figures)."""
        parts = [self._predict(places[i : i + ROWS]) for i in range(0, len(places), ROWS)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.mean)))

    def _predict(self, places: Places) -> Column:
        axes, wide = len(self.offsets), len(self.weights[0])
        inputs = np.zeros((len(places), wide), dtype=np.float32)
        inputs[np.arange(len(places))[:, None], places + self.offsets] = 1.0
        value: Any = inputs if axes else np.zeros((len(places), 0), dtype=np.float32)
        for number, (weight, shift) in enumerate(zip(self.weights, self.shifts, strict=True)):
            value = value @ weight + shift
            if number + 1 < len(self.weights):
                np.maximum(value, 0.0, out=value)
        result: Column = value.astype(np.float64) * self.spread + self.mean
        return result


@dataclass(frozen=True)
class Trees:
    """Gradient-boosted trees, one model a figure."""

    models: tuple[Any, ...]
    mean: Column
    spread: Column

    def predict(self, places: Places) -> Column:
        """Figures, shape (designs, figures)."""
        inputs = places.astype(np.float64)
        said = np.stack([np.asarray(m.predict(inputs), dtype=np.float64) for m in self.models], axis=1)
        result: Column = said * self.spread + self.mean
        return result


@dataclass(frozen=True)
class Proxy:
    """A model of an evaluator.

    Parameters
    ----------
    space : DesignSpace
    names : tuple of str
        Figures that it predicts: the objectives, as the space's file writes them.
    learner : str
    model : Network or Trees
    half : Column, shape (figures,)
        Half of the interval.
    quality : Quality
    """

    space: DesignSpace
    names: tuple[str, ...]
    learner: str
    model: Network | Trees
    half: Column
    quality: Quality

    def predict(self, places: Places) -> dict[str, Column]:
        """Each figure of some designs, shape (designs,)."""
        said = self.model.predict(self.space.canonical(places))
        return {name: said[:, i] for i, name in enumerate(self.names)}

    def interval(self, places: Places) -> dict[str, tuple[Column, Column]]:
        """Where each figure lies in nine of ten designs: its lower and upper end."""
        return {name: (c - self.half[i], c + self.half[i]) for i, (name, c) in enumerate(self.predict(places).items())}


def learn(log: Study | str | Path, learner: str = "boosting", seed: int = 0) -> Proxy:
    """A proxy from logged evaluations.

    Parameters
    ----------
    log : Study, str or Path
        What an explorer evaluated, or the results folder of a sweep.
    learner : str
        One of `LEARNERS`.
    seed : int
        Of what is held out.

    Raises
    ------
    InputError
        If there are too few evaluations, no such learner, or scikit-learn is missing.
    """
    check_known("learner", learner, LEARNERS)
    space, places, figures = logged(log)
    if len(places) < LEAST:
        raise InputError(f"{len(places)} evaluations are too few to learn a proxy of {space.name} from; log at least {LEAST}")
    order = np.random.default_rng(seed).permutation(len(places))
    learned, intervals, held = np.split(order, [int(PARTS[0] * len(order)), int(PARTS[1] * len(order))])
    _sklearn("ensemble")  # missing, it is named with its remedy; loaded, its threads can be held
    from threadpoolctl import threadpool_limits

    names = tuple(o.name for o in space.objectives)
    with threadpool_limits(1):  # threads of small loops only wait for each other
        model = (_network if learner == "network" else _trees)(space, places[learned], figures[learned], seed)
        rank = min(1.0, COVERED * (1 + 1 / len(intervals)))
        half = np.quantile(np.abs(model.predict(places[intervals]) - figures[intervals]), rank, axis=0, method="higher")
        quality = _quality(space, names, model, half, places[held], figures[held])
    return Proxy(space, names, learner, model, half, quality)


def _quality(space: DesignSpace, names: tuple[str, ...], model: Network | Trees, half: Column, places: Places, figures: Column) -> Quality:
    missed = np.abs(model.predict(places) - figures)
    spread = np.maximum(np.ptp(figures, axis=0), 1e-300)
    error = np.sqrt((missed**2).mean(axis=0)) / spread
    covered = (missed <= half).mean(axis=0)
    many = space.sample(4 * ROWS, np.random.default_rng(0))
    proxy_s = min(_seconds(lambda: model.predict(many)) for _ in range(3)) / len(many)
    few = places[:200]
    evaluator_s = min(_seconds(lambda: space.score(few)) for _ in range(2)) / len(few)
    by_name = [{n: float(v) for n, v in zip(names, values, strict=True)} for values in (error, covered)]
    return Quality(by_name[0], by_name[1], len(places), proxy_s, evaluator_s)


def _seconds(run: Any) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def logged(log: Study | str | Path) -> tuple[DesignSpace, Places, Column]:
    """The space, the designs and the objectives (as the space's file writes them) of a log; rows without a figure are left out."""
    if isinstance(log, Study):
        signs = np.array([o.sign for o in log.space.objectives])
        places, figures, space = log.places, log.scores.objectives * signs, log.space
    else:
        space, places, figures = _swept(Path(log))
    kept = np.isfinite(figures).all(axis=1)
    return space, places[kept], figures[kept]


def _swept(folder: Path) -> tuple[DesignSpace, Places, Column]:
    import pyarrow.parquet as pq

    from explorers.store import open_store

    store = open_store(folder)
    space, names = store.space, [o.name for o in store.space.objectives]
    done = [n for n in range(store.parts) if store.part(n).is_file()]
    if not done:
        raise InputError(f"{folder} holds no part yet; run its sweep first")
    places = np.concatenate([store.places(n) for n in done])
    tables = [pq.read_table(store.part(n), columns=names) for n in done]
    figures = np.stack([np.concatenate([t.column(name).to_numpy() for t in tables]) for name in names], axis=1)
    places, first = np.unique(places, axis=0, return_index=True)
    return space, places, figures[first]


def _sklearn(module: str) -> Any:
    from importlib import import_module

    try:
        return import_module(f"sklearn.{module}")
    except ModuleNotFoundError:
        raise InputError("a proxy is learned by scikit-learn, which is not installed; `pip install 'roofscape[proxy]'` brings it") from None


def _trees(space: DesignSpace, places: Places, figures: Column, seed: int) -> Trees:
    ensemble = _sklearn("ensemble")
    mean, spread = figures.mean(axis=0), np.maximum(figures.std(axis=0), 1e-300)
    models = []
    for column in ((figures - mean) / spread).T:
        model = ensemble.HistGradientBoostingRegressor(
            max_iter=400, learning_rate=0.1, max_leaf_nodes=31, min_samples_leaf=4, early_stopping=False, random_state=seed
        )
        models.append(model.fit(places.astype(np.float64), column))
    return Trees(tuple(models), mean, spread)


def _network(space: DesignSpace, places: Places, figures: Column, seed: int) -> Network:
    network = _sklearn("neural_network")
    offsets = np.concatenate([[0], np.cumsum(space.sizes)[:-1]]).astype(np.int64)
    inputs = np.zeros((len(places), int(sum(space.sizes))), dtype=np.float32)
    inputs[np.arange(len(places))[:, None], places + offsets] = 1.0
    mean, spread = figures.mean(axis=0), np.maximum(figures.std(axis=0), 1e-300)
    wanted = ((figures - mean) / spread).astype(np.float32)
    model = network.MLPRegressor(
        hidden_layer_sizes=HIDDEN,
        batch_size=min(128, len(places)),
        learning_rate_init=3e-3,
        alpha=1e-5,
        max_iter=EPOCHS,
        n_iter_no_change=EPOCHS,
        random_state=seed,
    )
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it was stopped after so many epochs is meant
        model.fit(inputs, wanted if wanted.shape[1] > 1 else wanted[:, 0])
    weights = tuple(np.asarray(w, dtype=np.float32) for w in model.coefs_)
    return Network(offsets, weights, tuple(np.asarray(b, dtype=np.float32) for b in model.intercepts_), mean, spread)
