"""BoTorch's explorer: at least as good through our interface as the library used directly, limits as limits, and a clear word where it is absent."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from typing import Any

import numpy as np
import pytest

from explorers.base import build
from explorers.pareto import hypervolume
from explorers.space.catalog import find_space, read_space
from explorers.space.space import DesignSpace
from explorers.study import explore
from magnitudes.errors import InputError

needs_botorch = pytest.mark.skipif(importlib.util.find_spec("botorch") is None, reason="botorch is not installed (extra botorch)")
SMALL = """
space: small
model: llama-3-8b
machine: h100-sxm
scenario: {phase: decode, context: 2048}
estimator: {fidelity: roofline}
axes:
  hbm.bandwidth: {log: [1 TB/s, 8 TB/s, 8]}
  batch: {log: [1, 128, 8]}
  sm.matrix.bf16: {log: [0.5 TFLOP/s, 16 TFLOP/s, 8]}
constraints: [hbm.bandwidth * sm.matrix.bf16 <= 1.5e25]
objectives: [minimise tpot_s, maximise throughput_token_per_s]
"""


def one_thread() -> Any:
    """Small matrices on one thread: several only wait for each other."""
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    return threadpool_limits(1)


def directly(space: DesignSpace, trials: int, seed: int) -> float:
    """The library's own way: a process of standardised outcomes, qLogNEHVI over the continuous box, rounded to the grid; what it wins."""
    import torch
    from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
    from botorch.acquisition.multi_objective.objective import IdentityMCMultiOutputObjective
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from botorch.optim import optimize_acqf
    from gpytorch.mlls import ExactMarginalLogLikelihood

    torch.manual_seed(seed)
    last = np.array(space.sizes) - 1
    places = space.sample(10, np.random.default_rng(seed))
    bounds = torch.stack([torch.zeros(len(last)), torch.ones(len(last))]).double()
    while len(places) < trials:
        scores = space.score(places)
        x = torch.from_numpy(places / last)
        y = torch.from_numpy(np.column_stack([-scores.objectives, scores.violations]))
        model = SingleTaskGP(x, y)
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        acquisition = qLogNoisyExpectedHypervolumeImprovement(
            model, (-space.reference_point).tolist(), x, objective=IdentityMCMultiOutputObjective(outcomes=[0, 1]),
            constraints=[lambda z: z[..., 2]], prune_baseline=True,
        )  # fmt: skip
        best, _ = optimize_acqf(acquisition, bounds, q=1, num_restarts=4, raw_samples=64)
        places = np.concatenate([places, np.round(best.numpy() * last).astype(np.int64)])
    scores = space.score(places)
    return hypervolume(scores.objectives[scores.feasible], space.reference_point)


@needs_botorch
def test_our_interface_loses_nothing() -> None:
    space = read_space(SMALL, "small")
    with warnings.catch_warnings(), one_thread():
        warnings.simplefilter("ignore")
        theirs = [directly(space, 18, seed) for seed in range(2)]
        ours = [explore(space, "qlognehvi", 18, seed).hypervolume for seed in range(2)]
    drawn = [explore(space, "random", 18, seed).hypervolume for seed in range(2)]
    assert np.median(ours) >= 0.999 * np.median(theirs)
    assert np.median(ours) > np.median(drawn)


@needs_botorch
def test_limits_are_outcome_constraints() -> None:
    space = read_space(SMALL, "small")
    explorer: Any = build("qlognehvi", space, 0, 30)
    places = space.sample(24, np.random.default_rng(0))
    scores = space.score(places)
    assert 0 < scores.feasible.sum() < len(places)
    explorer.tell(places, scores)
    acquisition = explorer.acquisition()
    said = acquisition.model.posterior(acquisition.model.train_inputs[0][0]).mean.detach()
    assert len(acquisition.constraints) == 1  # the limit; that all could be built teaches nothing
    rows = explorer._learned_from()
    holds = (acquisition.constraints[0](said) <= 0.0).numpy()
    assert (holds == explorer.scores.feasible[rows]).mean() > 0.9


@needs_botorch
def test_one_objective_is_improved_as_one() -> None:
    explorer: Any = build("qlognehvi", find_space("h100-like-decode"), 0, 30)
    places = explorer.space.sample(40, np.random.default_rng(0))
    places = np.unique(places, axis=0)
    explorer.tell(places, explorer.space.score(places))
    assert type(explorer.acquisition()).__name__ == "qLogNoisyExpectedImprovement"
    without: Any = build("qlognehvi", explorer.space, 0, 30)
    refused = places[~explorer.scores.feasible]
    without.tell(refused, explorer.space.score(refused))
    assert type(without.acquisition()).__name__ == "qLogProbabilityOfFeasibility"  # first of all a design that may be built


def test_where_it_is_absent_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botorch", None)
    with pytest.raises(InputError, match=r"needs botorch, which is not installed; `pip install 'roofscape\[botorch\]'` brings it"):
        explore(find_space("h100-like-decode"), "qlognehvi", 20)
