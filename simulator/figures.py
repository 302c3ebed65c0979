"""The figures of an estimate: times, bounds, shares, fit and intervals, all derived from the costs of its operators."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from magnitudes.arrays import Column, Condition, Real, both, total, where
from magnitudes.errors import InputError
from simulator.confidence.of_estimate import Confidence, time_shares
from simulator.confidence.spread import Spread
from simulator.cost import NEVER_S, Cost, largest_part
from simulator.memory import MemoryUse
from workloads.graph import Workload
from workloads.passes import Pass
from workloads.scenario import Inference, Scenario, Train
from workloads.sharding import Parallelism

TIMES = ("time_s", "ttft_s", "tpot_s")  # the figures that are times


@dataclass(frozen=True, slots=True)
class PassEstimate:
    """One kind of pass: its operators' costs, and its time for the whole batch.

    Parameters
    ----------
    run : Pass
    load : Workload
    costs : tuple of Cost
        Of one micro-batch on one chip, in the order of execution.
    time_s : Real
        Until the whole batch has passed all stages.
    """

    run: Pass
    load: Workload
    costs: tuple[Cost, ...]
    time_s: Real


@dataclass(frozen=True, slots=True)
class Figures:
    """Time, bound and fit of a model on a system; of one design, or a row a design; `Estimate` says what each part is."""

    model: str
    system: str
    chip: str
    chips: Real
    scenario: Scenario
    cut: Parallelism
    fidelity: str
    timing: str
    passes: tuple[PassEstimate, ...]
    memory: MemoryUse
    legal: Condition
    notes: tuple[str, ...] = ()
    confidence: Confidence | None = None

    @property
    def engine(self) -> str:
        """The first engine of the chip: the one that runs what is not placed elsewhere."""
        return self.confidence.machines[0].engine.name if self.confidence else ""

    @property
    def ttft_s(self) -> Real | None:
        """Time to first token: the prefill pass, which yields the first token. None where the scenario has none."""
        return next((p.time_s for p in self.passes if p.run.phase == "prefill"), None)

    @property
    def tpot_s(self) -> Real | None:
        """Time per output token: the mean decode step over the tokens that it yields of a sequence; the first token is not counted.

        None where the scenario has no decode step, NaN on the rows of columns that have none.
        """
        decodes = [p for p in self.passes if p.run.phase in ("decode", "mixed")]
        if not decodes:
            return None
        if len(decodes) == 1:
            return decodes[0].time_s / _emitted(decodes[0].run)
        repeats = total(p.run.repeats * _emitted(p.run) for p in decodes)
        if isinstance(repeats, float) and repeats == 0.0:
            return None
        return total(p.run.repeats * p.time_s for p in decodes) / where(repeats > 0.0, repeats, math.nan)

    @property
    def time_s(self) -> Real:
        """Time of the whole scenario: the pass, or from prompt to last token."""
        if len(self.passes) == 1 and isinstance(self.passes[0].run.repeats, float) and self.passes[0].run.repeats == 1.0:
            return self.passes[0].time_s
        return total(p.run.repeats * p.time_s for p in self.passes)

    @property
    def throughput_token_per_s(self) -> Real:
        """Tokens a second over all chips: output tokens where there are any, else prompt tokens; images or samples for models of those."""
        if isinstance(self.scenario, Inference):
            return self.scenario.batch * self.scenario.output / self.time_s
        return total(g.batch * g.yielded for g in self.passes[0].run.groups) / self.time_s

    @property
    def mfu(self) -> Real | None:
        """Share of the chips' peak that is work of the model in a step of training, once forward and twice backward; None in other scenarios."""
        return self._utilisation(again=False)

    @property
    def hfu(self) -> Real | None:
        """Share of the chips' peak that is computed at all in a step of training, what is computed again included; None in other scenarios."""
        return self._utilisation(again=True)

    def _utilisation(self, *, again: bool) -> Real | None:
        if not isinstance(self.scenario, Train):
            return None
        from simulator.training.utilisation import utilisation

        assert self.confidence is not None
        return utilisation(self.passes[0].load, self.cut, self.time_s, self.confidence.machines[0], again=again)

    @property
    def fits(self) -> Condition:
        """Whether main memory (and the tier behind it, if asked) holds all that must be held."""
        return self.memory.fits

    @property
    def feasible(self) -> Condition:
        """Whether it fits, the model can be cut so, and what is to run as one section can."""
        found = both(self.legal, self.fits)
        return both(found, self.time_s < NEVER_S) if any(p.load.groups for p in self.passes) else found

    @property
    def costs(self) -> tuple[Cost, ...]:
        """Costs of all operators over the whole scenario: each pass's counts times its repeats, and in training the micro-batches that a stage takes."""
        return tuple(replace(c, count=c.count * p.run.repeats * self._rounds(p.run)) for p in self.passes for c in p.costs)

    def _rounds(self, run: Pass) -> Real:
        """How often a chip runs the operators of a pass: each stage has its share of them, for as many micro-batches; as many as stages, but in training."""
        return self.cut.parts / self.cut.pp if run.phase == "train" else 1.0

    @property
    def bound(self) -> str | list[str]:
        """The resource that bounds the largest share of the time: a name, or one a row."""
        return largest_part(self.shares)

    @property
    def shares(self) -> dict[str, Real]:
        """Time by the resource that bounds it [s]: each operator's time goes to its largest part."""
        shares: dict[str, Real] = {}
        for cost in self.costs:
            for name, share in _time_by_bound(cost):
                shares[name] = shares.get(name, 0.0) + share
        return shares

    def interval90(self, figure: str = "time_s") -> Spread | None:
        """The 90 % interval of ``time_s``, ``ttft_s`` or ``tpot_s``; None where there is no such figure. That of the throughput is `rate90`.

        Learned from kernels on devices that were left out of every fit, added up with the correlation of errors that was measured there.

        Raises
        ------
        InputError
            If it is another figure.
        """
        if figure not in TIMES:
            raise InputError(f"no interval is known of {figure!r}; there is one of {', '.join(TIMES)}, and of the throughput as rate90")
        value = getattr(self, figure)
        if value is None or self.confidence is None:
            return None
        phases = {"ttft_s": ("prefill",), "tpot_s": ("decode", "mixed")}.get(figure, tuple(p.run.phase for p in self.passes))
        return self.confidence.of_costs(value, time_shares([(p.time_s, p.run.repeats, p.costs) for p in self.passes if p.run.phase in phases]))

    @property
    def rate90(self) -> tuple[Real, Real] | None:
        """The 90 % interval of the throughput, low and high: the same work in the longest and in the shortest time."""
        span, rate = self.interval90(), self.throughput_token_per_s
        return None if span is None else (rate * (self.time_s / span.high_s), rate * (self.time_s / span.low_s))

    def __len__(self) -> int:
        """Designs in the estimate."""
        return len(self.time_s) if isinstance(self.time_s, np.ndarray) else 1


def _emitted(run: Pass) -> Real:
    """Tokens that a decode step yields of each sequence: one, or what is accepted of a draft with the model's own."""
    drafted = [g.emitted for g in run.groups if g.emitted is not None]
    return drafted[0] if drafted else 1.0


def _time_by_bound(cost: Cost) -> Iterator[tuple[str, Real]]:
    """An operator's time, given to the part that bounds it, row by row."""
    bound = cost.bound
    if isinstance(bound, str):
        yield bound, cost.total_s
        return
    names = np.array(bound)
    for name in cost.parts:
        chosen: Column = np.where(names == name, cost.total_s, 0.0)  # type: ignore[arg-type]
        yield name, chosen
