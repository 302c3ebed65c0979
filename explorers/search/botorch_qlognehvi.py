"""BoTorch's logarithmic noisy expected (hypervolume) improvement (Daulton et al. 2021; Ament et al. 2023), asked and told (extra botorch).

Every objective and every limit is an output of one Gaussian process of BoTorch's. Limits are given as outcome constraints, never as penalties.
Objectives are learned in logarithms where all their values have one sign; improvement is counted in the figures themselves, each measured from the
reference in units of what has been gained so far. The space is a grid, so that the acquisition is optimised over designs: the whole grid where it is
small, else a draw and the neighbours of the front, and from the best of these on to their neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from explorers.search.surrogate import ModelGuided
from explorers.search.walking import neighbours
from explorers.space.space import Places
from explorers.surrogate.scale import Scale, limits_of
from magnitudes.arrays import Column

STEPS = 75  # of the fit of a process at most
CLIMBS, CLIMBERS, AROUND = 3, 8, 16  # rounds of looking around the best designs, how many of these, and neighbours of each
FLAT = 1e-9  # an output that never varied by more has nothing to learn
CHUNK = 512  # designs whose acquisition is computed together


@dataclass
class QLogNehvi(ModelGuided):
    """qLogNEHVI; of one objective qLogNEI."""

    about: ClassVar[str] = "BoTorch's qLogNEHVI, of one objective qLogNEI; limits as outcome constraints (extra botorch)"
    settings_tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {"startup": (5, 10, 20), "batch": (1, 2, 4), "candidates": (500, 2000)}

    startup: int = 10
    batch: int = 1
    candidates: int = 2000
    drawn: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        import botorch  # noqa: F401 - missing, it is named with its remedy before anything is evaluated
        import torch

        torch.set_num_threads(1)

    def wanted(self, count: int) -> int:
        return min(count, self.batch)

    def chosen(self, pool: Places, count: int) -> Places:
        """The designs that together are expected to improve most."""
        import torch
        from botorch.optim import optimize_acqf_discrete
        from botorch.utils.sampling import manual_seed

        with manual_seed(seed=self.seed + len(self.seen)):
            acquisition = self.acquisition()
            for _ in range(CLIMBS if self.space.grid_size > self.candidates else 0):
                pool = self._climbed(pool, acquisition)
            choices = torch.from_numpy(self.inputs(pool))
            best, _ = optimize_acqf_discrete(acquisition, count, choices, max_batch_size=CHUNK)
        rows = [int((choices == b).all(dim=1).nonzero()[0, 0]) for b in best]
        return pool[rows]

    def _climbed(self, pool: Places, acquisition: Any) -> Places:
        """A pool, and the unseen neighbours of its best designs."""
        import torch

        with torch.no_grad():
            values = torch.cat([acquisition(part[:, None, :]) for part in torch.from_numpy(self.inputs(pool)).split(CHUNK)])
        best = pool[torch.topk(values, min(CLIMBERS, len(pool))).indices.numpy()]
        around = neighbours(self.space, np.repeat(best, AROUND, axis=0), 0.1, self.generator)
        return np.unique(np.concatenate([best, self._unseen(around)]), axis=0)

    def acquisition(self) -> Any:
        """What is maximised: a model of all that was evaluated, and how much a design is expected to improve on it."""
        import torch
        from botorch.acquisition.logei import qLogNoisyExpectedImprovement, qLogProbabilityOfFeasibility
        from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
        from botorch.acquisition.multi_objective.objective import GenericMCMultiOutputObjective
        from botorch.acquisition.objective import GenericMCObjective
        from botorch.sampling.normal import SobolQMCNormalSampler

        assert self.scores is not None
        rows, scale = self._learned_from(), self.scale()
        outputs = Outputs.of(np.column_stack([scale.told(self.scores.objectives[rows]), limits_of(self.scores.rows(rows))]), len(self.space.objectives))
        inputs = torch.from_numpy(self.inputs(self.places[rows]))
        model = fitted(inputs, torch.from_numpy(outputs.standard))
        sampler = SobolQMCNormalSampler(sample_shape=torch.Size([self.drawn]), seed=self.seed)
        if not self.scores.feasible.any() and outputs.limits():
            return qLogProbabilityOfFeasibility(model, outputs.limits(), sampler=sampler)  # first of all, one that may be built
        gain = self._gain(scale, outputs)
        shared = {"model": model, "X_baseline": inputs, "sampler": sampler, "constraints": outputs.limits() or None, "prune_baseline": True}
        if len(self.space.objectives) == 1:
            return qLogNoisyExpectedImprovement(objective=GenericMCObjective(lambda y, X=None: gain(y)[..., 0]), **shared)
        zero = torch.zeros(len(self.space.objectives), dtype=torch.double)
        return qLogNoisyExpectedHypervolumeImprovement(ref_point=zero, objective=GenericMCMultiOutputObjective(lambda y, X=None: gain(y)), **shared)

    def _gain(self, scale: Scale, outputs: Outputs) -> Callable[[Any], Any]:
        """From the model's outputs to objectives as BoTorch counts them: large is good, zero at the reference, about one at the best so far."""
        import torch

        assert self.scores is not None
        found = self.scores.objectives[self.scores.feasible if self.scores.feasible.any() else np.isfinite(self.scores.objectives).all(axis=1)]
        reference = np.where(self.reference() < 1e299, self.reference(), found.max(axis=0))
        unit = np.maximum(reference - found.min(axis=0), 1e-9 * np.abs(reference) + 1e-300)
        signs = torch.tensor(scale.signs, dtype=torch.double)
        means, deviations = torch.from_numpy(outputs.means), torch.from_numpy(outputs.deviations)
        at, per = torch.from_numpy(reference), torch.from_numpy(1.0 / unit)
        wanted = len(signs)

        def gain(standard: Any) -> Any:
            told = standard[..., :wanted] * deviations[:wanted] + means[:wanted]
            figures = torch.where(signs == 0.0, told, signs * torch.exp((signs * told).clamp(-600.0, 600.0)))
            return (at - figures) * per

        return gain


@dataclass(frozen=True)
class Outputs:
    """What a model learns: objectives first, then the limits that were not always alike.

    Parameters
    ----------
    standard : Column, shape (designs, outputs)
        Of mean zero and deviation one.
    means, deviations : Column, shape (outputs,)
    objectives : int
    """

    standard: Column
    means: Column
    deviations: Column
    objectives: int

    @classmethod
    def of(cls, told: Column, objectives: int) -> Outputs:
        """Some columns, as a model reads them best."""
        kept = (np.arange(told.shape[1]) < objectives) | (np.ptp(told, axis=0) > FLAT)
        means, deviations = told[:, kept].mean(axis=0), np.maximum(told[:, kept].std(axis=0, ddof=1), FLAT)
        return cls((told[:, kept] - means) / deviations, means, deviations, objectives)

    def limits(self) -> list[Callable[[Any], Any]]:
        """The outcome constraints: each from outputs to a number that is negative where the limit holds, in deviations of it."""
        ends = self.means / self.deviations
        return [limit(i, float(ends[i])) for i in range(self.objectives, len(self.means))]


def limit(output: int, end: float) -> Callable[[Any], Any]:
    """An outcome constraint on one output."""
    return lambda standard: standard[..., output] + end


def fitted(inputs: Any, standard: Any) -> Any:
    """A Gaussian process of several outputs, its lengths and noise fitted."""
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from gpytorch.mlls import ExactMarginalLogLikelihood
    from threadpoolctl import threadpool_limits

    model = SingleTaskGP(inputs, standard, outcome_transform=None)  # noise is learned, too: where limits jump, no process is smooth
    with threadpool_limits(1):  # matrices are small: threads only wait for each other
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model), optimizer_kwargs={"options": {"maxiter": STEPS}})
    return model
